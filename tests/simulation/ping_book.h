// PingBook knows the pings that one leg's peer has been sent, wskeep's and those passed on for the other
// peer, and says what each pong of it must lead to. It is written from the rules, not from the ledger:
//
// Rule "repair": a pong answers the oldest unanswered ping with its payload and acknowledges all before it.
// Passed-on pings that are so acknowledged are repaid: wskeep sends their pongs to the peer that had pinged,
// in their order, right before the pong that proved it. A genuine pong that comes after that is swallowed.
//
// wskeep remembers eight pings a leg. Beyond that it may forget, so from then on the book says "perhaps".
#pragma once

#include <optional>
#include <vector>

#include "proxy/keepalive/settings.h"
#include "tests/simulation/passage.h"
#include "tests/simulation/timeline.h"

namespace wskeep::simulation {

class PingBook {
 public:
  explicit PingBook(const keepalive::Settings& settings) : settings_(settings) {}

  void announced() noexcept { ++announced_; }  // a foreign ping was read, and is on its way
  void left(const Bytes& payload, bool own, TimePoint now);

  struct Meaning {
    Passage::Fate fate = Passage::Fate::kPasses;
    std::vector<Bytes> repaid;
    bool surely = true;                  // of all the rest: the book has not lost count
    bool ours = false;                   // a pong to a ping of wskeep's
    bool answers = false;                // some ping of this leg
    bool perhaps = false;                // it may be taken for an answer
    std::optional<nanoseconds> latency;  // of ours; 0 for one of several alike, which nobody can time
    bool first_time = false;             // ours, and not answered before
    bool asks_for_probe = false;
  };
  // A pong was read, while the session was `open` or not.
  Meaning pong(const Bytes& payload, bool open, TimePoint now);

  // Whether a ping of wskeep's with this payload is unanswered.
  bool is_out(const Bytes& payload) const noexcept;
  bool awaits_foreign() const noexcept;
  // Once it has lost count, the book can't say when; only what.
  bool may_repay(const Bytes& payload) const noexcept;
  bool lost_count() const noexcept { return lost_count_; }
  std::size_t own_sent() const noexcept { return own_.size(); }

 private:
  struct Ping {
    enum class State : std::uint8_t { kOut, kRepaid };
    Bytes payload;
    bool own;
    State state;
    TimePoint at;  // when it left, or was repaid
  };
  void forget_old(TimePoint now);
  bool has_our_mark(const Bytes& payload) const noexcept;
  void settle_before(std::size_t index, bool open, TimePoint now, Meaning& meaning);

  const keepalive::Settings& settings_;
  std::vector<Ping> pings_;  // oldest first
  struct Own {
    Bytes payload;
    bool answered;
  };
  std::vector<Own> own_;        // every ping of wskeep's, ever
  std::vector<Bytes> foreign_;  // every ping that was passed on
  std::size_t announced_ = 0;
  bool lost_count_ = false;
};

}  // namespace wskeep::simulation
