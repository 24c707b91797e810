// Backoff says how long to wait before trying again: 50 ms at first, twice as long each time, a second at
// most. Each wait is cut at random by up to half, so that those who failed together don't come back together.
//
// Pure; the caller brings the randomness.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace wskeep::relay {

class Backoff {
 public:
  static constexpr std::chrono::milliseconds kFirst{50};
  static constexpr std::chrono::milliseconds kLongest{1'000};

  // The next wait; `random` is any number.
  std::chrono::microseconds next(std::uint64_t random) noexcept {
    const std::chrono::microseconds whole = next_;
    next_ = std::min(2 * next_, kLongest);
    const auto half = static_cast<std::uint64_t>(whole.count()) / 2;
    return whole - std::chrono::microseconds(random % (half + 1));
  }

 private:
  std::chrono::milliseconds next_ = kFirst;
};

}  // namespace wskeep::relay
