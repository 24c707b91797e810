// Tunnel joins two streams after an upgrade to a protocol that wskeep doesn't know (RFC 9110 section 7.8):
// bytes pass both ways unseen, and so does each end of a stream.
//
// What one side doesn't take at once is all that waits, and the other isn't read meanwhile. A side that takes
// nothing for `write_stall_timeout` ends both; silence ends nothing but what the kernel's TCP finds dead. It
// knows no libevent: its owner calls in, and ends it. One thread. What it borrows must outlive it. Nothing
// throws.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>

#include "proxy/net/transport.h"
#include "proxy/observe/words.h"
#include "proxy/relay/environment.h"
#include "proxy/relay/outlet.h"
#include "proxy/relay/session.h"

namespace wskeep::relay {

class Tunnel {
 public:
  using Bytes = std::span<const std::uint8_t>;

  // The outlets are those of the two streams.
  Tunnel(Environment& environment, Outlet& to_client, Outlet& to_backend,
         std::chrono::milliseconds stall_timeout) noexcept
      : environment_(environment),
        client_{.out = to_client},
        backend_{.out = to_backend},
        stall_timeout_(stall_timeout) {}
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  // Passes on what came before it began, and then what comes.
  void start(Bytes from_client, Bytes from_backend) noexcept;
  // A side's socket has news (edge-triggered). A broken connection counts as readable.
  void on_ready(observe::Leg leg, Session::Readiness ready) noexcept;
  // When `on_deadline` wants to be called; TimePoint::max() for never.
  TimePoint deadline() const noexcept;
  void on_deadline() noexcept;
  // A turn's budget was spent: call `resume` in the next turn.
  bool has_more() const noexcept { return has_more_; }
  void resume() noexcept;

  // Both streams have ended, or one is broken.
  bool over() const noexcept { return over_; }

 private:
  struct Side {
    Outlet& out;
    bool ended = false;  // its peer sends nothing more
  };

  void pass(Side& from, Side& to) noexcept;
  void settle() noexcept;

  Environment& environment_;
  Side client_;
  Side backend_;
  const std::chrono::milliseconds stall_timeout_;
  bool has_more_ = false;
  bool over_ = false;
};

}  // namespace wskeep::relay
