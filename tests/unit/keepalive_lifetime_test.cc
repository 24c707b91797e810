#include <gtest/gtest.h>

#include "proxy/keepalive/lifetime.h"

namespace wskeep::keepalive {
namespace {

using namespace std::chrono_literals;
using Due = Lifetime::Due;

constexpr TimePoint kStart{1'000'000s};
constexpr std::uint64_t kWhole = 0;              // the random number that shortens nothing
constexpr std::uint64_t kShortest = 0xFFFFFFFF;  // the one that shortens most

TEST(Lifetime, IsEndlessByDefault) {
  const Lifetime life({}, kStart, kShortest);
  EXPECT_EQ(life.deadline(), TimePoint::max());
  EXPECT_EQ(life.due(kStart + 10'000h), Due::kNothing);
  EXPECT_EQ(life.last_data(), kStart);
}

TEST(Lifetime, IdleCountsFromTheStartAndThenFromTheLastData) {
  Lifetime life({.idle_timeout = 10s}, kStart, kWhole);
  EXPECT_EQ(life.deadline(), kStart + 10s);
  life.data_came(kStart + 7s);
  EXPECT_EQ(life.last_data(), kStart + 7s);
  EXPECT_EQ(life.deadline(), kStart + 17s);
  EXPECT_EQ(life.due(kStart + 17s - 1ns), Due::kNothing);
  EXPECT_EQ(life.due(kStart + 17s), Due::kIdle);
  life.data_came(kStart + 17s);
  EXPECT_EQ(life.due(kStart + 17s), Due::kNothing);
}

TEST(Lifetime, AnExcuseIsNoData) {
  Lifetime life({.idle_timeout = 10s}, kStart, kWhole);
  life.data_came(kStart + 1s);
  life.excuse(kStart + 11s);
  EXPECT_EQ(life.last_data(), kStart + 1s);
  EXPECT_EQ(life.due(kStart + 21s - 1ns), Due::kNothing);
  EXPECT_EQ(life.due(kStart + 21s), Due::kIdle);
}

TEST(Lifetime, MaxAgeIsShortenedByItsJitterOnly) {
  struct Row {
    std::uint8_t jitter;
    std::uint64_t random;
    nanoseconds least, most;  // of the age reached
  };
  for (const Row row : {Row{0, kShortest, 100h, 100h}, Row{10, kWhole, 100h, 100h},
                        Row{10, kShortest, 90h, 90h + 1s}, Row{90, kShortest, 10h, 10h + 1s},
                        Row{50, 0x80000000, 75h, 75h}, Row{10, ~0xFFFFFFFFULL, 100h, 100h}}) {
    const Lifetime life({.max_age = 100h, .max_age_jitter_percent = row.jitter}, kStart, row.random);
    EXPECT_GE(life.deadline() - kStart, row.least);
    EXPECT_LE(life.deadline() - kStart, row.most);
    EXPECT_EQ(life.due(life.deadline() - 1ns), Due::kNothing);
    EXPECT_EQ(life.due(life.deadline()), Due::kMaxAge);
  }
}

TEST(Lifetime, TheLongestAgesDoNotOverflow) {
  const LifetimeSettings longest{.idle_timeout = 24h, .max_age = 720h, .max_age_jitter_percent = 90};
  EXPECT_EQ(Lifetime(longest, kStart, kShortest).deadline(), kStart + 24h);
  Lifetime busy(longest, kStart, kShortest);
  busy.data_came(kStart + 700h);
  EXPECT_GE(busy.deadline(), kStart + 72h);
  EXPECT_LT(busy.deadline(), kStart + 72h + 1s);
}

TEST(Lifetime, DataDoNotMakeItYounger) {
  Lifetime life({.idle_timeout = 10s, .max_age = 1min}, kStart, kWhole);
  EXPECT_EQ(life.deadline(), kStart + 10s);
  life.data_came(kStart + 55s);
  EXPECT_EQ(life.deadline(), kStart + 1min);
  EXPECT_EQ(life.due(kStart + 1min), Due::kMaxAge);
  EXPECT_EQ(life.due(kStart + 2min), Due::kMaxAge) << "both are due, and age is the older reason";
}

TEST(Lifetime, NothingIsDueOnceItIsStopped) {
  Lifetime life({.idle_timeout = 10s, .max_age = 1min}, kStart, kWhole);
  life.stop();
  EXPECT_EQ(life.deadline(), TimePoint::max());
  EXPECT_EQ(life.due(kStart + 1h), Due::kNothing);
  life.data_came(kStart + 1h);
  EXPECT_EQ(life.last_data(), kStart + 1h) << "which is still told";
}

}  // namespace
}  // namespace wskeep::keepalive
