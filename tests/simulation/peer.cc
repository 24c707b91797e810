#include "tests/simulation/peer.h"

#include <algorithm>
#include <array>

namespace wskeep::simulation {

using namespace std::chrono_literals;
using observe::Leg;

namespace {

constexpr std::size_t kDrop = 700;  // bytes that a dripping peer writes at once

}  // namespace

Peer::Peer(Timeline& timeline, Dice& dice, Trace& trace, Link& link, Leg role, const Character& character)
    : timeline_(timeline),
      dice_(dice),
      trace_(trace),
      link_(link),
      role_(role),
      character_(character),
      cutter_(role == Leg::kBackend, character.deflate) {}

void Peer::start() {
  if (character_.acts_every != 0ns) later(dice_.time(1us, character_.acts_every), &Peer::act);
  if (character_.heartbeat != 0ns) later(character_.heartbeat, &Peer::beat);
  if (character_.ending != Character::Ending::kNone) later(character_.ends_after, &Peer::end);
}

void Peer::later(nanoseconds delay, void (Peer::*what)()) {
  timeline_.at(std::max(timeline_.now() + delay, busy_until_), [this, what] {
    if (over_) return;
    if (timeline_.now() < busy_until_) return later(0ns, what);
    (this->*what)();
  });
}

void Peer::on_news() {
  if (turn_planned_ || over_) return;
  turn_planned_ = true;
  later(dice_.time(0us, 200us), &Peer::turn);
}

void Peer::turn() {
  turn_planned_ = false;
  if (link_.lost()) {
    over_ = true;
    return;
  }
  std::array<std::uint8_t, 4096> buffer;
  const std::size_t most = character_.sip == 0 ? buffer.size() : std::min(character_.sip, buffer.size());
  for (;;) {
    const std::size_t size = link_.hear(std::span(buffer).first(most));
    const std::size_t head = std::min(head_left_, size);
    head_left_ -= head;
    cutter_.add(std::span(buffer).first(size).subspan(head));
    if (character_.sip != 0 && size != 0) {
      turn_planned_ = true;
      later(character_.sip_every, &Peer::turn);
      break;
    }
    if (size < most) break;
  }
  while (const auto frame = cutter_.next()) hear(*frame);
  if (link_.heard_end() && character_.polite && !finishing_) later(dice_.time(0ms, 20ms), &Peer::finish);
}

void Peer::hear(const Frame& frame) {
  switch (frame.opcode) {
    case kPingOpcode:
      unanswered_.push_back(frame.payload);
      if (answer_planned_) return;
      answer_planned_ = true;
      later(dice_.time(0ns, character_.thinks), &Peer::answer);
      return;
    case kPongOpcode: alive_ = true; return;
    case kCloseOpcode:
      if (character_.polite && !close_said_) later(dice_.time(0ms, 20ms), &Peer::say_close);
      // The server ends TCP first; a client waits for that (RFC 6455 section 7.1.1).
      if (character_.polite && !is_client()) later(20ms, &Peer::finish);
      return;
    default: return;
  }
}

void Peer::answer() {
  answer_planned_ = false;
  using Answers = Character::Answers;
  std::vector<Bytes> pings;
  pings.swap(unanswered_);
  if (close_said_ || finishing_ || pings.empty()) return;
  switch (character_.answers) {
    case Answers::kNever: return;
    case Answers::kFirst: return say(kPongOpcode, pings.front());
    case Answers::kLast: return say(kPongOpcode, pings.back());
    case Answers::kBackward: std::ranges::reverse(pings); break;
    case Answers::kEach:
    case Answers::kEmpty:
    case Answers::kWrong: break;
  }
  for (Bytes& payload : pings) {
    if (character_.answers == Answers::kEmpty) payload.clear();
    if (character_.answers == Answers::kWrong && !payload.empty()) payload.back() ^= 0x55;
    say(kPongOpcode, payload);
  }
}

void Peer::act() {
  later(dice_.time(1us, 2 * character_.acts_every), &Peer::act);
  if (close_said_ || finishing_) return;
  if (dice_.chance(character_.busy_percent)) return be_busy(dice_.time(1ms, character_.busy_for));
  switch (dice_.below(32)) {
    case 0: return say_pings(dice_.any_scale<std::size_t>(1, 1000));
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
    case 6: return say(kPingOpcode, ping_payload());
    case 7:
    case 8:
    case 9: return say(kPongOpcode, numbered('u', 0));
    default: return say_message();
  }
}

void Peer::be_busy(nanoseconds time) {
  trace_.note([&] { return std::string(to_string(role_)) + " is busy for " + seconds(time); });
  busy_until_ = timeline_.now() + time;
  later(time, &Peer::on_news);
}

// The heartbeat of countless backends: who has not answered by the next ping is gone.
void Peer::beat() {
  if (close_said_ || finishing_) return;
  if (!alive_) {
    terminated_by_heartbeat_ = true;
    trace_.note([&] { return std::string(to_string(role_)) + " terminates: no pong to its heartbeat"; });
    over_ = true;
    return link_.reset();
  }
  alive_ = false;
  say(kPingOpcode, ping_payload());
  later(character_.heartbeat, &Peer::beat);
}

void Peer::end() {
  using Ending = Character::Ending;
  trace_.note([&] {
    constexpr std::array<const char*, 7> kHow = {
        "", "closes", "says something illegal", "ends its stream", "resets", "vanishes", "freezes"};
    return std::string(to_string(role_)) + " " + kHow[static_cast<std::size_t>(character_.ending)];
  });
  switch (character_.ending) {
    case Ending::kNone: return;
    case Ending::kClose: return say_close();
    case Ending::kIllegal: return say_illegal();
    case Ending::kFin: return say_part_and_finish();
    case Ending::kReset: over_ = true; return link_.reset();
    case Ending::kVanish: over_ = true; return link_.cut();
    case Ending::kFreeze: over_ = true; return;
  }
}

// In one frame or in fragments, which other frames may come between.
void Peer::say_message() {
  if (message_open_) return;
  fragments_left_ = dice_.chance(70) ? 0 : static_cast<unsigned>(dice_.size(1, 4));
  dripping_ = dripping_ || dice_.chance(15);
  const std::size_t size = dice_.any_scale<std::size_t>(1, character_.largest) - 1;
  message_open_ = fragments_left_ != 0;
  say(dice_.chance(50) ? 1 : 2, numbered('m', size), !message_open_, character_.deflate ? 4 : 0);
  if (message_open_) later(dice_.time(0ns, character_.acts_every), &Peer::say_fragment);
}

void Peer::say_fragment() {
  if (close_said_ || finishing_) return;
  message_open_ = --fragments_left_ != 0;
  say(0, numbered('f', dice_.any_scale<std::size_t>(1, 200)), !message_open_);
  if (message_open_) later(dice_.time(0ns, 2 * character_.acts_every), &Peer::say_fragment);
}

void Peer::say_pings(std::size_t count) {
  while (count-- != 0) say(kPingOpcode, ping_payload());
}

void Peer::say_illegal() {
  dripping_ = dripping_ || dice_.chance(50);
  switch (dice_.below(5)) {
    case 0: say(3, numbered('i', 3)); break;
    case 1: say(1, numbered('i', 3), true, 2); break;
    case 2: say(kPingOpcode, numbered('i', 3), false); break;
    case 3: say(kPingOpcode, Bytes(126)); break;
    default: say(message_open_ ? 1 : 0, numbered('i', 3)); break;
  }
}

void Peer::say_close() {
  if (close_said_ || finishing_) return;
  say(kCloseOpcode, dice_.chance(20) ? Bytes{} : test::close_payload(1000, "done"));
  close_said_ = true;
}

// Some die in the middle of a frame.
void Peer::say_part_and_finish() {
  if (!close_said_ && dice_.chance(50)) {
    dripping_ = true;  // so that it is not handed over yet
    say(dice_.chance(50) ? kPingOpcode : kPongOpcode, numbered('x', 0));
    outgoing_.resize(outgoing_.size() - std::min(outgoing_.size(), dice_.size(1, 8)));
  }
  finish();
}

void Peer::finish() {
  if (!outgoing_.empty()) return later(10ms, &Peer::finish);
  finishing_ = true;
  link_.finish();
}

void Peer::say(std::uint8_t opcode, const Bytes& payload, bool fin, std::uint8_t rsv) {
  if (finishing_) return;
  test::Head head{.opcode = opcode, .fin = fin, .rsv = rsv};
  if (is_client()) {
    const auto random = dice_.next();
    head.mask = {static_cast<std::uint8_t>(random), static_cast<std::uint8_t>(random >> 8),
                 static_cast<std::uint8_t>(random >> 16), static_cast<std::uint8_t>(random >> 24)};
  }
  const Bytes frame = test::frame(head, payload);
  outgoing_.insert(outgoing_.end(), frame.begin(), frame.end());
  trace_.note([&] { return std::string(to_string(role_)) + " says " + test::show(frame); });
  if (!dripping_) pump();
  if (dripping_ && outgoing_.size() == frame.size()) later(0ns, &Peer::drip);
}

void Peer::pump() {
  link_.say(outgoing_);
  outgoing_.clear();
}

void Peer::drip() {
  const std::size_t size = dice_.any_scale<std::size_t>(1, kDrop);
  if (size >= outgoing_.size()) {
    dripping_ = false;
    return pump();
  }
  link_.say(std::span(outgoing_).first(size));
  outgoing_.erase(outgoing_.begin(), outgoing_.begin() + static_cast<std::ptrdiff_t>(size));
  later(dice_.time(1ms, 100ms), &Peer::drip);
}

Bytes Peer::first_words() {
  Bytes words;
  if (dice_.chance(70)) return words;
  say_message();
  if (dice_.chance(50)) say(kPingOpcode, ping_payload());
  words.swap(outgoing_);
  dripping_ = false;
  return words;
}

Bytes Peer::ping_payload() {
  using PingPayload = Character::PingPayload;
  switch (character_.pings) {
    case PingPayload::kEmpty: return {};
    case PingPayload::kConstant: return test::bytes_of("ping");
    case PingPayload::kUnique: return numbered('p', 0);
    case PingPayload::kEightBytes: {
      Bytes payload = numbered('p', 8);
      payload.resize(8);
      return payload;
    }
    case PingPayload::kLong: {
      Bytes payload = numbered('p', 125);
      payload.resize(125);
      return payload;
    }
  }
  return {};
}

// A payload that nobody else says: who, a running number, what, then `size` bytes more.
Bytes Peer::numbered(char kind, std::size_t size) {
  Bytes payload = test::bytes_of((is_client() ? "c" : "b") + std::to_string(++serial_) + kind);
  const Bytes rest = test::filler(size);
  payload.insert(payload.end(), rest.begin(), rest.end());
  return payload;
}

}  // namespace wskeep::simulation
