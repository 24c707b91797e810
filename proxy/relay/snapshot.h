// Picking the worst connections out of many without copying them all: what a scrape shows.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "proxy/observe/connection_snapshot.h"
#include "proxy/relay/environment.h"
#include "proxy/relay/session.h"

namespace wskeep::relay {

// A moment on both clocks, so that what has a monotonic time can be shown as the system clock would have.
struct Moment {
  TimePoint now;
  std::chrono::system_clock::time_point wall;

  // `time` in nanoseconds since 1970.
  std::int64_t wall_clock(TimePoint time) const noexcept;
};

// Makes moments whose clocks stand the same distance apart each time, so that a time is shown alike by every
// scrape. A system clock that was set, or has drifted by a millisecond, is followed.
class Moments {
 public:
  Moment at(TimePoint now, std::chrono::system_clock::time_point wall) noexcept;

 private:
  std::chrono::nanoseconds distance_{0};
};

// How bad a session looks: dead above suspect above slow.
struct Badness {
  bool dead = false;
  bool suspect = false;
  std::int64_t latency = 0;  // the last one, nanoseconds

  auto operator<=>(const Badness&) const = default;
};
Badness badness_of(const Session& session, TimePoint now);
Badness badness_of(const observe::ConnectionSnapshot& snapshot);

observe::ConnectionSnapshot snapshot_of(const Session& session, const Moment& moment);

// Keeps the `most` worst of what it is offered. Offering one that doesn't qualify costs a comparison; one
// that does is copied, and moved no more while others come and go: no call takes longer than a few of these.
// One thread.
class WorstConnections {
 public:
  // `expected` will be offered, about: room for them is taken now.
  WorstConnections(std::size_t most, std::size_t expected);

  void offer(const Session& session, const Moment& moment);
  void offer(observe::ConnectionSnapshot snapshot);
  // All at once, which is cheaper when there are no others.
  void offer(std::vector<observe::ConnectionSnapshot> snapshots);

  // What was kept, in no order; empty afterwards.
  std::vector<observe::ConnectionSnapshot> take();
  // The worst first; empty afterwards. As much work as many offers: not for an event loop.
  std::vector<observe::ConnectionSnapshot> take_sorted();

 private:
  struct Place {
    Badness badness;
    std::size_t index;  // of the snapshot
  };
  static bool worse(const Place& a, const Place& b) noexcept { return a.badness > b.badness; }

  bool qualifies(const Badness& badness) const noexcept;
  void keep(const Badness& badness, observe::ConnectionSnapshot snapshot);

  std::size_t most_;
  std::vector<observe::ConnectionSnapshot> kept_;
  std::vector<Place> places_;  // a heap of these, the least bad on top
};

}  // namespace wskeep::relay
