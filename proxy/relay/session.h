// Session joins a client leg and a backend leg after the handshake and keeps them alive until one ends.
//
// Application frames pass byte for byte; our own control frames enter between them; the rules are those of
// RFC 6455 as an intermediary must keep them (sections 5.4, 5.5 and 7.1). It knows no libevent and reads no
// clock but the environment's: its owner tells it which leg is ready, calls `on_deadline` when `deadline()`
// has come, and frees it once it is over. Nothing throws. One thread. An idle session owns no buffer.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/config.h"
#include "proxy/keepalive/lifetime.h"
#include "proxy/keepalive/token_bucket.h"
#include "proxy/observe/words.h"
#include "proxy/relay/environment.h"
#include "proxy/relay/latency_summary.h"
#include "proxy/relay/leg.h"
#include "proxy/relay/session_identity.h"

namespace wskeep::relay {

class Gather;

class Session {
 public:
  enum class Phase : std::uint8_t {
    kOpen,        // frames pass both ways and ours go between them
    kBroken,      // an illegal frame has passed: the endpoints judge, we add nothing more
    kClosing,     // a Close has passed or was ours
    kHalfClosed,  // one stream has ended without a Close
    kEnding,      // we end it: what was sent drains, what comes is dropped
    kOver,        // nothing is left to do
  };

  // The environment and the transports must outlive it.
  Session(Environment& environment, std::shared_ptr<const config::Site> site, SessionIdentity identity,
          net::Transport& client, net::Transport& backend, websocket::ExtensionRules rules) noexcept;
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Legs of which all has been read, and nothing has come since: an event will tell.
  struct Drained {
    bool client = false;
    bool backend = false;
  };
  // Begins with what the handshake leaves: the 101 for the client, then the frames that came with either
  // head. Then it reads, but from the drained.
  void start(std::span<const std::uint8_t> answer, std::span<const std::uint8_t> from_client,
             std::span<const std::uint8_t> from_backend, Drained drained) noexcept;

  // A leg's socket has news (edge-triggered). False when data have passed straight through and nothing else
  // was done, as nearly always: then `phase` and `has_more` are as they were, `unconfirmed` has not become
  // true, and `deadline` has not become sooner. After any other call the owner must ask for all of them.
  struct Readiness {
    bool readable = false;
    bool writable = false;
    bool hung_up = false;  // the peer's end of stream has arrived
  };
  bool on_ready(observe::Leg leg, Readiness ready) noexcept;

  // When `on_deadline` wants to be called; TimePoint::max() for never. May move either way with any call.
  TimePoint deadline() const noexcept;
  void on_deadline() noexcept;

  // A turn's budget was spent before the sockets were drained: call `resume` in the next turn, for no new
  // event will come.
  bool has_more() const noexcept { return has_more_; }
  void resume() noexcept;

  // A leg's last read came back short, so it counts as drained; but epoll tells an error that came in with
  // the bytes no second time, and libevent shows it like any other news. `confirm`, some time later, looks
  // again.
  bool unconfirmed() const noexcept { return client_.unconfirmed || backend_.unconfirmed; }
  void confirm() noexcept;

  // Ends the session politely: Close 1001 `going away` to the client at the next boundary.
  void go_away() noexcept;
  // Ends it now, with the same Close where a frame boundary allows one.
  void cut() noexcept;

  Phase phase() const noexcept { return phase_; }
  // Decided, at the latest when the session is over.
  std::optional<observe::CloseReason> reason() const noexcept { return reason_; }
  const SessionIdentity& identity() const noexcept { return identity_; }
  const Leg& client() const noexcept { return client_; }
  const Leg& backend() const noexcept { return backend_; }
  TimePoint started_at() const noexcept { return started_at_; }
  // Of the client's pings that were answered, ours or passed on.
  const LatencySummary& latency() const noexcept { return latency_; }
  TimePoint last_pong_at() const noexcept { return last_pong_at_; }  // when there were any
  std::optional<keepalive::nanoseconds> tcp_rtt() const noexcept;    // of the client leg
  // Asks the cache for what a survey reads of it.
  void fetch() const noexcept {
    __builtin_prefetch(&client_.heartbeat);
    constexpr std::ptrdiff_t kLine = 64;
    const char* const end = reinterpret_cast<const char*>(this + 1);
    for (const char* at = reinterpret_cast<const char*>(&started_at_); at < end; at += kLine) {
      __builtin_prefetch(at);
    }
  }
  // When bytes of a data frame last came, from either side; started_at() until there were any.
  TimePoint last_data_at() const noexcept { return lifetime_.last_data(); }

 private:
  Leg& other(const Leg& leg) noexcept { return &leg == &client_ ? backend_ : client_; }
  const Leg& other(const Leg& leg) const noexcept { return &leg == &client_ ? backend_ : client_; }
  Leg& leg(observe::Leg name) noexcept { return name == observe::Leg::kClient ? client_ : backend_; }

