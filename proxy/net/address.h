// Socket addresses: resolving what the operator wrote, showing what the kernel says.
//
// Resolving blocks on the resolver, so it happens at start and never on a worker. Safe from any thread.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wskeep::net {

// An IPv4 or IPv6 address with its port, or a unix socket's path or abstract name, if it has one: clients of
// a unix listener seldom do. 120 bytes, so nothing that there are very many of keeps one.
class SocketAddress {
 public:
  SocketAddress() noexcept = default;
  SocketAddress(const sockaddr* address, socklen_t size) noexcept;  // AF_INET, AF_INET6 or AF_UNIX
  // A path, or @name for an abstract name; at most 107 bytes.
  static SocketAddress unix_socket(std::string_view path) noexcept;

  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const noexcept { return size_; }
  int family() const noexcept { return get()->sa_family; }
  bool is_unix() const noexcept { return family() == AF_UNIX; }
  std::uint16_t port() const noexcept;  // 0 for a unix socket
  // The path of a unix socket that has a file, else empty.
  std::string path() const;

  // The address alone: 192.0.2.1 or 2001:db8::1. An IPv4 address mapped into IPv6 is shown as IPv4, a unix
  // socket as unix:/path, unix:@name or, without a name, unix: (as nginx does).
  std::string host() const;
  // With the port: 192.0.2.1:80 or [2001:db8::1]:80; a unix socket has none.
  std::string text() const;

  bool operator==(const SocketAddress& other) const noexcept;  // bytes: all that the kernel compares

 private:
  union Storage {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
    sockaddr_un unix_domain;
  };

  std::string_view unix_name() const noexcept;

  Storage storage_{};
  socklen_t size_ = 0;
};

// "host:port" with an IPv6 host in brackets, for messages.
std::string host_port_text(const std::string& host, std::uint16_t port);

// The address that a literal names, IPv6 without brackets or a zone. None if it names none; resolves nothing.
std::optional<SocketAddress> literal_address(std::string_view ip, std::uint16_t port) noexcept;

// All TCP addresses of `host` (a name or a literal, IPv6 without brackets), in the resolver's order and each
// once, at least one. Throws std::runtime_error with the resolver's words.
std::vector<SocketAddress> resolve(const std::string& host, std::uint16_t port);

}  // namespace wskeep::net
