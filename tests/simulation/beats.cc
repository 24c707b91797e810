#include "tests/simulation/beats.h"

#include <utility>

namespace wskeep::simulation {

using namespace std::chrono_literals;
using keepalive::PingWhen;
using keepalive::Policy;

namespace {

constexpr std::string_view kOftenEnough = "often enough: a ping at least once per ping_interval";
constexpr std::string_view kNotTooOften = "not too often: no ping without an interval or a probe to cause it";
constexpr std::string_view kQuiet = "quiet: who was just heard is not pinged";
constexpr std::string_view kProbe = "probe: whether a passed-on ping was read past is asked in time";
constexpr nanoseconds kLate = 2 * Loop::kLateness;

}  // namespace

Beats::Beats(observe::Leg leg, const keepalive::Settings& settings, nanoseconds inject_hold, TimePoint opened,
             Verdict& verdict)
    : leg_(leg),
      settings_(settings),
      inject_hold_(inject_hold),
      verdict_(verdict),
      opened_(opened),
      last_(opened),
      last_heard_(opened),
      heard_before_(opened) {}

nanoseconds Beats::shortest() const noexcept {
  const nanoseconds whole = settings_.ping_interval;
  return whole - whole * settings_.jitter_percent / 100 - kLate;
}

void Beats::heard(TimePoint now) {
  if (now != last_heard_) heard_before_ = std::exchange(last_heard_, now);
}

void Beats::own_left(TimePoint now) {
  verdict_.require(settings_.policy != Policy::kOff, kNotTooOften, "policy off, and yet a ping to " + name());
  const bool probes = probe_allowed_ && now - *probe_allowed_ >= 100ms;
  const bool undelayed = free_since_ < now && woke_ != now;
  const auto too_soon = [&](const std::optional<TimePoint>& since) {
    return since && *since > woke_ && !probes && now - *since < shortest();
  };
  if (too_soon(own_before_) || (undelayed && too_soon(undelayed_))) {
    verdict_.broken(kNotTooOften,
                    "a ping to " + name() + " only " + seconds(now - last_) + " after the last");
  }
  const TimePoint heard = last_heard_ == now ? heard_before_ : last_heard_;
  if (settings_.ping_when == PingWhen::kQuiet && undelayed && !probes &&
      now - std::max(opened_, woke_) >= shortest() && heard > opened_ && now - heard < shortest()) {
    verdict_.broken(kQuiet, name() + " was heard " + seconds(now - heard) + " before its ping");
  }
  probe_.reset();
  probe_allowed_.reset();
  own_before_ = std::exchange(own_, now);
  last_ = now;
  undelayed_.reset();
  if (undelayed) undelayed_ = now;
}

void Beats::foreign_left(TimePoint now) {
  last_ = now;
  undelayed_.reset();
  if (free_since_ < now && woke_ != now) undelayed_ = now;
}

void Beats::probe_allowed(TimePoint now) noexcept {
  if (!probe_allowed_) probe_allowed_ = now;
}

void Beats::probe_wanted(TimePoint now, nanoseconds latency) {
  if (!probe_) probe_ = Probe{now, std::max<nanoseconds>(100ms, 2 * latency)};
}

void Beats::check(const LegView& leg, bool awaits_foreign) {
  if (!leg.free()) {
    free_since_ = TimePoint::max();
  } else if (free_since_ == TimePoint::max()) {
    free_since_ = leg.now;
  }
  if (!leg.open || settings_.policy == Policy::kOff) return;
  check_gap(leg);
  check_probe(leg, awaits_foreign);
}

void Beats::check_gap(const LegView& leg) {
  if (!leg.at_frame_boundary || leg.waiting != 0) return;
  nanoseconds longest = settings_.ping_interval;
  TimePoint since = last_;
  if (settings_.ping_when == PingWhen::kQuiet) {
    longest *= 2;  // the beat behind what was heard is skipped, the one after it is not
    since = std::max({since, last_heard_, woke_ - settings_.ping_interval});
  }
  if (!leg.at_message_boundary) {  // it has waited for one since it was due, or found to be
    longest += inject_hold_ + kLate;
    if (leg.now - woke_ < inject_hold_ + kLate) return;
  }
  if (leg.now - since > longest) {
    verdict_.broken(kOftenEnough,
                    name() + " could have been pinged, and was not for " + seconds(leg.now - since));
  }
}

void Beats::check_probe(const LegView& leg, bool awaits_foreign) {
  if (!awaits_foreign) probe_.reset();
  if (!probe_ || free_since_ >= probe_->wanted) return;
  const TimePoint due = std::max(probe_->wanted + probe_->delay, woke_);
  if (leg.now > due + kLate) {
    verdict_.broken(kProbe, name() + " has a passed-on ping unanswered, and no probe came");
  }
}

}  // namespace wskeep::simulation
