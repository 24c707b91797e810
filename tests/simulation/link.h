// Link is the TCP connection between one peer and wskeep: two pipes, and the ways in which it breaks.
//
// The peer uses it directly; wskeep has a Socket on it, which behaves as a Linux socket does: bytes before
// errors, an error shown once and then an end of stream, a close with unread bytes that becomes a reset.
#pragma once

#include <cerrno>
#include <functional>
#include <optional>

#include "proxy/net/transport.h"
#include "proxy/observe/words.h"
#include "proxy/relay/session.h"
#include "tests/simulation/pipe.h"

namespace wskeep::simulation {

// Sees everything that passes between wskeep and its kernel.
class Witness {
 public:
  virtual ~Witness() = default;
  virtual void has_read(observe::Leg leg, std::span<const std::uint8_t> bytes) = 0;
  virtual void has_seen_end(observe::Leg leg, net::IoResult::Status how) = 0;  // kEnd or kFailed
  virtual void has_written(observe::Leg leg, std::span<const std::uint8_t> bytes) = 0;
  virtual void has_shut(observe::Leg leg) = 0;
};

class Link {
 public:
  struct Nature {
    Road::Nature to_wskeep;
    Road::Nature to_peer;
    Pipe::Sizes to_wskeep_sizes;
    Pipe::Sizes to_peer_sizes;
    bool tells_progress;  // false: no TCP underneath, as with a unix socket
  };
  // `news` goes to wskeep's loop, `peer_news` to the peer.
  Link(Timeline& timeline, Dice& dice, observe::Leg name, const Nature& nature, Timeline::Action news,
       Timeline::Action peer_news);

  // wskeep's end of it, which must not outlive the link.
  std::unique_ptr<net::Transport> socket(Witness& witness);
  relay::Session::Readiness readiness() const noexcept;
  const Pipe& incoming() const noexcept { return in_; }
  const Pipe& outgoing() const noexcept { return out_; }
  bool broken() const noexcept { return broken_; }
  bool timed_out() const noexcept { return timed_out_; }  // by wskeep's kernel
  bool tells_progress() const noexcept { return nature_.tells_progress; }

  // The peer's end.
  void say(std::span<const std::uint8_t> bytes) { in_.write(bytes); }
  void finish() { in_.finish(); }
  void reset();  // the peer breaks the connection; behind what it said and the network has taken
  std::size_t hear(std::span<std::uint8_t> into) { return out_.read(into); }
  bool heard_end() const noexcept { return out_.ended() && out_.unread() == 0; }
  bool lost() const noexcept { return lost_; }  // wskeep's end is gone

  // The network's doing.
  void stall(nanoseconds time);
  void stall_one_way(nanoseconds time);
  void cut();  // silently, both ways
  bool is_cut() const noexcept { return to_wskeep_.is_cut(); }
  void time_out();  // wskeep's kernel gives up, as TCP_USER_TIMEOUT makes it

 private:
  class Socket;
  void break_with(int error);
  void drop(bool with_reset);

  observe::Leg name_;
  Nature nature_;
  Timeline::Action news_;
  Timeline::Action peer_news_;
  Road to_wskeep_;
  Road to_peer_;
  Pipe in_;
  Pipe out_;
  int error_ = 0;        // to be shown once to wskeep
  bool broken_ = false;  // wskeep's end: nothing more comes or goes
  bool lost_ = false;
  bool timed_out_ = false;
};

}  // namespace wskeep::simulation
