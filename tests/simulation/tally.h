// Tally counts what it sees pass, and holds wskeep's counters against it.
//
// Rule "counters": every counter of the session is the number of things that were seen, and every gauge is
// back at zero when the session is gone. Where bytes were lost with a connection, what wskeep has counted may
// be more than what got out; never less.
#pragma once

#include "proxy/observe/counters.h"
#include "tests/simulation/frame_cutter.h"
#include "tests/simulation/verdict.h"

namespace wskeep::simulation {

class Tally {
 public:
  struct Seen {
    std::uint64_t bytes = 0;                 // read
    std::array<std::uint64_t, 16> frames{};  // read, by opcode
    std::uint64_t own_pings = 0;
    std::uint64_t foreign_pings = 0;
    std::uint64_t answers = 0;  // to its pings, by wskeep
    std::uint64_t pongs = 0;    // of its
    std::uint64_t passed = 0;   // of these went on to the other peer
    std::uint64_t surely_matched = 0;
    std::uint64_t maybe_matched = 0;
    bool unsure = false;       // which of its pongs were its own and which wskeep's in its place
    std::uint64_t repaid = 0;  // in its place
  };

  Seen& of(observe::Leg leg) noexcept { return seen_[static_cast<std::size_t>(leg)]; }
  // `intact`: all that was put into the streams got out; `cut_short`: some that was read was dropped.
  void check(const observe::WorkerCounters& counters, bool intact, bool cut_short, Verdict& verdict);

 private:
  void check_leg(const observe::WorkerCounters& counters, observe::Leg leg, bool intact, bool cut_short,
                 Verdict& verdict);

  std::array<Seen, observe::kLegs> seen_;
};

}  // namespace wskeep::simulation
