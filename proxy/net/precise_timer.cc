#include "proxy/net/precise_timer.h"

#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>

namespace wskeep::net {

PreciseTimer::PreciseTimer(event_base* base, event_callback_fn callback, void* argument)
    : descriptor_(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  if (!descriptor_) throw std::system_error(errno, std::generic_category(), "timerfd_create");
  // Edge-triggered, it need never be read: each setting makes a new edge.
  constexpr short kWatched = EV_READ | EV_ET | EV_PERSIST;
  constexpr auto kRank = EmbeddedEvent::Rank::kFirst;
  if (!event_.watch(base, descriptor_.get(), kWatched, callback, argument, kRank)) throw std::bad_alloc();
}

void PreciseTimer::run_at(TimePoint time) noexcept {
  using std::chrono::nanoseconds;
  // A time of zero would disarm it.
  const nanoseconds since_boot = std::max(nanoseconds(time.time_since_epoch()), nanoseconds(1));
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
  itimerspec setting{};
  setting.it_value = {.tv_sec = seconds.count(), .tv_nsec = (since_boot - seconds).count()};
  (void)timerfd_settime(descriptor_.get(), TFD_TIMER_ABSTIME, &setting, nullptr);
}

}  // namespace wskeep::net
