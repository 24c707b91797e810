#include "proxy/net/listener.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace wskeep::net {
namespace {

constexpr int kBacklog = 4096;  // the kernel cuts it at net.core.somaxconn

void check(int result, const std::string& what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
}

void set_option(int descriptor, int level, int name, int value, const std::string& what) {
  check(setsockopt(descriptor, level, name, &value, sizeof value), what);
}

// Whether the address is the file of a unix socket that nobody listens on: somebody who ended without
// removing it.
bool is_stale(const SocketAddress& address) noexcept {
  const std::string path = address.path();
  struct stat status {};
  if (path.empty() || lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  return connect_to(address).error == ECONNREFUSED;
}

void bind_to(int descriptor, const SocketAddress& address) {
  int result = bind(descriptor, address.get(), address.size());
  if (result != 0 && errno == EADDRINUSE && is_stale(address)) {
    (void)unlink(address.path().c_str());
    result = bind(descriptor, address.get(), address.size());
  }
  check(result, "listen on " + address.text());
}

int int_option(int descriptor, int name) noexcept {
  int value = -1;
  socklen_t size = sizeof value;
  return getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

void add_flag(int descriptor, int get, int set, int flag, const std::string& what) {
  const int flags = fcntl(descriptor, get);
  check(flags, what);
  check(fcntl(descriptor, set, flags | flag), what);
}

}  // namespace

FileDescriptor listen_on(const SocketAddress& address, const TcpOptions& options, Ipv6 ipv6) {
  const std::string what = "listen on " + address.text();
  FileDescriptor descriptor(socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  check(descriptor.get(), what);
  if (!address.is_unix()) {
    set_option(descriptor.get(), SOL_SOCKET, SO_REUSEADDR, 1, what);
    prepare_connection(descriptor.get(), options);
  }
  if (address.family() == AF_INET6) {
    set_option(descriptor.get(), IPPROTO_IPV6, IPV6_V6ONLY, ipv6 == Ipv6::kOnly ? 1 : 0, what);
  }
  bind_to(descriptor.get(), address);
  check(listen(descriptor.get(), kBacklog), what);
  return descriptor;
}

void adopt_listener(int descriptor, const TcpOptions& options, const std::string& what) {
  const int domain = int_option(descriptor, SO_DOMAIN);
  const bool is_stream = int_option(descriptor, SO_TYPE) == SOCK_STREAM &&
                         (domain == AF_INET || domain == AF_INET6 || domain == AF_UNIX);
  if (!is_stream || int_option(descriptor, SO_ACCEPTCONN) != 1) {
    throw std::system_error(EINVAL, std::generic_category(),
                            what + (is_stream ? " does not listen" : " is no TCP or unix stream socket"));
  }
  add_flag(descriptor, F_GETFD, F_SETFD, FD_CLOEXEC, what);
  add_flag(descriptor, F_GETFL, F_SETFL, O_NONBLOCK, what);
  if (domain != AF_UNIX) prepare_connection(descriptor, options);
}

SocketFile::SocketFile(const SocketAddress& bound) noexcept : path_(bound.path()) {
  struct stat status {};
  if (path_.empty() || lstat(path_.c_str(), &status) != 0) {
    path_.clear();
    return;
  }
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}

SocketFile::~SocketFile() {
  struct stat status {};
  if (path_.empty() || lstat(path_.c_str(), &status) != 0) return;
  if (status.st_dev == device_ && status.st_ino == inode_) (void)unlink(path_.c_str());
}

}  // namespace wskeep::net
