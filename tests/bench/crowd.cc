// crowd SESSIONS: what a million sessions would cost a worker in user space, where so many sockets can't be
// had.
//
// Real sessions and the worker's queue of deadlines, between peers that answer every ping 30 ms later, on a
// clock that jumps from event to event. Prints one JSON object: the CPU time of a beat from its deadline to
// its pong, and how long a turn of the loop takes that looks at sessions for a scrape. Exit 1 if a ping went
// unanswered.
#include <fmt/format.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <vector>

#include "proxy/relay/deadline_queue.h"
#include "proxy/relay/session.h"
#include "proxy/relay/snapshot.h"
#include "tests/instructions/peer.h"

namespace wskeep::bench {
namespace {

using namespace std::chrono_literals;
using instructions::Peer;
using observe::Leg;
using relay::Session;
using relay::TimePoint;

constexpr auto kInterval = 30s;
constexpr auto kLatency = 30ms;
constexpr std::size_t kSlice = 256;  // sessions that a worker looks at in one turn
constexpr std::size_t kSurveys = 9;

std::chrono::nanoseconds cpu_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

std::shared_ptr<const config::Config> make_config() {
  config::Config config;
  config.keepalive.client.heartbeat.ping_interval = kInterval;
  config.keepalive.backend.heartbeat.ping_interval = kInterval;
  return std::make_shared<const config::Config>(config);
}

class Crowd {
 public:
  explicit Crowd(std::size_t size) {
    const auto config = make_config();
    members_.reserve(size);
    deadlines_.reserve(size);
    for (std::size_t i = 0; i < size; ++i) {
      members_.push_back(std::make_unique<Member>(environment_, config, random_.next()));
      members_.back()->session.start({}, {}, {}, {});
      settle(*members_.back());
    }
  }

  void run_for(std::chrono::nanoseconds time) {
    const TimePoint end = clock_.time + time;
    while (std::min(deadlines_.next(), next_pong()) <= end) {
      next_pong() <= deadlines_.next() ? answer_ping() : beat();
    }
    clock_.time = end;
  }

  // Pings that were sent, and pongs that came for them.
  std::uint64_t beats() const {
    return of_legs([&](Leg leg) { return counters_->pings_sent[leg].value(); });
  }
  std::uint64_t answered() const {
    return of_legs(
        [&](Leg leg) { return counters_->pongs_received[leg][observe::PongKind::kMatched].value(); });
  }
  std::size_t unanswered() const { return pongs_.size(); }

  // Looks at all for the `most` worst, as a worker does for a scrape; how long the longest slice took.
  std::chrono::nanoseconds survey(std::size_t most) const {
    std::chrono::nanoseconds longest{0};
    relay::WorstConnections worst(most, members_.size());
    const relay::Moment moment{clock_.time, std::chrono::system_clock::now()};
    for (std::size_t next = members_.size(); next != 0;) {
      const auto begun = cpu_time();
      for (std::size_t left = kSlice; left != 0 && next != 0; --left) {
        worst.offer(members_[--next]->session, moment);
      }
      longest = std::max(longest, cpu_time() - begun);
    }
    return longest;
  }

 private:
  struct Member {
    Member(relay::Environment& environment, const std::shared_ptr<const config::Config>& config,
           std::uint64_t id)
        : session(environment, config,
                  relay::SessionIdentity(id, {"203.0.113.7:50123", "/rooms/12", "", "chrome"}), client,
                  backend, websocket::ExtensionRules::kNone) {}

    Peer& peer(Leg leg) { return leg == Leg::kClient ? client : backend; }

    Peer client;
    Peer backend;
    relay::DeadlinePlace place = relay::kNoDeadline;
    Session session;
  };
  struct Pong {
    TimePoint at;
    Member* to;
    Leg from;
    std::array<std::uint8_t, 14> bytes;
  };

  template <class Read>
  static std::uint64_t of_legs(Read read) {
    return read(Leg::kClient) + read(Leg::kBackend);
  }
  TimePoint next_pong() const { return pongs_.empty() ? TimePoint::max() : pongs_.front().at; }

  void beat() {
    clock_.time = std::max(clock_.time, deadlines_.next());
    Member& member = *deadlines_.take_due(clock_.time);
    const std::size_t client_got = member.client.got();
    const std::size_t backend_got = member.backend.got();
    member.session.on_deadline();
    if (member.client.got() != client_got) expect_pong(member, Leg::kClient);
    if (member.backend.got() != backend_got) expect_pong(member, Leg::kBackend);
    settle(member);
  }
  void expect_pong(Member& member, Leg leg) {
    const auto bytes = instructions::pong_to(member.peer(leg).last_write(), leg);
    pongs_.push_back({clock_.time + kLatency, &member, leg, bytes});
  }
  void answer_ping() {
    const Pong& pong = pongs_.front();
    clock_.time = pong.at;
    pong.to->peer(pong.from).will_say(std::span(pong.bytes).first(pong.from == Leg::kClient ? 14 : 10));
    pong.to->session.on_ready(pong.from, {.readable = true});
    settle(*pong.to);
    pongs_.pop_front();
  }
  // As a connection does: only ever sooner.
  void settle(Member& member) {
    const TimePoint deadline = member.session.deadline();
    if (deadline < deadlines_.at(member)) deadlines_.set(member, deadline);
  }

  instructions::SetClock clock_;
  instructions::Numbers random_;
  std::unique_ptr<observe::WorkerCounters> counters_ = std::make_unique<observe::WorkerCounters>();
  std::unique_ptr<relay::PongBatch> pong_batch_ = std::make_unique<relay::PongBatch>();
  std::vector<std::uint8_t> read_buffer_ = std::vector<std::uint8_t>(262'144);
  relay::Environment environment_{clock_, random_, *counters_, read_buffer_, *pong_batch_};
  std::vector<std::unique_ptr<Member>> members_;
  relay::DeadlineQueue<Member, &Member::place> deadlines_;
  std::deque<Pong> pongs_;  // to come; the latency is the same for all, so the first is the next
};

double median_longest_us(const Crowd& crowd, std::size_t most) {
  std::vector<std::chrono::nanoseconds> longest(kSurveys);
  for (auto& each : longest) each = crowd.survey(most);
  std::ranges::nth_element(longest, longest.begin() + kSurveys / 2);
  return std::chrono::duration<double, std::micro>(longest[kSurveys / 2]).count();
}

void run(std::size_t sessions) {
  Crowd crowd(sessions);
  crowd.run_for(kInterval);  // the first beats
  const std::uint64_t before = crowd.beats();
  const auto begun = cpu_time();
  crowd.run_for(kInterval);
  const std::chrono::duration<double, std::nano> taken = cpu_time() - begun;
  const std::uint64_t beats = crowd.beats() - before;
  if (crowd.answered() + crowd.unanswered() != crowd.beats()) instructions::fail("a ping went unanswered");
  fmt::print(
      R"({{"sessions": {}, "beats": {}, "ns_per_beat": {:.1f}, "slice_us": {:.1f}, "slice_of_counts_us": {:.1f}}})"
      "\n",
      sessions, beats, taken.count() / static_cast<double>(beats), median_longest_us(crowd, 1000),
      median_longest_us(crowd, 0));
}

}  // namespace
}  // namespace wskeep::bench

int main(int argc, char** argv) {
  const long sessions = argc == 2 ? std::atol(argv[1]) : 0;
  if (sessions <= 0) {
    std::fprintf(stderr, "usage: crowd SESSIONS\n");
    return 2;
  }
  wskeep::bench::run(static_cast<std::size_t>(sessions));
}
