// The data path of a session: from one socket through the scanner to the other.
#include <algorithm>
#include <cerrno>
#include <new>

#include "proxy/relay/gather.h"
#include "proxy/relay/session.h"

namespace wskeep::relay {

using net::IoResult;
using observe::CloseReason;
using observe::FrameKind;
using websocket::ControlFrame;
using websocket::ControlPayload;
using websocket::FrameScanner;
using websocket::Opcode;

namespace {

// Reads of one leg in one turn of the loop, so that a firehose can't starve the others' beats.
constexpr int kReadsPerTurn = 4;

FrameKind kind_of(Opcode opcode) {
  switch (opcode) {
    case Opcode::kContinuation: return FrameKind::kContinuation;
    case Opcode::kText: return FrameKind::kText;
    case Opcode::kBinary: return FrameKind::kBinary;
    case Opcode::kClose: return FrameKind::kClose;
    case Opcode::kPing: return FrameKind::kPing;
    case Opcode::kPong: return FrameKind::kPong;
  }
  return FrameKind::kOther;
}

observe::Direction direction_from(const Leg& from) {
  return from.name() == observe::Leg::kClient ? observe::Direction::kToBackend
                                              : observe::Direction::kToClient;
}

observe::PongKind kind_of(keepalive::Pong::Result result) {
  switch (result) {
    case keepalive::Pong::Result::kMatched: return observe::PongKind::kMatched;
    case keepalive::Pong::Result::kLate: return observe::PongKind::kLate;
    case keepalive::Pong::Result::kForeign: break;
  }
  return observe::PongKind::kForeign;
}

}  // namespace

bool Session::may_read(const Leg& from) const noexcept {
  switch (from.input) {
    case Leg::Input::kEnded: return false;
    case Leg::Input::kRefused:
    case Leg::Input::kDiscard: return true;
    case Leg::Input::kFrames:
    case Leg::Input::kRaw: break;
  }
  return !from.paused && !from.owes_too_much();
}

// Where large frames come: whether the next bytes are to be moved past us, and at most how many are to be
// moved or read, so that the next frame's header comes by here.
bool Session::bypasses(Leg& from, std::span<std::uint8_t>& buffer) noexcept {
  Leg& to = other(from);
  const Bypass& bypass = environment_.bypass;
  from.maybe_large = from.scanner.payload_size() >= bypass.large_frame;
  if (!from.maybe_large || from.input != Leg::Input::kFrames || bypass.conduit == nullptr) return false;
  if (!bypass.conduit->joins(from.transport(), to.transport())) return false;
  const std::uint64_t rest = from.scanner.rest();
  const bool unseen = rest >= bypass.worth_moving && !from.scanner.frame_is_control() &&
                      to.outlet.waiting() == 0 && to.outlet.open();
  const std::uint64_t most = unseen ? rest : rest + bypass.header_read;
  if (buffer.size() > most) buffer = buffer.first(static_cast<std::size_t>(most));
  return unseen;
}

void Session::read_from(Leg& from) noexcept {
  Leg& to = other(from);
  for (int reads = 0; from.readable && may_read(from); ++reads) {
    if (reads == kReadsPerTurn) {
      changed_ = has_more_ = true;
      return;
    }
    std::span<std::uint8_t> buffer = environment_.read_buffer;
    // Never more than may be stored: while bytes wait for `to`, all that is read now is stored behind them.
    const std::size_t limit = site_->relay.buffer_limit;
    const std::size_t room = limit - std::min(limit - 1, to.outlet.waiting());
    if (buffer.size() > room) buffer = buffer.first(room);
    const Bypass& bypass = environment_.bypass;
    const bool unseen = from.maybe_large && bypasses(from, buffer);
    const IoResult result =
        unseen ? to.outlet.pass(from.transport(), *bypass.conduit, buffer) : from.transport().read(buffer);
    switch (result.status) {
      case IoResult::Status::kOk:
        // A short read means drained, and new bytes make a new edge; but an end of stream that came together
        // with the bytes makes none.
        if (result.drained && !from.hung_up) {
          from.readable = false;
          if (!from.unconfirmed) changed_ = from.unconfirmed = true;
        }
        note_heard(from);
        if (unseen) [[unlikely]] {
          relay_unseen(from, result.bytes);
          break;
        }
        if (result.bytes >= bypass.header_read) from.maybe_large = true;
        relay(from, buffer.first(result.bytes));
        break;
      case IoResult::Status::kBlocked:
        from.readable = false;
        from.unconfirmed = false;
        from.hung_up = false;
        if (from.outlet.state() == Outlet::State::kFailed) connection_lost(from, from.outlet.error());
        return;
      case IoResult::Status::kEnd:
        // A failed write has told of a reset, and has used up the error that this read would have shown.
        if (from.outlet.state() == Outlet::State::kFailed) return connection_lost(from, from.outlet.error());
        return stream_ended(from);
      case IoResult::Status::kFailed: return connection_lost(from, result.error);
    }
  }
}

void Session::relay(Leg& from, std::span<const std::uint8_t> in) noexcept {
  if (from.input != Leg::Input::kFrames && from.input != Leg::Input::kRaw) return;
  Leg& to = other(from);
  note_received(from, in.size());
  Gather out(to.outlet);
  if (from.input == Leg::Input::kFrames) {
    site_->limits.max_frame == 0 ? relay_frames<false>(from, in, out) : relay_frames<true>(from, in, out);
  } else {
    out.add(in);
  }
  out.flush();
  if (environment_.pong_batch.count != 0) from.send(environment_.pong_batch);
  after_write(to);
  if (changed_) after_write(from);  // only a ping's answer goes there, and that is a change
}

// What `relay` does for bytes that it sees, here for payload of the data frame at hand that has left already.
void Session::relay_unseen(Leg& from, std::size_t size) noexcept {
  Leg& to = other(from);
  note_received(from, size);
  if (from.scanner.skip(size) == FrameScanner::Verdict::kFrameEnd) {
    ++from.frames_received;
    environment_.counters.frames[direction_from(from)][kind_of(from.scanner.opcode())].add();
    if (to.has_waiting() && may_inject(to)) inject(to);
  }
  lifetime_.data_came(environment_.clock.about_now());
  after_write(to);
}

void Session::note_received(Leg& from, std::size_t size) noexcept {
  from.traffic = true;
  from.bytes_received += size;
  environment_.counters.bytes[direction_from(from)].add(size);
}

// What a limit of frames costs, only those pay who have set one.
template <bool kLimited>
void Session::relay_frames(Leg& from, std::span<const std::uint8_t> in, Gather& out) noexcept {
  Leg& to = other(from);
  auto& frames = environment_.counters.frames[direction_from(from)];
  bool data = false;
  while (!in.empty() && from.input == Leg::Input::kFrames) {
    const FrameScanner::Step step = from.scanner.next(in);
    if (step.verdict == FrameScanner::Verdict::kBroken) {
      show_held(from, out);
      stream_broke();
      from.input = Leg::Input::kRaw;
      break;
    }
    const std::span<const std::uint8_t> piece = in.first(step.size);
    in = in.subspan(step.size);
    const bool whole = step.verdict == FrameScanner::Verdict::kFrameEnd;
    if (from.scanner.frame_is_control()) {
      relay_control(from, piece, whole, out);
    } else {
      data = true;
      if (kLimited && !admits(from, piece, whole, out)) break;
      out.add(piece);
    }
    if (!whole) break;
    ++from.frames_received;
    frames[kind_of(from.scanner.opcode())].add();
    if (to.has_waiting() && may_inject(to)) {
      out.flush();
      inject(to);
    }
  }
  if (from.input == Leg::Input::kRaw) out.add(in);
  if (data) lifetime_.data_came(environment_.clock.about_now());
}

// Passes on the beginning of a frame that has become sure to pass, or will never be whole.
void Session::show_held(Leg& from, Gather& out) noexcept {
  if (!from.held) return;
  out.add(from.held->bytes());
  out.flush();
  from.held.reset();
}

void Session::relay_control(Leg& from, std::span<const std::uint8_t> piece, bool whole,
                            Gather& out) noexcept {
  changed_ = true;
  if (whole && !from.held) return relay_control_frame(from, piece, out);
  if (!from.held) from.held.reset(new (std::nothrow) HeldBeginning);
  if (!from.held) return end_for_lack_of_memory();
  from.held->add(piece);
  if (!whole) return;
  relay_control_frame(from, from.held->bytes(), out);
  out.flush();
  from.held.reset();
}

void Session::relay_control_frame(Leg& from, std::span<const std::uint8_t> frame, Gather& out) noexcept {
  switch (from.scanner.opcode()) {
    case Opcode::kPing: return relay_ping(from, frame, out);
    case Opcode::kPong: return relay_pong(from, frame, out);
    case Opcode::kClose:
      from.close_code = websocket::close_code(ControlPayload(from.scanner.header(), frame).bytes())
                            .value_or(websocket::kNoCode);
      close_passed(from);
      break;
    default: break;
  }
  out.add(frame);
}

void Session::relay_ping(Leg& from, std::span<const std::uint8_t> frame, Gather& out) noexcept {
  if (floods(from)) return refuse(from, CloseReason::kControlFlood, out);
  const ControlPayload payload(from.scanner.header(), frame);
  if (answers_pings(from)) return answer_ping(from, payload);
  out.add(frame);
  if (phase_ != Phase::kOpen) return;
  out.flush();
  Leg& to = other(from);
  to.note_ping_passed_on(payload.bytes(), frame.size());
  // It has put off our own beat, which would have looked for what is missed.
  note_missed(to, environment_.clock.now());
}

bool Session::answers_pings(const Leg& from) const noexcept {
  // A backend's ping is for the client to answer: that is how the backend learns about it.
  if (from.name() == observe::Leg::kBackend || phase_ != Phase::kOpen) return false;
  switch (site_->keepalive.client.answer_pings) {
    case config::AnswerPings::kNever: return false;
    case config::AnswerPings::kWhileBackendAlive: return !backend_.unresponsive;
    case config::AnswerPings::kAlways: break;
  }
  return true;
}

void Session::answer_ping(Leg& from, const ControlPayload& payload) noexcept {
  if (!may_inject(from)) return from.owe_pong(payload);
  const ControlFrame pong(Opcode::kPong, payload.bytes(), from.mask_key());
  PongBatch& batch = environment_.pong_batch;
  if (batch.size + pong.bytes().size() > batch.bytes.size()) from.send(batch);
  std::copy(pong.bytes().begin(), pong.bytes().end(), batch.bytes.begin() + batch.size);
  batch.size += pong.bytes().size();
  ++batch.count;
}

void Session::relay_pong(Leg& from, std::span<const std::uint8_t> frame, Gather& out) noexcept {
  if (floods(from)) return refuse(from, CloseReason::kControlFlood, out);
  const TimePoint now = environment_.clock.now();
  const ControlPayload payload(from.scanner.header(), frame);
  const keepalive::Pong pong = from.heartbeat.pong(payload.bytes(), now);
  note_pong(from, pong, now);
  if (pong.answers && phase_ == Phase::kOpen) {
    // Where the peer itself has put a control frame, one may stand, be it between two fragments.
    from.heartbeat.repay(now, [&](std::span<const std::uint8_t> owed) {
      out.flush();
      other(from).repay(owed);
      environment_.counters.pongs_repaired[from.name()].add();
    });
  }
  if (pong.result == keepalive::Pong::Result::kForeign) out.add(frame);
}

void Session::note_pong(Leg& from, const keepalive::Pong& pong, TimePoint now) noexcept {
  observe::WorkerCounters& counters = environment_.counters;
  counters.pongs_received[from.name()][kind_of(pong.result)].add();
  counters.pongs_missed[from.name()].add(pong.missed);
  if (pong.answers && from.never_ponged) {
    from.never_ponged = false;
    counters.connections_never_ponged.add(-1);
  }
  if (!pong.latency) return;
  counters.pong_latency[from.name()].observe(*pong.latency);
  const auto rtt = from.transport().round_trip_time();
  if (rtt) counters.tcp_rtt[from.name()].observe(*rtt);
  if (from.name() == observe::Leg::kClient) {
    latency_.add(*pong.latency);
    last_pong_at_ = now;
    tcp_rtt_ = std::chrono::duration_cast<decltype(tcp_rtt_)>(rtt.value_or(keepalive::nanoseconds::zero()));
  }
}

// Draws the consequences of having written to a leg: whether its peer may be read on, whether it broke.
void Session::after_write(Leg& to) noexcept {
  Leg& from = other(to);
  if (to.outlet.idle()) {
    from.paused = false;
    return;
  }
  changed_ = true;
  const std::size_t waiting = to.outlet.waiting();
  if (waiting >= site_->relay.buffer_limit) from.paused = true;
  if (waiting <= site_->relay.buffer_limit / 2) from.paused = false;
  if (to.outlet.state() != Outlet::State::kFailed || phase_ == Phase::kEnding || phase_ == Phase::kOver)
    return;
  if (to.outlet.error() == ENOMEM) return end_for_lack_of_memory();
  if (to.input == Leg::Input::kEnded) return connection_lost(to, to.outlet.error());
  // What the peer said before its connection broke is still to be read; the loss shows behind it.
  to.readable = true;
  has_more_ = true;
}

// Whether our frames may enter a leg now (RFC 6455 section 5.4): between two messages, or between two frames
// once they have waited long.
bool Session::may_inject(const Leg& to) const noexcept {
  if (phase_ != Phase::kOpen) return false;
  const FrameScanner& stream = other(to).scanner;
  return to.hold_passed ? !stream.data_frame_open() : stream.at_message_boundary();
}

void Session::inject(Leg& to) noexcept {
  changed_ = true;
  const bool closes = to.wants_close();
  to.inject();
  if (closes && to.input == Leg::Input::kRefused) {
    end_refused(to);
  } else if (closes) {
    const Goodbye words = words_of_leaving();
    to.outlet.send(ControlFrame::close(*words.code, words.reason, to.mask_key()).bytes());
    // Ours was the first Close: the client's answer passes to the backend, and nothing more to the client.
    other(to).input = Leg::Input::kDiscard;
    other(to).held.reset();
    note_reason(leaving_);
    enter(Phase::kClosing);
  }
  after_write(to);
}

}  // namespace wskeep::relay
