#include "tests/simulation/silence.h"

#include <algorithm>

namespace wskeep::simulation {

using namespace std::chrono_literals;
using keepalive::Policy;
using observe::CloseReason;

namespace {

constexpr std::string_view kNeverTheLiving = "never the living: who proves itself in time is not ended";
constexpr std::string_view kAlwaysTheDead = "always the dead: who is silent past the timeout is ended";
constexpr std::string_view kRightWord = "the right word: the reason is what the kernel's books say";
constexpr nanoseconds kLate = 2 * Loop::kLateness;
constexpr nanoseconds kLook = 250ms;  // from one look at a slow peer's TCP to the next

}  // namespace

Silence::Silence(observe::Leg leg, const keepalive::Settings& settings, nanoseconds write_stall_timeout,
                 Verdict& verdict)
    : leg_(leg), settings_(settings), write_stall_timeout_(write_stall_timeout), verdict_(verdict) {}

void Silence::ping_left(TimePoint now, std::uint64_t end) {
  if (settings_.policy == Policy::kOff || first_unanswered_) return;
  first_unanswered_ = now;
  first_end_ = end;
}

void Silence::answered(bool surely) noexcept {
  has_answered_ = has_answered_ || surely;
  may_have_answered_ = true;
}

bool Silence::may_end(bool answered) const noexcept {
  return settings_.policy == Policy::kStrict || (settings_.policy == Policy::kAuto && answered);
}

// How long a single look at the peer's TCP may take to give its verdict: two retries, and a third of the
// timeout, which the retries that have been waited for show after less than twice that time.
nanoseconds Silence::until_dead(const net::SendProgress& progress) const noexcept {
  const nanoseconds enough = std::min<nanoseconds>(settings_.pong_timeout / 3, 60s);
  return std::max<nanoseconds>(3 * progress.retry_after, 2 * enough + progress.retry_after);
}

// When a peer that is silent from `from` on must have been ended, as its TCP is now.
TimePoint Silence::latest_by(const LegView& leg, TimePoint from) const noexcept {
  const net::SendProgress& progress = *leg.progress;
  const nanoseconds timeout = settings_.pong_timeout;
  const nanoseconds patience = 4 * progress.retry_after;
  const bool has_all = progress.unacknowledged == 0 && leg.waiting == 0;
  if (has_all && leg.unanswered_since <= from + timeout) return from + patience;
  if (progress.in_flight && leg.unanswered_since <= from) return leg.unanswered_since + until_dead(progress);
  const TimePoint base = std::max(from, leg.unanswered_since);
  const bool window_closed = !progress.in_flight && !has_all;
  return base + 2 * timeout + patience + until_dead(progress) +
         (window_closed ? write_stall_timeout_ + timeout : nanoseconds::zero());
}

void Silence::check(const LegView& leg, const Sleep& sleep) {
  if (!leg.readable) excused_ = leg.now;
  if (!leg.open || !first_unanswered_ || !may_end(has_answered_) || leg.unread != 0) return;
  const nanoseconds timeout = settings_.pong_timeout;
  const TimePoint from = std::max({*first_unanswered_, excused_, sleep.until});
  TimePoint latest = from + timeout;
  if (leg.progress) latest = std::max(latest, latest_by(leg, from)) + kLook;
  if (leg.now > latest + kLate) {
    verdict_.broken(kAlwaysTheDead, name() + " is silent for " + seconds(leg.now - *first_unanswered_) +
                                        " after a ping, and the session lives on");
  }
}

void Silence::ended(const LegView& before, CloseReason reason, const Sleep& sleep, std::size_t unread_now) {
  const auto deny = [&](bool holds, std::string_view how) {
    verdict_.require(holds, kNeverTheLiving, name() + " was ended " + std::string(how));
  };
  const nanoseconds timeout = settings_.pong_timeout;
  deny(may_end(may_have_answered_), "against the policy");
  deny(first_unanswered_.has_value(), "though every ping was followed by bytes of its");
  deny(unread_now == 0, "with bytes of its in the socket");
  deny(before.readable, "though it was not read");
  if (!first_unanswered_) return;
  const TimePoint due = *first_unanswered_ + timeout;
  deny(before.now >= due,
       "only " + seconds(before.now - *first_unanswered_) + " after the first unanswered ping");
  const bool overslept = due >= sleep.from && sleep.until > due + timeout / 2;
  deny(!overslept || before.now >= sleep.until + timeout, "right after the loop had overslept");
  if (!before.progress) {
    const bool right =
        reason == CloseReason::kKeepaliveTimeout || reason == CloseReason::kBackendUnresponsive;
    return verdict_.require(right, kRightWord, "no kernel to ask, and yet " + std::string(to_string(reason)));
  }
  const net::SendProgress& progress = *before.progress;
  const nanoseconds silent_for = before.now - *first_unanswered_;
  const bool has_ping = progress.acknowledged >= first_end_;
  const nanoseconds unanswered_for = before.now - before.unanswered_since;
  const bool gone = progress.in_flight && unanswered_for >= 3 * progress.retry_after &&
                    unanswered_for >= std::min<nanoseconds>(timeout / 3, 60s);
  const bool stuck = has_ping && silent_for >= 4 * progress.retry_after;
  const bool stalled = !progress.in_flight && silent_for >= write_stall_timeout_ + timeout;
  deny(gone || stuck || stalled, "while its TCP might still have brought a sign of life");
  const bool right = reason == CloseReason::kBackendUnresponsive ||
                     (reason == CloseReason::kNetworkDead && gone) ||
                     (reason == CloseReason::kAppStalled && (stuck || stalled));
  verdict_.require(right, kRightWord, name() + " was ended as " + std::string(to_string(reason)));
}

}  // namespace wskeep::simulation
