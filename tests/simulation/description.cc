// A scenario in words.
#include <fmt/format.h>

#include "tests/simulation/scenario.h"

namespace wskeep::simulation {
namespace {

std::string describe(const keepalive::Settings& settings) {
  constexpr std::array<const char*, 4> kPolicies = {"off", "keepalive", "auto", "strict"};
  return fmt::format("policy {} ping_interval {}ms jitter {}% pong_timeout {}ms ping_when {}",
                     kPolicies[static_cast<std::size_t>(settings.policy)], settings.ping_interval.count(),
                     settings.jitter_percent, settings.pong_timeout.count(),
                     settings.ping_when == keepalive::PingWhen::kAlways ? "always" : "quiet");
}

std::string describe(const Character& peer) {
  constexpr std::array<const char*, 7> kAnswers = {"each", "each backward", "the first", "the last",
                                                   "none", "empty",         "wrong"};
  return fmt::format("answers {} within {}, sips {} each {}, heartbeat {}, {}",
                     kAnswers[static_cast<std::size_t>(peer.answers)], seconds(peer.thinks), peer.sip,
                     seconds(peer.sip_every), seconds(peer.heartbeat), peer.polite ? "polite" : "rude");
}

std::string describe(const Link::Nature& link) {
  return fmt::format("to wskeep {} window {}, from it {} buffer {} window {}, {}",
                     seconds(link.to_wskeep.latency + link.to_wskeep.jitter), link.to_wskeep_sizes.window,
                     seconds(link.to_peer.latency + link.to_peer.jitter), link.to_peer_sizes.send_buffer,
                     link.to_peer_sizes.window, link.tells_progress ? "TCP" : "no TCP");
}

}  // namespace

std::vector<std::string> Scenario::description() const {
  constexpr std::array<const char*, 3> kAnswerPings = {"while_backend_alive", "always", "never"};
  const config::Relay& relay = config.relay;
  return {
      "client: " + describe(config.keepalive.client.heartbeat) + " answer_pings " +
          kAnswerPings[static_cast<std::size_t>(config.keepalive.client.answer_pings)],
      "client: " + describe(peers[0]),
      "client: " + describe(links[0]),
      "backend: " + describe(config.keepalive.backend.heartbeat),
      "backend: " + describe(peers[1]),
      "backend: " + describe(links[1]),
      fmt::format("buffer_limit {} inject_hold {}ms write_stall_timeout {}ms close_timeout {}ms idle {}ms "
                  "max_age {}ms on_client_lost {} on_backend_lost {}, reads {} bytes at once",
                  relay.buffer_limit, relay.inject_hold.count(), relay.write_stall_timeout.count(),
                  relay.close_timeout.count(), relay.lifetime.idle_timeout.count(),
                  relay.lifetime.max_age.count(), relay.on_client_lost.value_or(0),
                  relay.on_backend_lost.value_or(0), read_buffer),
      fmt::format("max_frame {} control_frames_per_second {}", config.limits.max_frame,
                  config.limits.control_frames_per_second),
      moved_at_once == 0
          ? "no conduit"
          : fmt::format("conduit for frames of {} with {} to come, {} at once, header reads {}",
                        bypass.large_frame, bypass.worth_moving, moved_at_once, bypass.header_read),
  };
}

}  // namespace wskeep::simulation
