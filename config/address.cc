#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/un.h>

#include <algorithm>
#include <array>

#include "config/values.h"

namespace wskeep::config {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kSystemd = "systemd:";

bool is_ip(int family, std::string_view text) {
  std::array<unsigned char, sizeof(in6_addr)> ignored{};
  return inet_pton(family, std::string(text).c_str(), ignored.data()) == 1;
}

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_label(std::string_view label) {
  constexpr std::size_t kLongestLabel = 63;  // RFC 1035 section 2.3.4
  const auto allowed = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  };
  return !label.empty() && label.size() <= kLongestLabel && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), allowed);
}

// A host name (RFC 1123 section 2.1), also with the underscores that container networks use. A name whose
// last label is a number would be read as an IPv4 address by resolvers, so it must be one.
bool is_host(std::string_view host) {
  constexpr std::size_t kLongestName = 253;
  if (is_ip(AF_INET, host)) return true;
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.empty() || host.size() > kLongestName) return false;
  std::string_view label;
  for (std::size_t start = 0; start <= host.size(); start += label.size() + 1) {
    label = host.substr(start, host.find('.', start) - start);
    if (!is_label(label)) return false;
  }
  return !std::all_of(label.begin(), label.end(), is_digit);
}

// Behind "unix:". The kernel takes sizeof sun_path bytes, and a path has a zero at its end there.
Why read_unix(std::string_view text, Endpoint& value) {
  constexpr std::size_t kLongest = sizeof sockaddr_un{}.sun_path - 1;
  const std::string_view path = text.substr(kUnix.size());
  if (!path.starts_with('/') && !path.starts_with('@')) {
    return fmt::format("{} is neither unix:/path, with the whole path, nor unix:@name", shown(text));
  }
  if (path.size() == 1) return fmt::format("{} names no socket", shown(text));
  if (path.size() > kLongest) {
    return fmt::format("{} is too long: a socket's path or name may have {} bytes", shown(text), kLongest);
  }
  if (std::any_of(path.begin(), path.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; })) {
    return fmt::format("{} has a control character", shown(text));
  }
  value = {.host = std::string(path), .port = 0, .kind = Endpoint::Kind::kUnix};
  return std::nullopt;
}

// Behind "systemd:". The service manager's own rules for names (sd_listen_fds_with_names(3)).
Why read_systemd(std::string_view text, Endpoint& value) {
  constexpr std::size_t kLongest = 255;
  const std::string_view name = text.substr(kSystemd.size());
  const auto allowed = [](unsigned char c) { return c > 0x20 && c < 0x7F && c != ':'; };
  if (name.size() > kLongest || !std::all_of(name.begin(), name.end(), allowed)) {
    return fmt::format("{} has no name of descriptors: printable ASCII without colons, up to {} bytes",
                       shown(text), kLongest);
  }
  value = {.host = std::string(name), .port = 0, .kind = Endpoint::Kind::kSystemd};
  return std::nullopt;
}

Why read_host_port(std::string_view text, Address::Use use, Endpoint& value) {
  if (text.find("://") != std::string_view::npos) {
    return fmt::format("{} is a URL: write host:port alone, e.g. 127.0.0.1:3000", shown(text));
  }
  const std::size_t colon = text.rfind(':');
  const bool bracketed = text.starts_with('[');
  if (colon == std::string_view::npos || (bracketed && text.ends_with(']'))) {
    return fmt::format("{} has no port, e.g. 127.0.0.1:3000", shown(text));
  }
  std::string_view host = text.substr(0, colon);
  if (bracketed) {
    if (!host.ends_with(']') || !is_ip(AF_INET6, host.substr(1, host.size() - 2))) {
      return fmt::format("{} has no IPv6 address in its brackets, e.g. [::1]:3000", shown(text));
    }
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return fmt::format("{} is not host:port (an IPv6 host stands in brackets, e.g. [::1]:3000)", shown(text));
  } else if (host.empty() && use == Address::Use::kListen) {
    host = "0.0.0.0";
  } else if (host.empty()) {
    return fmt::format("{} has no host, e.g. 127.0.0.1:3000", shown(text));
  } else if (!is_host(host)) {
    return fmt::format("{} has neither an IP address nor a host name before the colon", shown(text));
  }
  const Integer port{use == Address::Use::kListen ? 0U : 1U, 65'535};
  std::uint32_t number = 0;
  if (const Why why = port.read(text.substr(colon + 1), number)) return "port " + *why;
  value = Endpoint{std::string(host), static_cast<std::uint16_t>(number)};
  return std::nullopt;
}

}  // namespace

Why Address::read(std::string_view text, Endpoint& value) const {
  if (text.starts_with(kUnix)) return read_unix(text, value);
  if (text.starts_with(kSystemd)) {
    if (use == Use::kListen) return read_systemd(text, value);
    return fmt::format("{} can only be listened on: write host:port or unix:/path", shown(text));
  }
  return read_host_port(text, use, value);
}

std::string Address::write(const Endpoint& value) const {
  return to_string(value);
}

std::string Address::expected() const {
  return use == Use::kListen
             ? "host:port, where port 0 lets the kernel choose, unix:/path, unix:@name or systemd:NAME"
             : "host:port, unix:/path or unix:@name";
}

std::string to_string(const Endpoint& address) {
  switch (address.kind) {
    case Endpoint::Kind::kUnix: return fmt::format("{}{}", kUnix, address.host);
    case Endpoint::Kind::kSystemd: return fmt::format("{}{}", kSystemd, address.host);
    case Endpoint::Kind::kTcp: break;
  }
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  return is_ipv6 ? fmt::format("[{}]:{}", address.host, address.port)
                 : fmt::format("{}:{}", address.host, address.port);
}

}  // namespace wskeep::config
