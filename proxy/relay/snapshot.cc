#include "proxy/relay/snapshot.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace wskeep::relay {
namespace {

// For a heap that has the least bad on top.
bool worse(const observe::ConnectionSnapshot& a, const observe::ConnectionSnapshot& b) {
  return badness_of(a) > badness_of(b);
}

}  // namespace

std::int64_t wall_clock(TimePoint time) {
  using std::chrono::duration_cast;
  using std::chrono::nanoseconds;
  const auto age = std::chrono::steady_clock::now() - time;
  const auto wall =
      std::chrono::system_clock::now() - duration_cast<std::chrono::system_clock::duration>(age);
  return duration_cast<nanoseconds>(wall.time_since_epoch()).count();
}

Badness badness_of(const Session& session, TimePoint now) {
  const Leg& client = session.client();
  return {client.heartbeat.silent(), client.heartbeat.suspect(now), client.latency.last().count()};
}

Badness badness_of(const observe::ConnectionSnapshot& snapshot) {
  return {!snapshot.alive, snapshot.suspect, snapshot.last_pong_latency.value_or(0)};
}

observe::ConnectionSnapshot snapshot_of(const Session& session, TimePoint now) {
  const SessionIdentity& who = session.identity();
  const Leg& client = session.client();
  observe::ConnectionSnapshot snapshot{.id = who.id(),
                                       .alive = !client.heartbeat.silent(),
                                       .suspect = client.heartbeat.suspect(now),
                                       .started_at = wall_clock(session.started_at()),
                                       .last_data_at = wall_clock(session.last_data_at()),
                                       .last_pong_at = {},
                                       .last_pong_latency = {},
                                       .tcp_rtt = {},
                                       .client = std::string(who.client()),
                                       .path = std::string(who.path()),
                                       .subprotocol = std::string(who.subprotocol()),
                                       .user_agent = std::string(who.user_agent())};
  if (client.latency.count() != 0) {
    snapshot.last_pong_at = wall_clock(session.last_pong_at());
    snapshot.last_pong_latency = client.latency.last().count();
  }
  if (const auto rtt = session.tcp_rtt()) snapshot.tcp_rtt = rtt->count();
  return snapshot;
}

bool WorstConnections::qualifies(const Badness& badness) const {
  if (heap_.size() < most_) return true;
  return most_ != 0 && badness > badness_of(heap_.front());
}

void WorstConnections::offer(const Session& session, TimePoint now) {
  if (qualifies(badness_of(session, now))) offer(snapshot_of(session, now));
}

void WorstConnections::offer(observe::ConnectionSnapshot snapshot) {
  if (!qualifies(badness_of(snapshot))) return;
  if (heap_.size() == most_) {
    std::pop_heap(heap_.begin(), heap_.end(), worse);
    heap_.pop_back();
  }
  heap_.push_back(std::move(snapshot));
  std::push_heap(heap_.begin(), heap_.end(), worse);
}

std::vector<observe::ConnectionSnapshot> WorstConnections::take() {
  std::sort_heap(heap_.begin(), heap_.end(), worse);
  std::unordered_set<std::uint64_t> seen;
  std::erase_if(
      heap_, [&](const observe::ConnectionSnapshot& snapshot) { return !seen.insert(snapshot.id).second; });
  return std::exchange(heap_, {});
}

}  // namespace wskeep::relay
