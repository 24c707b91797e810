#include "proxy/net/stream.h"

#include <memory>
#include <new>
#include <utility>

namespace wskeep::net {

Stream::Stream(SocketTransport socket) noexcept {
  new (&storage_) SocketTransport(std::move(socket));
}

Stream::Stream(TlsTransport tls) noexcept {
  new (&storage_) TlsTransport(std::move(tls));
}

Stream& Stream::operator=(Stream&& other) noexcept {
  if (this == &other) return *this;
  std::destroy_at(at());
  take(other);
  return *this;
}

Stream::~Stream() {
  std::destroy_at(at());
}

int Stream::descriptor() const noexcept {
  const TlsTransport* const over = tls();
  return over != nullptr ? over->descriptor() : at()->plain_socket();
}

FileDescriptor Stream::release() noexcept {
  TlsTransport* const over = tls();
  return over != nullptr ? over->release() : static_cast<SocketTransport&>(*at()).release();
}

void Stream::take(Stream& other) noexcept {
  if (TlsTransport* const over = other.tls()) {
    new (&storage_) TlsTransport(std::move(*over));
    std::destroy_at(over);
    new (&other.storage_) SocketTransport();
  } else {
    new (&storage_) SocketTransport(std::move(static_cast<SocketTransport&>(*other.at())));
  }
}

}  // namespace wskeep::net
