#include <gtest/gtest.h>

#include <random>

#include "proxy/keepalive/token_bucket.h"

namespace wskeep::keepalive {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1'000'000s};

// How many of `tries` at once are taken.
int taken(TokenBucket& bucket, std::uint32_t per_second, TimePoint now, int tries = 10'000) {
  int count = 0;
  for (; tries != 0; --tries) count += bucket.take(per_second, now) ? 1 : 0;
  return count;
}

TEST(TokenBucket, HoldsWhatFlowsInWithinASecond) {
  for (const std::uint32_t rate : {1U, 2U, 3U, 7U, 10U, 1000U}) {
    TokenBucket bucket;
    EXPECT_EQ(taken(bucket, rate, kStart), static_cast<int>(rate));
  }
}

TEST(TokenBucket, FillsAgainEvenlyAndNeverAboveFull) {
  TokenBucket bucket;
  ASSERT_EQ(taken(bucket, 10, kStart), 10);
  EXPECT_EQ(taken(bucket, 10, kStart + 99ms), 0);
  EXPECT_EQ(taken(bucket, 10, kStart + 100ms), 1);
  EXPECT_EQ(taken(bucket, 10, kStart + 450ms), 3);
  EXPECT_EQ(taken(bucket, 10, kStart + 1'400ms), 10) << "a second later it is full";
  EXPECT_EQ(taken(bucket, 10, kStart + 1h), 10);
}

TEST(TokenBucket, WhatIsRefusedCostsNothing) {
  TokenBucket bucket;
  ASSERT_EQ(taken(bucket, 2, kStart, 1'000), 2);
  EXPECT_EQ(taken(bucket, 2, kStart + 500ms, 1'000), 1);
}

TEST(TokenBucket, NeverRefusesWhoKeepsToTheRate) {
  TokenBucket bucket;
  TimePoint now = kStart;
  for (int i = 0; i < 100'000; ++i, now += 1ms) ASSERT_TRUE(bucket.take(1'000, now)) << i;
}

TEST(TokenBucket, ForgivesAClockThatIsCoarse) {
  TokenBucket bucket;
  ASSERT_TRUE(bucket.take(10, kStart));
  EXPECT_EQ(taken(bucket, 10, kStart - 4ms), 9 - 1) << "the second begins a little earlier";
  EXPECT_EQ(taken(bucket, 10, kStart), 1);
}

// The time that it keeps comes round several times.
TEST(TokenBucket, CountsOnWhereItsTimeComesRound) {
  constexpr std::uint32_t kRate = 1'000'000;
  TokenBucket bucket;
  for (TimePoint now = kStart; now < kStart + 4h; now += 1s) {
    ASSERT_TRUE(bucket.take(kRate, now));
    ASSERT_TRUE(bucket.take(kRate, now + 1us));
  }
}

// In any second no more than twice the rate, and in the long run the rate.
TEST(TokenBucket, BoundsWhatPassesHoweverItComes) {
  std::mt19937_64 dice{1};
  TokenBucket bucket;
  TimePoint now = kStart;
  int passed = 0;
  while (now < kStart + 100s) {
    now += std::chrono::microseconds(dice() % 10'000);
    passed += taken(bucket, 50, now, static_cast<int>(dice() % 4));
  }
  EXPECT_LE(passed, 50 * 101);
  EXPECT_GE(passed, 50 * 99);
}

}  // namespace
}  // namespace wskeep::keepalive
