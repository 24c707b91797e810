// Outlet is the writing half of a leg: straight through while the socket takes bytes, stored when it doesn't.
//
// It counts what was handed to it and what has left for the kernel, so that a place in the stream can be
// recognised when it passes. It knows nothing of frames. A failure is final and swallows all later bytes.
// One thread; the transport and the environment must outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "proxy/keepalive/pong_ledger.h"
#include "proxy/net/transport.h"
#include "proxy/relay/environment.h"
#include "proxy/relay/output_queue.h"

namespace wskeep::relay {

class Outlet {
 public:
  enum class State : std::uint8_t {
    kOpen,
    kFinishing,  // the stream ends when what waits has left, and there is room for the end
    kShut,       // the end has been sent
    kFailed,     // the connection is broken, or there was no memory
  };

  Outlet(net::Transport& transport, Environment& environment) noexcept
      : transport_(transport), environment_(environment) {}

  // Sends the pieces behind everything sent before. At most 1,024 pieces.
  void send(std::span<const iovec> pieces) noexcept;
  void send(std::span<const std::uint8_t> bytes) noexcept;

  // Sends, behind everything sent before, up to memory.size() bytes that the source has for us, without
  // looking at them. Nothing may wait, and the state must be kOpen. Returns what a read of the source would
  // have.
  net::IoResult pass(net::Transport& source, net::Conduit& conduit, std::span<std::uint8_t> memory) noexcept;

  // The socket may take bytes again.
  void flush() noexcept;

  // Counts a stall from now.
  void restart_stall() noexcept { queue_.set_time(environment_.clock.now()); }

  // Ends the stream once everything sent has left. Nothing may be sent after it.
  void finish() noexcept;

  // Drops what waits; the outlet takes nothing more.
  void abandon() noexcept;

  State state() const noexcept { return state_; }
  bool open() const noexcept { return state_ == State::kOpen; }
  bool done() const noexcept { return state_ == State::kShut || state_ == State::kFailed; }
  // errno of what failed, ENOMEM without memory; 0 if abandoned.
  int error() const noexcept { return error_; }

  // All is well and nothing waits.
  bool idle() const noexcept { return state_ == State::kOpen && queue_.empty(); }
  // The socket has refused bytes, or the end of the stream: `flush` is to be called when it takes them.
  bool wants_room() const noexcept { return !queue_.empty() || state_ == State::kFinishing; }
  std::size_t waiting() const noexcept { return queue_.size(); }  // bytes that the socket has refused
  std::uint64_t passed() const noexcept { return passed_; }       // bytes that have left for the kernel
  std::uint64_t end() const noexcept { return passed_ + queue_.size(); }  // where the next byte will stand
  // While bytes wait: when the socket last took one, or refused the first.
  TimePoint stalled_since() const noexcept { return queue_.time(); }

  // Marks the end of what waits now, for `waits_before`: whether some of that still does.
  using Mark = OutputQueue::Mark;
  void set_mark(Mark mark) noexcept { queue_.set_mark(mark); }
  bool waits_before(Mark mark) const noexcept { return queue_.before(mark) != 0; }

  // What it was made with.
  net::Transport& transport() noexcept { return transport_; }
  Environment& environment() noexcept { return environment_; }

 private:
  void store_after(std::span<const iovec> pieces, std::size_t written) noexcept;
  void fail(int error) noexcept;

  net::Transport& transport_;
  Environment& environment_;
  OutputQueue queue_;
  std::uint64_t passed_ = 0;
  int error_ = 0;
  State state_ = State::kOpen;
};

}  // namespace wskeep::relay
