// FrameCutter is a second, independent reader of RFC 6455 section 5.2: it cuts a stream into whole frames and
// says where it becomes illegal. It keeps whole frames, which a proxy must not do and a witness may.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "tests/unit/frames.h"

namespace wskeep::simulation {

using test::Bytes;

inline constexpr std::uint8_t kCloseOpcode = 8;
inline constexpr std::uint8_t kPingOpcode = 9;
inline constexpr std::uint8_t kPongOpcode = 10;

struct Frame {
  std::uint8_t opcode = 0;
  bool fin = false;
  Bytes payload{};  // unmasked; of control frames only
  Bytes raw{};

  bool is_control() const noexcept { return opcode >= 8; }
};

class FrameCutter {
 public:
  // `deflate`: permessage-deflate was negotiated, so RSV1 may stand on the first frame of a message.
  // A data frame with more payload than `max_frame` is refused; 0: none is.
  FrameCutter(bool from_client, bool deflate, std::uint64_t max_frame = 0) noexcept
      : masked_(from_client), deflate_(deflate), max_frame_(max_frame) {}

  void add(std::span<const std::uint8_t> bytes) {
    if (!refused_) rest_.insert(rest_.end(), bytes.begin(), bytes.end());
  }
  // The next whole frame; nothing while it is incomplete, or when the stream is illegal from here on.
  std::optional<Frame> next();

  bool illegal() const noexcept { return illegal_; }
  // Whether a frame was refused: the stream has ended before it.
  bool refused() const noexcept { return refused_; }
  void refuse() {
    refused_ = true;
    rest_.clear();
  }
  // What has come of the frame at hand; everything from the first illegal frame on.
  const Bytes& rest() const noexcept { return rest_; }
  bool rest_is_control() const noexcept { return !rest_.empty() && (rest_[0] & 8) != 0; }
  // What has come of it may yet be kept from the other side.
  bool rest_may_vanish() const noexcept {
    return rest_is_control() || (max_frame_ != 0 && rest_.size() < head_size());
  }
  // Whether a data frame has begun and not ended; whether a message has.
  bool inside_frame() const noexcept { return !rest_.empty() && !rest_is_control(); }
  bool inside_message() const noexcept { return message_open_ || inside_frame(); }

 private:
  bool is_illegal() const noexcept;
  bool length_is_illegal() const noexcept;
  std::size_t head_size() const noexcept;  // of the frame at hand; 2 while not even that has come

  Bytes rest_;
  bool masked_;
  bool deflate_;
  std::uint64_t max_frame_;
  bool refused_ = false;
  bool message_open_ = false;
  bool illegal_ = false;
};

}  // namespace wskeep::simulation
