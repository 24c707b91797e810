#include "proxy/keepalive/heartbeat.h"

#include <algorithm>
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
      ledger_(static_cast<std::uint32_t>(random >> 32)) {}

TimePoint Heartbeat::deadline() const noexcept {
  if (!beats()) return kNever;
  const TimePoint ping = std::min(next_beat_, probe_at_);
  return waiting_ ? std::min(ping, waiting_since_ + settings_->pong_timeout) : ping;
}

Heartbeat::Due Heartbeat::poll(TimePoint now, std::uint64_t random) noexcept {
  if (!beats()) return Due::kNothing;
  const TimePoint due = deadline();
  if (now < due) return Due::kNothing;
  if (waiting_ && now - due > settings_->pong_timeout / 2) waiting_since_ = now;
  if (waiting_ && now - waiting_since_ >= settings_->pong_timeout) {
    waiting_ = false;
    was_silent_ = std::exchange(silent_, true);
    return Due::kSilent;
  }
  if (now >= next_beat_) return beat(now, random);
  return now >= probe_at_ ? probe(now, random) : Due::kNothing;
}

Heartbeat::Due Heartbeat::beat(TimePoint now, std::uint64_t random) noexcept {
  const TimePoint due = next_beat_;
  const nanoseconds interval = next_interval(random);
  next_beat_ += interval;
  if (next_beat_ <= now) next_beat_ = now + interval;
  const bool skip = settings_->ping_when == PingWhen::kQuiet && heard_since_beat_;
  heard_since_beat_ = false;
  // A ping that still waits to leave stands for this one too: two at once would ask nothing new.
  if (skip || ping_due_ != kNever || has_unsent()) return Due::kNothing;
  ping_due_ = due;
  return Due::kPing;
}

Heartbeat::Due Heartbeat::probe(TimePoint now, std::uint64_t random) noexcept {
  const TimePoint due = std::exchange(probe_at_, kNever);
  if (!ledger_.awaits_foreign() || ping_due_ != kNever || has_unsent()) return Due::kNothing;
  next_beat_ = now + next_interval(random);
  ping_due_ = due;
  return Due::kPing;
}

nanoseconds Heartbeat::next_interval(std::uint64_t random) const noexcept {
  const nanoseconds whole = settings_->ping_interval;
  if (settings_->jitter_percent == 0) return whole;
  // What is kept is always taken, as lateness must not lengthen an interval.
  const nanoseconds hundredth = whole / 100;
  const int kept = std::min<int>(settings_->jitter_percent, kKeptPercent);
  return whole - hundredth * kept - random_share(hundredth * (settings_->jitter_percent - kept), random);
}

void Heartbeat::ping_sent(std::uint32_t fresh, std::uint64_t end) noexcept {
  ledger_.sent_own(fresh, end);
  own_end_ = end;
}

void Heartbeat::ping_passed_on(std::span<const std::uint8_t> payload, std::uint64_t end, TimePoint now,
                               std::uint64_t random) noexcept {
  if (!beats()) return;
  ledger_.sent_foreign(payload, end);
  foreign_end_ = end;
  next_beat_ = now + next_interval(random);
  heard_since_beat_ = false;
  if (own_end_ == 0) ping_due_ = kNever;
}

std::optional<nanoseconds> Heartbeat::passed(std::uint64_t position, TimePoint now) noexcept {
  const bool own_left = own_end_ != 0 && own_end_ <= position;
  const bool foreign_left = foreign_end_ != 0 && foreign_end_ <= position;
  if (foreign_left) foreign_end_ = 0;
  // Either may have left unknown to the ledger, when that had no room for it.
  const bool any_left = ledger_.passed(position, now) || own_left || foreign_left;
  if (any_left && !waiting_ && !stopped_) {
    waiting_ = true;
    waiting_since_ = now;
  }
  if (!own_left) return std::nullopt;
  own_end_ = 0;
  probe_at_ = kNever;  // its pong will show as much
  const TimePoint due = std::exchange(ping_due_, kNever);
  return due == kNever ? nanoseconds::zero() : now - due;
}

Pong Heartbeat::pong(std::span<const std::uint8_t> payload, TimePoint now) noexcept {
  const Pong pong = ledger_.received(payload, now);
  if (pong.answers) answered_ = true;
  // Our ping was answered and one that we passed on behind it was not, perhaps because of ours; or one of
  // several alike was. The pong of a further ping shows how far the peer has read. A pong that is damaged or
  // comes twice asks for none: so would that ping's, and so on without an end.
  if (pong.doubtful && ledger_.awaits_foreign()) {
    const nanoseconds latency = pong.latency.value_or(nanoseconds::zero());
    probe_at_ = std::min(probe_at_, now + std::max<nanoseconds>(kLeastProbeDelay, 2 * latency));
  }
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
