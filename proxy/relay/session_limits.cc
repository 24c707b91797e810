// What a session does about a peer that breaks a limit.
#include <new>

#include "proxy/relay/gather.h"
#include "proxy/relay/session.h"

namespace wskeep::relay {

using observe::CloseReason;
using observe::Limit;
using websocket::FrameScanner;

namespace {

Limit limit_of(CloseReason reason) {
  return reason == CloseReason::kControlFlood ? Limit::kControlFramesPerSecond : Limit::kMaxFrame;
}

}  // namespace

// Whether this piece of a data frame may pass on, while frames are limited. Until its header is whole nobody
// knows, so the header's beginning is held: the other side must not get even that of a frame that ends here.
bool Session::admits(Leg& from, std::span<const std::uint8_t> piece, bool whole, Gather& out) noexcept {
  if (!whole && !from.scanner.in_payload()) {
    if (!from.held) from.held.reset(new (std::nothrow) HeldBeginning);
    if (!from.held) {
      end_for_lack_of_memory();
    } else {
      from.held->add(piece);
    }
    return false;
  }
  if (from.scanner.payload_size() > site_->limits.max_frame) {
    from.scanner.refuse();
    refuse(from,
           from.name() == observe::Leg::kClient ? CloseReason::kClientFrameTooLarge
                                                : CloseReason::kBackendFrameTooLarge,
           out);
    return false;
  }
  show_held(from, out);
  return true;
}

// Whether a ping or pong is one too many. A backend is not limited: it is the operator's own.
bool Session::floods(const Leg& from) noexcept {
  const std::uint32_t most = site_->limits.control_frames_per_second;
  if (most == 0 || from.name() == observe::Leg::kBackend) return false;
  return !control_frames_.take(most, environment_.clock.about_now());
}

// The leg's peer has broken a limit: it gets a Close as soon as what goes to it is between two frames, and
// the session ends. The frame that broke it has not passed on, and nothing behind it will.
void Session::refuse(Leg& from, CloseReason reason, Gather& out) noexcept {
  changed_ = true;
  environment_.counters.limits_hit[limit_of(reason)].add();
  out.flush();
  if (environment_.pong_batch.count != 0) from.send(environment_.pong_batch);
  from.held.reset();
  from.input = Leg::Input::kRefused;
  note_reason(reason);
  // The other peer's Close has waited for the end of a frame that is not to be.
  if (other(from).input == Leg::Input::kRefused) return end_refused(other(from));
  const bool waits = phase_ == Phase::kOpen && other(from).scanner.data_frame_open() && !is_leaving();
  leaving_ = reason;
  if (!waits) return end_refused(from);
  lifetime_.stop();
  from.want_close();
  from.hold_passed = true;
  phase_deadline_ = environment_.clock.now() + site_->relay.inject_hold + site_->relay.close_timeout;
  other(from).traffic = false;
}

void Session::end_refused(Leg& from) noexcept {
  const bool client = from.name() == observe::Leg::kClient;
  const Goodbye to_it = words_of_leaving();
  const Goodbye to_other = goodbye_for_loss_of(from, leaving_);
  end(leaving_, client ? to_it : to_other, client ? to_other : to_it);
}

}  // namespace wskeep::relay
