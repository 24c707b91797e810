#include "proxy/relay/snapshot.h"

#include <algorithm>
#include <utility>

namespace wskeep::relay {

std::int64_t Moment::wall_clock(TimePoint time) const noexcept {
  using std::chrono::nanoseconds;
  return std::chrono::duration_cast<nanoseconds>(wall.time_since_epoch() - (now - time)).count();
}

Moment Moments::at(TimePoint now, std::chrono::system_clock::time_point wall) noexcept {
  const auto distance = wall.time_since_epoch() - now.time_since_epoch();
  if (std::chrono::abs(distance - distance_) >= std::chrono::milliseconds(1)) distance_ = distance;
  return {now, std::chrono::system_clock::time_point(now.time_since_epoch() + distance_)};
}

Badness badness_of(const Session& session, TimePoint now) {
  const Leg& client = session.client();
  return {client.heartbeat.silent(), client.heartbeat.suspect(now), session.latency().last().count()};
}

Badness badness_of(const observe::ConnectionSnapshot& snapshot) {
  return {!snapshot.alive, snapshot.suspect, snapshot.last_pong_latency.value_or(0)};
}

observe::ConnectionSnapshot snapshot_of(const Session& session, const Moment& moment) {
  const SessionIdentity::Words who = session.identity().words();
  const Leg& client = session.client();
  observe::ConnectionSnapshot snapshot{.id = session.identity().id(),
                                       .alive = !client.heartbeat.silent(),
                                       .suspect = client.heartbeat.suspect(moment.now),
                                       .started_at = moment.wall_clock(session.started_at()),
                                       .last_data_at = moment.wall_clock(session.last_data_at()),
                                       .last_pong_at = {},
                                       .last_pong_latency = {},
                                       .tcp_rtt = {},
                                       .client = std::string(who.client),
                                       .path = std::string(who.path),
                                       .subprotocol = std::string(who.subprotocol),
                                       .user_agent_family = std::string(who.user_agent_family)};
  if (session.latency().count() != 0) {
    snapshot.last_pong_at = moment.wall_clock(session.last_pong_at());
    snapshot.last_pong_latency = session.latency().last().count();
  }
  if (const auto rtt = session.tcp_rtt()) snapshot.tcp_rtt = rtt->count();
  return snapshot;
}

WorstConnections::WorstConnections(std::size_t most, std::size_t expected) : most_(most) {
  // Growing later would move them all at once.
  kept_.reserve(std::min(most, expected));
  places_.reserve(std::min(most, expected));
}

bool WorstConnections::qualifies(const Badness& badness) const noexcept {
  if (places_.size() < most_) return true;
  return most_ != 0 && badness > places_.front().badness;
}

void WorstConnections::offer(const Session& session, const Moment& moment) {
  const Badness badness = badness_of(session, moment.now);
  if (qualifies(badness)) keep(badness, snapshot_of(session, moment));
}

void WorstConnections::offer(observe::ConnectionSnapshot snapshot) {
  const Badness badness = badness_of(snapshot);
  if (qualifies(badness)) keep(badness, std::move(snapshot));
}

void WorstConnections::keep(const Badness& badness, observe::ConnectionSnapshot snapshot) {
  if (places_.size() < most_) {
    places_.push_back({badness, kept_.size()});
    kept_.push_back(std::move(snapshot));
  } else {
    std::pop_heap(places_.begin(), places_.end(), worse);
    places_.back().badness = badness;
    kept_[places_.back().index] = std::move(snapshot);
  }
  std::push_heap(places_.begin(), places_.end(), worse);
}

void WorstConnections::offer(std::vector<observe::ConnectionSnapshot> snapshots) {
  if (!kept_.empty() || snapshots.size() > most_) {
    for (observe::ConnectionSnapshot& snapshot : snapshots) offer(std::move(snapshot));
    return;
  }
  kept_ = std::move(snapshots);
  for (const observe::ConnectionSnapshot& snapshot : kept_) {
    places_.push_back({badness_of(snapshot), places_.size()});
  }
  std::make_heap(places_.begin(), places_.end(), worse);
}

std::vector<observe::ConnectionSnapshot> WorstConnections::take() {
  places_.clear();
  return std::exchange(kept_, {});
}

std::vector<observe::ConnectionSnapshot> WorstConnections::take_sorted() {
  std::sort(places_.begin(), places_.end(), worse);
  std::vector<observe::ConnectionSnapshot> sorted;
  sorted.reserve(places_.size());
  for (const Place& place : places_) sorted.push_back(std::move(kept_[place.index]));
  take();
  return sorted;
}

}  // namespace wskeep::relay
