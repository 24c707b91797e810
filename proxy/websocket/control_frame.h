// Control frames as whole values: building our own, reading the peers' (RFC 6455 sections 5.3 and 5.5).
//
// A control frame is at most 131 bytes, so both kinds live in fixed arrays and nothing here allocates.
// Pure functions; safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "proxy/websocket/close_code.h"
#include "proxy/websocket/frame.h"

namespace wskeep::websocket {

// A control frame ready for the wire.
class ControlFrame {
 public:
  // `payload` is at most 125 bytes. A mask key is for frames to a server, and must then be fresh and
  // unpredictable (5.3); to a client there is none.
  ControlFrame(Opcode opcode, std::span<const std::uint8_t> payload,
               std::optional<MaskKey> mask_key) noexcept;

  // A Close with a code that `may_be_sent` and a reason of at most 123 bytes of UTF-8 (5.5.1).
  static ControlFrame close(CloseCode code, std::string_view reason,
                            std::optional<MaskKey> mask_key) noexcept;

  std::span<const std::uint8_t> bytes() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::array<std::uint8_t, kMaxControlFrame> bytes_;
  std::uint8_t size_;
};

// The payload of a control frame, unmasked.
class ControlPayload {
 public:
  ControlPayload() noexcept = default;

  // `frame` is one whole control frame of which `header` is the header.
  ControlPayload(const FrameHeader& header, std::span<const std::uint8_t> frame) noexcept;

  std::span<const std::uint8_t> bytes() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::array<std::uint8_t, kMaxControlPayload> bytes_;
  std::uint8_t size_ = 0;
};

// The code that a Close with this payload carries: kNoCode for an empty one, nothing for a single byte,
// which is no code at all (7.1.5). Codes that must not be on the wire are returned as they came.
std::optional<CloseCode> close_code(std::span<const std::uint8_t> payload) noexcept;

}  // namespace wskeep::websocket
