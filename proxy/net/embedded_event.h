// One libevent event inside its owner: no allocation of its own, removed from the loop on destruction.
// Not movable, since libevent keeps its address. Belongs to the thread of its base.
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>

#include <chrono>

namespace wskeep::net {

class EmbeddedEvent {
 public:
  // What goes first when several events are ready, in a loop that knows ranks (make_event_base).
  enum class Rank { kFirst, kUsual };

  EmbeddedEvent() noexcept = default;
  EmbeddedEvent(const EmbeddedEvent&) = delete;
  EmbeddedEvent& operator=(const EmbeddedEvent&) = delete;
  ~EmbeddedEvent() { remove(); }

  // Watches a descriptor until removed. `what` is as for event_new; false when libevent has no memory or the
  // kernel refuses.
  [[nodiscard]] bool watch(event_base* base, int descriptor, short what, event_callback_fn callback,
                           void* argument, Rank rank = Rank::kUsual) noexcept {
    remove();
    if (event_assign(&event_, base, descriptor, what, callback, argument) != 0) return false;
    if (rank == Rank::kFirst && event_priority_set(&event_, static_cast<int>(rank)) != 0) return false;
    return event_add(&event_, nullptr) == 0;
  }

  // Makes this a timer, not yet running.
  void make_timer(event_base* base, event_callback_fn callback, void* argument) noexcept {
    remove();
    (void)evtimer_assign(&event_, base, callback, argument);
  }
  // Runs the timer once, `after` from now or a little earlier, for libevent counts from when its loop last
  // looked at the clock; below zero is zero. A running timer is moved.
  void run_after(std::chrono::nanoseconds after) noexcept {
    const auto us = after.count() < 0 ? 0 : (after.count() + 999) / 1000;
    const timeval time{.tv_sec = us / 1'000'000, .tv_usec = us % 1'000'000};
    (void)event_add(&event_, &time);
  }

  // Stops and starts a watch without forgetting what it is for.
  void pause() noexcept { (void)event_del(&event_); }
  void resume() noexcept { (void)event_add(&event_, nullptr); }

  void remove() noexcept {
    if (event_initialized(&event_) != 0) (void)event_del(&event_);
  }

 private:
  event event_{};
};

}  // namespace wskeep::net
