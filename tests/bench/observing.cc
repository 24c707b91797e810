// What looking at wskeep costs it: `ninja bench_observing`, then tests/bench/bench_observing.
#include <benchmark/benchmark.h>
#include <prometheus/text_serializer.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "proxy/observe/connection_series.h"
#include "proxy/observe/metrics.h"
#include "proxy/observe/user_agent.h"
#include "proxy/relay/snapshot.h"
#include "tests/unit/fake_transport.h"

namespace wskeep::bench {
namespace {

using observe::ConnectionSource;
using observe::WorkerCounters;
using relay::Session;

// Durations over all buckets, so that no branch can be predicted.
std::vector<std::chrono::nanoseconds> durations() {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> exponent(4, 11);
  std::vector<std::chrono::nanoseconds> all(4096);
  for (auto& each : all)
    each = std::chrono::nanoseconds(static_cast<std::int64_t>(std::pow(10, exponent(random))));
  return all;
}

void observation(benchmark::State& state) {
  const auto values = durations();
  keepalive::LatencyHistogram histogram;
  std::size_t next = 0;
  for ([[maybe_unused]] const auto _ : state) {
    histogram.observe(values[next++ % values.size()]);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(observation);

// The part of /metrics that every scrape has, by the number of workers.
void aggregates(benchmark::State& state) {
  std::vector<std::unique_ptr<WorkerCounters>> workers;
  std::vector<const WorkerCounters*> shards;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    workers.push_back(std::make_unique<WorkerCounters>());
    for (const auto each : durations()) {
      workers.back()->loop_lag.observe(each);
      workers.back()->pong_latency[observe::Leg::kClient].observe(each);
    }
    shards.push_back(workers.back().get());
  }
  const observe::Metrics metrics(shards);
  std::size_t bytes = 0;
  for ([[maybe_unused]] const auto _ : state)
    bytes = prometheus::TextSerializer{}.Serialize(metrics.Collect()).size();
  state.counters["bytes"] = static_cast<double>(bytes);
}
BENCHMARK(aggregates)->Arg(1)->Arg(2)->Arg(16)->Unit(benchmark::kMicrosecond);

// Sessions whose clients have each answered one ping.
class Crowd {
 public:
  explicit Crowd(std::size_t size) : wires_(size * 2) {
    clock_.time = std::chrono::steady_clock::now();
    std::mt19937_64 random(1);
    std::uniform_int_distribution<int> latency(100, 400'000);
    for (std::size_t i = 0; i < size; ++i) {
      test::Wire& client = wires_[2 * i];
      client.round_trip_time = std::chrono::microseconds(latency(random));
      const std::string address = "203.0.113." + std::to_string(i % 256) + ":" + std::to_string(20'000 + i);
      const relay::SessionIdentity::Words words{.client = address,
                                                .path = "/rooms/" + std::to_string(i),
                                                .subprotocol = "graphql-transport-ws",
                                                .user_agent_family = "chrome"};
      sessions_.push_back(std::make_unique<Session>(
          environment_, config_, relay::SessionIdentity(random(), words), transports_.emplace_back(client),
          transports_.emplace_back(wires_[2 * i + 1]), websocket::ExtensionRules::kNone));
      answer_a_ping(*sessions_.back(), client, std::chrono::microseconds(latency(random)));
    }
    std::shuffle(sessions_.begin(), sessions_.end(), random);
  }

  const std::vector<std::unique_ptr<Session>>& sessions() const { return sessions_; }
  relay::Moment now() const { return {clock_.time, std::chrono::system_clock::now()}; }

 private:
  void answer_a_ping(Session& session, test::Wire& client, std::chrono::nanoseconds latency) {
    const relay::TimePoint begin = clock_.time;
    session.start({}, {}, {}, {});
    while (client.received.empty()) {
      clock_.time = session.deadline();
      session.on_deadline();
    }
    const test::Bytes sent = client.take();
    std::span<const std::uint8_t> ping(sent);
    client.incoming = test::client_frame(test::Opcode::kPong, test::decode(ping).at(0).payload);
    clock_.time += latency;
    session.on_ready(observe::Leg::kClient, {.readable = true});
    clock_.time = begin;
  }

  test::FakeClock clock_;
  test::FakeRandom random_;
  std::unique_ptr<WorkerCounters> counters_ = std::make_unique<WorkerCounters>();
  std::unique_ptr<relay::PongBatch> batch_ = std::make_unique<relay::PongBatch>();
  test::Bytes read_buffer_ = test::Bytes(262'144);
  relay::Environment environment_{clock_, random_, *counters_, read_buffer_, *batch_};
  std::shared_ptr<const config::Config> config_ = std::make_shared<config::Config>();
  std::vector<test::Wire> wires_;
  std::deque<test::FakeTransport> transports_;
  std::vector<std::unique_ptr<Session>> sessions_;
};

void snapshot(benchmark::State& state) {
  const Crowd crowd(1);
  for ([[maybe_unused]] const auto _ : state)
    benchmark::DoNotOptimize(relay::snapshot_of(*crowd.sessions()[0], crowd.now()));
}
BENCHMARK(snapshot);

// Of this thread: how long something holds a loop, whatever else the machine does meanwhile.
std::chrono::nanoseconds cpu_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// A worker looks at its sessions for a scrape, 256 in a turn of its loop; `longest_us` is how long such a
// turn takes at most.
void survey(benchmark::State& state) {
  const Crowd crowd(static_cast<std::size_t>(state.range(0)));
  const auto most = static_cast<std::size_t>(state.range(1));
  std::vector<double> longests;
  for ([[maybe_unused]] const auto _ : state) {
    double longest = 0;
    relay::WorstConnections worst(most, crowd.sessions().size());
    std::size_t next = crowd.sessions().size();
    std::vector<observe::ConnectionSnapshot> found;
    while (next != 0) {
      const auto begin = cpu_time();
      const relay::Moment now = crowd.now();
      for (std::size_t left = 256; left != 0 && next != 0; --left)
        worst.offer(*crowd.sessions()[--next], now);
      if (next == 0) found = worst.take();
      const std::chrono::duration<double, std::micro> slice = cpu_time() - begin;
      longest = std::max(longest, slice.count());
    }
    longests.push_back(longest);
    benchmark::DoNotOptimize(found.data());
  }
  std::nth_element(longests.begin(), longests.begin() + static_cast<std::ptrdiff_t>(longests.size() / 2),
                   longests.end());
  state.counters["longest_us"] = longests[longests.size() / 2];
}
BENCHMARK(survey)
    ->Args({1000, 1000})
    ->Args({9000, 1000})
    ->Args({9000, 9000})
    ->Args({100'000, 1000})
    ->Args({100'000, 100'000})
    ->Unit(benchmark::kMicrosecond);

// The series of that many connections as text.
void series(benchmark::State& state) {
  const auto connections = static_cast<std::size_t>(state.range(0));
  const Crowd crowd(connections);
  relay::WorstConnections worst(connections, connections);
  for (const auto& session : crowd.sessions()) worst.offer(*session, crowd.now());
  const ConnectionSource::Answer answer{worst.take_sorted(), 0};
  std::size_t bytes = 0;
  for ([[maybe_unused]] const auto _ : state) {
    std::string text;
    observe::append_connection_series(answer, text);
    bytes = text.size();
  }
  const auto all = static_cast<double>(connections * 7);
  state.counters["per_series"] =
      benchmark::Counter(all, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.counters["bytes"] = static_cast<double>(bytes);
}
BENCHMARK(series)->Arg(1000)->Arg(9000)->Arg(100'000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace wskeep::bench

BENCHMARK_MAIN();
