// The vocabulary of RFC 6455 section 5.2: what a frame header says. Values only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace wskeep::websocket {

enum class Opcode : std::uint8_t {
  kContinuation = 0x0,
  kText = 0x1,
  kBinary = 0x2,
  kClose = 0x8,
  kPing = 0x9,
  kPong = 0xA,
};

// Control opcodes have their top bit set, the reserved ones among them (section 5.5).
constexpr bool is_control(std::uint8_t opcode) {
  return (opcode & 0x8) != 0;
}
constexpr bool is_control(Opcode opcode) {
  return is_control(static_cast<std::uint8_t>(opcode));
}

using MaskKey = std::array<std::uint8_t, 4>;

// What stands in place of a 7-bit length when a longer one follows (section 5.2).
inline constexpr std::uint8_t kLength16 = 126;
inline constexpr std::uint8_t kLength64 = 127;

inline constexpr std::size_t kMaxHeaderSize = 14;       // 2 + 8 length + 4 mask (section 5.2)
inline constexpr std::size_t kMaxControlPayload = 125;  // section 5.5
inline constexpr std::size_t kMaxControlFrame = 2 + 4 + kMaxControlPayload;

// A complete frame header. `opcode` may hold a reserved value when an extension allows one.
struct FrameHeader {
  Opcode opcode = Opcode::kContinuation;
  bool fin = false;
  std::uint8_t rsv = 0;  // RSV1 is 4, RSV2 is 2, RSV3 is 1
  bool masked = false;
  std::uint8_t size = 0;  // bytes of the header itself, 2 to 14
  MaskKey mask_key{};     // meaningful when masked
  std::uint64_t payload_size = 0;

  bool operator==(const FrameHeader&) const = default;
};

// Which peer wrote a stream, and so whether its frames are masked (section 5.1).
enum class Sender : std::uint8_t { kClient, kServer };

// What the negotiated extensions permit in a header (section 9, RFC 7692 section 6).
enum class ExtensionRules : std::uint8_t {
  kNone,               // RSV bits and reserved opcodes are illegal
  kPermessageDeflate,  // RSV1 on the first frame of a data message
  kUnknown,  // an extension that we don't know may explain RSV bits, reserved opcodes, fragmentation
};

}  // namespace wskeep::websocket
