#include "tests/simulation/frame_cutter.h"

#include <algorithm>

namespace wskeep::simulation {

namespace {

std::size_t length_bytes(std::uint8_t second) {
  const unsigned length = second & 0x7FU;
  return length == 127 ? 8 : length == 126 ? 2 : 0;
}

}  // namespace

// By the bytes at hand, so that a fault shows as early as it can be known.
bool FrameCutter::is_illegal() const noexcept {
  if (rest_.empty()) return false;
  const unsigned opcode = rest_[0] & 0xFU;
  const unsigned rsv = (rest_[0] >> 4) & 7U;
  const bool starts = opcode == 1 || opcode == 2;
  const bool control = opcode >= 8;
  if ((rsv & ~(deflate_ && starts ? 4U : 0U)) != 0) return true;
  if ((opcode & 7) > 2) return true;
  if (control && (rest_[0] & 0x80) == 0) return true;
  if (!control && (opcode == 0) != message_open_) return true;
  if (rest_.size() < 2) return false;
  if (((rest_[1] & 0x80) != 0) != masked_) return true;
  if (control && (rest_[1] & 0x7F) > 125) return true;
  return length_is_illegal();
}

bool FrameCutter::length_is_illegal() const noexcept {
  const std::size_t wide = length_bytes(rest_[1]);
  if (wide == 2) return rest_.size() >= 4 && rest_[2] == 0 && rest_[3] < 126;
  if (wide != 8 || rest_.size() < 3) return false;
  if ((rest_[2] & 0x80) != 0) return true;
  return rest_.size() >= 8 &&
         std::all_of(rest_.begin() + 2, rest_.begin() + 8, [](auto b) { return b == 0; });
}

std::size_t FrameCutter::head_size() const noexcept {
  return rest_.size() < 2 ? 2 : 2 + length_bytes(rest_[1]) + (masked_ ? 4 : 0);
}

std::optional<Frame> FrameCutter::next() {
  illegal_ = illegal_ || is_illegal();
  if (illegal_ || refused_ || rest_.size() < head_size()) return std::nullopt;
  const std::size_t head = head_size();
  const std::size_t wide = length_bytes(rest_[1]);
  std::uint64_t size = wide == 0 ? rest_[1] & 0x7F : 0;
  for (std::size_t i = 0; i < wide; ++i) size = size << 8 | rest_[2 + i];
  if (max_frame_ != 0 && size > max_frame_ && !rest_is_control()) {
    refuse();
    return std::nullopt;
  }
  if (rest_.size() - head < size) return std::nullopt;

  Frame frame{.opcode = static_cast<std::uint8_t>(rest_[0] & 0xF), .fin = (rest_[0] & 0x80) != 0};
  const auto end = rest_.begin() + static_cast<std::ptrdiff_t>(head + size);
  frame.raw.assign(rest_.begin(), end);
  rest_.erase(rest_.begin(), end);
  if (frame.is_control()) {
    frame.payload.assign(frame.raw.begin() + static_cast<std::ptrdiff_t>(head), frame.raw.end());
    for (std::size_t i = 0; masked_ && i < size; ++i) frame.payload[i] ^= frame.raw[head - 4 + i % 4];
  } else {
    message_open_ = !frame.fin;
  }
  illegal_ = is_illegal();
  return frame;
}

}  // namespace wskeep::simulation
