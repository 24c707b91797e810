#include "proxy/keepalive/heartbeat.h"

#include <algorithm>

namespace wskeep::keepalive {
namespace {

// A share of `span`, uniform in [0, span): 32 random bits resolve 24 h to 20 us.
nanoseconds random_share(nanoseconds span, std::uint64_t random) {
  const auto bits = static_cast<std::uint32_t>(random);
  return nanoseconds{static_cast<std::int64_t>(static_cast<double>(span.count()) * (bits * 0x1p-32))};
}

}  // namespace

Heartbeat::Heartbeat(const Settings& settings, TimePoint now, std::uint64_t random) noexcept
    : settings_(&settings),
      next_beat_(now + random_share(settings.ping_interval, random)),
      ledger_(static_cast<std::uint32_t>(random >> 32)) {}

TimePoint Heartbeat::deadline() const noexcept {
  if (!beats()) return TimePoint::max();
  return waiting_ ? std::min(next_beat_, waiting_since_ + settings_->pong_timeout) : next_beat_;
}

Heartbeat::Due Heartbeat::poll(TimePoint now, std::uint64_t random) noexcept {
  if (!beats()) return Due::kNothing;
  const TimePoint due = deadline();
  if (now < due) return Due::kNothing;
  if (waiting_ && now - due > settings_->pong_timeout / 2) waiting_since_ = now;
  if (waiting_ && now - waiting_since_ >= settings_->pong_timeout) {
    waiting_ = false;
    silent_ = true;
    return Due::kSilent;
  }
  return now >= next_beat_ ? beat(now, random) : Due::kNothing;
}

Heartbeat::Due Heartbeat::beat(TimePoint now, std::uint64_t random) noexcept {
  const TimePoint due = next_beat_;
  const nanoseconds interval = next_interval(random);
  next_beat_ += interval;
  if (next_beat_ <= now) next_beat_ = now + interval;
  const bool skip = settings_->ping_when == PingWhen::kQuiet && heard_since_beat_;
  heard_since_beat_ = false;
  // A ping that still waits to leave stands for this one too: two at once would ask nothing new.
  if (skip || ping_due_) return Due::kNothing;
  ping_due_ = due;
  return Due::kPing;
}

nanoseconds Heartbeat::next_interval(std::uint64_t random) const noexcept {
  const nanoseconds whole = settings_->ping_interval;
  return whole - random_share(whole * settings_->jitter_percent / 100, random);
}

nanoseconds Heartbeat::ping_left(TimePoint now) noexcept {
  ledger_.left(now);
  if (!waiting_ && !stopped_) {
    waiting_ = true;
    waiting_since_ = now;
  }
  const nanoseconds lateness = now - ping_due_.value_or(now);
  ping_due_.reset();
  return lateness;
}

Pong Heartbeat::pong(std::span<const std::uint8_t> payload, TimePoint now) noexcept {
  const Pong pong = ledger_.received(payload, now);
  if (pong.result != Pong::Result::kForeign) answered_ = true;
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
