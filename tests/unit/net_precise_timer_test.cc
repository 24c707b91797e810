#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <memory>
#include <vector>

#include "proxy/net/event_base.h"
#include "proxy/net/precise_timer.h"

namespace wskeep::net {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

struct PreciseTimerTest : testing::Test {
  static void came(int, short, void* self) {
    static_cast<PreciseTimerTest*>(self)->calls.push_back(Clock::now());
  }

  EventBase base = make_event_base();
  std::vector<Clock::time_point> calls;
  PreciseTimer timer{base.get(), came, this};

  void await_call() { ASSERT_EQ(event_base_loop(base.get(), EVLOOP_ONCE), 0); }
};

TEST_F(PreciseTimerTest, CallsOnceAndNotBeforeItsTime) {
  const auto due = Clock::now() + 5ms;
  timer.run_at(due);
  await_call();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_GE(calls[0], due);
  event_base_loop(base.get(), EVLOOP_NONBLOCK);
  EXPECT_EQ(calls.size(), 1U);
}

TEST_F(PreciseTimerTest, WhatIsOverComesAtOnceAndAgain) {
  for (const auto due : {Clock::time_point{}, Clock::time_point::min(), Clock::now() - 1h}) {
    timer.run_at(due);
    await_call();
  }
  EXPECT_EQ(calls.size(), 3U);
}

TEST_F(PreciseTimerTest, TheLastTimeCounts) {
  timer.run_at(Clock::now() + 1h);
  const auto due = Clock::now() + 2ms;
  timer.run_at(due);
  await_call();
  timer.run_at(Clock::now());
  timer.run_at(Clock::now() + 1h);
  event_base_loop(base.get(), EVLOOP_NONBLOCK);
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_GE(calls[0], due);
}

// Descriptors that are ready all the time, with a timer that becomes due in the midst of their callbacks.
struct Crowd {
  explicit Crowd(event_base* loop) : base(loop), ready(eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC)) {}

  void watch() {
    const auto on_ready = [](int, short, void* self) { static_cast<Crowd*>(self)->take(); };
    for (int i = 0; i < 1'000; ++i) {
      descriptors.emplace_back(dup(ready.get()));
      events.push_back(std::make_unique<EmbeddedEvent>());
      ASSERT_TRUE(events.back()->watch(base, descriptors.back().get(), EV_READ | EV_PERSIST, on_ready, this));
    }
  }
  void take() {
    // By then libevent asks for all of them at once.
    if (++callbacks == 20'000) timer.run_at(Clock::now());
    if (callbacks == 40'000) event_base_loopbreak(base);
  }

  event_base* base;
  FileDescriptor ready;
  std::vector<FileDescriptor> descriptors;
  std::vector<std::unique_ptr<EmbeddedEvent>> events;
  int callbacks = 0;
  int timer_after = 0;
  PreciseTimer timer{base,
                     [](int, short, void* self) {
                       auto& crowd = *static_cast<Crowd*>(self);
                       crowd.timer_after = crowd.callbacks;
                       event_base_loopbreak(crowd.base);
                     },
                     this};
};

TEST(EventBase, TimersDontWaitBehindManyThatBecameReadyTogether) {
  const EventBase base = make_event_base();
  Crowd crowd(base.get());
  crowd.watch();
  ASSERT_EQ(event_base_dispatch(base.get()), 0);
  EXPECT_GE(crowd.timer_after, 20'000);
  EXPECT_LE(crowd.timer_after, 20'000 + 2 * kUsualAtOnce);
}

}  // namespace
}  // namespace wskeep::net
