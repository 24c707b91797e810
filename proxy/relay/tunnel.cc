#include "proxy/relay/tunnel.h"

#include <algorithm>

namespace wskeep::relay {

using net::IoResult;

namespace {

constexpr int kReadsPerTurn = 4;

}  // namespace

void Tunnel::start(Bytes from_client, Bytes from_backend) noexcept {
  if (!from_client.empty()) backend_.out.send(from_client);
  if (!from_backend.empty()) client_.out.send(from_backend);
  resume();
}

void Tunnel::on_ready(observe::Leg leg, Session::Readiness ready) noexcept {
  Side& side = leg == observe::Leg::kClient ? client_ : backend_;
  Side& other = leg == observe::Leg::kClient ? backend_ : client_;
  if (ready.writable) {
    side.out.flush();
    pass(other, side);
  }
  if (ready.readable || ready.hung_up) pass(side, other);
  settle();
}

void Tunnel::resume() noexcept {
  has_more_ = false;
  pass(client_, backend_);
  pass(backend_, client_);
  settle();
}

void Tunnel::pass(Side& from, Side& to) noexcept {
  for (int reads = 0; !from.ended && to.out.idle(); ++reads) {
    if (reads == kReadsPerTurn) {
      has_more_ = true;
      return;
    }
    const IoResult result = from.out.transport().read(environment_.read_buffer);
    switch (result.status) {
      case IoResult::Status::kOk: to.out.send(environment_.read_buffer.first(result.bytes)); break;
      case IoResult::Status::kBlocked: return;
      case IoResult::Status::kEnd:
        from.ended = true;
        to.out.finish();
        return;
      case IoResult::Status::kFailed:
        from.ended = true;
        over_ = true;
        return;
    }
  }
}

void Tunnel::settle() noexcept {
  const bool broken =
      client_.out.state() == Outlet::State::kFailed || backend_.out.state() == Outlet::State::kFailed;
  if (broken || (client_.out.done() && backend_.out.done())) over_ = true;
}

TimePoint Tunnel::deadline() const noexcept {
  TimePoint deadline = TimePoint::max();
  for (const Side* const side : {&client_, &backend_}) {
    if (side->out.waiting() == 0) continue;
    deadline = std::min(deadline, side->out.stalled_since() + stall_timeout_);
  }
  return deadline;
}

void Tunnel::on_deadline() noexcept {
  if (environment_.clock.now() >= deadline()) over_ = true;
}

}  // namespace wskeep::relay
