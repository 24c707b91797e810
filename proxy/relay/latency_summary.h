// Latencies over the life of a session, as exact as a float.
#pragma once

#include <algorithm>
#include <cstdint>

#include "proxy/keepalive/pong_ledger.h"

namespace wskeep::relay {

class LatencySummary {
 public:
  void add(keepalive::nanoseconds latency) noexcept {
    last_ = static_cast<float>(latency.count());
    least_ = count_ == 0 ? last_ : std::min(least_, last_);
    most_ = std::max(most_, last_);
    sum_ += latency;
    ++count_;
  }

  std::uint32_t count() const noexcept { return count_; }
  // Zero while the count is.
  keepalive::nanoseconds mean() const noexcept { return count_ == 0 ? sum_ : sum_ / count_; }
  keepalive::nanoseconds least() const noexcept { return exact(least_); }
  keepalive::nanoseconds most() const noexcept { return exact(most_); }
  keepalive::nanoseconds last() const noexcept { return exact(last_); }

 private:
  static keepalive::nanoseconds exact(float nanoseconds) noexcept {
    return keepalive::nanoseconds(static_cast<std::int64_t>(nanoseconds));
  }

  keepalive::nanoseconds sum_{0};
  std::uint32_t count_ = 0;
  float least_ = 0;
  float most_ = 0;
  float last_ = 0;
};

}  // namespace wskeep::relay
