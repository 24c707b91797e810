#include "proxy/net/ip_range.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace wskeep::net {
namespace {

constexpr std::string_view kUnixWord = "unix";
constexpr std::size_t kMappedAt = 12;  // where the IPv4 address stands in ::ffff:0:0/96
constexpr unsigned kMappedBits = 96;
constexpr unsigned kIpv4Bits = 32;
constexpr unsigned kIpv6Bits = 128;

std::string quoted(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

const std::uint8_t* bytes_of(const in_addr& address) noexcept {
  return reinterpret_cast<const std::uint8_t*>(&address);
}

// Whether both begin with the same `bits` bits.
bool same_bits(const std::uint8_t* a, const std::uint8_t* b, unsigned bits) noexcept {
  if (std::memcmp(a, b, bits / 8) != 0) return false;
  const unsigned rest = bits % 8;
  return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

// A prefix length of up to `most` bits, without a sign or a leading zero.
std::optional<unsigned> read_prefix(std::string_view digits, unsigned most) noexcept {
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (error != std::errc{} || end != digits.data() + digits.size() || bits > most) return std::nullopt;
  if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
  return bits;
}

}  // namespace

std::optional<std::string> IpRange::read(std::string_view text, IpRange& range) {
  IpRange found;
  if (text == kUnixWord) {
    found.kind_ = Kind::kUnix;
    range = found;
    return std::nullopt;
  }
  const std::size_t slash = text.find('/');
  const std::string_view ip = text.substr(0, slash);
  const std::optional<SocketAddress> address = literal_address(ip, 0);
  if (!address) {
    return quoted(text) + " is not an IP address or range, e.g. 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32";
  }
  found.kind_ = address->family() == AF_INET ? Kind::kIpv4 : Kind::kIpv6;
  const auto* const v4 = reinterpret_cast<const sockaddr_in*>(address->get());
  const auto* const v6 = reinterpret_cast<const sockaddr_in6*>(address->get());
  if (found.kind_ == Kind::kIpv4) {
    std::memcpy(found.address_.data(), &v4->sin_addr, sizeof v4->sin_addr);
  } else {
    std::memcpy(found.address_.data(), &v6->sin6_addr, sizeof v6->sin6_addr);
  }
  const unsigned most = found.kind_ == Kind::kIpv4 ? kIpv4Bits : kIpv6Bits;
  const std::optional<unsigned> bits =
      slash == std::string_view::npos ? most : read_prefix(text.substr(slash + 1), most);
  if (!bits) return quoted(text) + " needs a number from 0 to " + std::to_string(most) + " behind the slash";
  found.prefix_ = static_cast<std::uint8_t>(*bits);
  if (const IpRange start = found.cut(); start != found) {
    return quoted(text) + " has bits behind its prefix: write " + start.text() + " or " + std::string(ip);
  }
  range = found.unmapped();
  return std::nullopt;
}

// The range with the bits behind its prefix cleared.
IpRange IpRange::cut() const noexcept {
  IpRange start = *this;
  for (unsigned bit = prefix_; bit < kIpv6Bits; ++bit) {
    start.address_[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> bit % 8));
  }
  return start;
}

// ::ffff:10.0.0.0/104 as 10.0.0.0/8.
IpRange IpRange::unmapped() const noexcept {
  in6_addr address;
  std::memcpy(&address, address_.data(), sizeof address);
  if (kind_ != Kind::kIpv6 || prefix_ < kMappedBits || !IN6_IS_ADDR_V4MAPPED(&address)) return *this;
  IpRange ipv4;
  ipv4.kind_ = Kind::kIpv4;
  ipv4.prefix_ = static_cast<std::uint8_t>(prefix_ - kMappedBits);
  std::copy(address_.begin() + kMappedAt, address_.end(), ipv4.address_.begin());
  return ipv4;
}

bool IpRange::contains(const SocketAddress& address) const noexcept {
  const auto* const v4 = reinterpret_cast<const sockaddr_in*>(address.get());
  const auto* const v6 = reinterpret_cast<const sockaddr_in6*>(address.get());
  switch (kind_) {
    case Kind::kNone: return false;
    case Kind::kUnix: return address.family() == AF_UNIX;
    case Kind::kIpv4:
      if (address.family() == AF_INET) return same_bits(address_.data(), bytes_of(v4->sin_addr), prefix_);
      return address.family() == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) &&
             same_bits(address_.data(), &v6->sin6_addr.s6_addr[kMappedAt], prefix_);
    case Kind::kIpv6:
      return address.family() == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) &&
             same_bits(address_.data(), v6->sin6_addr.s6_addr, prefix_);
  }
  return false;
}

std::string IpRange::text() const {
  if (kind_ == Kind::kNone) return "none";
  if (kind_ == Kind::kUnix) return std::string(kUnixWord);
  std::array<char, INET6_ADDRSTRLEN> address{};
  inet_ntop(kind_ == Kind::kIpv4 ? AF_INET : AF_INET6, address_.data(), address.data(), address.size());
  const bool is_one = prefix_ == (kind_ == Kind::kIpv4 ? kIpv4Bits : kIpv6Bits);
  return is_one ? address.data() : std::string(address.data()) + "/" + std::to_string(prefix_);
}

bool any_contains(std::span<const IpRange> ranges, const SocketAddress& address) noexcept {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&address](const IpRange& range) { return range.contains(address); });
}

}  // namespace wskeep::net
