// Crc32c is the checksum of Castagnoli's polynomial, as SCTP and the PROXY protocol use it (RFC 9260 appendix
// A). One table lookup a byte: for headers, not for streams.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace wskeep::net {

class Crc32c {
 public:
  void add(std::span<const std::uint8_t> bytes) noexcept {
    for (const std::uint8_t byte : bytes) state_ = kTable[(state_ ^ byte) & 0xff] ^ state_ >> 8;
  }
  // Of all bytes added so far.
  [[nodiscard]] std::uint32_t value() const noexcept { return ~state_; }

 private:
  static constexpr std::uint32_t kPolynomial = 0x82f63b78;  // its bits in reverse, as the bytes come
  static constexpr std::array<std::uint32_t, 256> kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
      std::uint32_t crc = byte;
      for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? kPolynomial : 0);
      table[byte] = crc;
    }
    return table;
  }();

  std::uint32_t state_ = 0xffffffff;
};

}  // namespace wskeep::net
