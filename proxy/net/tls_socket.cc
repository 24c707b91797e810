#include "proxy/net/tls_socket.h"

#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <new>

namespace wskeep::net {
namespace {

constexpr unsigned char kHandshakeRecord = 22;

TlsSocket& socket_of(BIO* bio) {
  return *static_cast<TlsSocket*>(BIO_get_data(bio));
}

bool may_retry(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

int read_socket(BIO* bio, char* into, int size) {
  TlsSocket& socket = socket_of(bio);
  BIO_clear_retry_flags(bio);
  const ssize_t bytes = recv(socket.descriptor.get(), into, static_cast<std::size_t>(size), 0);
  socket.drained = bytes < size;
  if (bytes > 0) {
    if (!socket.begun) socket.not_tls = static_cast<unsigned char>(into[0]) != kHandshakeRecord;
    socket.begun = true;
  } else if (bytes == 0) {
    socket.ended = true;
  } else if (may_retry(errno)) {
    BIO_set_retry_read(bio);
  } else {
    socket.error = errno;
  }
  return static_cast<int>(bytes);
}

int write_socket(BIO* bio, const char* bytes, int size) {
  TlsSocket& socket = socket_of(bio);
  BIO_clear_retry_flags(bio);
  const ssize_t taken = send(socket.descriptor.get(), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (taken >= 0) return static_cast<int>(taken);
  if (may_retry(errno)) {
    BIO_set_retry_write(bio);
  } else {
    socket.error = errno;
  }
  return -1;
}

long control_socket(BIO* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_EOF: return socket_of(bio).ended ? 1 : 0;
    case BIO_CTRL_FLUSH: return 1;  // nothing is kept
    default: return 0;
  }
}

// Never freed: connections may go as late as the process.
const BIO_METHOD* method() {
  static const BIO_METHOD* const made = [] {
    BIO_METHOD* const fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    if (fresh == nullptr) throw std::bad_alloc();
    BIO_meth_set_read(fresh, read_socket);
    BIO_meth_set_write(fresh, write_socket);
    BIO_meth_set_ctrl(fresh, control_socket);
    return fresh;
  }();
  return made;
}

}  // namespace

Bio make_bio(TlsSocket& socket) {
  Bio bio(BIO_new(method()));
  if (!bio) throw std::bad_alloc();
  BIO_set_data(bio.get(), &socket);
  BIO_set_init(bio.get(), 1);
  return bio;
}

}  // namespace wskeep::net
