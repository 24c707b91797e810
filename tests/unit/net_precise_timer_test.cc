#include <gtest/gtest.h>

#include <vector>

#include "proxy/net/precise_timer.h"

namespace wskeep::net {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

struct PreciseTimerTest : testing::Test {
  static void came(int, short, void* self) {
    static_cast<PreciseTimerTest*>(self)->calls.push_back(Clock::now());
  }

  EventBase base{event_base_new()};
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

}  // namespace
}  // namespace wskeep::net
