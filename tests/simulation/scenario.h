// Scenario is one world as the dice have made it: settings, peers, network, and what befalls them.
#pragma once

#include <optional>
#include <vector>

#include "config/config.h"
#include "tests/simulation/link.h"
#include "tests/simulation/peer.h"

namespace wskeep::simulation {

struct Misfortune {
  enum class Kind : std::uint8_t { kSleep, kStall, kStallOneWay, kCut, kTimeOut, kGoAway };
  Kind kind;
  observe::Leg leg;  // that it befalls, unless it is the loop
  nanoseconds at;
  nanoseconds lasts;
};

struct Scenario {
  explicit Scenario(Dice& dice);

  // Its settings in a few lines, to read a trace by.
  std::vector<std::string> description() const;

  config::Config config;
  bool deflate = false;
  std::size_t read_buffer = 0;
  relay::Bypass bypass{};         // but for its conduit, which
  std::size_t moved_at_once = 0;  // moves so much at most; 0: there is none
  std::array<Link::Nature, observe::kLegs> links;
  std::array<Character, observe::kLegs> peers;
  std::vector<Misfortune> misfortunes;
  nanoseconds lasts{};  // then it is brought to its end
  // A living client on a fast network, whose backend has a heartbeat: wskeep must not come between them.
  bool heartbeat_must_hold = false;

 private:
  void make_keepalive(Dice& dice, keepalive::Settings& settings);
  void make_relay(Dice& dice);
  void make_network(Dice& dice);
  void make_peers(Dice& dice);
  void make_misfortunes(Dice& dice);
  void make_naps(Dice& dice);
  void make_bypass(Dice& dice);
  void make_limits(Dice& dice);
  void make_heartbeat_trial(Dice& dice);

  nanoseconds beat_{};  // the client's ping_interval: the measure of all that happens
  bool calm_ = false;   // fast roads, no misfortunes: where rules bite exactly
};

}  // namespace wskeep::simulation
