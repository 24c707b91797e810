// A session's heartbeats: what a leg's deadline asks for, and what silence means.
#include <algorithm>

#include "proxy/relay/session.h"

namespace wskeep::relay {

using keepalive::Heartbeat;
using observe::CloseReason;

TimePoint Session::leg_deadline(const Leg& leg) const noexcept {
  TimePoint deadline = leg.heartbeat.deadline();
  if (leg.has_waiting() && !leg.hold_passed) {
    deadline = std::min(deadline, leg.waiting_since() + config_->relay.inject_hold);
  }
  if (leg.outlet.waiting() != 0) {
    deadline = std::min(deadline, leg.outlet.stalled_since() + config_->relay.write_stall_timeout);
  }
  return deadline;
}

void Session::beat(Leg& leg) noexcept {
  const TimePoint now = environment_.clock.now();
  while (phase_ == Phase::kOpen) {
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
  // A peer that we refuse to read can't prove anything.
  if (!may_read(leg)) return leg.heartbeat.restart_timeout(environment_.clock.now());
  // Sockets are read before timeouts are judged: a loop that was busy must not blame the peer.
  leg.readable = true;
  read_from(leg);
  if (phase_ != Phase::kOpen || !leg.heartbeat.silent()) return;
  const bool client = leg.name() == observe::Leg::kClient;
  if (!client && leg.heartbeat.answered() && !leg.unresponsive) {
    leg.unresponsive = true;
    environment_.counters.backend_unresponsive.add(1);
  }
  if (!leg.heartbeat.may_end()) return;
  note_missed(leg, environment_.clock.now());
  if (client) {
    end_for_loss_of(leg, CloseReason::kKeepaliveTimeout,
                    {websocket::kInternalError, "keepalive ping timeout"});
  } else {
    end_for_loss_of(leg, CloseReason::kBackendUnresponsive, {});
  }
}

void Session::note_heard(Leg& leg) noexcept {
  leg.heartbeat.heard();
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
