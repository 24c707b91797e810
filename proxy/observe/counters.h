// What one worker counts. Its own thread writes, any thread reads.
//
// Each cell is a relaxed atomic that is loaded and stored but never read-modify-written: on x86-64 and arm64
// that is a plain add. A worker's counters share no cache line with another's. Nothing is ever reset, so a
// reader that adds up workers sees sums that only rise (gauges are sums of rises and falls).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "proxy/keepalive/latency_histogram.h"
#include "proxy/observe/words.h"

namespace wskeep::observe {

class Counter {
 public:
  void add(std::uint64_t by = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void add(std::int64_t by) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  void set(std::int64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  std::int64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

// An array indexed by an enum of words.h.
template <class T, class Enum, std::size_t Size>
class PerWord {
 public:
  T& operator[](Enum word) noexcept { return cells_[static_cast<std::size_t>(word)]; }
  const T& operator[](Enum word) const noexcept { return cells_[static_cast<std::size_t>(word)]; }

 private:
  std::array<T, Size> cells_{};
};

template <class T>
using PerLeg = PerWord<T, Leg, kLegs>;
template <class T>
using PerDirection = PerWord<T, Direction, kDirections>;

struct alignas(64) WorkerCounters {
  PerDirection<Counter> bytes;  // application stream bytes received, frame headers included
  PerDirection<PerWord<Counter, FrameKind, kFrameKinds>> frames;

  PerLeg<Counter> pings_sent;      // ours
  PerLeg<Counter> pings_answered;  // the peer's, by us
  PerLeg<Counter> pings_deferred;  // ours that had to wait for a boundary
  PerLeg<PerWord<Counter, PongKind, kPongKinds>> pongs_received;
  PerLeg<Counter> pongs_missed;    // pings, ours or passed on, given up or only acknowledged by a later pong
  PerLeg<Counter> pongs_repaired;  // of these, passed-on ones whose pong we sent in the peer's place
  PerLeg<keepalive::LatencyHistogram> pong_latency;
  PerLeg<keepalive::LatencyHistogram> tcp_rtt;
  PerLeg<keepalive::LatencyHistogram> ping_lateness;

  PerWord<Gauge, ConnectionState, kConnectionStates> connections_open;
  Counter connections_opened;
  PerWord<Counter, CloseReason, kCloseReasons> connections_closed;
  PerWord<Counter, HandshakeResult, kHandshakeResults> handshakes;
  PerWord<Counter, StatusClass, kStatusClasses> http_requests;  // ordinary ones, by their answers
  Gauge connections_never_ponged;                               // open sessions pinged but never answered
  Gauge backend_unresponsive;  // open sessions whose backend answered before and is silent now
  PerWord<Counter, Limit, kLimits> limits_hit;

  keepalive::LatencyHistogram loop_lag;
  std::atomic<std::int64_t> last_turn_ns{0};  // steady clock, of the loop's last tick: whether it still turns
};

}  // namespace wskeep::observe
