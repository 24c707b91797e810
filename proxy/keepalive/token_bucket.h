// TokenBucket says whether something comes more often than so many times a second.
//
// It holds as many tokens as flow in within a second, so that what was delayed on its way and comes together
// is forgiven to that extent. Pure: time is an argument, and so is the rate, which its owner keeps once for
// many.
//
// There is one for each of very many sessions, so it is four bytes: when it will be full again, in tokens
// since the clock began, of which the upper bits are left out. That comes round after two hundred years at
// one a second, and an hour at a million; who comes after just that time finds tokens missing that he had
// used then, and none at all with a chance of one in four billion. No allocation. Not thread-safe.
#pragma once

#include <cstdint>

#include "proxy/keepalive/pong_ledger.h"

namespace wskeep::keepalive {

class TokenBucket {
 public:
  // Takes a token; false, and nothing has changed, when there is none. `per_second` is 1 to 1,000,000 and the
  // same with every call; `now` doesn't go back by more than its clock is coarse.
  [[nodiscard]] bool take(std::uint32_t per_second, TimePoint now) noexcept {
    const std::uint32_t time = tokens_at(per_second, now);
    std::uint32_t missing = full_at_ - time;
    if (missing > per_second) missing = 0;  // it was full long ago
    if (missing == per_second) return false;
    full_at_ = time + missing + 1;
    return true;
  }

 private:
  // How many have flowed since the clock began, modulo 2^32.
  static std::uint32_t tokens_at(std::uint32_t per_second, TimePoint now) noexcept {
    constexpr std::uint64_t kSecond = nanoseconds(std::chrono::seconds(1)).count();
    const auto since = static_cast<std::uint64_t>(now.time_since_epoch().count());
    return static_cast<std::uint32_t>(since / kSecond * per_second + since % kSecond * per_second / kSecond);
  }

  std::uint32_t full_at_ = 0;
};

}  // namespace wskeep::keepalive