  // The data path (session_relay.cc).
  void read_from(Leg& from) noexcept;
  bool may_read(const Leg& from) const noexcept;
  bool bypasses(Leg& from, std::span<std::uint8_t>& buffer) noexcept;
  void relay(Leg& from, std::span<const std::uint8_t> in) noexcept;
  void relay_unseen(Leg& from, std::size_t size) noexcept;
  void note_received(Leg& from, std::size_t size) noexcept;
  template <bool kLimited>
  void relay_frames(Leg& from, std::span<const std::uint8_t> in, Gather& out) noexcept;
  void relay_control(Leg& from, std::span<const std::uint8_t> piece, bool whole, Gather& out) noexcept;
  void show_held(Leg& from, Gather& out) noexcept;
  void relay_control_frame(Leg& from, std::span<const std::uint8_t> frame, Gather& out) noexcept;
  void relay_ping(Leg& from, std::span<const std::uint8_t> frame, Gather& out) noexcept;
  void relay_pong(Leg& from, std::span<const std::uint8_t> frame, Gather& out) noexcept;
  bool answers_pings(const Leg& from) const noexcept;
  void answer_ping(Leg& from, const websocket::ControlPayload& payload) noexcept;
  void note_pong(Leg& from, const keepalive::Pong& pong, TimePoint now) noexcept;
  void after_write(Leg& to) noexcept;
  bool may_inject(const Leg& to) const noexcept;
  void inject(Leg& to) noexcept;

  // Limits (session_limits.cc).
  bool admits(Leg& from, std::span<const std::uint8_t> piece, bool whole, Gather& out) noexcept;
  bool floods(const Leg& from) noexcept;
  void refuse(Leg& from, observe::CloseReason reason, Gather& out) noexcept;
  void end_refused(Leg& from) noexcept;

  // Keepalive (session_keepalive.cc).
  void beat(Leg& leg, TimePoint now) noexcept;
  void send_ping(Leg& leg) noexcept;
  void judge_silence(Leg& leg) noexcept;
  enum class Silence : std::uint8_t { kSlow, kUndecided, kUnexplained, kNetworkDead, kAppStalled };
  Silence explain_silence(Leg& leg, TimePoint now) noexcept;
  void note_unresponsive(Leg& leg) noexcept;
  void end_silent(Leg& leg, Silence silence) noexcept;
  void note_heard(Leg& leg) noexcept;
  void note_missed(Leg& leg, TimePoint now) noexcept;
  TimePoint leg_deadline(const Leg& leg) const noexcept;

  // The life (session.cc).
  struct Goodbye {
    std::optional<websocket::CloseCode> code;  // none: the stream just ends
    std::string_view reason;                   // a literal
  };
  void leave(observe::CloseReason reason) noexcept;
  bool is_leaving() const noexcept { return client_.wants_close() || backend_.wants_close(); }
  // Who is told why: the one that broke a limit, or else the client.
  Leg& told() noexcept { return backend_.input == Leg::Input::kRefused ? backend_ : client_; }
  const Leg& told() const noexcept { return backend_.input == Leg::Input::kRefused ? backend_ : client_; }
  Goodbye words_of_leaving() const noexcept;
  void check_lifetime(TimePoint now) noexcept;
  void enter(Phase phase) noexcept;
  void note_reason(observe::CloseReason reason) noexcept;
  void close_passed(Leg& from) noexcept;
  void stream_broke() noexcept;
  void stream_ended(Leg& from) noexcept;
  void connection_lost(Leg& leg, int error) noexcept;
  void check_stall(Leg& leg, TimePoint now) noexcept;
  bool goes_on() const noexcept;
  void end_phase() noexcept;
  void end(observe::CloseReason reason, const Goodbye& to_client, const Goodbye& to_backend) noexcept;
  void end_for_lack_of_memory() noexcept;
  void end_for_loss_of(Leg& lost, observe::CloseReason reason, const Goodbye& to_lost) noexcept;
  Goodbye goodbye_for_loss_of(const Leg& lost, observe::CloseReason reason) const noexcept;
  void say(const Goodbye& goodbye, Leg& to) noexcept;
  void stop_relaying() noexcept;
  bool still_draining() noexcept;
  void finish_if_done() noexcept;

  Environment& environment_;
  std::shared_ptr<const config::Site> site_;
  Leg client_;
  Leg backend_;
  TimePoint started_at_;
  keepalive::Lifetime lifetime_;
  TimePoint phase_deadline_ = TimePoint::max();
  LatencySummary latency_;
  TimePoint last_pong_at_{};
  std::chrono::duration<std::uint32_t, std::micro> tcp_rtt_{0};  // zero: not known
  keepalive::TokenBucket control_frames_;                        // of the client
  SessionIdentity identity_;
  std::optional<observe::CloseReason> reason_;
  observe::CloseReason leaving_ = observe::CloseReason::kShutdown;  // why our Close waits, while it does
  Phase phase_ = Phase::kOpen;
  bool has_more_ = false;
  bool changed_ = false;   // something but data has passed in this on_ready
  bool overtime_ = false;  // the closing time was up once: what waited then may still leave
};

}  // namespace wskeep::relay
