// LookupSchedule says when a name is to be looked up again: after a while, or sooner when somebody who found
// no use in its addresses asks.
//
// Pure: time is an argument. However many ask, lookups stay kLeastGap apart, so that the sessions of a
// backend that is down don't become a flood of questions to the name server.
#pragma once

#include <algorithm>
#include <chrono>

namespace wskeep::net {

class LookupSchedule {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kLeastGap{1};

  // The first lookup is due at once. A `refresh` of zero: later ones only when asked for.
  explicit LookupSchedule(std::chrono::milliseconds refresh) noexcept : refresh_(refresh) {}

  void ask() noexcept { asked_ = true; }
  // A lookup has ended.
  void looked_up(TimePoint now) noexcept {
    due_ = refresh_.count() == 0 ? TimePoint::max()
                                 : now + std::max<std::chrono::nanoseconds>(refresh_, kLeastGap);
    when_asked_ = now + kLeastGap;
    asked_ = false;
  }
  // When the next one is due; TimePoint::max() for never.
  TimePoint due() const noexcept { return asked_ ? std::min(due_, when_asked_) : due_; }

 private:
  std::chrono::milliseconds refresh_;
  TimePoint due_ = TimePoint::min();
  TimePoint when_asked_ = TimePoint::min();
  bool asked_ = false;
};

}  // namespace wskeep::net
