#include "proxy/net/address.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace wskeep::net {
namespace {

// As inet_ntop writes it, which is printf's business there and costs ten times as much.
std::string ipv4_text(const void* address) {
  std::array<std::uint8_t, 4> bytes;
  std::memcpy(bytes.data(), address, bytes.size());
  std::array<char, INET_ADDRSTRLEN> text;
  char* end = text.data();
  for (const std::uint8_t byte : bytes) {
    if (end != text.data()) *end++ = '.';
    end = std::to_chars(end, text.data() + text.size(), byte).ptr;
  }
  return {text.data(), end};
}

}  // namespace

SocketAddress::SocketAddress(const sockaddr* address, socklen_t size) noexcept : size_(size) {
  assert(size <= sizeof storage_);
  std::memcpy(&storage_, address, size);
}

SocketAddress SocketAddress::unix_socket(std::string_view path) noexcept {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  assert(path.size() < sizeof address.sun_path);
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const bool is_abstract = path.starts_with('@');
  if (is_abstract) address.sun_path[0] = '\0';
  // A path ends at its zero, an abstract name where the address ends.
  const std::size_t size = offsetof(sockaddr_un, sun_path) + path.size() + (is_abstract ? 0 : 1);
  return {reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size)};
}

bool SocketAddress::operator==(const SocketAddress& other) const noexcept {
  return size_ == other.size_ && std::memcmp(&storage_, &other.storage_, size_) == 0;
}

std::uint16_t SocketAddress::port() const noexcept {
  switch (family()) {
    case AF_INET: return ntohs(storage_.v4.sin_port);
    case AF_INET6: return ntohs(storage_.v6.sin6_port);
    default: return 0;
  }
}

// With the zero that an abstract name begins with, but without one that ends a path.
std::string_view SocketAddress::unix_name() const noexcept {
  constexpr std::size_t kBefore = offsetof(sockaddr_un, sun_path);
  if (!is_unix() || size_ <= kBefore) return {};
  std::string_view name(storage_.unix_domain.sun_path, size_ - kBefore);
  if (name.front() != '\0') name = name.substr(0, name.find('\0'));
  return name;
}

std::string SocketAddress::path() const {
  const std::string_view name = unix_name();
  return name.starts_with('\0') ? std::string() : std::string(name);
}

std::string SocketAddress::host() const {
  if (is_unix()) {
    std::string text = "unix:" + std::string(unix_name());
    std::replace(text.begin(), text.end(), '\0', '@');  // as tools show abstract names
    return text;
  }
  if (family() != AF_INET6) return ipv4_text(&storage_.v4.sin_addr);
  if (IN6_IS_ADDR_V4MAPPED(&storage_.v6.sin6_addr)) return ipv4_text(&storage_.v6.sin6_addr.s6_addr[12]);
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, &storage_.v6.sin6_addr, text.data(), text.size());
  return text.data();
}

std::string SocketAddress::text() const {
  return is_unix() ? host() : host_port_text(host(), port());
}

std::string host_port_text(const std::string& host, std::uint16_t port) {
  const bool brackets = host.find(':') != std::string::npos;
  return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::optional<SocketAddress> literal_address(std::string_view ip, std::uint16_t port) noexcept {
  std::array<char, INET6_ADDRSTRLEN> text{};  // inet_pton wants a zero at the end, and takes one before it
  if (ip.size() >= text.size() || ip.find('\0') != std::string_view::npos) return std::nullopt;
  ip.copy(text.data(), ip.size());
  sockaddr_in v4{};
  if (inet_pton(AF_INET, text.data(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    return SocketAddress(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  }
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET6, text.data(), &v6.sin6_addr) != 1) return std::nullopt;
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  return SocketAddress(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
}

std::vector<SocketAddress> resolve(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    throw std::runtime_error(host_port_text(host, port) + ": " +
                             (error == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  std::vector<SocketAddress> addresses;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    const SocketAddress address(entry->ai_addr, entry->ai_addrlen);
    // A hosts file may give a name the same address twice.
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end())
      addresses.push_back(address);
  }
  return addresses;
}

}  // namespace wskeep::net
