// PongLedger knows which pings of ours are unanswered and what a pong means.
//
// Our payloads are 8 bytes that nobody can guess (RFC 6455 section 5.5.2 lets a ping carry anything): the
// first four mark a leg for its life, so that our pong is known however late it comes; the last four are
// fresh, so that no peer can answer a ping that it hasn't read. Up to kTimed pings are timed at once; a
// ping beyond that is sent untimed, for a peer that slow is timed well enough by the others. No clock: time
// is an argument. Not thread-safe; one leg, one ledger, no allocation.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

namespace wskeep::keepalive {

using TimePoint = std::chrono::steady_clock::time_point;
using std::chrono::nanoseconds;

struct Pong {
  enum class Result : std::uint8_t {
    kMatched,  // answers a ping that is being timed; `latency` is set
    kLate,     // ours, but given up, answered or acknowledged before, or never timed
    kForeign,  // not ours: somebody else's business
  };
  Result result;
  nanoseconds latency{0};
  std::uint32_t missed = 0;  // earlier pings that this one acknowledges without an answer of their own
};

class PongLedger {
 public:
  static constexpr std::size_t kTimed = 4;
  using Payload = std::array<std::uint8_t, 8>;

  // `mark` is random; it is the first half of every payload.
  explicit PongLedger(std::uint32_t mark) noexcept : mark_(mark) {}

  // The payload of the next ping, which then waits to leave. `fresh` is random.
  Payload next_payload(std::uint32_t fresh) noexcept;

  // The ping with the last payload has left for the kernel: its clock starts.
  void left(TimePoint now) noexcept;

  // Judges a pong. A match answers its ping and acknowledges all earlier ones (5.5.3).
  Pong received(std::span<const std::uint8_t> payload, TimePoint now) noexcept;

  // Gives up pings that left `timeout` ago or earlier; returns how many.
  std::uint32_t give_up(TimePoint now, nanoseconds timeout) noexcept;

 private:
  void drop_first(std::size_t count) noexcept;

  std::array<TimePoint, kTimed> left_at_{};  // oldest first
  std::array<std::uint32_t, kTimed> fresh_{};
  std::uint32_t mark_;
  std::uint32_t waiting_ = 0;  // the fresh half of the ping that hasn't left yet
  std::uint8_t timed_ = 0;
};

}  // namespace wskeep::keepalive
