// Timeline is the only time there is: a queue of what will happen, and a clock that jumps from one event to
// the next. Events of the same instant happen in the order in which they were announced.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "proxy/relay/environment.h"

namespace wskeep::simulation {

using relay::TimePoint;
using std::chrono::nanoseconds;

class Timeline final : public relay::Clock {
 public:
  using Action = std::function<void()>;

  TimePoint now() noexcept override { return now_; }

  void at(TimePoint when, Action action) {
    events_.push_back({std::max(when, now_), announced_++, std::move(action)});
    std::push_heap(events_.begin(), events_.end());
  }
  void after(nanoseconds delay, Action action) { at(now_ + delay, std::move(action)); }

  bool has_next() const noexcept { return !events_.empty(); }
  TimePoint next() const noexcept { return events_.front().when; }

  // Moves to the next event, which there must be, and lets it happen.
  void step() {
    std::pop_heap(events_.begin(), events_.end());
    const Event event = std::move(events_.back());
    events_.pop_back();
    now_ = event.when;
    event.action();
  }

 private:
  struct Event {
    TimePoint when;
    std::uint64_t number;
    Action action;

    bool operator<(const Event& other) const noexcept {  // the heap has its greatest in front: the earliest
      return when != other.when ? when > other.when : number > other.number;
    }
  };

  // Far from zero, as a machine's monotonic clock is.
  TimePoint now_{std::chrono::hours{1000}};
  std::uint64_t announced_ = 0;
  std::vector<Event> events_;
};

}  // namespace wskeep::simulation
