#include "proxy/keepalive/lifetime.h"

#include <algorithm>

#include "proxy/keepalive/random_share.h"

namespace wskeep::keepalive {

Lifetime::Lifetime(const LifetimeSettings& settings, TimePoint start, std::uint64_t random) noexcept
    : expires_(TimePoint::max()), idle_timeout_(settings.idle_timeout), last_data_(start), excused_(start) {
  const nanoseconds max_age = settings.max_age;
  if (max_age == nanoseconds::zero()) return;
  expires_ = start + max_age - random_share(max_age * settings.max_age_jitter_percent / 100, random);
}

void Lifetime::stop() noexcept {
  expires_ = TimePoint::max();
  idle_timeout_ = nanoseconds::zero();
}

TimePoint Lifetime::idle_at() const noexcept {
  if (idle_timeout_ == nanoseconds::zero()) return TimePoint::max();
  return std::max(last_data_, excused_) + idle_timeout_;
}

TimePoint Lifetime::deadline() const noexcept {
  return std::min(expires_, idle_at());
}

Lifetime::Due Lifetime::due(TimePoint now) const noexcept {
  if (now >= expires_) return Due::kMaxAge;
  return now >= idle_at() ? Due::kIdle : Due::kNothing;
}

}  // namespace wskeep::keepalive
