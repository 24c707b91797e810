// Histogram of durations with the fixed buckets that every latency metric of wskeep has.
//
// One thread observes, any thread reads: plain relaxed atomics, no lock and no read-modify-write, so an
// observation costs a few nanoseconds and a reader may see the last one half counted (the sum a moment
// before the bucket), which a scrape can't tell. Durations are counted whole, in nanoseconds.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace wskeep::keepalive {

class LatencyHistogram {
 public:
  // Upper bounds in nanoseconds, inclusive; one more bucket counts what lies above the last.
  static constexpr std::array<std::int64_t, 17> kBounds = {
      250'000,       500'000,       1'000'000,      2'500'000,      5'000'000,      10'000'000,
      25'000'000,    50'000'000,    100'000'000,    250'000'000,    500'000'000,    1'000'000'000,
      2'500'000'000, 5'000'000'000, 10'000'000'000, 30'000'000'000, 60'000'000'000,
  };

  // Counts one duration; below zero counts as zero. Only from the owning thread.
  void observe(std::chrono::nanoseconds duration) noexcept {
    const std::uint64_t value = duration.count() < 0 ? 0 : static_cast<std::uint64_t>(duration.count());
    bump(buckets_[bucket_of(value)], 1);
    bump(sum_, value);
  }

  // Adds what has been counted so far into `buckets` (not cumulative) and `sum_nanoseconds`. From any thread.
  using Buckets = std::array<std::uint64_t, kBounds.size() + 1>;
  void add_to(Buckets& buckets, std::uint64_t& sum_nanoseconds) const noexcept {
    for (std::size_t i = 0; i < buckets.size(); ++i)
      buckets[i] += buckets_[i].load(std::memory_order_relaxed);
    sum_nanoseconds += sum_.load(std::memory_order_relaxed);
  }

 private:
  static constexpr std::size_t width_of(std::uint64_t value) noexcept {
    return static_cast<std::size_t>(std::bit_width(value));
  }

  // For each width in bits, how many bounds are narrower: those that a value of that width is above for sure.
  static constexpr std::array<std::uint8_t, 65> narrower_bounds() noexcept {
    std::array<std::uint8_t, 65> narrower{};
    for (std::size_t width = 0; width < narrower.size(); ++width) {
      for (const std::uint64_t bound : kBounds) {
        if (width_of(bound) < width) ++narrower[width];
      }
    }
    return narrower;
  }

  // One look and one comparison, where a comparison with each bound takes four times as long.
  static constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
    static_assert(std::ranges::adjacent_find(kBounds, std::equal_to{}, width_of) == kBounds.end(),
                  "bounds of one width would need more than one comparison");
    constexpr std::array kNarrower = narrower_bounds();
    const std::size_t bound = kNarrower[width_of(value)];
    if (bound == kBounds.size()) return bound;
    return bound + (value > static_cast<std::uint64_t>(kBounds[bound]) ? 1 : 0);
  }

  static void bump(std::atomic<std::uint64_t>& cell, std::uint64_t by) noexcept {
    cell.store(cell.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }

  std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> buckets_{};
  std::atomic<std::uint64_t> sum_{0};
};

}  // namespace wskeep::keepalive
