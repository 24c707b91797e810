// PongLedger knows which pings of a leg are unanswered, ours and those passed on for the other peer, and what
// a pong means (RFC 6455 sections 5.5.2 and 5.5.3).
//
// Our payloads are 8 bytes that nobody can guess: the first four mark a leg for its life, so that our pong is
// known however late it comes; the last four are fresh, so that no peer can answer a ping that it hasn't
// read. A foreign ping is known by its payload; of several alike the oldest counts as answered, but untimed.
//
// Some runtimes answer only the first of two pending pings and some only the last, so a ping of ours can cost
// its neighbour its pong. A pong for a later ping proves that the peer has read past the earlier ones: those
// of ours are settled by it, and for each foreign one the pong is owed to whoever pinged (`repay`). Should
// the peer answer it after all, that second answer is recognised and dropped.
//
// It keeps at most kMost pings, in memory that it owns only while pings are unanswered; beyond that, or
// without memory, a ping is neither timed nor repaid. No clock: time is an argument. Not thread-safe.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace wskeep::keepalive {

using TimePoint = std::chrono::steady_clock::time_point;
using std::chrono::nanoseconds;

struct Pong {
  enum class Result : std::uint8_t {
    kMatched,  // answers a ping of ours that is being timed
    kLate,     // too late to matter: ours and not timed any more, or of a foreign ping that was repaid
    kForeign,  // not ours: it passes on
  };
  Result result;
  bool answers = false;  // some ping of this leg, ours or passed on
  // Whether the peer will answer what follows is open: it may be one that leaves out what is next to a ping
  // of ours, which this answers for the first time, or this answers one of several alike.
  bool doubtful = false;
  std::optional<nanoseconds> latency;  // from when that ping left, unless it was given up or untimed
  std::uint32_t missed = 0;  // earlier pings that this one acknowledges without an answer of their own
};

class PongLedger {
 public:
  static constexpr std::size_t kMost = 8;
  using Payload = std::array<std::uint8_t, 8>;

  // `mark` is random; it is the first half of every payload of ours.
  explicit PongLedger(std::uint32_t mark) noexcept : mark_(mark) {}
  ~PongLedger();
  PongLedger(const PongLedger&) = delete;
  PongLedger& operator=(const PongLedger&) = delete;

  // A payload for a ping of ours. `fresh` is random.
  Payload payload(std::uint32_t fresh) const noexcept;

  // A ping was put into the stream, where it ends at byte `end`; it waits to leave. A foreign payload is at
  // most 125 bytes.
  void sent_own(std::uint32_t fresh, std::uint64_t end) noexcept;
  void sent_foreign(std::span<const std::uint8_t> payload, std::uint64_t end) noexcept;
  bool has_unsent() const noexcept { return unsent_ != 0; }
  // Remembers no ping.
  bool empty() const noexcept { return !first_; }

  // The stream has left for the kernel up to `position`: the clocks of the pings before it start. True if
  // there were any.
  bool passed(std::uint64_t position, TimePoint now) noexcept;

  // Judges a pong. A match answers its ping and acknowledges all earlier ones.
  Pong received(std::span<const std::uint8_t> payload, TimePoint now) noexcept;

  // Hands the payload of every acknowledged foreign ping to `send`, oldest first, each once in its life.
  template <class Send>
  void repay(TimePoint now, Send send) {
    for (Ping* ping = first_.get(); ping != nullptr; ping = ping->next.get()) {
      if (ping->state != Ping::State::kOwed) continue;
      send(ping->foreign->bytes());
      ping->state = Ping::State::kRepaid;
      ping->at = now;
    }
  }

  // Whether a foreign ping that has left is unanswered.
  bool awaits_foreign() const noexcept;

  // Gives up waiting for pongs of pings that left `timeout` ago or earlier; returns how many. A foreign one
  // may still be answered or repaid; a repaid one is forgotten.
  std::uint32_t give_up(TimePoint now, nanoseconds timeout) noexcept;

 private:
  struct Foreign {
    std::span<const std::uint8_t> bytes() const noexcept { return {data.data(), size}; }
    std::array<std::uint8_t, 125> data;
    std::uint8_t size;
  };
  struct Ping {
    enum class State : std::uint8_t {
      kUnsent,  // has not left for the kernel
      kTimed,   // has left
      kMissed,  // left too long ago
      kOwed,    // foreign; acknowledged by the pong of a later ping
      kRepaid,  // foreign; and its pong was sent by us
    };
    bool out() const noexcept { return state == State::kTimed || state == State::kMissed; }

    std::unique_ptr<Ping> next;
    std::unique_ptr<Foreign> foreign;  // none in a ping of ours
    std::uint64_t end = 0;             // while kUnsent
    TimePoint at{};                    // when it left; when it was repaid
    std::uint32_t fresh = 0;           // of ours
    State state = State::kUnsent;
  };
  using Link = std::unique_ptr<Ping>;

  void append(Link ping, std::uint64_t end) noexcept;
  bool make_room() noexcept;
  void erase(Link& link) noexcept;
  bool is_ours(std::span<const std::uint8_t> payload) const noexcept;
  Pong answered(const Ping& answer, Pong::Result result, TimePoint now) noexcept;
  const Ping* find(std::span<const std::uint8_t> payload) const noexcept;
  bool was_repaid(std::span<const std::uint8_t> payload) noexcept;

  Link first_;  // oldest first
  std::uint32_t mark_;
  std::uint8_t size_ = 0;
  std::uint8_t unsent_ = 0;
};

}  // namespace wskeep::keepalive
