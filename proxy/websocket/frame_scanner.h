// FrameScanner finds the edges of WebSocket frames in a byte stream (RFC 6455 section 5.2).
//
// It reads headers and counts payload down. It never owns, copies or unmasks a payload: a 2 GiB frame
// costs no more than an empty one. Between calls it keeps a header of at most 14 bytes and a counter, so an
// idle connection costs sizeof(FrameScanner). Broken is final: a stream that has lost its framing has no
// next frame, so every later call returns kBroken again. Not thread-safe; one stream, one scanner.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "proxy/websocket/frame.h"

namespace wskeep::websocket {

// Why a stream is broken. Everything here makes a strict endpoint fail the connection with 1002.
enum class FrameError : std::uint8_t {
  kNone,
  kReservedBits,              // RSV bits that no negotiated extension explains (5.2)
  kReservedOpcode,            // (5.2)
  kFragmentedControl,         // (5.5)
  kControlTooLong,            // over 125 bytes (5.5)
  kNotMasked,                 // from a client (5.1)
  kMasked,                    // from a server (5.1)
  kLengthNotMinimal,          // (5.2)
  kLengthTooLarge,            // 64-bit length with its top bit set (5.2)
  kContinuationWithoutStart,  // (5.4)
  kMessageInsideMessage,      // a new data message before the last one's final fragment (5.4)
};

// A few plain words for a log line.
std::string_view to_string(FrameError error) noexcept;

class FrameScanner {
 public:
  enum class Verdict : std::uint8_t {
    kPart,      // all bytes given belong to one frame that goes on after them
    kFrameEnd,  // the first `size` bytes end a frame
    kBroken,    // the stream is illegal from the frame at hand on; nothing was taken
  };
  struct Step {
    Verdict verdict;
    std::size_t size;  // bytes taken from the front of the input, all of one frame; 0 when broken
  };

  FrameScanner(Sender sender, ExtensionRules rules) noexcept : sender_(sender), rules_(rules) {}

  // Takes bytes of at most one frame from the front of `in`, which must not be empty. A fault is reported
  // as soon as the bytes so far prove it, so the verdict does not depend on how the stream was cut.
  [[nodiscard]] Step next(std::span<const std::uint8_t> in) noexcept;

  // Payload bytes that the frame at hand has yet to bring; 0 between two frames and inside a header.
  std::uint64_t rest() const noexcept { return remaining_; }
  // So many of these, at least one and at most `rest()`, have gone by unseen. kFrameEnd or kPart, as `next`
  // would have said.
  Verdict skip(std::uint64_t size) noexcept;
  // The frame at hand, a data frame with a legal and whole header, is not to be: the stream has ended behind
  // the frame before it. Nothing more must be scanned.
  void refuse() noexcept {
    remaining_ = 0;
    state_ = State::kHeader;
    message_open_ = opcode() == Opcode::kContinuation;
  }

  // The header of the frame at hand, parsed out of its bytes: after kFrameEnd, and after kPart once
  // `in_payload()`.
  FrameHeader header() const noexcept;
  // Its opcode alone, which costs nothing.
  Opcode opcode() const noexcept { return static_cast<Opcode>(bytes_[0] & 0xF); }
  // The payload size that the last header has announced; 0 before the first, and of no meaning inside one.
  std::uint64_t payload_size() const noexcept {
    const std::uint8_t length = bytes_[1] & 0x7F;
    if (length < kLength16) return length;
    return length == kLength16 ? std::uint64_t{bytes_[2]} << 8 | bytes_[3] : long_payload_size();
  }
  bool in_payload() const noexcept { return state_ == State::kPayload; }

  // Whether the frame that the last step belonged to is a control frame. Known from its first byte on.
  bool frame_is_control() const noexcept { return control_; }

  // Whether a data frame has begun and not ended. While false the stream, its control frames left out, is
  // at a frame boundary.
  bool data_frame_open() const noexcept { return mid_frame() && !control_; }

  // Whether the stream, control frames left out, is between two messages (5.4).
  bool at_message_boundary() const noexcept { return !message_open_ && !data_frame_open(); }

  FrameError error() const noexcept { return error_; }

 private:
  enum class State : std::uint8_t { kHeader, kPayload, kBroken };

  bool mid_frame() const noexcept { return state_ == State::kPayload || size_ != 0; }
  std::size_t plain_header(std::span<const std::uint8_t> in) noexcept;
  Step scan_header(std::span<const std::uint8_t> in) noexcept;
  Step scan_payload(std::span<const std::uint8_t> in, std::size_t taken) noexcept;
  std::size_t parse_header(std::size_t size) noexcept;
  FrameError check_first_byte(std::uint8_t byte) const noexcept;
  FrameError check_second_byte(std::uint8_t byte) const noexcept;
  static FrameError check_long_length(std::span<const std::uint8_t> known, std::size_t whole) noexcept;
  Step end_frame(std::size_t taken) noexcept;
  Step break_stream(FrameError error) noexcept;
  std::uint64_t long_payload_size() const noexcept;

  std::uint64_t remaining_ = 0;                       // payload bytes still to come, in kPayload
  std::array<std::uint8_t, kMaxHeaderSize> bytes_{};  // of the last header, and what is behind it
  std::uint8_t size_ = 0;                             // of the header at hand, while it is incomplete
  Sender sender_;
  ExtensionRules rules_;
  State state_ = State::kHeader;
  FrameError error_ = FrameError::kNone;
  bool control_ = false;
  bool message_open_ = false;  // between a first fragment and its final one
};

}  // namespace wskeep::websocket
