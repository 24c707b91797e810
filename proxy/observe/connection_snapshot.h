// What the outside may know of one session at one moment: plain copied values.
//
// A worker fills snapshots of its own sessions when asked; whoever holds one holds no session.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace wskeep::observe {

// Times are on the system clock, in nanoseconds since 1970; durations in nanoseconds.
struct ConnectionSnapshot {
  std::uint64_t id = 0;  // random, unique in this process; shown as 16 hex digits
  bool alive = true;     // false: silent now, or ended within the last minute
  bool suspect = false;  // a ping is unanswered for longer than half of pong_timeout
  std::int64_t started_at = 0;
  std::int64_t last_data_at = 0;  // when bytes of a data frame last came; started_at before the first
  std::optional<std::int64_t> last_pong_at;
  std::optional<std::int64_t> last_pong_latency;
  std::optional<std::int64_t> tcp_rtt;  // client leg

  std::string client;  // address:port
  std::string path;    // without its query
  std::string subprotocol;
  std::string user_agent_family;  // one of the words of user_agent.h
};

// Answers "what is open?", from any thread, by asking the workers and waiting for them.
class ConnectionSource {
 public:
  virtual ~ConnectionSource() = default;

  struct Answer {
    std::vector<ConnectionSnapshot> connections;  // at most `most`, the worst first: dead, suspect, slowest
    std::uint64_t left_out = 0;                   // how many more there were
  };
  // Waits for workers at most `patience`; one that doesn't answer in time is left out of the answer.
  virtual Answer worst_connections(std::size_t most, std::chrono::milliseconds patience) = 0;
};

}  // namespace wskeep::observe
