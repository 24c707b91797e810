// Leg is one side of a session: the peer's stream as it comes in, ours as it goes out, and the heartbeat
// between them.
//
// What wskeep itself has to say on a leg (pongs, a ping, a Close) waits here in slots of fixed size until the
// session finds a boundary and calls `inject`. The leg knows its own stream only; whether there is a boundary
// depends on the other leg's scanner, so the session decides that. One thread; the transport, the environment
// and the settings must outlive it. An idle leg owns no memory but itself.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "proxy/keepalive/heartbeat.h"
#include "proxy/net/transport.h"
#include "proxy/relay/environment.h"
#include "proxy/relay/outlet.h"
#include "proxy/relay/owed_pongs.h"
#include "proxy/websocket/control_frame.h"
#include "proxy/websocket/frame_scanner.h"

namespace wskeep::relay {

// The beginning of a frame that the end of a read has cut, while it may yet vanish: of a control frame, or of
// a data frame's header.
class HeldBeginning {
 public:
  // The scanner has seen to it that neither is longer than the array.
  void add(std::span<const std::uint8_t> bytes) noexcept;
  std::span<const std::uint8_t> bytes() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::array<std::uint8_t, websocket::kMaxControlFrame> bytes_;
  std::uint8_t size_ = 0;
};

// What the kernel's TCP said when a peer's time was up, to be compared with what it says a moment later.
struct SilenceLook {
  std::uint64_t acknowledged;
  bool has_all;  // our ping and all else, but later pings
  TimePoint first;
  TimePoint last;
};

class Leg {
 public:
  // What becomes of the bytes that the peer sends.
  enum class Input : std::uint8_t {
    kFrames,   // scanned and passed on
    kRaw,      // passed on unseen: behind a Close or an illegal frame
    kRefused,  // read and dropped: the peer broke a limit, and a Close waits for it
    kDiscard,  // read and dropped: the session is ending
    kEnded,    // there are no more
  };

  Leg(observe::Leg name, net::Transport& transport, websocket::ExtensionRules rules,
      const keepalive::Settings& settings, Environment& environment) noexcept;

  observe::Leg name() const noexcept { return name_; }
  net::Transport& transport() noexcept { return outlet.transport(); }

  // Our own frames. Each waits until `inject`.
  void owe_pong(const websocket::ControlPayload& payload) noexcept;
  void want_ping() noexcept;  // the last one has left
  void want_close() noexcept;
  bool wants_close() const noexcept { return close_waiting_; }
  bool has_waiting() const noexcept { return waiting_; }
  TimePoint waiting_since() const noexcept { return waiting_since_; }  // while has_waiting()

  // Puts everything that waits behind what was sent, but the Close, which comes behind it and is the caller's
  // to say. The stream must be at a boundary.
  void inject() noexcept;
  // Forgets everything that waits: nothing of ours may follow on this leg.
  void drop_waiting() noexcept;

  // A ping of the other leg's peer, a frame of that size, is the last thing that was sent.
  void note_ping_passed_on(std::span<const std::uint8_t> payload, std::size_t frame_size) noexcept;
  // Sends the pong that the other leg's peer owes this one.
  void repay(std::span<const std::uint8_t> payload) noexcept;

  // Sends pongs that found a boundary at once, and empties the batch.
  void send(PongBatch& batch) noexcept;
  // A fresh mask key toward the backend, none toward the client (RFC 6455 section 5.3).
  std::optional<websocket::MaskKey> mask_key() noexcept;

  // The socket takes bytes again.
  void flush() noexcept;

  // Whether the peer's TCP has taken the first unanswered ping and all else but later pings, when so many
  // bytes are yet to be acknowledged.
  bool peer_has_all(std::size_t unacknowledged) const noexcept {
    const auto first_end = heartbeat.first_end_before_pings(outlet.end());
    if (first_end) return outlet.passed() >= *first_end + unacknowledged;
    return unacknowledged == 0 && outlet.waiting() == 0;
  }

  // The peer asks for more than it reads: more than sixteen of its pongs wait for the socket.
  bool owes_too_much() const noexcept { return unsent_pongs_ > OwedPongs::kMost; }

  Outlet outlet;
  websocket::FrameScanner scanner;  // of what the peer sends
  keepalive::Heartbeat heartbeat;
  std::uint64_t bytes_received = 0;
  std::uint64_t frames_received = 0;
  std::unique_ptr<SilenceLook> look;  // while we wonder why the peer is silent
  std::unique_ptr<HeldBeginning> held;
  std::optional<websocket::CloseCode> close_code;  // of the Close that the peer sent
  std::uint32_t pings_sent = 0;                    // ours
  Input input = Input::kFrames;
  // The last read came back short; an error may have come in behind it, unannounced.
  bool unconfirmed = false;
  bool readable = true;       // the socket may have bytes: no read has come back short since the last event
  bool hung_up = true;        // the peer's end may be in: read on until it shows, or nothing is left
  bool traffic = false;       // bytes came since the time for them to come began, or was prolonged
  bool maybe_large = false;   // large frames may be coming: a read was long
  bool paused = false;        // not read, because the other leg has buffer_limit waiting
  bool hold_passed = false;   // what waits has done so for inject_hold: a frame boundary will do
  bool never_ponged = false;  // counted in connections_never_ponged
  bool unresponsive = false;  // counted in backend_unresponsive

  // All that has come was read before the session began, and no end with it.
  void start_drained() noexcept {
    unconfirmed = true;
    readable = hung_up = false;
  }

 private:
  void start_waiting() noexcept;
  void send_ping() noexcept;
  void count_pongs(std::uint32_t count) noexcept;
  void note_progress() noexcept;

  Environment& environment() noexcept { return outlet.environment(); }

  observe::Leg name_;
  bool waiting_ : 1 = false;  // something of ours does, perhaps one of these
  bool ping_waiting_ : 1 = false;
  bool close_waiting_ : 1 = false;
  std::uint32_t unsent_pongs_ = 0;  // before Mark::kPongs
  OwedPongs owed_;
  TimePoint waiting_since_{};
};

}  // namespace wskeep::relay
