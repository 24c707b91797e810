#include "tests/bench/load/message.h"

namespace wskeep::bench {
namespace {

// The mask stays the same for a whole run: what is measured only carries it.
constexpr websocket::MaskKey kMask{0x37, 0xFA, 0x21, 0x3D};

}  // namespace

Message::Message(std::size_t size, std::size_t fragments, std::size_t copies, std::uint8_t variant)
    : fragments_(fragments), payload_(size) {
  // A multiplier that is odd and no power of two, so that neither a shifted nor a repeated echo looks right.
  for (std::size_t i = 0; i < size; ++i) {
    payload_[i] = static_cast<std::uint8_t>((i * 0x9E3779B1U >> 16) + 61U * variant);
  }
  for (std::size_t fragment = 0; fragment < fragments_; ++fragment) append_frame(fragment);
  wire_size_ = wire_.size();
  wire_.reserve(wire_size_ * copies);
  for (std::size_t copy = 1; copy < copies; ++copy) {
    wire_.insert(wire_.end(), wire_.begin(), wire_.begin() + static_cast<std::ptrdiff_t>(wire_size_));
  }
}

void Message::append_frame(std::size_t fragment) {
  const std::size_t begin = offset_of(fragment);
  const std::size_t size = offset_of(fragment + 1) - begin;
  const bool fin = fragment + 1 == fragments_;
  wire_.push_back(
      static_cast<std::uint8_t>((fin ? 0x80U : 0U) | static_cast<std::uint8_t>(opcode_of(fragment))));
  const std::size_t length_bytes = size < 126 ? 0 : size <= 0xFFFF ? 2 : 8;
  wire_.push_back(static_cast<std::uint8_t>(0x80U | (length_bytes == 0   ? size
                                                     : length_bytes == 2 ? 126
                                                                         : 127)));
  for (std::size_t i = length_bytes; i-- > 0;) wire_.push_back(static_cast<std::uint8_t>(size >> (8 * i)));
  wire_.insert(wire_.end(), kMask.begin(), kMask.end());
  for (std::size_t i = 0; i < size; ++i) wire_.push_back(payload_[begin + i] ^ kMask[i % kMask.size()]);
}

bool Message::is_echo(const websocket::FrameHeader& header, std::size_t fragment) const {
  return header.opcode == opcode_of(fragment) && header.fin == (fragment + 1 == fragments_) &&
         header.payload_size == offset_of(fragment + 1) - offset_of(fragment);
}

}  // namespace wskeep::bench
