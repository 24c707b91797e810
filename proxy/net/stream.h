// Stream is a connected socket, or TLS over one: what a connection owns for each of its sides.
//
// The transport lives inside, and its dynamic type tells which it is, so that plain connections pay for TLS
// with no byte and no branch. One thread.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

#include "proxy/net/socket.h"
#include "proxy/net/tls_transport.h"

namespace wskeep::net {

class Stream {
 public:
  Stream() noexcept : Stream(SocketTransport()) {}  // over none, until one is moved in
  explicit Stream(FileDescriptor descriptor) noexcept : Stream(SocketTransport(std::move(descriptor))) {}
  explicit Stream(SocketTransport socket) noexcept;
  explicit Stream(TlsTransport tls) noexcept;
  Stream(Stream&& other) noexcept { take(other); }  // what was moved is over none
  Stream& operator=(Stream&& other) noexcept;
  ~Stream();

  Transport& transport() noexcept { return *at(); }
  // The TLS over the socket, or nullptr.
  TlsTransport* tls() noexcept { return dynamic_cast<TlsTransport*>(at()); }
  const TlsTransport* tls() const noexcept { return dynamic_cast<const TlsTransport*>(at()); }
  int descriptor() const noexcept;
  // Takes the socket out, past TLS where there is any; leaves a stream over none.
  [[nodiscard]] FileDescriptor release() noexcept;

 private:
  // Both kinds have Transport as their only base, so that it stands where they do.
  Transport* at() noexcept { return std::launder(reinterpret_cast<Transport*>(&storage_)); }
  const Transport* at() const noexcept { return std::launder(reinterpret_cast<const Transport*>(&storage_)); }
  void take(Stream& other) noexcept;

  static constexpr std::size_t kSize = sizeof(SocketTransport);
  static_assert(sizeof(TlsTransport) <= kSize && alignof(TlsTransport) <= alignof(SocketTransport));
  alignas(SocketTransport) std::byte storage_[kSize];
};

}  // namespace wskeep::net
