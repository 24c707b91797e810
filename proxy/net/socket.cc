#include "proxy/net/socket.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "proxy/net/tcp_info.h"

namespace wskeep::net {
namespace {

void set_option(int descriptor, int level, int name, int value) noexcept {
  (void)setsockopt(descriptor, level, name, &value, sizeof value);
}

FileDescriptor stream_socket(int family) noexcept {
  return FileDescriptor(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

// Where the kernel puts an address. It reports the size that it would have needed: a byte more than there is,
// for a unix socket whose path has no room for its zero.
struct ReportedAddress {
  sockaddr* where() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
  SocketAddress get() noexcept { return {where(), std::min<socklen_t>(size, sizeof storage)}; }

  sockaddr_un storage{};  // the largest of those that there are here
  socklen_t size = sizeof storage;
};

// The port is left to connect(), which has to find one that is free toward one address only; bind() would
// look for one that is free toward all, and there are no more of these than ports.
int bind_source(int descriptor, const SocketAddress& source) noexcept {
  set_option(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  return bind(descriptor, source.get(), source.size()) == 0 ? 0 : errno;
}

IoResult failure(int error) {
  if (error == EAGAIN || error == EWOULDBLOCK || error == EINTR) return {IoResult::Status::kBlocked};
  return {.status = IoResult::Status::kFailed, .error = error};
}

IoResult moved(ssize_t bytes) {
  return {.status = IoResult::Status::kOk, .bytes = static_cast<std::size_t>(bytes)};
}

}  // namespace

SocketAddress local_address(int descriptor) {
  ReportedAddress address;
  if (getsockname(descriptor, address.where(), &address.size) != 0) {
    throw std::system_error(errno, std::generic_category(), "getsockname");
  }
  return address.get();
}

Accepted accept_one(int listener) noexcept {
  ReportedAddress address;
  FileDescriptor descriptor(accept4(listener, address.where(), &address.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!descriptor) return {.descriptor = {}, .peer = {}, .error = errno};
  return {.descriptor = std::move(descriptor), .peer = address.get()};
}

Connecting connect_to(const SocketAddress& address, const SocketAddress* source) noexcept {
  FileDescriptor descriptor = stream_socket(address.family());
  if (!descriptor) return {{}, errno};
  if (const int error = source == nullptr ? 0 : bind_source(descriptor.get(), *source); error != 0) {
    return {{}, error};
  }
  if (connect(descriptor.get(), address.get(), address.size()) != 0 && errno != EINPROGRESS)
    return {{}, errno};
  return {std::move(descriptor), 0};
}

int try_source(const SocketAddress& source) noexcept {
  const FileDescriptor descriptor = stream_socket(source.family());
  return descriptor ? bind_source(descriptor.get(), source) : errno;
}

int pending_error(int descriptor) noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

void prepare_connection(int descriptor, const TcpOptions& options) noexcept {
  set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  if (options.user_timeout.count() != 0) {
    set_option(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(options.user_timeout.count()));
  }
  if (options.keepalive_idle.count() == 0) return;
  set_option(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(options.keepalive_idle.count()));
  set_option(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(options.keepalive_interval.count()));
  set_option(descriptor, IPPROTO_TCP, TCP_KEEPCNT, options.keepalive_count);
  set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);  // last: it sets a timer, which the others would move
}

// The two calls that every message makes go past the C library, which makes each a place where a thread may
// be cancelled: two locked instructions and thirty others, for nothing, since no thread here is.
IoResult SocketTransport::read(std::span<std::uint8_t> into) noexcept {
  const ssize_t bytes =
      syscall(SYS_recvfrom, descriptor_.get(), into.data(), into.size(), 0, nullptr, nullptr);
  if (bytes < 0) return failure(errno);
  if (bytes == 0) return {IoResult::Status::kEnd};
  IoResult result = moved(bytes);
  result.drained = result.bytes < into.size();
  return result;
}

IoResult peek(int descriptor, std::span<std::uint8_t> into) noexcept {
  const ssize_t bytes = recv(descriptor, into.data(), into.size(), MSG_PEEK);
  if (bytes < 0) return failure(errno);
  if (bytes == 0) return {IoResult::Status::kEnd};
  return moved(bytes);
}

void skip(int descriptor, std::span<std::uint8_t> into) noexcept {
  (void)recv(descriptor, into.data(), into.size(), 0);
}

IoResult SocketTransport::write(std::span<const iovec> pieces) noexcept {
  ssize_t bytes;
  if (pieces.size() == 1) {
    bytes = syscall(SYS_sendto, descriptor_.get(), pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL,
                    nullptr, 0);
  } else {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());
    message.msg_iovlen = pieces.size();
    bytes = sendmsg(descriptor_.get(), &message, MSG_NOSIGNAL);
  }
  return bytes < 0 ? failure(errno) : moved(bytes);
}

bool SocketTransport::shutdown_write() noexcept {
  (void)::shutdown(descriptor_.get(), SHUT_WR);
  return true;
}

std::optional<std::chrono::nanoseconds> SocketTransport::round_trip_time() noexcept {
  return tcp_round_trip_time(descriptor_.get());
}

std::optional<SendProgress> SocketTransport::send_progress() noexcept {
  return tcp_send_progress(descriptor_.get());
}

}  // namespace wskeep::net
