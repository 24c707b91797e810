// PingBook judges how regular the server's pings are, by the times at which the kernel got them.
//
// It needs each session's every ping, in order; what came before `begin` only counts as the start of a gap.
// One thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace wskeep::bench {

class PingBook {
 public:
  using TimePoint = std::chrono::system_clock::time_point;  // the kernel's stamps are of its real time
  using milliseconds = std::chrono::duration<double, std::milli>;
  static constexpr std::chrono::milliseconds kTick{10};

  // The mean gap is that of each session's first `beats` gaps. (Of all in a given time the short ones would
  // be more, for it is the long ones that its end cuts.)
  PingBook(std::size_t sessions, std::uint32_t beats) : sessions_(sessions), beats_(beats) {}

  void begin(TimePoint now, std::chrono::nanoseconds time) {
    begin_ = now;
    pings_ = 0;
    complete_ = 0;
    complete_time_ = longest_gap_ = {};
    ticks_.assign(static_cast<std::size_t>(time / kTick), 0);
  }

  void ping(std::size_t session, TimePoint came) {
    Session& its = sessions_[session];
    const TimePoint last = std::exchange(its.last, came);
    if (came < begin_) return;
    ++pings_;
    if (const auto tick = static_cast<std::size_t>((came - begin_) / kTick); tick < ticks_.size())
      ++ticks_[tick];
    if (last != TimePoint{}) longest_gap_ = std::max<milliseconds>(longest_gap_, came - last);
    if (last < begin_) {
      its.first = came;
      its.gaps = 0;
    } else if (++its.gaps == beats_) {
      ++complete_;
      complete_time_ += came - its.first;
    }
  }

  std::uint64_t pings() const { return pings_; }
  // Sessions that had their `beats` gaps.
  std::size_t complete() const { return complete_; }
  milliseconds longest_gap() const { return longest_gap_; }
  // Of how many gaps, and it.
  std::uint64_t mean_of() const { return std::uint64_t{complete_} * beats_; }
  milliseconds mean_gap() const {
    return complete_time_ / static_cast<double>(std::max<std::uint64_t>(mean_of(), 1));
  }
  // Pings in the fullest tick, and in one on average.
  std::uint32_t largest_tick() const { return ticks_.empty() ? 0 : std::ranges::max(ticks_); }
  double mean_tick() const {
    const auto sum = std::accumulate(ticks_.begin(), ticks_.end(), std::uint64_t{0});
    return ticks_.empty() ? 0 : static_cast<double>(sum) / static_cast<double>(ticks_.size());
  }

 private:
  struct Session {
    TimePoint last;
    TimePoint first;         // since begin_
    std::uint32_t gaps = 0;  // since `first`
  };

  std::vector<Session> sessions_;
  std::uint32_t beats_;
  TimePoint begin_ = TimePoint::max();
  std::uint64_t pings_ = 0;
  std::size_t complete_ = 0;
  milliseconds complete_time_{0};
  milliseconds longest_gap_{0};
  std::vector<std::uint32_t> ticks_;
};

}  // namespace wskeep::bench
