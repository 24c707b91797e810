#include <gtest/gtest.h>

#include <numeric>

#include "proxy/keepalive/latency_histogram.h"

namespace wskeep::keepalive {
namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

struct Count {
  LatencyHistogram::Buckets buckets{};
  std::uint64_t sum = 0;
};

Count count(const LatencyHistogram& histogram) {
  Count result;
  histogram.add_to(result.buckets, result.sum);
  return result;
}

std::size_t bucket_of(nanoseconds duration) {
  LatencyHistogram histogram;
  histogram.observe(duration);
  const Count counted = count(histogram);
  EXPECT_EQ(std::accumulate(counted.buckets.begin(), counted.buckets.end(), 0U), 1U);
  return static_cast<std::size_t>(std::find(counted.buckets.begin(), counted.buckets.end(), 1U) -
                                  counted.buckets.begin());
}

TEST(LatencyHistogram, HasTheBoundsThatAreDocumented) {
  constexpr double kMilliseconds[] = {0.25, 0.5, 1,    2.5,  5,    10,    25,    50,   100,
                                      250,  500, 1000, 2500, 5000, 10000, 30000, 60000};
  ASSERT_EQ(std::size(kMilliseconds), LatencyHistogram::kBounds.size());
  for (std::size_t i = 0; i < std::size(kMilliseconds); ++i) {
    EXPECT_EQ(static_cast<double>(LatencyHistogram::kBounds[i]), kMilliseconds[i] * 1e6);
  }
}

TEST(LatencyHistogram, BoundsAreInclusive) {
  for (std::size_t i = 0; i < LatencyHistogram::kBounds.size(); ++i) {
    const nanoseconds bound{LatencyHistogram::kBounds[i]};
    EXPECT_EQ(bucket_of(bound - 1ns), i);
    EXPECT_EQ(bucket_of(bound), i);
    EXPECT_EQ(bucket_of(bound + 1ns), i + 1);
  }
}

TEST(LatencyHistogram, TakesAnyDuration) {
  EXPECT_EQ(bucket_of(0ns), 0U);
  EXPECT_EQ(bucket_of(-5s), 0U);
  EXPECT_EQ(bucket_of(24h), LatencyHistogram::kBounds.size());
}

TEST(LatencyHistogram, AddsUp) {
  LatencyHistogram one;
  one.observe(1ms);
  one.observe(2ms);
  one.observe(-1ms);
  LatencyHistogram two;
  two.observe(2ms);
  Count all = count(one);
  two.add_to(all.buckets, all.sum);
  EXPECT_EQ(all.sum, 5'000'000U) << "below zero counts as zero";
  EXPECT_EQ(all.buckets[0], 1U);
  EXPECT_EQ(all.buckets[2], 1U);
  EXPECT_EQ(all.buckets[3], 2U);
}

}  // namespace
}  // namespace wskeep::keepalive
