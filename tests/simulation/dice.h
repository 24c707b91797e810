// Dice makes every choice of a simulated run from one number, the same on every machine.
//
// SplitMix64: a counter and a mixer, so that seeding is free and neighbouring seeds have nothing in common.
// Standard distributions are avoided, because each library rolls them differently.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "proxy/relay/environment.h"

namespace wskeep::simulation {

using std::chrono::nanoseconds;

class Dice final : public relay::Random {
 public:
  explicit Dice(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t next() noexcept override {
    std::uint64_t mixed = state_ += 0x9E3779B97F4A7C15;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
    return mixed ^ (mixed >> 31);
  }

  std::size_t below(std::size_t bound) noexcept { return static_cast<std::size_t>(next() % bound); }
  bool chance(unsigned percent) noexcept { return below(100) < percent; }

  // Uniform in [least, most].
  std::size_t size(std::size_t least, std::size_t most) noexcept { return least + below(most - least + 1); }
  nanoseconds time(nanoseconds least, nanoseconds most) noexcept {
    return least + nanoseconds(next() % static_cast<std::uint64_t>((most - least).count() + 1));
  }
  // As likely between 1 and 2 as between 1,000 and 2,000, so that small and large both come up. `least` > 0.
  template <class Number>
  Number any_scale(Number least, Number most) noexcept {
    const auto doublings = static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(most / least)));
    const auto up_to = static_cast<std::int64_t>(std::uint64_t{1} << below(doublings + 1));
    const Number top = static_cast<std::int64_t>(most / least) < up_to ? most : least * up_to;
    return least + Number(static_cast<std::int64_t>(
                       next() % static_cast<std::uint64_t>((top - least) / Number(1) + 1)));
  }
  template <class T, std::size_t Size>
  T pick(const std::array<T, Size>& from) noexcept {
    return from[below(Size)];
  }

 private:
  std::uint64_t state_;
};

}  // namespace wskeep::simulation
