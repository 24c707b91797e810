#include "tests/simulation/ending.h"

#include <algorithm>

namespace wskeep::simulation {

using namespace std::chrono_literals;
using observe::CloseReason;
using observe::Leg;
using Phase = relay::Session::Phase;

namespace {

constexpr std::string_view kWhy = "why: a session ends for what has happened, and says so";
constexpr std::string_view kInTime = "in time: a session that is closing is over soon";
constexpr std::string_view kStall = "stall: who takes no byte for write_stall_timeout is ended";
constexpr nanoseconds kLate = 4 * Loop::kLateness;

std::size_t index_of(Leg leg) {
  return static_cast<std::size_t>(leg);
}

template <class Value>
Value choose(Leg leg, Value of_client, Value of_backend) {
  return leg == Leg::kClient ? of_client : of_backend;
}

}  // namespace

std::optional<Leg> silent_leg(CloseReason reason) noexcept {
  switch (reason) {
    case CloseReason::kNetworkDead:
    case CloseReason::kAppStalled:
    case CloseReason::kKeepaliveTimeout: return Leg::kClient;
    case CloseReason::kBackendUnresponsive: return Leg::kBackend;
    default: return std::nullopt;
  }
}

Ending::Ending(const config::Config& config, TimePoint opened, Verdict& verdict)
    : settings_(config.relay), verdict_(verdict), opened_(opened), last_data_(opened), last_read_(opened) {
  taken_.fill(opened);
  last_from_.fill(opened);
}

void Ending::read(Leg leg, bool data, TimePoint now) {
  last_read_ = now;
  last_from_[index_of(leg)] = now;
  if (!data) return;
  longest_idle_ = std::max(longest_idle_, now - last_data_);
  last_data_ = now;
}

void Ending::wrote(Leg leg, std::size_t bytes, TimePoint now) {
  if (bytes == 0) return;
  taken_[index_of(leg)] = now;
  if (waiting_[index_of(leg)]) last_drain_ = now;
}

void Ending::closed(Leg leg) {
  if (!first_) first_ = choose(leg, CloseReason::kClientClose, CloseReason::kBackendClose);
}

void Ending::refused(Leg leg, bool flood, bool leaving, TimePoint now) {
  if (refused_) return;
  refused_ = leg;
  flood_ = flood;
  refused_at_ = now;
  if (first_) return;
  must_be_told_ = !illegal_ && !leaving;
  first_ = flood ? CloseReason::kControlFlood
                 : choose(leg, CloseReason::kClientFrameTooLarge, CloseReason::kBackendFrameTooLarge);
}

void Ending::ended(Leg leg, Loss loss) {
  lost_[index_of(leg)] = loss;
  if (first_) return;
  switch (loss) {
    case Loss::kNone: return;
    case Loss::kEnd: first_ = choose(leg, CloseReason::kClientEof, CloseReason::kBackendEof); return;
    case Loss::kReset: first_ = choose(leg, CloseReason::kClientReset, CloseReason::kBackendReset); return;
    case Loss::kTimeout:
      first_ = choose(leg, CloseReason::kNetworkDead, CloseReason::kBackendUnresponsive);
      return;
  }
}

// Whether a stall is long enough shows before the call that ends it.
void Ending::before_call(const Views& legs) {
  for (std::size_t i = 0; i < legs.size(); ++i) {
    stalled_[i] =
        stalled_[i] || (legs[i].waiting != 0 && legs[i].now - taken_[i] >= settings_.write_stall_timeout);
  }
}

void Ending::after_call(const relay::Session& session, const Views& legs) {
  const TimePoint now = legs[0].now;
  for (std::size_t i = 0; i < legs.size(); ++i) {
    if (legs[i].waiting != 0 && !waiting_[i]) taken_[i] = now;
    waiting_[i] = legs[i].waiting != 0;
  }
  const bool open = session.phase() == Phase::kOpen;
  if (!open && !closing_since_) {
    closing_since_ = now;
    // But for one that was waited for in vain, or is gone.
    must_be_told_ = must_be_told_ && !cut_ && now - refused_at_ < settings_.inject_hold &&
                    lost_[0] == Loss::kNone && lost_[1] == Loss::kNone && !stalled_[0] && !stalled_[1];
  }
  drained_ = drained_ || (closing_since_ && (waiting_[0] || waiting_[1]));
  const bool waits = refused_ && !legs[index_of(*refused_)].at_frame_boundary;
  if (open) verdict_.require(!seen() || waits, kWhy, "open behind a Close, an end or a bad frame");
  if (session.reason() && !reason_checked_) check_reason(session, legs);
  const bool caused = seen() || session.reason() || cut_;
  if (!open) verdict_.require(caused, kWhy, "not open any more, and nothing has happened");
  if (session.phase() == Phase::kOver)
    verdict_.require(session.reason().has_value(), kWhy, "over without a reason");
}

void Ending::check_reason(const relay::Session& session, const Views& legs) {
  reason_checked_ = true;
  const CloseReason reason = *session.reason();
  const TimePoint now = legs[0].now;
  bool holds = true;
  switch (reason) {
    case CloseReason::kClientClose:
    case CloseReason::kBackendClose:
    case CloseReason::kClientEof:
    case CloseReason::kBackendEof:
    case CloseReason::kClientFrameTooLarge:
    case CloseReason::kBackendFrameTooLarge:
    case CloseReason::kControlFlood: holds = first_ == reason; break;
    case CloseReason::kClientReset: holds = lost_[0] == Loss::kReset; break;
    case CloseReason::kBackendReset: holds = lost_[1] == Loss::kReset; break;
    case CloseReason::kClientWriteStalled: holds = stalled_[0]; break;
    case CloseReason::kBackendWriteStalled: holds = stalled_[1]; break;
    case CloseReason::kIdle:
      // Its Close may have waited for the end of a message, which data brought.
      holds = settings_.lifetime.idle_timeout != 0ms &&
              std::max(longest_idle_, now - last_data_) >= settings_.lifetime.idle_timeout;
      break;
    case CloseReason::kMaxAge: {
      const nanoseconds age = settings_.lifetime.max_age;
      holds =
          age != 0ns && now - opened_ >= age - age * settings_.lifetime.max_age_jitter_percent / 100 - 1ms;
      break;
    }
    case CloseReason::kProtocolError:
      holds = illegal_ && closing_since_ && now - *closing_since_ >= settings_.close_timeout;
      break;
    case CloseReason::kShutdown: holds = cut_ || went_away_; break;
    case CloseReason::kInternalError: holds = false; break;
    case CloseReason::kNetworkDead:
    case CloseReason::kAppStalled:
    case CloseReason::kKeepaliveTimeout:
    case CloseReason::kBackendUnresponsive:
      break;  // Silence judges these, where no timeout of the kernel's was seen
  }
  verdict_.require(holds, kWhy, "it has not happened: " + std::string(to_string(reason)));
}

void Ending::after_turn(const relay::Session& session, const Views& legs, TimePoint woke) {
  const TimePoint now = legs[0].now;
  for (std::size_t i = 0; i < legs.size(); ++i) {
    const TimePoint since = std::max(taken_[i], woke);
    if (legs[i].waiting != 0 && now - since > settings_.write_stall_timeout + kLate) {
      verdict_.broken(kStall, "the " + std::string(to_string(static_cast<Leg>(i))) + " takes nothing for " +
                                  seconds(now - taken_[i]) + ", and is not ended");
    }
  }
  check_told(session, legs);
  if (session.phase() != Phase::kOver) check_limits(session, legs, woke);
}

void Ending::check_told(const relay::Session& session, const Views& legs) {
  if (!closing_since_ || !must_be_told_ || told_) return;
  const LegView& leg = legs[index_of(*refused_)];
  if (stalled_[index_of(*refused_)]) return;  // it has not taken what stood before the Close
  const bool silent = session.reason() && silent_leg(*session.reason());
  if (!silent && !leg.broken && leg.waiting == 0)
    verdict_.broken(kWhy, "who broke a limit could be told, and was not");
}

void Ending::check_limits(const relay::Session& session, const Views& legs, TimePoint woke) {
  const TimePoint now = legs[0].now;
  const nanoseconds age = settings_.lifetime.max_age;
  if (session.phase() == Phase::kOpen && age != 0ns && !refused_ && legs[0].free() &&
      now - opened_ > age + kLate && now > woke)
    verdict_.broken(kWhy, "older than max_age, and open");
  if (session.phase() == Phase::kOpen) return check_leaving(legs, woke);
  if (!closing_since_) return;
  const nanoseconds timeout = settings_.close_timeout;
  TimePoint latest = std::max(*closing_since_, woke) + 2 * timeout;
  // A protocol error is ended in kEnding, which has a time of its own.
  if (session.phase() == Phase::kHalfClosed || ((lost_[0] == Loss::kNone) != (lost_[1] == Loss::kNone)))
    latest = std::max(latest, last_read_ + 3 * timeout);
  if (drained_) latest = std::max(latest, last_drain_) + 4 * timeout + settings_.write_stall_timeout;
  if (now > latest + kLate)
    verdict_.broken(kInTime, "closing for " + seconds(now - *closing_since_) + " and not over");
}

// Its Close may have to wait behind a frame, but not for one that stands still.
void Ending::check_leaving(const Views& legs, TimePoint woke) {
  const TimePoint now = legs[0].now;
  const nanoseconds age = settings_.lifetime.max_age;
  for (std::size_t i = 0; i < legs.size(); ++i) {
    if (legs[i].waiting != 0) last_waited_[i] = now;
  }
  if (!leaving_since_ && (refused_ || went_away_ || (age != 0ns && now - opened_ > age)))
    leaving_since_ = now;
  if (!leaving_since_) return;
  const Leg told = refused_.value_or(Leg::kClient);
  const Leg other = choose(told, Leg::kBackend, Leg::kClient);
  const TimePoint moved =
      std::max({*leaving_since_, last_from_[index_of(other)], last_waited_[index_of(told)], woke});
  if (now - moved > settings_.inject_hold + 2 * settings_.close_timeout + kLate)
    verdict_.broken(kInTime, "it has to go, nothing moves, and it is open");
}

void Ending::check_code(Leg to, std::uint16_t code, const relay::Session& session) {
  const auto is = [&](std::initializer_list<CloseReason> reasons) {
    return session.reason() && std::ranges::find(reasons, *session.reason()) != reasons.end();
  };
  const bool polite = is({CloseReason::kShutdown, CloseReason::kIdle, CloseReason::kMaxAge}) || cut_;
  const auto silent = [&](Leg leg) { return session.reason() && silent_leg(*session.reason()) == leg; };
  const bool client_lost =
      lost_[0] != Loss::kNone || stalled_[0] || silent(Leg::kClient) || refused_ == Leg::kClient;
  const bool backend_lost =
      lost_[1] != Loss::kNone || stalled_[1] || silent(Leg::kBackend) || refused_ == Leg::kBackend;
  told_ = told_ || refused_ == to;
  bool holds = (code == 1002 && illegal_) || (refused_ == to && code == (flood_ ? 1008 : 1009));
  if (to == Leg::kClient) {
    holds = holds || (code == 1001 && polite) || (code == 1011 && silent(Leg::kClient)) ||
            (code == settings_.on_backend_lost && backend_lost);
  } else {
    holds = holds || (code == settings_.on_client_lost && client_lost);
  }
  verdict_.require(
      holds, kWhy,
      "Close " + std::to_string(code) + " to the " + std::string(to_string(to)) + " for no such cause");
}

}  // namespace wskeep::simulation
