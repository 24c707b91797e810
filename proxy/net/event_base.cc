#include "proxy/net/event_base.h"

#include <new>
#include <stdexcept>

#include "proxy/net/embedded_event.h"

namespace wskeep::net {

EventBase make_event_base() {
  const EventConfig config(event_config_new());
  if (!config) throw std::bad_alloc();
  // One thread uses it; and nobody asks it for the time, which it would read in each turn.
  event_config_set_flag(config.get(), EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_NO_CACHE_TIME);
  constexpr int kUsual = static_cast<int>(EmbeddedEvent::Rank::kUsual);
  (void)event_config_set_max_dispatch_interval(config.get(), nullptr, kUsualAtOnce, kUsual);
  EventBase base(event_base_new_with_config(config.get()));
  // Without a rank of its own an event gets the middle one of these, which is kUsual.
  if (!base || event_base_priority_init(base.get(), kUsual + 1) != 0) {
    throw std::runtime_error("libevent has no event loop to give");
  }
  return base;
}

}  // namespace wskeep::net
