// Picking the worst connections out of many without copying them all: what a scrape shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "proxy/observe/connection_snapshot.h"
#include "proxy/relay/environment.h"
#include "proxy/relay/session.h"

namespace wskeep::relay {

// Monotonic time as the system clock would have shown it, in nanoseconds since 1970.
std::int64_t wall_clock(TimePoint time);

// How bad a session looks: dead above suspect above slow.
struct Badness {
  bool dead = false;
  bool suspect = false;
  std::int64_t latency = 0;  // the last one, nanoseconds

  auto operator<=>(const Badness&) const = default;
};
Badness badness_of(const Session& session, TimePoint now);
Badness badness_of(const observe::ConnectionSnapshot& snapshot);

observe::ConnectionSnapshot snapshot_of(const Session& session, TimePoint now);

// Keeps the `most` worst of what it is offered, each id once. Offering one that doesn't qualify costs a
// comparison. One thread.
class WorstConnections {
 public:
  explicit WorstConnections(std::size_t most) : most_(most) {}

  void offer(const Session& session, TimePoint now);
  void offer(observe::ConnectionSnapshot snapshot);

  // The worst first; empty afterwards.
  std::vector<observe::ConnectionSnapshot> take();

 private:
  bool qualifies(const Badness& badness) const;

  std::size_t most_;
  std::vector<observe::ConnectionSnapshot> heap_;  // the least bad on top
};

}  // namespace wskeep::relay
