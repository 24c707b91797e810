// Ending watches how a session goes from open to over.
//
// Rule "why": the session ends for what has happened, and says so: the first Close, end or reset that was
// read, or a reason of wskeep's that holds.
// Rule "in time": once it is closing, two close_timeouts end it, but for what is still moving: a drain, or
// traffic in the open half. Who broke a limit is told as soon as what goes to it is between two frames.
// Rule "stall": a peer that takes no byte for write_stall_timeout, with bytes waiting, is ended, and no
// other.
#pragma once

#include <array>
#include <optional>

#include "config/config.h"
#include "proxy/relay/session.h"
#include "tests/simulation/verdict.h"
#include "tests/simulation/watch.h"

namespace wskeep::simulation {

class Ending {
 public:
  Ending(const config::Config& config, TimePoint opened, Verdict& verdict);

  // What was seen on a leg.
  void read(observe::Leg leg, bool data, TimePoint now);
  void wrote(observe::Leg leg, std::size_t bytes, TimePoint now);
  void closed(observe::Leg leg);  // a Close was read
  enum class Loss : std::uint8_t { kNone, kEnd, kReset, kTimeout };
  void ended(observe::Leg leg, Loss loss);
  void illegal() noexcept { illegal_ = true; }
  // A frame was read that breaks a limit, perhaps in a session that is ending already.
  void refused(observe::Leg leg, bool flood, bool leaving, TimePoint now);
  bool was_refused() const noexcept { return refused_.has_value(); }
  void cut() noexcept { cut_ = true; }
  void go_away() noexcept { went_away_ = true; }

  bool seen() const noexcept { return first_ || illegal_; }
  bool stalled(observe::Leg leg) const noexcept { return stalled_[static_cast<std::size_t>(leg)]; }

  using Views = std::array<LegView, observe::kLegs>;
  void before_call(const Views& legs);
  void after_call(const relay::Session& session, const Views& legs);
  void after_turn(const relay::Session& session, const Views& legs, TimePoint woke);
  // A Close of wskeep's own with this code went to `to`.
  void check_code(observe::Leg to, std::uint16_t code, const relay::Session& session);

 private:
  void check_reason(const relay::Session& session, const Views& legs);
  void check_told(const relay::Session& session, const Views& legs);
  void check_limits(const relay::Session& session, const Views& legs, TimePoint woke);
  void check_leaving(const Views& legs, TimePoint woke);

  const config::Relay& settings_;
  Verdict& verdict_;
  TimePoint opened_;
  TimePoint last_data_;
  nanoseconds longest_idle_{};  // between two data
  TimePoint last_read_;
  std::array<TimePoint, observe::kLegs> taken_;  // when the leg's socket last took a byte, or had to wait
  std::array<bool, observe::kLegs> waiting_{};
  std::array<bool, observe::kLegs> stalled_{};
  std::array<TimePoint, observe::kLegs> last_from_;
  std::array<TimePoint, observe::kLegs> last_waited_{};  // when bytes last waited for the leg
  std::optional<TimePoint> leaving_since_;               // when wskeep had to want to end it
  std::optional<TimePoint> closing_since_;
  TimePoint last_drain_{};
  bool drained_ = false;                       // something waited since closing_since_
  std::optional<observe::CloseReason> first_;  // what a peer did first that ends a session
  std::array<Loss, observe::kLegs> lost_{};    // how that peer's stream has ended
  std::optional<observe::Leg> refused_;        // the leg of which a frame broke a limit,
  bool flood_ = false;                         // which was that of control frames,
  TimePoint refused_at_{};                     // then;
  bool must_be_told_ = false;                  // it has to get a Close that says so
  bool told_ = false;                          // and got one
  bool reason_checked_ = false;
  bool illegal_ = false;
  bool cut_ = false;
  bool went_away_ = false;
};

// Whether the reason is a peer's silence; of which leg.
std::optional<observe::Leg> silent_leg(observe::CloseReason reason) noexcept;

}  // namespace wskeep::simulation
