#include "proxy/observe/metrics.h"

#include <event2/event.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include "proxy/version.h"

namespace wskeep::observe {
namespace {

using keepalive::LatencyHistogram;
using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;
using Workers = std::span<const WorkerCounters* const>;

// The families that differ in nothing but where they are counted.
struct LegCounter {
  const char* name;
  const char* help;
  PerLeg<Counter> WorkerCounters::*cells;
};
constexpr LegCounter kLegCounters[] = {
    {"wskeep_pings_sent_total", "Pings sent by wskeep.", &WorkerCounters::pings_sent},
    {"wskeep_pings_answered_total", "Pings of the peer that wskeep answered itself.",
     &WorkerCounters::pings_answered},
    {"wskeep_pings_deferred_total", "Pings of wskeep that had to wait for a boundary between frames.",
     &WorkerCounters::pings_deferred},
    {"wskeep_pongs_missed_total",
     "Pings, sent or passed on by wskeep, that got no pong of their own in time.",
     &WorkerCounters::pongs_missed},
    {"wskeep_pongs_repaired_total",
     "Pongs that a peer left out, though it had read past the ping, and that wskeep sent in its place.",
     &WorkerCounters::pongs_repaired},
};

struct LegHistogram {
  const char* name;
  const char* help;
  PerLeg<LatencyHistogram> WorkerCounters::*cells;
};
constexpr LegHistogram kLegHistograms[] = {
    {"wskeep_pong_latency_seconds", "From a ping's last byte given to the kernel to its pong.",
     &WorkerCounters::pong_latency},
    {"wskeep_tcp_rtt_seconds", "The kernel's smoothed round-trip time, sampled at each answered ping.",
     &WorkerCounters::tcp_rtt},
    {"wskeep_ping_lateness_seconds", "How long after its due time a ping left for the kernel.",
     &WorkerCounters::ping_lateness},
};

struct PlainGauge {
  const char* name;
  const char* help;
  Gauge WorkerCounters::*cell;
};
constexpr PlainGauge kPlainGauges[] = {
    {"wskeep_connections_never_ponged", "Open connections whose client was pinged and has never answered.",
     &WorkerCounters::connections_never_ponged},
    {"wskeep_backend_unresponsive", "Open connections whose backend answered pings before and is silent now.",
     &WorkerCounters::backend_unresponsive},
};

// Adds up what `read` finds in each shard.
template <class Read>
double total(Workers workers, Read read) {
  auto sum = decltype(read(*workers.front())){0};
  for (const WorkerCounters* worker : workers) sum += read(*worker);
  return static_cast<double>(sum);
}

void add_value(MetricFamily& family, Labels labels, double value) {
  ClientMetric& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  if (family.type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = std::max(value, 0.0);
  }
}

void add_histogram(MetricFamily& family, ClientMetric::Label label,
                   std::span<const LatencyHistogram* const> shards) {
  LatencyHistogram::Buckets buckets{};
  std::uint64_t sum_nanoseconds = 0;
  for (const LatencyHistogram* shard : shards) shard->add_to(buckets, sum_nanoseconds);

  ClientMetric& metric = family.metric.emplace_back();
  metric.label.push_back(std::move(label));
  auto& histogram = metric.histogram;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    histogram.sample_count += buckets[i];
    const double bound = i < LatencyHistogram::kBounds.size()
                             ? static_cast<double>(LatencyHistogram::kBounds[i]) / 1e9
                             : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back({histogram.sample_count, bound});
  }
  histogram.sample_sum = static_cast<double>(sum_nanoseconds) / 1e9;
}

// A family with one value for each word of an enum; `read(worker, word)` finds it in a shard.
template <class Word, std::size_t Words, class Read>
MetricFamily family_by(const char* label, MetricType type, const char* name, const char* help,
                       Workers workers, Read read) {
  MetricFamily family{name, help, type, {}};
  for (std::size_t i = 0; i < Words; ++i) {
    const auto word = static_cast<Word>(i);
    add_value(family, {{label, std::string{to_string(word)}}},
              total(workers, [&](const WorkerCounters& worker) { return read(worker, word).value(); }));
  }
  return family;
}

MetricFamily build_info() {
  MetricFamily family{"wskeep_build_info", "What runs here; always 1.", MetricType::Gauge, {}};
  add_value(family,
            {{"version", kVersion},
             {"commit", kCommit},
             {"libevent", event_get_version()},
             {"openssl", OpenSSL_version(OPENSSL_VERSION_STRING)}},
            1);
  return family;
}

void add_connections(Workers workers, std::vector<MetricFamily>& families) {
  families.push_back(family_by<ConnectionState, kConnectionStates>(
      "state", MetricType::Gauge, "wskeep_connections_open", "Client connections there are now.", workers,
      [](const auto& worker, ConnectionState state) -> auto& { return worker.connections_open[state]; }));

  MetricFamily& opened = families.emplace_back(MetricFamily{"wskeep_connections_opened_total",
                                                            "Sessions that began: handshakes accepted.",
                                                            MetricType::Counter,
                                                            {}});
  add_value(opened, {}, total(workers, [](const auto& worker) { return worker.connections_opened.value(); }));

  MetricFamily& closed = families.emplace_back(MetricFamily{"wskeep_connections_closed_total",
                                                            "Sessions that ended, by who ended them and why.",
                                                            MetricType::Counter,
                                                            {}});
  for (std::size_t i = 0; i < kCloseReasons; ++i) {
    const auto reason = static_cast<CloseReason>(i);
    add_value(closed,
              {{"initiator", std::string{to_string(initiator_of(reason))}},
               {"reason", std::string{to_string(reason)}}},
              total(workers, [&](const auto& worker) { return worker.connections_closed[reason].value(); }));
  }

  families.push_back(family_by<HandshakeResult, kHandshakeResults>(
      "result", MetricType::Counter, "wskeep_handshakes_total", "Opening handshakes, by how they ended.",
      workers,
      [](const auto& worker, HandshakeResult result) -> auto& { return worker.handshakes[result]; }));

  families.push_back(family_by<StatusClass, kStatusClasses>(
      "code", MetricType::Counter, "wskeep_http_requests_total",
      "Requests that asked for no WebSocket, by the class of the status that the client got.", workers,
      [](const auto& worker, StatusClass code) -> auto& { return worker.http_requests[code]; }));
}

void add_traffic(Workers workers, std::vector<MetricFamily>& families) {
  MetricFamily& frames =
      families.emplace_back(MetricFamily{"wskeep_frames_total",
                                         "Frames received, by where they go and what they are.",
                                         MetricType::Counter,
                                         {}});
  for (std::size_t i = 0; i < kDirections * kFrameKinds; ++i) {
    const auto direction = static_cast<Direction>(i / kFrameKinds);
    const auto kind = static_cast<FrameKind>(i % kFrameKinds);
    add_value(frames,
              {{"direction", std::string{to_string(direction)}}, {"opcode", std::string{to_string(kind)}}},
              total(workers, [&](const auto& worker) { return worker.frames[direction][kind].value(); }));
  }

  families.push_back(family_by<Direction, kDirections>(
      "direction", MetricType::Counter, "wskeep_bytes_total",
      "Bytes received behind the handshake, frame headers included.", workers,
      [](const auto& worker, Direction direction) -> auto& { return worker.bytes[direction]; }));
}

void add_keepalive(Workers workers, std::vector<MetricFamily>& families) {
  for (const LegCounter& row : kLegCounters) {
    families.push_back(family_by<Leg, kLegs>(
        "leg", MetricType::Counter, row.name, row.help,
        workers, [&](const auto& worker, Leg leg) -> auto& { return (worker.*row.cells)[leg]; }));
  }

  MetricFamily& pongs = families.emplace_back(MetricFamily{
      "wskeep_pongs_received_total", "Pongs received, by what they answer.", MetricType::Counter, {}});
  for (std::size_t i = 0; i < kLegs * kPongKinds; ++i) {
    const auto leg = static_cast<Leg>(i / kPongKinds);
    const auto kind = static_cast<PongKind>(i % kPongKinds);
    add_value(pongs, {{"leg", std::string{to_string(leg)}}, {"result", std::string{to_string(kind)}}},
              total(workers, [&](const auto& worker) { return worker.pongs_received[leg][kind].value(); }));
  }

  for (const LegHistogram& row : kLegHistograms) {
    MetricFamily& family = families.emplace_back(MetricFamily{row.name, row.help, MetricType::Histogram, {}});
    for (std::size_t i = 0; i < kLegs; ++i) {
      const auto leg = static_cast<Leg>(i);
      std::vector<const LatencyHistogram*> shards;
      for (const WorkerCounters* worker : workers) shards.push_back(&(worker->*row.cells)[leg]);
      add_histogram(family, {"leg", std::string{to_string(leg)}}, shards);
    }
  }
}

void add_loop_lag(Workers workers, std::vector<MetricFamily>& families) {
  MetricFamily& lag = families.emplace_back(MetricFamily{
      "wskeep_event_loop_lag_seconds", "How late a worker's regular tick was.", MetricType::Histogram, {}});
  for (std::size_t i = 0; i < workers.size(); ++i) {
    const LatencyHistogram* const shard = &workers[i]->loop_lag;
    add_histogram(lag, {"worker", std::to_string(i)}, {&shard, 1});
  }
}

void add_process(Workers workers, std::vector<MetricFamily>& families) {
  for (const PlainGauge& row : kPlainGauges) {
    MetricFamily& family = families.emplace_back(MetricFamily{row.name, row.help, MetricType::Gauge, {}});
    add_value(family, {}, total(workers, [&](const auto& worker) { return (worker.*row.cell).value(); }));
  }

  families.push_back(family_by<Limit, kLimits>(
      "limit", MetricType::Counter, "wskeep_limits_hit_total", "How often a limit was met.", workers,
      [](const auto& worker, Limit limit) -> auto& { return worker.limits_hit[limit]; }));
}

}  // namespace

std::vector<MetricFamily> Metrics::Collect() const {
  std::vector<MetricFamily> families;
  families.push_back(build_info());
  add_connections(all_, families);
  add_traffic(all_, families);
  add_keepalive(all_, families);
  add_loop_lag(workers_, families);
  add_process(all_, families);
  return families;
}

}  // namespace wskeep::observe
