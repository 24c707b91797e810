// Lifetime says when a session has carried no data for too long, or has lived long enough.
//
// Data are the bytes of frames that are not control frames, in either direction. Pings and pongs are not: a
// session that heartbeats keep open may still be one that nobody uses. A pure state machine like Heartbeat:
// time and randomness are arguments, and its owner asks `deadline()` and then `due`. Both limits are off when
// zero; an unlimited session costs its 32 bytes and two comparisons. Not thread-safe; no allocation.
#pragma once

#include <cstdint>

#include "proxy/keepalive/pong_ledger.h"
#include "proxy/keepalive/settings.h"

namespace wskeep::keepalive {

class Lifetime {
 public:
  enum class Due : std::uint8_t {
    kNothing,
    kIdle,    // no data for idle_timeout
    kMaxAge,  // max_age, less its jitter, has passed since the start; before kIdle when both are due
  };

  // The jitter of max_age is drawn here, once.
  Lifetime(const LifetimeSettings& settings, TimePoint start, std::uint64_t random) noexcept;

  // Bytes of a data frame came at `now`.
  void data_came(TimePoint now) noexcept { last_data_ = now; }
  // It isn't idle at `now` though no data come, because what came is still under way: another idle_timeout.
  void excuse(TimePoint now) noexcept { excused_ = now; }
  // The session is being ended: nothing more is due.
  void stop() noexcept;

  // When `due` has something to say; TimePoint::max() for never.
  TimePoint deadline() const noexcept;
  // What is due at `now`, the same until `data_came`, `excuse` or `stop`.
  [[nodiscard]] Due due(TimePoint now) const noexcept;

  // When data last came; the start until there were any.
  TimePoint last_data() const noexcept { return last_data_; }

 private:
  TimePoint idle_at() const noexcept;

  TimePoint expires_;         // TimePoint::max() for never
  nanoseconds idle_timeout_;  // zero for none
  TimePoint last_data_;
  TimePoint excused_;
};

}  // namespace wskeep::keepalive
