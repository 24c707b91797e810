#include "proxy/websocket/control_frame.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace wskeep::websocket {
namespace {

void apply_mask(std::span<std::uint8_t> bytes, const MaskKey& key) {
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] ^= key[i % key.size()];
}

}  // namespace

ControlFrame::ControlFrame(Opcode opcode, std::span<const std::uint8_t> payload,
                           std::optional<MaskKey> mask_key) noexcept {
  assert(is_control(opcode) && payload.size() <= kMaxControlPayload);
  bytes_[0] = static_cast<std::uint8_t>(0x80 | static_cast<std::uint8_t>(opcode));
  bytes_[1] = static_cast<std::uint8_t>((mask_key ? 0x80U : 0U) | payload.size());
  std::size_t header_size = 2;
  if (mask_key) {
    std::copy(mask_key->begin(), mask_key->end(), bytes_.begin() + 2);
    header_size += mask_key->size();
  }
  const std::span<std::uint8_t> body{bytes_.data() + header_size, payload.size()};
  std::copy(payload.begin(), payload.end(), body.begin());
  if (mask_key) apply_mask(body, *mask_key);
  size_ = static_cast<std::uint8_t>(header_size + payload.size());
}

ControlFrame ControlFrame::close(CloseCode code, std::string_view reason,
                                 std::optional<MaskKey> mask_key) noexcept {
  assert(may_be_sent(code) && reason.size() + 2 <= kMaxControlPayload);
  std::array<std::uint8_t, kMaxControlPayload> payload;
  payload[0] = static_cast<std::uint8_t>(code >> 8);
  payload[1] = static_cast<std::uint8_t>(code & 0xFF);
  std::copy(reason.begin(), reason.end(), payload.begin() + 2);
  return {Opcode::kClose, {payload.data(), reason.size() + 2}, mask_key};
}

ControlPayload::ControlPayload(const FrameHeader& header, std::span<const std::uint8_t> frame) noexcept
    : size_(static_cast<std::uint8_t>(header.payload_size)) {
  assert(frame.size() == header.size + header.payload_size && size_ <= bytes_.size());
  std::memcpy(bytes_.data(), frame.data() + header.size, size_);
  if (header.masked) apply_mask({bytes_.data(), size_}, header.mask_key);
}

std::optional<CloseCode> close_code(std::span<const std::uint8_t> payload) noexcept {
  if (payload.empty()) return kNoCode;
  if (payload.size() < 2) return std::nullopt;
  return static_cast<CloseCode>(payload[0] << 8 | payload[1]);
}

}  // namespace wskeep::websocket
