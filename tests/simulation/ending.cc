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

CloseReason choose(Leg leg, CloseReason of_client, CloseReason of_backend) {
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
    : settings_(config.relay),
      verdict_(verdict),
      opened_(opened),
      last_data_(opened),
      last_read_(opened),
      last_from_backend_(opened) {
  taken_.fill(opened);
}

void Ending::read(Leg leg, bool data, TimePoint now) {
  last_read_ = now;
  if (leg == Leg::kBackend) last_from_backend_ = now;
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
  if (!open && !closing_since_) closing_since_ = now;
  drained_ = drained_ || (closing_since_ && (waiting_[0] || waiting_[1]));
  if (open) verdict_.require(!seen(), kWhy, "open behind a Close, an end or an illegal frame");
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
    case CloseReason::kBackendEof: holds = first_ == reason; break;
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
    case CloseReason::kClientFrameTooLarge:
    case CloseReason::kBackendFrameTooLarge:
    case CloseReason::kControlFlood:  // nothing is limited here
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
  if (session.phase() != Phase::kOver) check_limits(session, legs, woke);
}

void Ending::check_limits(const relay::Session& session, const Views& legs, TimePoint woke) {
  const TimePoint now = legs[0].now;
  const nanoseconds age = settings_.lifetime.max_age;
  if (session.phase() == Phase::kOpen && age != 0ns && legs[0].free() && now - opened_ > age + kLate &&
      now > woke)
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
  if (legs[0].waiting != 0) last_waited_ = now;
  if (!leaving_since_ && (went_away_ || (age != 0ns && now - opened_ > age))) leaving_since_ = now;
  if (!leaving_since_) return;
  const TimePoint moved = std::max({*leaving_since_, last_from_backend_, last_waited_, woke});
  if (now - moved > settings_.inject_hold + 2 * settings_.close_timeout + kLate)
    verdict_.broken(kInTime, "it has to go, nothing moves, and it is open");
}

void Ending::check_code(Leg to, std::uint16_t code, const relay::Session& session) {
  const auto is = [&](std::initializer_list<CloseReason> reasons) {
    return session.reason() && std::ranges::find(reasons, *session.reason()) != reasons.end();
  };
  const bool polite = is({CloseReason::kShutdown, CloseReason::kIdle, CloseReason::kMaxAge}) || cut_;
  const auto silent = [&](Leg leg) { return session.reason() && silent_leg(*session.reason()) == leg; };
  const bool client_lost = lost_[0] != Loss::kNone || stalled_[0] || silent(Leg::kClient);
  const bool backend_lost = lost_[1] != Loss::kNone || stalled_[1] || silent(Leg::kBackend);
  bool holds = code == 1002 && illegal_;
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
