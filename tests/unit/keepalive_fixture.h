// A heartbeat on a clock that the test moves.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "proxy/keepalive/heartbeat.h"

namespace wskeep::keepalive {

using namespace std::chrono_literals;
using Due = Heartbeat::Due;

inline constexpr TimePoint kStart{1'000'000s};
inline constexpr std::uint64_t kWhole = 0;              // the random number that shortens nothing
inline constexpr std::uint64_t kShortest = 0xFFFFFFFF;  // the one that shortens most

inline Settings settings(Policy policy = Policy::kStrict, PingWhen when = PingWhen::kAlways) {
  return {.policy = policy, .ping_interval = 10s, .jitter_percent = 0, .pong_timeout = 6s, .ping_when = when};
}

inline std::span<const std::uint8_t> bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// A heartbeat whose first beat is at kStart, on a clock that the test moves; a ping leaves as soon as it is
// due.
class Beating {
 public:
  explicit Beating(Settings chosen = settings()) : settings_(chosen), heart(settings_, kStart, kWhole) {}

  // Polls at `at` after the start until nothing is due; what was due, pings answered by `ping_left` at once.
  std::vector<Due> poll(nanoseconds at) {
    std::vector<Due> all;
    for (;;) {
      const Due due = heart.poll(kStart + at, kWhole);
      if (due == Due::kNothing) return all;
      all.push_back(due);
      if (due == Due::kPing) {
        send();
        leave(at);
      }
      EXPECT_LT(all.size(), 10U) << "poll must come to an end";
      if (all.size() >= 10) return all;
    }
  }
  // The ping that is due goes into the stream; each ping is 10 bytes of it.
  void send() {
    payload = heart.payload(++fresh_);
    heart.ping_sent(fresh_, next_place());
  }
  void pass_on(std::string_view foreign, nanoseconds at) {
    heart.ping_passed_on(bytes(foreign), next_place(), kStart + at, kWhole);
  }
  // All of the stream leaves.
  std::optional<nanoseconds> leave(nanoseconds at) { return heart.passed(end_, kStart + at); }
  nanoseconds deadline() const { return heart.deadline() - kStart; }
  Pong answer(nanoseconds at) {
    heart.heard();
    return heart.pong(payload, kStart + at);
  }
  Pong answer(std::string_view foreign, nanoseconds at) {
    heart.heard();
    return heart.pong(bytes(foreign), kStart + at);
  }

 private:
  Heartbeat::Place next_place() {
    const std::uint64_t begin = end_;
    return {begin, end_ += 10};
  }

  Settings settings_;
  std::uint32_t fresh_ = 0;
  std::uint64_t end_ = 0;

 public:
  Heartbeat heart;
  PongLedger::Payload payload{};
};

using Dues = std::vector<Due>;

}  // namespace wskeep::keepalive
