// Heartbeat decides when one leg is pinged and when its peer has been silent for too long.
//
// A pure state machine: time and randomness are arguments, nothing is sent from here. Its owner asks
// `deadline()` for the time of the next duty, calls `poll()` then, sends the ping that comes back, and says
// what happened: `ping_sent` and `passed` as it leaves, `heard` for any byte received, `pong` for a pong.
// Alive means proven: any byte received after a ping went out proves the peer alive, and only a pong yields a
// latency.
//
// Beats are scheduled from the last due time, so lateness does not add up, and jitter only shortens an
// interval: peers count on a ping at least once per `ping_interval`. A ping that is passed on for the other
// peer is as good as one of ours: the interval starts again from it, silence is counted from it, and its pong
// is timed. Not thread-safe; the settings must outlive it.
//
// Nearly always nothing is under way, so an idle heartbeat is 32 bytes: what a ping needs to be remembered is
// allocated when it is due and freed when it is settled. Without memory for that a beat is left out.
#pragma once

#include <cassert>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "proxy/keepalive/pong_ledger.h"
#include "proxy/keepalive/settings.h"

namespace wskeep::keepalive {

class Heartbeat {
 public:
  enum class Due : std::uint8_t {
    kNothing,
    kPing,    // send a ping now; no other is due until it has left or was withdrawn
    kSilent,  // no byte for pong_timeout after the first unanswered ping; `may_end` says what follows
  };

  // The first beat comes at a random point of the first interval after `now`.
  Heartbeat(const Settings& settings, TimePoint now, std::uint64_t random) noexcept;

  // When `poll` has something to do next; TimePoint::max() for never.
  TimePoint deadline() const noexcept;

  // What is due at `now`; call until it returns kNothing. A wake-up so late that the machine must have been
  // suspended or starved (over pong_timeout / 2) restarts a running timeout instead of judging by it.
  [[nodiscard]] Due poll(TimePoint now, std::uint64_t random) noexcept;

  // The payload for a ping that is due. `fresh` is random.
  PongLedger::Payload payload(std::uint32_t fresh) const noexcept { return PongLedger(mark_).payload(fresh); }

  // Where a ping stands in the stream: its first byte, and the one behind it.
  struct Place {
    std::uint64_t begin;
    std::uint64_t end;
  };
  // That ping was put into the stream.
  void ping_sent(std::uint32_t fresh, Place place) noexcept;

  // A ping of the other peer was put into the stream. At most 125 bytes. A ping of ours that is due and was
  // not sent yet is due no more: this one stands for it.
  void ping_passed_on(std::span<const std::uint8_t> payload, Place place, TimePoint now,
                      std::uint64_t random) noexcept;

  // Whether a ping waits to leave, so that `passed` wants to know of it.
  bool has_unsent() const noexcept { return pending_ && pending_->has_unsent(); }

  // Where the first unanswered ping ends, when nothing but pings stands between it and `end`, the end of the
  // stream. Only while one is unanswered, silence included.
  std::optional<std::uint64_t> first_end_before_pings(std::uint64_t end) const noexcept;

  // The stream has left for the kernel up to byte `position`: the latency and the timeout of the pings before
  // it count from here. How long after its due time that was, if one of them was ours.
  std::optional<nanoseconds> passed(std::uint64_t position, TimePoint now) noexcept;

  // A byte, any byte, came from the peer.
  void heard() noexcept {
    if (pending_) pending_->waiting = false;
    silent_ = false;
    heard_since_beat_ = true;
  }

  // A pong came. Its bytes were `heard` before.
  Pong pong(std::span<const std::uint8_t> payload, TimePoint now) noexcept;

  // Hands `send` the payload of each pong that the last one has shown to be owed to the other peer.
  template <class Send>
  void repay(TimePoint now, Send send) {
    if (pending_) pending_->ledger.repay(now, send);
  }

  // Pings that left pong_timeout ago or earlier without their pong, counted once each.
  std::uint32_t take_missed(TimePoint now) noexcept;

  // Takes the last kSilent back, for now: the peer is judged again after `patience`, unless it is heard
  // before. Only while it hasn't been heard since that kSilent.
  void wait_on(TimePoint now, nanoseconds patience) noexcept {
    assert(pending_);
    silent_ = pending_->was_silent;
    pending_->waiting = true;
    pending_->waiting_since = now + patience - settings_->pong_timeout;
  }
  // The same for a whole timeout.
  void restart_timeout(TimePoint now) noexcept { wait_on(now, settings_->pong_timeout); }

  // The peer can send nothing more (its stream has ended): no pings, no judgement.
  void stop() noexcept {
    stopped_ = true;
    if (pending_) pending_->waiting = false;
  }

  // A ping has left, and nothing was heard since.
  bool waiting() const noexcept { return pending_ && pending_->waiting; }
  nanoseconds pong_timeout() const noexcept { return settings_->pong_timeout; }
  bool answered() const noexcept { return answered_; }  // has answered a ping, ever
  bool silent() const noexcept { return silent_; }      // judged silent and not heard since
  // A ping has been unanswered for longer than half of the timeout.
  bool suspect(TimePoint now) const noexcept {
    return waiting() && now - pending_->waiting_since > settings_->pong_timeout / 2;
  }
  // Whether the policy lets silence end the session.
  bool may_end() const noexcept;

 private:
  static constexpr TimePoint kNever = TimePoint::max();

  // From when a ping is due until nothing more is expected of any.
  struct Pending {
    explicit Pending(std::uint32_t mark) noexcept : ledger(mark) {}

    bool has_unsent() const noexcept { return own_end != 0 || foreign_end != 0 || ledger.has_unsent(); }
    bool settled() const noexcept {
      return !waiting && !has_unsent() && ping_due == kNever && probe_at == kNever && ledger.empty();
    }
    void note_place(Place place) noexcept;

    TimePoint ping_due = kNever;    // when the ping of ours that has not left yet was due
    TimePoint probe_at = kNever;    // when to ask whether the peer has read past a foreign ping
    TimePoint waiting_since{};      // when the first unanswered ping left, while `waiting`
    std::uint64_t own_end = 0;      // where our ping ends, between `ping_sent` and its leaving
    std::uint64_t foreign_end = 0;  // where the last passed-on ping ends, until it has left
    std::uint64_t first_end = 0;    // where the first unanswered ping ends, ours or not
    std::uint64_t last_end = 0;     // and the last ping
    PongLedger ledger;
    bool only_pings = false;  // stand between these two
    bool waiting = false;
    bool was_silent = false;  // before the last kSilent
  };

  bool beats() const noexcept { return settings_->policy != Policy::kOff && !stopped_; }
  bool make_pending() noexcept;
  void free_settled() noexcept;
  nanoseconds next_interval(std::uint64_t random) const noexcept;
  Due beat(TimePoint now, std::uint64_t random) noexcept;
  Due probe(TimePoint now, std::uint64_t random) noexcept;

  const Settings* settings_;
  TimePoint next_beat_;
  std::unique_ptr<Pending> pending_;  // none while nothing is under way
  std::uint32_t mark_;                // of our payloads
  bool silent_ = false;
  bool heard_since_beat_ = false;
  bool answered_ = false;
  bool stopped_ = false;
};

}  // namespace wskeep::keepalive
