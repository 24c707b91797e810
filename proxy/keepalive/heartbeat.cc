#include "proxy/keepalive/heartbeat.h"

#include <algorithm>
#include <new>
#include <utility>

#include "proxy/keepalive/random_share.h"

namespace wskeep::keepalive {
namespace {

// A runtime that answers only the first of two pings has had time for the second.
constexpr std::chrono::milliseconds kLeastProbeDelay{100};
// So much of the jitter is for our own lateness.
constexpr int kKeptPercent = 2;

}  // namespace

Heartbeat::Heartbeat(const Settings& settings, TimePoint now, std::uint64_t random) noexcept
    : settings_(&settings),
      next_beat_(now + random_share(settings.ping_interval, random)),
      mark_(static_cast<std::uint32_t>(random >> 32)) {}

TimePoint Heartbeat::deadline() const noexcept {
  if (!beats()) return kNever;
  if (!pending_) return next_beat_;
  const TimePoint ping = std::min(next_beat_, pending_->probe_at);
  return pending_->waiting ? std::min(ping, pending_->waiting_since + settings_->pong_timeout) : ping;
}

Heartbeat::Due Heartbeat::poll(TimePoint now, std::uint64_t random) noexcept {
  if (!beats()) return Due::kNothing;
  const TimePoint due = deadline();
  if (now < due) return Due::kNothing;
  if (waiting() && now - due > settings_->pong_timeout / 2) pending_->waiting_since = now;
  if (waiting() && now - pending_->waiting_since >= settings_->pong_timeout) {
    pending_->waiting = false;
    pending_->was_silent = silent_;
    silent_ = true;
    return Due::kSilent;
  }
  if (now >= next_beat_) return beat(now, random);
  return now >= pending_->probe_at ? probe(now, random) : Due::kNothing;
}

Heartbeat::Due Heartbeat::beat(TimePoint now, std::uint64_t random) noexcept {
  const TimePoint due = next_beat_;
  const nanoseconds interval = next_interval(random);
  next_beat_ += interval;
  if (next_beat_ <= now) next_beat_ = now + interval;
  const bool skip = settings_->ping_when == PingWhen::kQuiet && heard_since_beat_;
  heard_since_beat_ = false;
  // A ping that still waits to leave stands for this one too: two at once would ask nothing new.
  if (skip || !make_pending() || pending_->ping_due != kNever || has_unsent()) return Due::kNothing;
  pending_->ping_due = due;
  return Due::kPing;
}

Heartbeat::Due Heartbeat::probe(TimePoint now, std::uint64_t random) noexcept {
  Pending& pending = *pending_;
  const TimePoint due = std::exchange(pending.probe_at, kNever);
  if (!pending.ledger.awaits_foreign() || pending.ping_due != kNever || has_unsent()) return Due::kNothing;
  next_beat_ = now + next_interval(random);
  pending.ping_due = due;
  return Due::kPing;
}

bool Heartbeat::make_pending() noexcept {
  if (!pending_) pending_.reset(new (std::nothrow) Pending(mark_));
  return pending_ != nullptr;
}

void Heartbeat::free_settled() noexcept {
  if (pending_ && pending_->settled()) pending_.reset();
}

nanoseconds Heartbeat::next_interval(std::uint64_t random) const noexcept {
  const nanoseconds whole = settings_->ping_interval;
  if (settings_->jitter_percent == 0) return whole;
  // What is kept is always taken, as lateness must not lengthen an interval.
  const nanoseconds hundredth = whole / 100;
  const int kept = std::min<int>(settings_->jitter_percent, kKeptPercent);
  return whole - hundredth * kept - random_share(hundredth * (settings_->jitter_percent - kept), random);
}

void Heartbeat::Pending::note_place(Place place) noexcept {
  const bool first = !waiting && !has_unsent();
  only_pings = first || (only_pings && place.begin == last_end);
  last_end = place.end;
  if (first) first_end = place.end;
}

void Heartbeat::ping_sent(std::uint32_t fresh, Place place) noexcept {
  if (!make_pending()) return;
  pending_->note_place(place);
  pending_->ledger.sent_own(fresh, place.end);
  pending_->own_end = place.end;
}

void Heartbeat::ping_passed_on(std::span<const std::uint8_t> payload, Place place, TimePoint now,
                               std::uint64_t random) noexcept {
  if (!beats()) return;
  next_beat_ = now + next_interval(random);
  heard_since_beat_ = false;
  if (!make_pending()) return;
  pending_->note_place(place);
  pending_->ledger.sent_foreign(payload, place.end);
  pending_->foreign_end = place.end;
  if (pending_->own_end == 0) pending_->ping_due = kNever;
}

std::optional<std::uint64_t> Heartbeat::first_end_before_pings(std::uint64_t end) const noexcept {
  if (!pending_ || !pending_->only_pings || pending_->last_end != end) return std::nullopt;
  return pending_->first_end;
}

std::optional<nanoseconds> Heartbeat::passed(std::uint64_t position, TimePoint now) noexcept {
  if (!pending_) return std::nullopt;
  Pending& pending = *pending_;
  const bool own_left = pending.own_end != 0 && pending.own_end <= position;
  const bool foreign_left = pending.foreign_end != 0 && pending.foreign_end <= position;
  if (foreign_left) pending.foreign_end = 0;
  // Either may have left unknown to the ledger, when that had no room for it.
  const bool any_left = pending.ledger.passed(position, now) || own_left || foreign_left;
  if (any_left && !pending.waiting && !stopped_) {
    pending.waiting = true;
    pending.waiting_since = now;
  }
  if (!own_left) return std::nullopt;
  pending.own_end = 0;
  pending.probe_at = kNever;  // its pong will show as much
  const TimePoint due = std::exchange(pending.ping_due, kNever);
  return due == kNever ? nanoseconds::zero() : now - due;
}

std::uint32_t Heartbeat::take_missed(TimePoint now) noexcept {
  if (!pending_) return 0;
  const std::uint32_t missed = pending_->ledger.give_up(now, settings_->pong_timeout);
  free_settled();
  return missed;
}

Pong Heartbeat::pong(std::span<const std::uint8_t> payload, TimePoint now) noexcept {
  // A ledger that remembers nothing still knows our late pongs.
  const Pong pong =
      pending_ ? pending_->ledger.received(payload, now) : PongLedger(mark_).received(payload, now);
  if (pong.answers) answered_ = true;
  // Our ping was answered and one that we passed on behind it was not, perhaps because of ours; or one of
  // several alike was. The pong of a further ping shows how far the peer has read. A pong that is damaged or
  // comes twice asks for none: so would that ping's, and so on without an end.
  if (pong.doubtful && pending_->ledger.awaits_foreign()) {
    const nanoseconds latency = pong.latency.value_or(nanoseconds::zero());
    pending_->probe_at =
        std::min(pending_->probe_at, now + std::max<nanoseconds>(kLeastProbeDelay, 2 * latency));
  }
  free_settled();
  return pong;
}

bool Heartbeat::may_end() const noexcept {
  switch (settings_->policy) {
    case Policy::kOff:
    case Policy::kKeepalive: return false;
    case Policy::kAuto: return answered_;
    case Policy::kStrict: return true;
  }
  return false;
}

}  // namespace wskeep::keepalive
