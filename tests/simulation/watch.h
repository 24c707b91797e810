// What the watchers of one leg may look at: a moment of it, seen from outside the heartbeat.
#pragma once

#include <cstddef>
#include <optional>

#include "proxy/net/transport.h"
#include "proxy/observe/words.h"
#include "tests/simulation/loop.h"
#include "tests/simulation/timeline.h"

namespace wskeep::simulation {

struct LegView {
  TimePoint now;
  bool open = false;                 // the session is: frames of ours may still go out
  bool readable = false;             // wskeep reads this peer: it is not held back for the other one's sake
  bool at_message_boundary = false;  // the stream toward this peer
  bool at_frame_boundary = false;
  bool broken = false;      // the connection is
  std::size_t waiting = 0;  // bytes that its socket has refused
  std::size_t unread = 0;   // bytes that have reached wskeep's socket
  std::optional<net::SendProgress> progress;
  TimePoint unanswered_since;  // as the kernel counts its retries

  // A frame of ours could leave this moment.
  bool free() const noexcept { return open && at_message_boundary && waiting == 0; }
};

}  // namespace wskeep::simulation
