#include "proxy/relay/leg.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace wskeep::relay {

using websocket::ControlFrame;
using websocket::ControlPayload;
using websocket::Opcode;

void HeldBeginning::add(std::span<const std::uint8_t> bytes) noexcept {
  assert(size_ + bytes.size() <= bytes_.size());
  std::copy(bytes.begin(), bytes.end(), bytes_.begin() + size_);
  size_ = static_cast<std::uint8_t>(size_ + bytes.size());
}

Leg::Leg(observe::Leg name, net::Transport& transport, websocket::ExtensionRules rules,
         const keepalive::Settings& settings, Environment& environment) noexcept
    : outlet(transport, environment),
      scanner(name == observe::Leg::kClient ? websocket::Sender::kClient : websocket::Sender::kServer, rules),
      heartbeat(settings, environment.clock.now(), environment.random.next()),
      name_(name) {}

void Leg::start_waiting() noexcept {
  if (waiting_) return;
  waiting_ = true;
  waiting_since_ = environment().clock.now();
}

void Leg::owe_pong(const ControlPayload& payload) noexcept {
  if (owed_.add(payload)) start_waiting();
}

void Leg::want_ping() noexcept {
  assert(!ping_waiting_ && !heartbeat.has_unsent());
  ping_waiting_ = true;
  start_waiting();
}

void Leg::want_close() noexcept {
  close_waiting_ = true;
  start_waiting();
}

void Leg::inject() noexcept {
  std::uint32_t pongs = 0;
  owed_.take_all([&](const ControlPayload& payload) {
    outlet.send(ControlFrame(Opcode::kPong, payload.bytes(), mask_key()).bytes());
    ++pongs;
  });
  count_pongs(pongs);
  if (ping_waiting_) send_ping();
  close_waiting_ = false;
  waiting_ = false;
  hold_passed = false;
}

void Leg::drop_waiting() noexcept {
  owed_.clear();
  close_waiting_ = false;
  ping_waiting_ = false;
  waiting_ = false;
  hold_passed = false;
}

void Leg::send(PongBatch& batch) noexcept {
  outlet.send({batch.bytes.data(), batch.size});
  count_pongs(batch.count);
  batch.size = 0;
  batch.count = 0;
}

void Leg::count_pongs(std::uint32_t count) noexcept {
  environment().counters.pings_answered[name_].add(count);
  if (count == 0 || outlet.waiting() == 0) return;
  unsent_pongs_ += count;
  outlet.set_mark(Outlet::Mark::kPongs);
}

void Leg::send_ping() noexcept {
  const auto fresh = static_cast<std::uint32_t>(environment().random.next());
  const std::uint64_t begin = outlet.end();
  outlet.send(ControlFrame(Opcode::kPing, heartbeat.payload(fresh), mask_key()).bytes());
  heartbeat.ping_sent(fresh, {begin, outlet.end()});
  environment().counters.pings_sent[name_].add();
  ++pings_sent;
  ping_waiting_ = false;
  note_progress();
}

void Leg::note_ping_passed_on(std::span<const std::uint8_t> payload, std::size_t frame_size) noexcept {
  heartbeat.ping_passed_on(payload, {outlet.end() - frame_size, outlet.end()}, environment().clock.now(),
                           environment().random.next());
  // It is as good as the one of ours that may be waiting.
  ping_waiting_ = false;
  waiting_ = !owed_.empty() || wants_close();
  hold_passed = hold_passed && waiting_;
  note_progress();
}

void Leg::repay(std::span<const std::uint8_t> payload) noexcept {
  outlet.send(ControlFrame(Opcode::kPong, payload, mask_key()).bytes());
}

std::optional<websocket::MaskKey> Leg::mask_key() noexcept {
  if (name_ == observe::Leg::kClient) return std::nullopt;
  const auto random = static_cast<std::uint32_t>(environment().random.next());
  websocket::MaskKey key;
  static_assert(sizeof key == sizeof random);
  std::memcpy(key.data(), &random, sizeof random);
  return key;
}

void Leg::flush() noexcept {
  outlet.flush();
  note_progress();
}

void Leg::note_progress() noexcept {
  if (outlet.state() == Outlet::State::kFailed) {
    unsent_pongs_ = 0;  // nobody will take them, and the leg must be read to see its end
    return;
  }
  if (unsent_pongs_ != 0 && !outlet.waits_before(Outlet::Mark::kPongs)) unsent_pongs_ = 0;
  if (!heartbeat.has_unsent()) return;
  const auto lateness = heartbeat.passed(outlet.passed(), environment().clock.now());
  if (lateness) environment().counters.ping_lateness[name_].observe(*lateness);
}

}  // namespace wskeep::relay
