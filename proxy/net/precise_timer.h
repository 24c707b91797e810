// A timer of one event loop, exact to what the kernel can do: a timerfd on the monotonic clock.
//
// libevent's own precise timers (EVENT_BASE_FLAG_PRECISE_TIMER) set a timerfd anew in each turn of the loop,
// one system call for every message that passes; its coarse ones are up to 4 ms late. This one costs a call
// when the time it is set to changes, and none otherwise. Belongs to the thread of its base.
#pragma once

#include <event2/event.h>

#include <chrono>

#include "proxy/net/embedded_event.h"
#include "proxy/net/handles.h"

namespace wskeep::net {

class PreciseTimer {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // Throws std::system_error without a descriptor, std::bad_alloc without memory.
  PreciseTimer(event_base* base, event_callback_fn callback, void* argument);

  // Calls back once at `time`, at once when that is over; what was set before no longer counts.
  void run_at(TimePoint time) noexcept;

 private:
  FileDescriptor descriptor_;
  EmbeddedEvent event_;  // after the descriptor, so that it leaves the loop before that closes
};

}  // namespace wskeep::net
