// Beats watches when one leg is pinged.
//
// Rule "often enough": a peer is pinged at least once per ping_interval, by wskeep or by the other peer,
// unless there is no boundary to do it at or its socket takes nothing; then as soon as there is one.
// Rule "not too often": wskeep pings no sooner than an interval, less its jitter, after the last ping, unless
// it probes: 100 ms after a pong of its own, or of one of several pings alike, at the earliest, while a
// passed-on ping is unanswered.
// Rule "quiet": where `ping_when` says so, a peer that was just heard is not pinged.
// Rule "probe": it does probe, twice the pong's latency (at least 100 ms) after it.
#pragma once

#include "proxy/keepalive/settings.h"
#include "tests/simulation/verdict.h"
#include "tests/simulation/watch.h"

namespace wskeep::simulation {

class Beats {
 public:
  Beats(observe::Leg leg, const keepalive::Settings& settings, nanoseconds inject_hold, TimePoint opened,
        Verdict& verdict);

  void own_left(TimePoint now);
  void foreign_left(TimePoint now);
  void heard(TimePoint now);
  // A pong may cause a probe; and must, by the time that `latency` of that pong gives.
  void probe_allowed(TimePoint now) noexcept;
  void probe_wanted(TimePoint now, nanoseconds latency);
  // The loop sleeps until then.
  void wakes_at(TimePoint woke) noexcept { woke_ = woke; }
  // After each turn of the loop.
  void check(const LegView& leg, bool awaits_foreign);

 private:
  void check_gap(const LegView& leg);
  void check_probe(const LegView& leg, bool awaits_foreign);
  nanoseconds shortest() const noexcept;
  std::string name() const { return "the " + std::string(to_string(leg_)); }

  struct Probe {
    TimePoint wanted;
    nanoseconds delay;
  };
  observe::Leg leg_;
  const keepalive::Settings& settings_;
  nanoseconds inject_hold_;
  Verdict& verdict_;
  TimePoint opened_;
  TimePoint last_;                      // ping of any kind
  std::optional<TimePoint> undelayed_;  // the last ping, if it has not waited for anything
  std::optional<TimePoint> own_;        // the last of wskeep's
  std::optional<TimePoint> own_before_;
  TimePoint last_heard_{};
  TimePoint heard_before_{};  // not in the same instant as last_heard_
  std::optional<TimePoint> probe_allowed_;
  std::optional<Probe> probe_;
  TimePoint free_since_ = TimePoint::max();
  TimePoint woke_{};
};

}  // namespace wskeep::simulation
