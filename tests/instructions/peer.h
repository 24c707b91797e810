// What counting a session's work puts around it instead of sockets, a clock and randomness: next to nothing.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "proxy/net/transport.h"
#include "proxy/observe/words.h"
#include "proxy/relay/environment.h"

namespace wskeep::instructions {

using namespace std::chrono_literals;

// The far end of a leg: says what it was given in one read, and takes everything.
class Peer final : public net::Transport {
 public:
  void will_say(std::span<const std::uint8_t> bytes) { incoming_ = bytes; }
  std::size_t got() const { return got_; }
  std::span<const std::uint8_t> last_write() const { return std::span(last_).first(last_size_); }

  net::IoResult read(std::span<std::uint8_t> into) noexcept override {
    if (incoming_.empty()) return {.status = net::IoResult::Status::kBlocked};
    std::copy(incoming_.begin(), incoming_.end(), into.begin());
    const std::size_t size = incoming_.size();
    incoming_ = {};
    return {.status = net::IoResult::Status::kOk, .drained = true, .bytes = size};
  }
  net::IoResult write(std::span<const iovec> pieces) noexcept override {
    std::size_t size = 0;
    for (const iovec& piece : pieces) size += piece.iov_len;
    const auto* const first = static_cast<const std::uint8_t*>(pieces.front().iov_base);
    last_size_ = std::min(pieces.front().iov_len, last_.size());
    std::copy_n(first, last_size_, last_.begin());
    got_ += size;
    return {.status = net::IoResult::Status::kOk, .bytes = size};
  }
  bool shutdown_write() noexcept override { return true; }
  std::optional<std::chrono::nanoseconds> round_trip_time() noexcept override { return 1ms; }
  std::optional<net::SendProgress> send_progress() noexcept override { return {}; }

 private:
  std::span<const std::uint8_t> incoming_;
  std::array<std::uint8_t, 32> last_{};  // the beginning of the last write: more than a ping
  std::size_t last_size_ = 0;
  std::size_t got_ = 0;
};

class SetClock final : public relay::Clock {
 public:
  relay::TimePoint now() noexcept override { return time; }

  relay::TimePoint time{1'000h};
};

class Numbers final : public relay::Random {
 public:
  std::uint64_t next() noexcept override {
    return last_ = last_ * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
  }

 private:
  std::uint64_t last_ = 1;
};

[[noreturn]] inline void fail(const char* why) {
  std::fprintf(stderr, "%s\n", why);
  std::exit(1);
}

// What answers a ping that was written to `from`. (Without the helpers of the tests, whose allocations would
// be counted: callgrind doesn't stop counting calls where it stops counting instructions.) A
// client's is the whole array, a backend's its first ten bytes.
inline std::array<std::uint8_t, 14> pong_to(std::span<const std::uint8_t> ping, observe::Leg from) {
  const bool client = from == observe::Leg::kClient;
  const std::size_t header = client ? 2 : 6;
  if (ping.size() != header + 8 || ping[0] != 0x89) fail("no ping was sent");
  std::array<std::uint8_t, 14> pong = {0x8A, static_cast<std::uint8_t>(client ? 0x88 : 0x08)};
  for (std::size_t i = 0; i < 8; ++i) {
    const unsigned key = client ? 0 : ping[2 + i % 4];
    pong[(client ? 6 : 2) + i] = static_cast<std::uint8_t>(ping[header + i] ^ key);
  }
  return pong;
}

}  // namespace wskeep::instructions
