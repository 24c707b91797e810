// IpRange is a block of IP addresses in CIDR notation (RFC 4632, RFC 4291 section 2.3), or all peers of
// unix-domain sockets. IpRanges is a list of them that can be asked whether an address is in it.
//
// An IPv4 address mapped into IPv6, which is how IPv4 peers show themselves on a dual-stack listener, is
// that IPv4 address everywhere here: 10.0.0.0/8 contains ::ffff:10.1.2.3, and ::/0 doesn't.
//
// Pure values of 18 bytes: nothing is resolved. A question costs a few compares a range. Safe from any
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/net/address.h"

namespace wskeep::net {

class IpRange {
 public:
  IpRange() noexcept = default;  // contains nothing

  // Reads 10.0.0.0/8, 2001:db8::/32, an address alone, or the word unix. Returns why it is none of these, and
  // leaves `range` alone then. Bits behind the prefix must be zero: 10.1.2.3/8 may have been meant as
  // 10.1.2.3, which is another thing to trust.
  [[nodiscard]] static std::optional<std::string> read(std::string_view text, IpRange& range);

  // Whether the address is in here. Ports don't matter.
  [[nodiscard]] bool contains(const SocketAddress& address) const noexcept;

  // As read() reads it, in its shortest form.
  [[nodiscard]] std::string text() const;

  bool operator==(const IpRange&) const = default;

 private:
  enum class Kind : std::uint8_t { kNone, kIpv4, kIpv6, kUnix };

  IpRange cut() const noexcept;
  IpRange unmapped() const noexcept;

  std::array<std::uint8_t, 16> address_{};  // in network order; of IPv4 the first four bytes
  Kind kind_ = Kind::kNone;
  std::uint8_t prefix_ = 0;  // in bits
};

// Whether one of the ranges contains the address.
[[nodiscard]] bool any_contains(std::span<const IpRange> ranges, const SocketAddress& address) noexcept;

}  // namespace wskeep::net
