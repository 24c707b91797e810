#include "proxy/relay/session.h"

#include <algorithm>
#include <cerrno>

#include "proxy/relay/gather.h"

namespace wskeep::relay {

using observe::CloseReason;
using observe::ConnectionState;

namespace {

// Who broke a connection: its peer, or the kernel, which has waited for the peer in vain (TCP_USER_TIMEOUT,
// TCP keepalive) and gives as the reason what the network has said meanwhile, in the words of ICMP.
CloseReason reason_for_loss_of(const Leg& leg, int error) {
  const bool client = leg.name() == observe::Leg::kClient;
  switch (error) {
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH:
    case ENONET:
    case ENOPROTOOPT:
    case EACCES:
    case ECONNREFUSED: return client ? CloseReason::kNetworkDead : CloseReason::kBackendUnresponsive;
    default: return client ? CloseReason::kClientReset : CloseReason::kBackendReset;
  }
}

}  // namespace

Session::Session(Environment& environment, std::shared_ptr<const config::Site> site, SessionIdentity identity,
                 net::Transport& client, net::Transport& backend, websocket::ExtensionRules rules) noexcept
    : environment_(environment),
      site_(std::move(site)),
      client_(observe::Leg::kClient, client, rules, site_->keepalive.client.heartbeat, environment),
      backend_(observe::Leg::kBackend, backend, rules, site_->keepalive.backend.heartbeat, environment),
      started_at_(environment.clock.now()),
      lifetime_(site_->relay.lifetime, started_at_, environment.random.next()),
      identity_(std::move(identity)) {
  environment_.counters.connections_open[ConnectionState::kOpen].add(1);
}

Session::~Session() {
  observe::WorkerCounters& counters = environment_.counters;
  const auto state = phase_ == Phase::kOpen ? ConnectionState::kOpen : ConnectionState::kClosing;
  counters.connections_open[state].add(-1);
  if (client_.never_ponged) counters.connections_never_ponged.add(-1);
  if (backend_.unresponsive) counters.backend_unresponsive.add(-1);
}

void Session::start(std::span<const std::uint8_t> answer, std::span<const std::uint8_t> from_client,
                    std::span<const std::uint8_t> from_backend, Drained drained) noexcept {
  if (drained.client) client_.start_drained();
  if (drained.backend) backend_.start_drained();
  client_.outlet.send(answer);
  if (!from_backend.empty()) relay(backend_, from_backend);
  if (!from_client.empty()) relay(client_, from_client);
  after_write(client_);
  resume();
}

bool Session::on_ready(observe::Leg name, Readiness ready) noexcept {
  Leg& ready_leg = leg(name);
  if (ready.readable) ready_leg.readable = true;
  if (ready.hung_up) {
    ready_leg.readable = true;
    ready_leg.hung_up = true;
  }
  changed_ = phase_ != Phase::kOpen;
  // Any event says that a socket is writable which is; that is news only to what waits.
  const bool drains = ready.writable && ready_leg.outlet.wants_room();
  if (drains) {
    changed_ = true;
    ready_leg.flush();
    after_write(ready_leg);
  }
  read_from(ready_leg);
  if (drains) read_from(other(ready_leg));  // it may have been held back for this one
  finish_if_done();
  return changed_;
}

void Session::resume() noexcept {
  has_more_ = false;
  read_from(client_);
  read_from(backend_);
  finish_if_done();
}

void Session::confirm() noexcept {
  for (Leg* const leg : {&client_, &backend_}) {
    if (!leg->unconfirmed) continue;
    leg->unconfirmed = false;
    leg->readable = true;
    read_from(*leg);
  }
  finish_if_done();
}

std::optional<keepalive::nanoseconds> Session::tcp_rtt() const noexcept {
  if (tcp_rtt_ == tcp_rtt_.zero()) return std::nullopt;
  return tcp_rtt_;
}

TimePoint Session::deadline() const noexcept {
  if (phase_ == Phase::kOver) return TimePoint::max();
  return std::min({leg_deadline(client_), leg_deadline(backend_), lifetime_.deadline(), phase_deadline_});
}

void Session::on_deadline() noexcept {
  const TimePoint now = environment_.clock.now();
  for (Leg* const leg : {&client_, &backend_}) {
    beat(*leg, now);
    if (leg->has_waiting() && now - leg->waiting_since() >= site_->relay.inject_hold) {
      leg->hold_passed = true;
      if (may_inject(*leg)) inject(*leg);
    }
    check_stall(*leg, now);
  }
  check_lifetime(now);
  if (now >= phase_deadline_) end_phase();
  finish_if_done();
}

void Session::check_stall(Leg& leg, TimePoint now) noexcept {
  if (phase_ == Phase::kOver || leg.outlet.waiting() == 0) return;
  const keepalive::nanoseconds timeout = site_->relay.write_stall_timeout;
  const keepalive::nanoseconds late = now - leg.outlet.stalled_since() - timeout;
  if (late < late.zero()) return;
  // As with silence: the socket is asked before its peer is judged, and a machine that slept blames nobody.
  on_ready(leg.name(), {.writable = true});
  if (leg.outlet.waiting() == 0 || environment_.clock.now() - leg.outlet.stalled_since() < timeout) return;
  if (late > timeout / 2) return leg.outlet.restart_stall();
  leg.outlet.abandon();
  end_for_loss_of(leg,
                  leg.name() == observe::Leg::kClient ? CloseReason::kClientWriteStalled
                                                      : CloseReason::kBackendWriteStalled,
                  {});
}

void Session::go_away() noexcept {
  leave(CloseReason::kShutdown);
}

// Close 1001 to the client, at the next boundary. It is the reason once it has gone: an end that comes while
// it waits has another one. Behind a frame that stands still it would wait for ever, so its time is limited.
void Session::leave(CloseReason reason) noexcept {
  if (phase_ != Phase::kOpen || is_leaving()) return;
  lifetime_.stop();
  leaving_ = reason;
  client_.want_close();
  if (may_inject(client_)) return inject(client_);
  phase_deadline_ = environment_.clock.now() + site_->relay.inject_hold + site_->relay.close_timeout;
  backend_.traffic = false;
}

// What our Close says.
Session::Goodbye Session::words_of_leaving() const noexcept {
  switch (leaving_) {
    case CloseReason::kMaxAge: return {websocket::kGoingAway, "max age"};
    case CloseReason::kIdle: return {websocket::kGoingAway, "idle"};
    case CloseReason::kClientFrameTooLarge:
    case CloseReason::kBackendFrameTooLarge: return {websocket::kMessageTooBig, "frame too large"};
    case CloseReason::kControlFlood: return {websocket::kPolicyViolation, "too many control frames"};
    default: return {websocket::kGoingAway, "going away"};
  }
}

void Session::check_lifetime(TimePoint now) noexcept {
  using Due = keepalive::Lifetime::Due;
  switch (lifetime_.due(now)) {
    case Due::kNothing: return;
    case Due::kMaxAge: return leave(CloseReason::kMaxAge);
    case Due::kIdle: break;
  }
  // Data that a busy loop has yet to read, or that a slow peer has yet to take, are not idleness.
  for (Leg* const leg : {&client_, &backend_}) {
    leg->readable = true;
    read_from(*leg);
  }
  if (client_.outlet.waiting() != 0 || backend_.outlet.waiting() != 0) lifetime_.excuse(now);
  if (lifetime_.due(now) == Due::kIdle) leave(CloseReason::kIdle);
}

void Session::cut() noexcept {
  end(CloseReason::kShutdown, {websocket::kGoingAway, "going away"}, {});
  phase_ = Phase::kOver;
}

void Session::note_reason(CloseReason reason) noexcept {
  if (!reason_) reason_ = reason;
}

// Leaving kOpen is final: from then on nothing of ours goes between the peers' frames.
void Session::enter(Phase phase) noexcept {
  changed_ = true;
  if (phase_ == Phase::kOpen) {
    for (Leg* const leg : {&client_, &backend_}) {
      leg->heartbeat.stop();
      leg->drop_waiting();
    }
    lifetime_.stop();
    environment_.counters.connections_open[ConnectionState::kOpen].add(-1);
    environment_.counters.connections_open[ConnectionState::kClosing].add(1);
  }
  // The first event sets the limit; only our own end starts it anew.
  if (phase_ == Phase::kOpen || phase == Phase::kEnding) {
    phase_deadline_ = environment_.clock.now() + site_->relay.close_timeout;
  }
  phase_ = phase;
}

void Session::close_passed(Leg& from) noexcept {
  from.input = Leg::Input::kRaw;
  if (phase_ != Phase::kOpen && phase_ != Phase::kBroken) return;
  note_reason(from.name() == observe::Leg::kClient ? CloseReason::kClientClose : CloseReason::kBackendClose);
  enter(Phase::kClosing);
}

void Session::stream_broke() noexcept {
  if (phase_ == Phase::kOpen) enter(Phase::kBroken);
}

void Session::stream_ended(Leg& from) noexcept {
  Leg& to = other(from);
  if (from.input == Leg::Input::kRefused) end_refused(from);
  const CloseReason reason =
      from.name() == observe::Leg::kClient ? CloseReason::kClientEof : CloseReason::kBackendEof;
  if (from.held) {
    Gather out(to.outlet);
    show_held(from, out);
  } else if (phase_ == Phase::kOpen) {
    say(goodbye_for_loss_of(from, reason), to);
  }
  from.readable = false;
  from.input = Leg::Input::kEnded;
  note_reason(reason);
  if (phase_ == Phase::kOpen) {
    enter(Phase::kHalfClosed);
    from.traffic = to.traffic = false;
  }
  to.outlet.finish();
}

void Session::connection_lost(Leg& leg, int error) noexcept {
  leg.readable = false;
  leg.outlet.abandon();
  end_for_loss_of(leg, reason_for_loss_of(leg, error), {});
  leg.input = Leg::Input::kEnded;
}

// What the operator wants the other side to hear when this leg's peer is gone without a Close.
Session::Goodbye Session::goodbye_for_loss_of(const Leg& lost, CloseReason reason) const noexcept {
  const config::Relay& relay = site_->relay;
  if (lost.name() == observe::Leg::kClient) return {relay.on_client_lost, "client lost"};
  const bool silent = reason == CloseReason::kBackendUnresponsive;
  return {relay.on_backend_lost, silent ? "backend unresponsive" : "backend lost"};
}

// One leg is gone; `to_lost` is a last word to it, best effort: what it has not taken so far it never will.
void Session::end_for_loss_of(Leg& lost, CloseReason reason, const Goodbye& to_lost) noexcept {
  const bool client = lost.name() == observe::Leg::kClient;
  const Goodbye to_other = goodbye_for_loss_of(lost, reason);
  end(reason, client ? to_lost : to_other, client ? to_other : to_lost);
  if (lost.outlet.waiting() != 0) lost.outlet.abandon();
}

void Session::end_for_lack_of_memory() noexcept {
  end(CloseReason::kInternalError, {websocket::kInternalError, "out of memory"}, {});
}

void Session::end(CloseReason reason, const Goodbye& to_client, const Goodbye& to_backend) noexcept {
  if (phase_ == Phase::kEnding || phase_ == Phase::kOver) return;
  // Behind a Close or an illegal frame we add nothing; but one 1002 ends what an illegal frame has left
  // hanging.
  const bool may_speak =
      phase_ == Phase::kOpen || phase_ == Phase::kHalfClosed || reason == CloseReason::kProtocolError;
  note_reason(reason);
  if (may_speak) {
    say(to_client, client_);
    say(to_backend, backend_);
  }
  stop_relaying();
}

// A last Close, where the stream allows one: at a frame boundary, with no Close or illegal frame before it.
void Session::say(const Goodbye& goodbye, Leg& to) noexcept {
  const Leg& from = other(to);
  const bool intact = from.input == Leg::Input::kFrames || from.input == Leg::Input::kRefused;
  if (!goodbye.code || !intact || from.scanner.data_frame_open()) return;
  to.outlet.send(websocket::ControlFrame::close(*goodbye.code, goodbye.reason, to.mask_key()).bytes());
}

// TCP is shut down, the server side first (RFC 6455 section 7.1.1): toward the client we are the server.
void Session::stop_relaying() noexcept {
  for (Leg* const leg : {&client_, &backend_}) {
    if (leg->input != Leg::Input::kEnded) leg->input = Leg::Input::kDiscard;
    leg->held.reset();
    leg->outlet.finish();
  }
  // A leg that was not read for the sake of the other has had its event: a socket that is closed with bytes
  // unread resets the connection and takes our last Close along.
  has_more_ = true;
  enter(Phase::kEnding);
}

// A Close, or the end, may stand behind much that a slow peer has yet to take. It may have its time, within
// write_stall_timeout, but only for what waited when the time was up: a stream that goes on prolongs nothing.
bool Session::still_draining() noexcept {
  bool drains = false;
  for (Leg* const leg : {&client_, &backend_}) {
    if (!overtime_) leg->outlet.set_mark(Outlet::Mark::kTimeUp);
    if (leg->outlet.waits_before(Outlet::Mark::kTimeUp)) drains = true;
  }
  overtime_ = true;
  return drains;
}

// Whether what the phase waits for is still under way, when its time is up.
bool Session::goes_on() const noexcept {
  switch (phase_) {
    // The frame that our Close waits behind: it is coming in, or who is told has yet to take what came.
    case Phase::kOpen: return other(told()).traffic || told().outlet.waiting() != 0;
    case Phase::kHalfClosed: return client_.traffic || backend_.traffic;
    case Phase::kBroken:
    case Phase::kClosing:
    case Phase::kEnding:
    case Phase::kOver: break;
  }
  return false;
}

void Session::end_phase() noexcept {
  const bool may_drain = phase_ != Phase::kOpen && phase_ != Phase::kBroken;
  if (goes_on() || (may_drain && still_draining())) {
    client_.traffic = backend_.traffic = false;
    phase_deadline_ = environment_.clock.now() + site_->relay.close_timeout;
    return;
  }
  switch (phase_) {
    case Phase::kOpen:
      if (told().input == Leg::Input::kRefused) return end_refused(told());
      return end(leaving_, {}, {});
    case Phase::kOver: return;
    case Phase::kBroken: {
      const Goodbye goodbye{websocket::kProtocolError, "protocol error"};
      return end(CloseReason::kProtocolError, goodbye, goodbye);
    }
    case Phase::kClosing:
    case Phase::kHalfClosed: return stop_relaying();
    case Phase::kEnding: phase_ = Phase::kOver; return;
  }
}

void Session::finish_if_done() noexcept {
  if (phase_ == Phase::kOver || phase_ == Phase::kOpen) return;
  const bool client_has_both =
      client_.close_code && (backend_.close_code || backend_.input == Leg::Input::kDiscard);
  if (client_has_both) client_.outlet.finish();
  const bool done = client_.input == Leg::Input::kEnded && backend_.input == Leg::Input::kEnded &&
                    client_.outlet.done() && backend_.outlet.done();
  if (done) phase_ = Phase::kOver;
}

}  // namespace wskeep::relay
