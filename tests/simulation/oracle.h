// Oracle sees everything that a session does to the outside and knows what it may do.
//
// It re-derives what must come out from what went in and when, by its own reader of frames and its own books;
// of the session it looks at the outside only: its phase and reason, and how much waits for a socket. Each
// rule stands with the watcher that checks it: Passage (transparency, placement), PingBook (repair), Beats,
// Silence, Ending and Tally; here are those that need more than one of them:
//
// Rule "answers": each of a client's pings that wskeep takes is answered once, in order, with its payload, as
// soon as there is a boundary; only when more than sixteen wait may the oldest give way.
// Rule "hold": a ping or pong of wskeep's goes between two fragments only after inject_hold, but for a repaid
// pong, which stands where the peer itself has put a control frame.
// Rule "complete": whenever nothing waits for a socket, all that was read for it has left; what a peer said
// before its stream ended or broke has been read when that is noticed; and only a lost peer's bytes are
// dropped.
// Rule "read": bytes that have reached wskeep's socket are read soon, unless the other peer is slow.
// Rule "bounded": what waits for a socket never exceeds buffer_limit, one read's answers and the slots.
#pragma once

#include <array>
#include <deque>
#include <memory>

#include "proxy/relay/session.h"
#include "tests/simulation/beats.h"
#include "tests/simulation/ending.h"
#include "tests/simulation/link.h"
#include "tests/simulation/loop.h"
#include "tests/simulation/passage.h"
#include "tests/simulation/ping_book.h"
#include "tests/simulation/silence.h"
#include "tests/simulation/tally.h"

namespace wskeep::simulation {

class Oracle final : public Witness, public Loop::Observer, private Passage::Judge {
 public:
  Oracle(Timeline& timeline, const config::Config& config, bool deflate, std::size_t read_buffer,
         std::array<Link*, observe::kLegs> links, Trace& trace, Verdict& verdict);

  void watch(const relay::Session& session) { session_ = &session; }
  // What the handshake leaves.
  void begins_with(const Bytes& answer, const Bytes& from_client, const Bytes& from_backend);
  void loop_sleeps(TimePoint until);
  void told_to_go_away() { ending_.go_away(); }
  void told_to_cut() { ending_.cut(); }
  // The session is over, but not yet gone; then it is.
  void at_the_end();
  void behind_the_end(const observe::WorkerCounters& counters);

  void has_read(observe::Leg leg, std::span<const std::uint8_t> bytes) override;
  void has_seen_end(observe::Leg leg, net::IoResult::Status how) override;
  void has_written(observe::Leg leg, std::span<const std::uint8_t> bytes) override;
  void has_shut(observe::Leg leg) override;
  void before_call() override;
  void after_call() override;
  void after_turn() override;

 private:
  struct Side {
    Side(observe::Leg leg, const config::Config& config, bool deflate, Timeline& timeline, Judge& judge,
         Verdict& verdict);
    Passage from;  // what its peer says
    PingBook pings;
    Beats beats;
    Silence silence;
  };
  struct Owed {
    Bytes payload;
    TimePoint since;
  };

  Passage::Fate on_frame_read(observe::Leg from, const Frame& frame) override;
  void on_control_passed(observe::Leg from, const Frame& frame) override;
  void on_own_frame(observe::Leg to, const Frame& frame, bool inside_message) override;
  void on_repaid(observe::Leg to, const Bytes& payload) override;

  Passage::Fate fate_of_ping(observe::Leg from, const Frame& frame);
  Passage::Fate fate_of_pong(observe::Leg from, const Frame& frame);
  void own_ping(observe::Leg to, const Frame& frame);
  void own_pong(observe::Leg to, const Frame& frame);
  bool floods(observe::Leg from, const Frame& frame);
  std::uint64_t data_frames(observe::Leg leg);
  LegView view(observe::Leg leg) const;
  void check_end_of_life();
  void check_bounds(const LegView& leg, observe::Leg name);
  void check_complete(const LegView& leg, observe::Leg name);
  void check_read(const LegView& leg, observe::Leg name);
  void check_answers(const LegView& client);
  bool open() const noexcept { return session_->phase() == relay::Session::Phase::kOpen; }
  const relay::Leg& leg(observe::Leg name) const noexcept {
    return name == observe::Leg::kClient ? session_->client() : session_->backend();
  }
  Side& side(observe::Leg name) noexcept { return sides_[static_cast<std::size_t>(name)]; }
  const Side& side(observe::Leg name) const noexcept { return sides_[static_cast<std::size_t>(name)]; }

  Timeline& timeline_;
  const config::Config& config_;
  std::array<Link*, observe::kLegs> links_;
  Trace& trace_;
  Verdict& verdict_;
  const relay::Session* session_ = nullptr;
  std::array<Side, observe::kLegs> sides_;
  Ending ending_;
  Tally tally_;
  std::deque<Owed> owed_;  // answers to the client's pings
  Bytes last_answer_;
  std::size_t may_give_way_ = 0;  // of these, to later ones
  Ending::Views before_;          // the last call
  Silence::Sleep sleep_;
  std::array<TimePoint, observe::kLegs>
      last_read_;             // or when there was nothing to be read, or it was not to be
  std::size_t most_at_once_;  // bytes that one read can bring
  std::size_t answer_size_ = 0;
  std::array<std::optional<std::uint16_t>, observe::kLegs> close_codes_;  // of own Closes in this call
  std::uint64_t tokens_used_ = 0;  // by the client's control frames, when
  std::uint64_t tokens_at_ = 0;    // so many had flowed in
  bool flood_ = false;             // there were too many
  bool reason_known_ = false;
  bool intact_ = true;
  bool cut_short_ = false;
};

}  // namespace wskeep::simulation
