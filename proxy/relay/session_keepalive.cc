// A session's heartbeats: what a leg's deadline asks for, and what silence means.
#include <algorithm>
#include <new>

#include "proxy/relay/session.h"

namespace wskeep::relay {

using keepalive::Heartbeat;
using observe::CloseReason;

namespace {

// Between two looks at a peer that may be slow, and how long a look is worth comparing with.
constexpr std::chrono::milliseconds kNextLook{250};
constexpr std::chrono::milliseconds kForgotten{2'000};
// One retry may get lost like the ping itself, and the last one's answer may be under way.
constexpr unsigned kRetries = 2;
// The peer's answer may be lost as well: in so many times the wait before a first retry its TCP has sent it
// three times.
constexpr int kAnswerRetries = 4;
// The kernel's retries are never further apart than two minutes, so no more can be shown than this.
constexpr keepalive::nanoseconds kLongUnanswered = std::chrono::minutes(1);

}  // namespace

TimePoint Session::leg_deadline(const Leg& leg) const noexcept {
  TimePoint deadline = leg.heartbeat.deadline();
  if (leg.has_waiting() && !leg.hold_passed) {
    deadline = std::min(deadline, leg.waiting_since() + site_->relay.inject_hold);
  }
  if (leg.outlet.waiting() != 0) {
    deadline = std::min(deadline, leg.outlet.stalled_since() + site_->relay.write_stall_timeout);
  }
  return deadline;
}

void Session::beat(Leg& leg, TimePoint now) noexcept {
  while (phase_ == Phase::kOpen) {
    if (now < leg.heartbeat.deadline()) return note_missed(leg, now);
    switch (leg.heartbeat.poll(now, environment_.random.next())) {
      case Heartbeat::Due::kNothing: return note_missed(leg, now);
      case Heartbeat::Due::kPing: send_ping(leg); break;
      case Heartbeat::Due::kSilent: judge_silence(leg); break;
    }
  }
}

void Session::send_ping(Leg& leg) noexcept {
  leg.want_ping();
  if (may_inject(leg)) return inject(leg);
  environment_.counters.pings_deferred[leg.name()].add();
}

void Session::judge_silence(Leg& leg) noexcept {
  const TimePoint now = environment_.clock.now();
  // A peer that we refuse to read can't prove anything.
  if (!may_read(leg)) return leg.heartbeat.restart_timeout(now);
  // Sockets are read before timeouts are judged: a loop that was busy must not blame the peer.
  leg.readable = true;
  read_from(leg);
  if (phase_ != Phase::kOpen || !leg.heartbeat.silent()) return;
  const Silence silence = explain_silence(leg, now);
  switch (silence) {
    case Silence::kSlow: leg.look.reset(); return leg.heartbeat.restart_timeout(now);
    case Silence::kUndecided: return leg.heartbeat.wait_on(now, kNextLook);
    case Silence::kUnexplained:
    case Silence::kNetworkDead:
    case Silence::kAppStalled: break;
  }
  leg.look.reset();
  note_unresponsive(leg);
  if (leg.heartbeat.may_end()) end_silent(leg, silence);
}

// Slow is not dead: our ping may stand behind much that the peer is still taking, or TCP may have to send it,
// or the answer, again.
Session::Silence Session::explain_silence(Leg& leg, TimePoint now) noexcept {
  const std::optional<net::SendProgress> progress = leg.transport().send_progress();
  if (!progress) return Silence::kUnexplained;
  const bool has_all = leg.peer_has_all(progress->unacknowledged);
  if (!leg.look || now - leg.look->last > kForgotten) {
    leg.look.reset(new (std::nothrow) SilenceLook{progress->acknowledged, has_all, now, now});
    if (!leg.look) return Silence::kUnexplained;
  }
  SilenceLook& look = *leg.look;
  look.last = now;
  const keepalive::nanoseconds pong_timeout = leg.heartbeat.pong_timeout();
  const keepalive::nanoseconds looked_for = now - look.first;
  // A third of what has passed since the last acknowledgement is what the retries show at least.
  const keepalive::nanoseconds enough = std::min(pong_timeout / 3, kLongUnanswered);
  if (progress->in_flight && progress->retries >= kRetries && progress->unanswered_for >= enough) {
    return Silence::kNetworkDead;
  }
  if (look.has_all) {
    const bool patient = pong_timeout + looked_for < kAnswerRetries * progress->retry_after;
    return patient ? Silence::kUndecided : Silence::kAppStalled;
  }
  if (progress->acknowledged != look.acknowledged) return Silence::kSlow;
  if (progress->in_flight) return Silence::kUndecided;
  // Its TCP is there and takes no more, so the application doesn't read. It may begin again, as anybody may
  // who stalls.
  return looked_for < site_->relay.write_stall_timeout ? Silence::kUndecided : Silence::kAppStalled;
}

void Session::note_unresponsive(Leg& leg) noexcept {
  if (leg.name() == observe::Leg::kClient || !leg.heartbeat.answered() || leg.unresponsive) return;
  leg.unresponsive = true;
  environment_.counters.backend_unresponsive.add(1);
}

void Session::end_silent(Leg& leg, Silence silence) noexcept {
  note_missed(leg, environment_.clock.now());
  if (leg.name() == observe::Leg::kBackend)
    return end_for_loss_of(leg, CloseReason::kBackendUnresponsive, {});
  const CloseReason reason = silence == Silence::kNetworkDead  ? CloseReason::kNetworkDead
                             : silence == Silence::kAppStalled ? CloseReason::kAppStalled
                                                               : CloseReason::kKeepaliveTimeout;
  end_for_loss_of(leg, reason, {websocket::kInternalError, "keepalive ping timeout"});
}

void Session::note_heard(Leg& leg) noexcept {
  leg.heartbeat.heard();
  leg.look.reset();
  if (!leg.unresponsive) return;
  leg.unresponsive = false;
  environment_.counters.backend_unresponsive.add(-1);
}

void Session::note_missed(Leg& leg, TimePoint now) noexcept {
  const std::uint32_t missed = leg.heartbeat.take_missed(now);
  environment_.counters.pongs_missed[leg.name()].add(missed);
  if (missed == 0 || leg.heartbeat.answered() || leg.never_ponged) return;
  if (leg.name() == observe::Leg::kBackend) return;
  leg.never_ponged = true;
  environment_.counters.connections_never_ponged.add(1);
}

}  // namespace wskeep::relay
