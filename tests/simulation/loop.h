// Loop drives a session as a worker's event loop and its Connection drive it, on virtual time.
//
// Edge-triggered news of each socket, shown with the level of the moment as epoll does; a timer that only
// moves forward; the next turn for a session that has more; the tick of one second that confirms short reads.
// It can oversleep, like a busy process or a suspended machine, and then finds sockets and timers ready
// together, in either order.
#pragma once

#include <array>
#include <memory>

#include "proxy/relay/session.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/link.h"
#include "tests/simulation/timeline.h"

namespace wskeep::simulation {

class Loop {
 public:
  // Told before and after each call into the session, and after each turn.
  class Observer {
   public:
    virtual ~Observer() = default;
    virtual void before_call() = 0;
    virtual void after_call() = 0;
    virtual void after_turn() = 0;
  };
  static constexpr std::chrono::milliseconds kLateness{1};  // of an awake loop, at most

  Loop(Timeline& timeline, Dice& dice, std::array<Link*, observe::kLegs> links, Observer& observer)
      : timeline_(timeline), dice_(dice), links_(links), observer_(observer), tick_(timeline.now()) {}

  // `start` is called with the session that it is to begin.
  void run(relay::Session& session, const Timeline::Action& start);
  // A socket has something to tell.
  void on_news(observe::Leg leg);
  void sleep(nanoseconds time);
  void go_away();
  void cut();

  TimePoint asleep_until() const noexcept { return asleep_until_; }
  bool over() const noexcept { return over_; }

 private:
  template <class Call>
  void drive(Call call);
  void settle();
  void wake_at(TimePoint when);
  void turn();
  void fire_timer();
  void tick();

  Timeline& timeline_;
  Dice& dice_;
  std::array<Link*, observe::kLegs> links_;
  Observer& observer_;
  relay::Session* session_ = nullptr;
  std::array<bool, observe::kLegs> news_{};
  TimePoint timer_ = TimePoint::max();
  TimePoint next_turn_ = TimePoint::max();
  TimePoint asleep_until_{};
  TimePoint tick_;  // the last one
  bool resuming_ = false;
  bool over_ = false;
};

}  // namespace wskeep::simulation
