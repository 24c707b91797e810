// Unpredictable bits from the kernel, drawn in bulk so that one costs a few nanoseconds. One thread.
#pragma once

#include <sys/random.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace wskeep::net {

class KernelRandom {
 public:
  std::uint64_t next() noexcept {
    if (next_ == pool_.size()) refill();
    return pool_[next_++];
  }

 private:
  void refill() noexcept {
    // Up to 256 bytes come whole or not at all, and only before the kernel has any entropy not at all.
    if (getrandom(pool_.data(), sizeof pool_, 0) != static_cast<ssize_t>(sizeof pool_)) std::abort();
    next_ = 0;
  }

  std::array<std::uint64_t, 32> pool_{};
  std::size_t next_ = pool_.size();
};

}  // namespace wskeep::net
