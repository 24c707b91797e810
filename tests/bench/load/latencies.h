// Latencies keeps every latency of a run in buckets narrow enough for any percentile: each is 1/512 of its
// value wide, up to 137 s. Recording costs about two nanoseconds and never allocates. Not thread-safe.
#pragma once

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace wskeep::bench {

// The buckets of Latencies. A bucket keeps a value's kBits + 1 leading binary digits; small values have one
// each.
namespace buckets {

inline constexpr int kBits = 9;
inline constexpr int kMaxWidth = 37;
inline constexpr std::size_t kCount = std::size_t{kMaxWidth - kBits + 1} << kBits;

constexpr std::size_t index_of(std::uint64_t value) {
  const int left_out = std::max(0, static_cast<int>(std::bit_width(value)) - kBits - 1);
  return (static_cast<std::size_t>(left_out) << kBits) + (value >> left_out);
}

constexpr std::uint64_t middle_of(std::size_t index) {
  if (index < std::size_t{2} << kBits) return index;
  const std::size_t left_out = (index >> kBits) - 1;
  return ((index - (left_out << kBits)) << left_out) + (std::uint64_t{1} << left_out) / 2;
}

static_assert(middle_of(index_of(0)) == 0 && middle_of(index_of(1023)) == 1023);
static_assert(index_of(1024) == index_of(1023) + 1 && index_of(2048) == index_of(2047) + 1);
static_assert(middle_of(index_of(1'000'000)) > 999'000 && middle_of(index_of(1'000'000)) < 1'001'000);
static_assert(index_of((std::uint64_t{1} << kMaxWidth) - 1) == kCount - 1);

}  // namespace buckets

class Latencies {
 public:
  // Below zero counts as zero, beyond the last bucket as in it.
  void record(std::chrono::nanoseconds latency) noexcept {
    const auto value = static_cast<std::uint64_t>(std::clamp(latency.count(), std::int64_t{0}, kLargest));
    ++counts_[buckets::index_of(value)];
    ++total_;
    largest_ = std::max(largest_, value);
  }

  void add(const Latencies& other) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    largest_ = std::max(largest_, other.largest_);
  }

  // The latency that the given share (0 to 1) of all don't exceed, at the middle of its bucket; 0 without
  // any.
  std::chrono::nanoseconds percentile(double share) const noexcept {
    const auto rank = std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(total_))));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= rank) return std::chrono::nanoseconds(std::min(buckets::middle_of(i), largest_));
    }
    return std::chrono::nanoseconds(0);
  }

  std::chrono::nanoseconds max() const noexcept { return std::chrono::nanoseconds(largest_); }

 private:
  static constexpr std::int64_t kLargest = (std::int64_t{1} << buckets::kMaxWidth) - 1;

  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(buckets::kCount);
  std::uint64_t total_ = 0;
  std::uint64_t largest_ = 0;
};

}  // namespace wskeep::bench
