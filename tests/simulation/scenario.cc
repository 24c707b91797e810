#include "tests/simulation/scenario.h"

#include <algorithm>
#include <array>

namespace wskeep::simulation {

using namespace std::chrono_literals;
using keepalive::Policy;
using std::chrono::milliseconds;

Scenario::Scenario(Dice& dice) : calm_(dice.chance(40)) {
  make_keepalive(dice, config.keepalive.client.heartbeat);
  make_keepalive(dice, config.keepalive.backend.heartbeat);
  beat_ = config.keepalive.client.heartbeat.ping_interval;
  make_relay(dice);
  make_network(dice);
  make_peers(dice);
  lasts = beat_ * static_cast<std::int64_t>(dice.size(1, 6)) +
          config.keepalive.client.heartbeat.pong_timeout * static_cast<std::int64_t>(dice.size(0, 2));
  if (dice.chance(10)) {
    make_heartbeat_trial(dice);
  } else if (!calm_) {
    make_misfortunes(dice);
  } else if (dice.chance(40)) {
    make_naps(dice);
  }
  if (dice.chance(10)) misfortunes.push_back({Misfortune::Kind::kGoAway, {}, dice.time(0ns, lasts), {}});
  Dice apart = dice;  // all else is as it would be without
  make_bypass(apart);
  if (!heartbeat_must_hold) make_limits(apart);
}

void Scenario::make_keepalive(Dice& dice, keepalive::Settings& settings) {
  settings.policy = dice.pick<Policy, 6>(
      {Policy::kOff, Policy::kKeepalive, Policy::kAuto, Policy::kAuto, Policy::kStrict, Policy::kStrict});
  settings.ping_interval = dice.any_scale(milliseconds(100), milliseconds(60'000));
  settings.pong_timeout =
      dice.chance(50)
          ? std::max(settings.ping_interval * 4 / 5, milliseconds(100))
          : dice.any_scale(milliseconds(100), std::max(settings.ping_interval * 3, milliseconds(101)));
  settings.jitter_percent = dice.pick<std::uint8_t, 4>({0, 20, 50, 90});
  settings.ping_when = dice.chance(70) ? keepalive::PingWhen::kAlways : keepalive::PingWhen::kQuiet;
}

void Scenario::make_relay(Dice& dice) {
  using config::AnswerPings;
  config.keepalive.client.answer_pings =
      dice.pick<AnswerPings, 3>({AnswerPings::kWhileBackendAlive, AnswerPings::kAlways, AnswerPings::kNever});
  config::Relay& relay = config.relay;
  relay.buffer_limit = dice.any_scale<std::size_t>(4096, 65'536);
  relay.inject_hold = dice.any_scale(milliseconds(1), milliseconds(20'000));
  relay.write_stall_timeout = dice.any_scale(milliseconds(100), milliseconds(60'000));
  relay.close_timeout = dice.any_scale(milliseconds(10), milliseconds(10'000));
  if (dice.chance(50)) relay.on_client_lost = 4001;
  if (dice.chance(30)) relay.on_backend_lost.reset();
  if (dice.chance(10)) relay.lifetime.idle_timeout = dice.any_scale(milliseconds(100), milliseconds(60'000));
  if (dice.chance(10)) relay.lifetime.max_age = dice.any_scale(milliseconds(100), milliseconds(60'000));
  if (dice.chance(50)) relay.lifetime.max_age_jitter_percent = 0;
  deflate = dice.chance(30);
  read_buffer = dice.any_scale<std::size_t>(64, 65'536);
}

void Scenario::make_network(Dice& dice) {
  for (Link::Nature& link : links) {
    const nanoseconds slowest = calm_ ? 5ms : dice.pick<nanoseconds, 3>({1ms, 100ms, 3s});
    for (Road::Nature* const road : {&link.to_wskeep, &link.to_peer}) {
      road->latency = dice.time(10us, slowest);
      road->jitter = dice.time(0ns, road->latency);
    }
    const std::size_t least = calm_ ? 65'536 : 512;
    link.to_peer_sizes = {dice.any_scale<std::size_t>(least, 131'072),
                          dice.any_scale<std::size_t>(least, 131'072)};
    // The peer keeps what its kernel doesn't take, and goes on trying: that is one long buffer.
    link.to_wskeep_sizes = {std::size_t{1} << 30, dice.any_scale<std::size_t>(least, 131'072)};
    link.tells_progress = dice.chance(85);
  }
}

void Scenario::make_peers(Dice& dice) {
  using Answers = Character::Answers;
  using PingPayload = Character::PingPayload;
  using Ending = Character::Ending;
  for (Character& peer : peers) {
    peer.answers = dice.pick<Answers, 8>({Answers::kEach, Answers::kEach, Answers::kBackward, Answers::kFirst,
                                          Answers::kLast, Answers::kNever, Answers::kEmpty, Answers::kWrong});
    peer.thinks = dice.chance(60) ? nanoseconds(1ms) : dice.time(1ms, 2 * beat_);
    peer.pings = dice.pick<PingPayload, 5>({PingPayload::kEmpty, PingPayload::kConstant, PingPayload::kUnique,
                                            PingPayload::kEightBytes, PingPayload::kLong});
    // What is alike can't be told apart where the same ping may be wskeep's to answer or the backend's.
    if (config.keepalive.client.answer_pings == config::AnswerPings::kWhileBackendAlive)
      peer.pings = PingPayload::kUnique;
    if (dice.chance(80)) peer.acts_every = dice.time(beat_ / 20 + 1ms, 2 * beat_);
    peer.largest = dice.chance(85) ? 300 : 30'000;
    peer.deflate = deflate;
    peer.polite = dice.chance(80);
    if (dice.chance(20)) peer.heartbeat = dice.time(500ms, 2 * beat_ + 1s);
    if (dice.chance(60)) {
      peer.ending = dice.pick<Ending, 8>({Ending::kClose, Ending::kClose, Ending::kIllegal, Ending::kFin,
                                          Ending::kReset, Ending::kVanish, Ending::kVanish, Ending::kFreeze});
      peer.ends_after = dice.time(0ns, 4 * beat_);
    }
    if (calm_) continue;
    if (dice.chance(25)) peer.sip = dice.any_scale<std::size_t>(1, 2000);
    peer.sip_every = dice.time(1ms, 500ms);
    peer.busy_percent = dice.chance(40) ? 30 : 0;
    peer.busy_for = dice.time(1ms, 2 * beat_ + 1ms);
  }
}

void Scenario::make_misfortunes(Dice& dice) {
  using Kind = Misfortune::Kind;
  for (std::size_t left = dice.below(4); left != 0; --left) {
    Misfortune one{dice.pick<Kind, 6>({Kind::kSleep, Kind::kSleep, Kind::kStall, Kind::kStallOneWay,
                                       Kind::kCut, Kind::kTimeOut}),
                   dice.chance(50) ? observe::Leg::kClient : observe::Leg::kBackend, dice.time(0ns, lasts),
                   dice.time(1ms, 2 * beat_ + 1s)};
    misfortunes.push_back(one);
  }
}

// The loop oversleeps by about a timeout, so that it is near what a peer may be judged by.
void Scenario::make_naps(Dice& dice) {
  const nanoseconds timeout = config.keepalive.client.heartbeat.pong_timeout;
  for (std::size_t left = dice.size(1, 5); left != 0; --left) {
    misfortunes.push_back({Misfortune::Kind::kSleep, observe::Leg::kClient, dice.time(0ns, lasts),
                           dice.time(timeout / 4, 2 * timeout)});
  }
}

// Small enough that the frames of these peers are large.
void Scenario::make_bypass(Dice& dice) {
  if (dice.chance(40)) return;
  bypass.large_frame = dice.any_scale<std::size_t>(1, 10'000);
  bypass.worth_moving = dice.any_scale<std::size_t>(1, 1000);
  bypass.header_read = dice.any_scale<std::size_t>(1, 1000);
  moved_at_once = dice.any_scale<std::size_t>(1, 65'536);
}

// Such as some of what these peers say breaks.
void Scenario::make_limits(Dice& dice) {
  if (dice.chance(15)) config.limits.max_frame = dice.any_scale<std::size_t>(1, 20'000);
  if (dice.chance(10))
    config.limits.control_frames_per_second =
        static_cast<std::uint32_t>(dice.any_scale<std::size_t>(1, 1000));
}

// Only the backend's heartbeat, wskeep's pings, and a client with some way of answering.
void Scenario::make_heartbeat_trial(Dice& dice) {
  heartbeat_must_hold = true;
  using Answers = Character::Answers;
  Character& client = peers[0];
  Character& backend = peers[1];
  client = {.answers = dice.pick<Answers, 5>(
                {Answers::kEach, Answers::kBackward, Answers::kFirst, Answers::kLast, Answers::kEmpty}),
            .thinks = dice.time(0ms, 50ms),
            .largest = 1,
            .polite = true};
  backend = {.pings = backend.pings, .largest = 1, .heartbeat = dice.time(1s, 10s), .polite = true};
  config.keepalive.client.heartbeat.ping_interval = dice.any_scale(milliseconds(100), milliseconds(20'000));
  if (dice.chance(50)) {  // in step, so that the two pings meet
    config.keepalive.client.heartbeat.ping_interval =
        std::chrono::duration_cast<milliseconds>(backend.heartbeat);
  }
  config.keepalive.client.heartbeat.jitter_percent = dice.pick<std::uint8_t, 2>({0, 90});
  config.relay.lifetime = {};
  for (Link::Nature& link : links) {
    link.to_peer = link.to_wskeep = {dice.time(10us, 20ms), dice.time(0ms, 5ms)};
    link.to_peer_sizes = {65'536, 65'536};
    link.to_wskeep_sizes.window = 65'536;
  }
  lasts = 8 * backend.heartbeat;
}

}  // namespace wskeep::simulation
