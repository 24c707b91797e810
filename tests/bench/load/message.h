// Message is one message of the load as the bytes that a client sends, written out once: masked frames
// (RFC 6455 section 5.3), as many fragments as asked for, repeated so often that several messages in flight
// can leave in one call. It also judges the echo's frames. Immutable; shared by all connections that send it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "proxy/websocket/frame.h"

namespace wskeep::bench {

class Message {
 public:
  // `size` bytes of payload in `fragments` frames (at least 1), `copies` times. Messages of different
  // `variant` differ in most of their bytes, so that an echo on a wrong connection is seen.
  Message(std::size_t size, std::size_t fragments, std::size_t copies, std::uint8_t variant);

  // All copies one after another; each has the same size.
  std::span<const std::uint8_t> wire() const { return wire_; }
  std::size_t wire_size() const { return wire_size_; }

  std::size_t fragments() const { return fragments_; }
  std::span<const std::uint8_t> payload() const { return payload_; }
  // Where in the payload a fragment begins; for `fragments()` itself the payload's end.
  std::size_t offset_of(std::size_t fragment) const { return payload_.size() * fragment / fragments_; }
  // Whether a server's frame is the echo of this fragment, as far as its header tells.
  bool is_echo(const websocket::FrameHeader& header, std::size_t fragment) const;

 private:
  void append_frame(std::size_t fragment);
  websocket::Opcode opcode_of(std::size_t fragment) const {
    return fragment == 0 ? websocket::Opcode::kBinary : websocket::Opcode::kContinuation;
  }

  std::size_t fragments_;
  std::vector<std::uint8_t> payload_;
  std::vector<std::uint8_t> wire_;
  std::size_t wire_size_ = 0;
};

}  // namespace wskeep::bench
