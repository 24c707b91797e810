// The event loop of one worker thread.
//
// It is built for many descriptors of equal rank and one timer that must not wait for them: when thousands
// have become ready together, the loop still looks for first-rank events (EmbeddedEvent::Rank) after every
// few callbacks. One look is one system call. Used from one thread only, without locks; event_base_loopbreak
// from another thread goes unseen.
#pragma once

#include "proxy/net/handles.h"

namespace wskeep::net {

// Callbacks of usual rank between two looks for those of first rank.
inline constexpr int kUsualAtOnce = 64;

// Throws std::bad_alloc without memory, std::runtime_error when libevent has no such loop to give.
[[nodiscard]] EventBase make_event_base();

}  // namespace wskeep::net
