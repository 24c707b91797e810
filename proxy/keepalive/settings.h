// What an operator decides about the heartbeat of one leg and the life of a session. Plain values, no
// behaviour: the rules that use them are in heartbeat.h and lifetime.h, their ranges and texts for the
// operator in config/describe.h.
#pragma once

#include <chrono>
#include <cstdint>

namespace wskeep::keepalive {

// Which sessions a heartbeat may end.
enum class Policy : std::uint8_t {
  kOff,        // sends no pings
  kKeepalive,  // pings, never ends a session
  kAuto,       // ends only a session whose peer has answered a ping before
  kStrict,     // ends any session whose peer stays silent
};

// Whether a beat that is due is skipped when the peer proved itself since the last one.
enum class PingWhen : std::uint8_t { kAlways, kQuiet };

struct Settings {
  Policy policy = Policy::kAuto;
  std::chrono::milliseconds ping_interval{25'000};  // 100 ms to 24 h; the longest gap between two pings
  std::uint8_t jitter_percent = 20;                 // 0 to 90; shortens an interval by 2 to so many percent
  std::chrono::milliseconds pong_timeout{20'000};   // 100 ms to 24 h; counts from the first unanswered ping
  PingWhen ping_when = PingWhen::kAlways;

  bool operator==(const Settings&) const = default;
};

// When a session is ended though both of its peers are well.
struct LifetimeSettings {
  std::chrono::milliseconds idle_timeout{0};  // without data frames, either way; 0 is off
  std::chrono::milliseconds max_age{0};       // 0 is off
  std::uint8_t max_age_jitter_percent = 10;   // 0 to 90; shortens max_age by up to this much

  bool operator==(const LifetimeSettings&) const = default;
};

}  // namespace wskeep::keepalive
