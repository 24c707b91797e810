// Silence watches whether a leg's peer is ended for being silent, and whether it had to be.
//
// Rule "never the living": nobody is ended for silence whose bytes have reached wskeep's socket since the
// first unanswered ping left, nor before pong_timeout is over, nor while its TCP takes bytes, nor before it
// could have sent a lost answer again, nor before a whole pong_timeout after a wake-up that came too late to
// judge by; nor against the policy.
// Rule "always the dead": a peer that is silent past pong_timeout is ended where the policy says so: at once
// when its TCP has our ping, or has not acknowledged it for long; within two timeouts of the last bytes that
// it took, and behind a closed window write_stall_timeout more.
// Rule "the right word": network_dead, app_stalled, keepalive_timeout as the kernel's books have it.
#pragma once

#include "proxy/keepalive/settings.h"
#include "tests/simulation/verdict.h"
#include "tests/simulation/watch.h"

namespace wskeep::simulation {

class Silence {
 public:
  struct Sleep {
    TimePoint from{};
    TimePoint until{};
  };

  Silence(observe::Leg leg, const keepalive::Settings& settings, nanoseconds write_stall_timeout,
          Verdict& verdict);

  // It ends at byte `end` of the stream.
  void ping_left(TimePoint now, std::uint64_t end);
  void heard() noexcept { first_unanswered_.reset(); }
  void answered(bool surely) noexcept;  // a pong came, to a ping of this leg
  void check(const LegView& leg, const Sleep& sleep);
  // The session has ended for this peer's silence; `before` is the leg as it was before that.
  void ended(const LegView& before, observe::CloseReason reason, const Sleep& sleep, std::size_t unread_now);

 private:
  bool may_end(bool answered) const noexcept;
  nanoseconds until_dead(const net::SendProgress& progress) const noexcept;
  TimePoint latest_by(const LegView& leg, TimePoint from) const noexcept;
  std::string name() const { return "the " + std::string(to_string(leg_)); }

  observe::Leg leg_;
  const keepalive::Settings& settings_;
  nanoseconds write_stall_timeout_;
  Verdict& verdict_;
  std::optional<TimePoint> first_unanswered_;  // ping that left after the peer was last heard
  std::uint64_t first_end_ = 0;
  TimePoint excused_{};  // wskeep did not read it then
  bool has_answered_ = false;
  bool may_have_answered_ = false;
};

}  // namespace wskeep::simulation
