#include "proxy/websocket/frame_scanner.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace wskeep::websocket {
namespace {

constexpr std::uint8_t kFin = 0x80;
constexpr std::uint8_t kRsv1 = 0x4;
constexpr std::uint8_t kMaskBit = 0x80;

std::uint8_t rsv_bits(std::uint8_t byte) {
  return (byte >> 4) & 0x7;
}
std::uint8_t opcode_bits(std::uint8_t byte) {
  return byte & 0xF;
}

bool is_reserved(std::uint8_t opcode) {
  return (opcode & 0x7) > 2;
}

std::uint64_t big_endian(std::span<const std::uint8_t> bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

// By the second byte of a header: its bytes of extended length, and all of its bytes.
std::size_t length_size_of(std::uint8_t byte) {
  const std::uint8_t length = byte & 0x7F;
  return length == kLength64 ? 8 : length == kLength16 ? 2 : 0;
}
std::size_t header_size_of(std::uint8_t byte) {
  return 2 + length_size_of(byte) + ((byte & kMaskBit) != 0 ? sizeof(MaskKey) : 0);
}

}  // namespace

std::string_view to_string(FrameError error) noexcept {
  switch (error) {
    case FrameError::kNone: return "none";
    case FrameError::kReservedBits: return "reserved bits set";
    case FrameError::kReservedOpcode: return "reserved opcode";
    case FrameError::kFragmentedControl: return "fragmented control frame";
    case FrameError::kControlTooLong: return "control frame over 125 bytes";
    case FrameError::kNotMasked: return "frame from client not masked";
    case FrameError::kMasked: return "frame from server masked";
    case FrameError::kLengthNotMinimal: return "length not minimal";
    case FrameError::kLengthTooLarge: return "length over 2^63-1";
    case FrameError::kContinuationWithoutStart: return "continuation without a message";
    case FrameError::kMessageInsideMessage: return "new message inside a message";
  }
  return "unknown";
}

FrameScanner::Step FrameScanner::next(std::span<const std::uint8_t> in) noexcept {
  assert(!in.empty());
  switch (state_) {
    case State::kHeader: {
      const std::size_t plain = size_ == 0 && in.size() >= kMaxHeaderSize ? plain_header(in) : 0;
      return plain != 0 ? scan_payload(in, plain) : scan_header(in);
    }
    case State::kPayload: return scan_payload(in, 0);
    case State::kBroken: break;
  }
  return {Verdict::kBroken, 0};
}

FrameScanner::Verdict FrameScanner::skip(std::uint64_t size) noexcept {
  assert(size != 0 && size <= remaining_);
  remaining_ -= size;
  return remaining_ == 0 ? end_frame(0).verdict : Verdict::kPart;
}

// The size of the header that `in` begins with, taken at one glance, when it is one of a legal data frame of
// the usual kind; else 0, and nothing has changed. Nearly all frames that come are of that kind.
std::size_t FrameScanner::plain_header(std::span<const std::uint8_t> in) noexcept {
  const std::uint8_t first = in[0];
  const std::uint8_t second = in[1];
  const bool masked = sender_ == Sender::kClient;
  const std::uint8_t length = second & 0x7F;
  const bool continues = opcode_bits(first) == 0;
  const std::uint8_t allowed = rules_ == ExtensionRules::kPermessageDeflate && !continues ? kRsv1 : 0;
  const bool plain = opcode_bits(first) <= 2 && continues == message_open_ &&
                     (rsv_bits(first) & ~allowed) == 0 && (second >= kMaskBit) == masked &&
                     length <= kLength16;
  if (!plain) return 0;
  std::uint64_t payload = length;
  std::size_t size = 2;
  if (length == kLength16) {
    payload = std::uint64_t{in[2]} << 8 | in[3];
    if (payload < kLength16) return 0;
    size = 4;
  }
  std::memcpy(bytes_.data(), in.data(), bytes_.size());
  control_ = false;
  remaining_ = payload;
  state_ = State::kPayload;
  return size + (masked ? sizeof(MaskKey) : 0);
}

FrameScanner::Step FrameScanner::scan_header(std::span<const std::uint8_t> in) noexcept {
  const std::size_t kept = size_;
  const std::size_t size = std::min(kept + in.size(), bytes_.size());
  std::memcpy(bytes_.data() + kept, in.data(), size - kept);
  const std::size_t header_size = parse_header(size);
  if (error_ != FrameError::kNone) return break_stream(error_);
  if (header_size > size) {
    size_ = static_cast<std::uint8_t>(size);
    return {Verdict::kPart, in.size()};
  }
  size_ = 0;
  state_ = State::kPayload;
  return scan_payload(in, header_size - kept);
}

FrameScanner::Step FrameScanner::scan_payload(std::span<const std::uint8_t> in, std::size_t taken) noexcept {
  const std::size_t available = in.size() - taken;
  if (available < remaining_) {
    remaining_ -= available;
    return {Verdict::kPart, in.size()};
  }
  return end_frame(taken + static_cast<std::size_t>(remaining_));
}

// Returns the size that the whole header has, or more than `size`, how many of its bytes are at hand, when
// that isn't known yet. Sets error_ as soon as these prove a fault, and remaining_ when they are all.
std::size_t FrameScanner::parse_header(std::size_t size) noexcept {
  control_ = is_control(opcode());
  error_ = check_first_byte(bytes_[0]);
  if (error_ != FrameError::kNone || size < 2) return 2;
  error_ = check_second_byte(bytes_[1]);
  if (error_ != FrameError::kNone) return 2;

  const std::size_t length_size = length_size_of(bytes_[1]);
  const std::size_t header_size = header_size_of(bytes_[1]);
  if (length_size != 0) {
    error_ = check_long_length({bytes_.data() + 2, std::min(size - 2, length_size)}, length_size);
    if (error_ != FrameError::kNone) return header_size;
  }
  if (size >= header_size) remaining_ = payload_size();
  return header_size;
}

std::uint64_t FrameScanner::long_payload_size() const noexcept {
  return big_endian(std::span(bytes_).subspan(2, 8));
}

FrameHeader FrameScanner::header() const noexcept {
  FrameHeader header{.opcode = opcode(),
                     .fin = (bytes_[0] & kFin) != 0,
                     .rsv = rsv_bits(bytes_[0]),
                     .masked = (bytes_[1] & kMaskBit) != 0,
                     .size = static_cast<std::uint8_t>(header_size_of(bytes_[1])),
                     .mask_key = {},
                     .payload_size = payload_size()};
  if (header.masked) {
    std::memcpy(header.mask_key.data(), bytes_.data() + header.size - header.mask_key.size(),
                header.mask_key.size());
  }
  return header;
}

FrameError FrameScanner::check_first_byte(std::uint8_t byte) const noexcept {
  const std::uint8_t opcode = opcode_bits(byte);
  const std::uint8_t rsv = rsv_bits(byte);
  if (rules_ != ExtensionRules::kUnknown) {
    const bool starts_message = opcode == static_cast<std::uint8_t>(Opcode::kText) ||
                                opcode == static_cast<std::uint8_t>(Opcode::kBinary);
    const std::uint8_t allowed = rules_ == ExtensionRules::kPermessageDeflate && starts_message ? kRsv1 : 0;
    if ((rsv & ~allowed) != 0) return FrameError::kReservedBits;
    if (is_reserved(opcode)) return FrameError::kReservedOpcode;
  }
  if (is_control(opcode)) return (byte & kFin) == 0 ? FrameError::kFragmentedControl : FrameError::kNone;
  if (rules_ == ExtensionRules::kUnknown) return FrameError::kNone;  // it may fragment in ways of its own
  const bool continues = opcode == static_cast<std::uint8_t>(Opcode::kContinuation);
  if (continues && !message_open_) return FrameError::kContinuationWithoutStart;
  if (!continues && message_open_) return FrameError::kMessageInsideMessage;
  return FrameError::kNone;
}

FrameError FrameScanner::check_second_byte(std::uint8_t byte) const noexcept {
  const bool masked = (byte & kMaskBit) != 0;
  if (sender_ == Sender::kClient && !masked) return FrameError::kNotMasked;
  if (sender_ == Sender::kServer && masked) return FrameError::kMasked;
  if (control_ && (byte & 0x7F) > kMaxControlPayload) return FrameError::kControlTooLong;
  return FrameError::kNone;
}

// `known` are the bytes at hand of a length that has `whole` of them, 2 or 8.
FrameError FrameScanner::check_long_length(std::span<const std::uint8_t> known, std::size_t whole) noexcept {
  if (whole == 2) {
    return known.size() == 2 && big_endian(known) < kLength16 ? FrameError::kLengthNotMinimal
                                                              : FrameError::kNone;
  }
  if (!known.empty() && (known[0] & 0x80) != 0) return FrameError::kLengthTooLarge;
  // What fits into the last two bytes should have been a 16-bit length, so the first six tell.
  return known.size() >= 6 && big_endian(known.first(6)) == 0 ? FrameError::kLengthNotMinimal
                                                              : FrameError::kNone;
}

FrameScanner::Step FrameScanner::end_frame(std::size_t taken) noexcept {
  if (!control_) message_open_ = (bytes_[0] & kFin) == 0;
  remaining_ = 0;
  state_ = State::kHeader;
  return {Verdict::kFrameEnd, taken};
}

FrameScanner::Step FrameScanner::break_stream(FrameError error) noexcept {
  error_ = error;
  state_ = State::kBroken;
  return {Verdict::kBroken, 0};
}

}  // namespace wskeep::websocket
