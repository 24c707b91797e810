// Peer is a scripted client or backend: an application with habits, on its end of a link.
//
// What it does next comes from the dice; how it does it is its character, fixed for its life. It knows
// nothing of wskeep and judges nothing. It may be busy (its event loop is blocked): then it neither reads nor
// writes, while its kernel goes on receiving.
#pragma once

#include <string>
#include <vector>

#include "tests/simulation/dice.h"
#include "tests/simulation/frame_cutter.h"
#include "tests/simulation/link.h"
#include "tests/simulation/verdict.h"

namespace wskeep::simulation {

struct Character {
  // Which of the pings that it finds waiting it answers, and how.
  enum class Answers : std::uint8_t { kEach, kBackward, kFirst, kLast, kNever, kEmpty, kWrong };
  enum class PingPayload : std::uint8_t { kEmpty, kConstant, kUnique, kEightBytes, kLong };
  enum class Ending : std::uint8_t { kNone, kClose, kIllegal, kFin, kReset, kVanish, kFreeze };

  Answers answers = Answers::kEach;
  nanoseconds thinks{};  // at most, before it answers a ping
  PingPayload pings = PingPayload::kUnique;
  nanoseconds acts_every{};   // between two things that it does; 0: it does nothing
  unsigned busy_percent = 0;  // of its acts
  nanoseconds busy_for{};     // at most
  std::size_t largest = 0;    // message
  std::size_t sip = 0;        // bytes that it reads at once, with `sip_every` between; 0: all
  nanoseconds sip_every{};
  nanoseconds heartbeat{};  // pings so often, and ends the connection without a pong by the next; 0: never
  bool polite = true;       // answers a Close and an end of stream
  bool deflate = false;     // sets RSV1 on messages
  Ending ending = Ending::kNone;
  nanoseconds ends_after{};
};

class Peer {
 public:
  Peer(Timeline& timeline, Dice& dice, Trace& trace, Link& link, observe::Leg role,
       const Character& character);
  void start();
  // Something has come in, or the connection is gone.
  void on_news();

  // The answer to the handshake, before the first frame.
  void expect_head(std::size_t size) noexcept { head_left_ = size; }
  // A few frames, as they might come with a head.
  Bytes first_words();
  bool terminated_by_heartbeat() const noexcept { return terminated_by_heartbeat_; }

 private:
  bool is_client() const noexcept { return role_ == observe::Leg::kClient; }
  void later(nanoseconds delay, void (Peer::*what)());
  void turn();
  void hear(const Frame& frame);
  void answer();
  void act();
  void beat();
  void end();
  void be_busy(nanoseconds time);
  void say_message();
  void say_fragment();
  void say_illegal();
  void say_pings(std::size_t count);
  void say_part_and_finish();
  void say_close();
  void finish();
  void say(std::uint8_t opcode, const Bytes& payload, bool fin = true, std::uint8_t rsv = 0);
  void pump();
  void drip();
  Bytes ping_payload();
  Bytes numbered(char kind, std::size_t size);

  Timeline& timeline_;
  Dice& dice_;
  Trace& trace_;
  Link& link_;
  observe::Leg role_;
  Character character_;
  FrameCutter cutter_;
  Bytes outgoing_;                 // said, but not handed to the kernel yet
  std::vector<Bytes> unanswered_;  // pings, oldest first
  TimePoint busy_until_{};
  std::size_t head_left_ = 0;
  unsigned serial_ = 0;
  unsigned fragments_left_ = 0;
  bool message_open_ = false;
  bool turn_planned_ = false;
  bool answer_planned_ = false;
  bool dripping_ = false;
  bool close_said_ = false;
  bool finishing_ = false;
  bool over_ = false;  // says nothing more
  bool alive_ = true;  // the other side, by its pongs to the heartbeat
  bool terminated_by_heartbeat_ = false;
};

}  // namespace wskeep::simulation
