// Passage watches one direction of a session: what it has read from one peer against what it has written to
// the other.
//
// Rule "transparency": take wskeep's own control frames out of what it writes, and what is left is what it
// has read, byte for byte, less the control frames that were for wskeep.
// Rule "placement": a control frame of wskeep's is well formed, stands between two frames, and never behind a
// Close or an illegal frame.
// Rule "limits": of a frame that breaks a limit, and of what is behind it, nothing comes out.
// What a control frame was for, and whether one of wskeep's own has a cause, is for the Judge.
#pragma once

#include <deque>

#include "proxy/observe/words.h"
#include "tests/simulation/frame_cutter.h"
#include "tests/simulation/verdict.h"

namespace wskeep::simulation {

class Passage {
 public:
  enum class Fate : std::uint8_t { kPasses, kVanishes, kMayVanish, kIsRefused };
  class Judge {
   public:
    virtual ~Judge() = default;
    // A whole frame was read; data frames pass. Repayments are announced by `expect_repayment` before it
    // returns.
    virtual Fate on_frame_read(observe::Leg from, const Frame& frame) = 0;
    virtual void on_control_passed(observe::Leg from, const Frame& frame) = 0;
    virtual void on_own_frame(observe::Leg to, const Frame& frame, bool inside_message) = 0;
    virtual void on_repaid(observe::Leg to, const Bytes& payload) = 0;
  };

  Passage(observe::Leg from, bool deflate, std::uint64_t max_frame, Judge& judge, Verdict& verdict);

  // Bytes that come out before all others: the answer to the handshake.
  void expect_first(const Bytes& bytes) { expected_.push_back({Piece::Kind::kHead, bytes, {}}); }
  // wskeep must put a pong with this payload here, in the place of the peer; if `surely`.
  void expect_repayment(const Bytes& payload, bool surely);

  void entered(std::span<const std::uint8_t> bytes);
  void left(std::span<const std::uint8_t> bytes);
  // The stream has ended, with the frame at hand as far as it has come.
  void end() noexcept { ended_ = true; }

  // Whether everything that was read and must pass on has left, but for the beginning of a control frame that
  // may yet be whole.
  bool complete() const noexcept;
  bool complete_to_close() const noexcept { return own_close_ || !expects(); }  // at least to the Close
  // Of what was read.
  bool at_message_boundary() const noexcept { return !cutter_.inside_message(); }
  bool at_frame_boundary() const noexcept { return !cutter_.inside_frame(); }
  bool closed() const noexcept { return closed_; }
  bool illegal() const noexcept { return cutter_.illegal(); }
  bool refused() const noexcept { return cutter_.refused(); }  // a frame broke a limit
  // Of what has come out: when the first byte of its last message was read.
  TimePoint message_since() const noexcept { return out_message_since_; }
  void note_time(TimePoint now) noexcept { now_ = now; }
  // How far what has come out is understood: behind the last whole frame.
  std::uint64_t position() const noexcept { return position_; }

 private:
  struct Piece {
    enum class Kind : std::uint8_t { kHead, kMust, kMay, kRepayment, kMaybeRepayment };
    bool is_uncertain() const { return kind == Kind::kMaybeRepayment; }
    bool is_certain() const { return !is_uncertain(); }
    bool optional() const noexcept { return kind == Kind::kMay || kind == Kind::kMaybeRepayment; }
    Kind kind;
    Bytes bytes;  // of a repayment the payload
    std::optional<Frame> control;
    TimePoint message_since{};
  };
  enum class Match : std::uint8_t { kWhole, kBeginning, kNot };
  // A control frame as wskeep makes them, at the front of what has come out.
  struct Own {
    Match match;
    Frame frame;
    std::size_t size = 0;
  };

  bool expects() const noexcept;  // something that surely comes out
  bool raw() const noexcept { return closed_ || cutter_.illegal(); }
  Match match_next();
  Match match_expected(bool (Piece::*kind)() const);
  Match match_piece(const Piece& piece, Own& own) const;
  Match match_rest();
  void take_piece(std::size_t index, const Own& own);
  Own own_frame() const;
  void take_own(const Own& own);
  void drop(std::size_t size);

  observe::Leg from_;
  observe::Leg to_;
  Judge& judge_;
  Verdict& verdict_;
  FrameCutter cutter_;
  std::deque<Piece> expected_;
  Bytes raw_;                 // from the first illegal frame on, or behind the Close
  std::size_t raw_left_ = 0;  // of these have come out
  Bytes out_;                 // what has come out and is not understood yet
  TimePoint now_{};
  TimePoint message_since_{};      // of the message that is being read
  TimePoint out_message_since_{};  // of the one that comes out
  std::uint64_t position_ = 0;
  bool closed_ = false;        // a Close was read
  bool message_open_ = false;  // in what has come out
  bool ended_ = false;
  bool close_left_ = false;
  bool own_close_ = false;
};

}  // namespace wskeep::simulation
