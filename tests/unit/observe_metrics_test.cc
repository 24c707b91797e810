// What a scrape shows of the workers' counters.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "proxy/observe/metrics.h"
#include "proxy/version.h"
#include "tests/unit/observe_promtool.h"

namespace wskeep::observe {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class MetricsTest : public ::testing::Test {
 protected:
  std::string text() const { return prometheus::TextSerializer{}.Serialize(metrics_.Collect()); }

  // The text of one family: its HELP line to the next one's.
  std::string family(const std::string& name) const {
    const std::string all = text();
    const std::size_t begin = all.find("# HELP " + name + " ");
    if (begin == std::string::npos) return "";
    const std::size_t end = all.find("# HELP ", begin + 1);
    return all.substr(begin, end == std::string::npos ? end : end - begin);
  }

  std::array<WorkerCounters, 2> workers_;
  Metrics metrics_{{&workers_[0], &workers_[1]}};
};

TEST_F(MetricsTest, HasExactlyTheseFamilies) {
  std::vector<std::string> names;
  for (const auto& family : metrics_.Collect()) names.push_back(family.name);
  EXPECT_THAT(
      names,
      ElementsAre("wskeep_build_info", "wskeep_connections_open", "wskeep_connections_opened_total",
                  "wskeep_connections_closed_total", "wskeep_handshakes_total", "wskeep_http_requests_total",
                  "wskeep_frames_total", "wskeep_bytes_total", "wskeep_pings_sent_total",
                  "wskeep_pings_answered_total", "wskeep_pings_deferred_total", "wskeep_pongs_missed_total",
                  "wskeep_pongs_repaired_total", "wskeep_pongs_received_total", "wskeep_pong_latency_seconds",
                  "wskeep_tcp_rtt_seconds", "wskeep_ping_lateness_seconds", "wskeep_event_loop_lag_seconds",
                  "wskeep_connections_never_ponged", "wskeep_backend_unresponsive",
                  "wskeep_limits_hit_total"));
}

TEST_F(MetricsTest, EverySeriesIsThereAtZeroFromTheStart) {
  EXPECT_EQ(family("wskeep_connections_open"),
            "# HELP wskeep_connections_open Client connections there are now.\n"
            "# TYPE wskeep_connections_open gauge\n"
            "wskeep_connections_open{state=\"handshake\"} 0\n"
            "wskeep_connections_open{state=\"http\"} 0\n"
            "wskeep_connections_open{state=\"open\"} 0\n"
            "wskeep_connections_open{state=\"closing\"} 0\n"
            "wskeep_connections_open{state=\"draining\"} 0\n");
  EXPECT_EQ(family("wskeep_bytes_total"),
            "# HELP wskeep_bytes_total Bytes received behind the handshake, frame headers included.\n"
            "# TYPE wskeep_bytes_total counter\n"
            "wskeep_bytes_total{direction=\"to_backend\"} 0\n"
            "wskeep_bytes_total{direction=\"to_client\"} 0\n");
  EXPECT_THAT(family("wskeep_frames_total"),
              HasSubstr("wskeep_frames_total{direction=\"to_client\",opcode=\"continuation\"} 0\n"));
}

// A word that is missing or said twice would show here: every series of a family has labels of its own.
TEST_F(MetricsTest, NoTwoSeriesHaveTheSameLabels) {
  for (const auto& family : metrics_.Collect()) {
    std::set<std::vector<prometheus::ClientMetric::Label>> seen;
    for (const auto& metric : family.metric) {
      EXPECT_TRUE(seen.insert(metric.label).second) << family.name;
      for (const auto& label : metric.label) {
        EXPECT_TRUE(label.value != "unknown" || label.name == "commit") << family.name;
      }
    }
  }
}

TEST_F(MetricsTest, SaysWhatRuns) {
  EXPECT_THAT(family("wskeep_build_info"), HasSubstr(std::string{"wskeep_build_info{version=\""} + kVersion +
                                                     "\",commit=\"" + kCommit + "\",libevent=\"2."));
  EXPECT_THAT(family("wskeep_build_info"), HasSubstr("\",openssl=\"3."));
}

TEST_F(MetricsTest, AddsUpTheWorkers) {
  workers_[0].bytes[Direction::kToBackend].add(3'000'000'000);
  workers_[1].bytes[Direction::kToBackend].add(2'000'000'001);
  workers_[1].frames[Direction::kToClient][FrameKind::kText].add(7);
  workers_[0].connections_opened.add(4);
  workers_[0].connections_closed[CloseReason::kKeepaliveTimeout].add(2);
  workers_[1].connections_closed[CloseReason::kKeepaliveTimeout].add();
  workers_[0].handshakes[HandshakeResult::kBackendTimeout].add();
  workers_[0].pongs_received[Leg::kBackend][PongKind::kLate].add(5);
  workers_[1].pings_deferred[Leg::kClient].add(6);
  workers_[1].limits_hit[Limit::kDescriptors].add(8);

  const std::string all = text();
  for (const char* line : {
           "wskeep_bytes_total{direction=\"to_backend\"} 5000000001\n",
           "wskeep_frames_total{direction=\"to_client\",opcode=\"text\"} 7\n",
           "wskeep_connections_opened_total 4\n",
           "wskeep_connections_closed_total{initiator=\"wskeep\",reason=\"keepalive_timeout\"} 3\n",
           "wskeep_connections_closed_total{initiator=\"client\",reason=\"client_reset\"} 0\n",
           "wskeep_handshakes_total{result=\"backend_timeout\"} 1\n",
           "wskeep_pongs_received_total{leg=\"backend\",result=\"late\"} 5\n",
           "wskeep_pings_deferred_total{leg=\"client\"} 6\n",
           "wskeep_limits_hit_total{limit=\"descriptors\"} 8\n",
       }) {
    EXPECT_THAT(all, HasSubstr(std::string{"\n"} + line));
  }
}

TEST_F(MetricsTest, GaugesAreSumsAndNeverNegative) {
  workers_[0].connections_open[ConnectionState::kOpen].add(5);
  workers_[1].connections_open[ConnectionState::kOpen].add(-2);
  workers_[0].connections_open[ConnectionState::kClosing].add(-1);
  workers_[0].connections_never_ponged.add(-1);
  workers_[1].backend_unresponsive.add(1);
  const std::string all = text();
  EXPECT_THAT(all, HasSubstr("wskeep_connections_open{state=\"open\"} 3\n"));
  EXPECT_THAT(all, HasSubstr("wskeep_connections_open{state=\"closing\"} 0\n"));
  EXPECT_THAT(all, HasSubstr("wskeep_connections_never_ponged 0\n"));
  EXPECT_THAT(all, HasSubstr("wskeep_backend_unresponsive 1\n"));
}

TEST_F(MetricsTest, HistogramsAreCumulativeInSeconds) {
  auto& first = workers_[0].pong_latency[Leg::kClient];
  auto& second = workers_[1].pong_latency[Leg::kClient];
  first.observe(250us);  // a bound belongs to its bucket
  first.observe(250'001ns);
  first.observe(40ms);
  second.observe(40ms);
  second.observe(61s);
  const std::string text = family("wskeep_pong_latency_seconds");
  EXPECT_THAT(
      text,
      StartsWith("# HELP wskeep_pong_latency_seconds From a ping's last byte given to the kernel to its "
                 "pong.\n# TYPE wskeep_pong_latency_seconds histogram\n"
                 "wskeep_pong_latency_seconds_count{leg=\"client\"} 5\n"
                 "wskeep_pong_latency_seconds_sum{leg=\"client\"} 61.080500001\n"));
  const auto bucket = [](std::string_view bound, int count) {
    return "wskeep_pong_latency_seconds_bucket{leg=\"client\",le=\"" + std::string{bound} + "\"} " +
           std::to_string(count) + "\n";
  };
  EXPECT_THAT(text, HasSubstr(bucket("0.00025", 1) + bucket("0.0005", 2) + bucket("0.001", 2) +
                              bucket("0.0025", 2) + bucket("0.005", 2) + bucket("0.01", 2) +
                              bucket("0.025", 2) + bucket("0.05", 4) + bucket("0.1", 4) + bucket("0.25", 4) +
                              bucket("0.5", 4) + bucket("1", 4) + bucket("2.5", 4) + bucket("5", 4) +
                              bucket("10", 4) + bucket("30", 4) + bucket("60", 4) + bucket("+Inf", 5)));
  EXPECT_THAT(text, HasSubstr("wskeep_pong_latency_seconds_count{leg=\"backend\"} 0\n"));
}

TEST_F(MetricsTest, LoopLagIsShownByWorker) {
  workers_[1].loop_lag.observe(3ms);
  const std::string text = family("wskeep_event_loop_lag_seconds");
  EXPECT_THAT(text, HasSubstr("wskeep_event_loop_lag_seconds_count{worker=\"0\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("wskeep_event_loop_lag_seconds_count{worker=\"1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("wskeep_event_loop_lag_seconds_sum{worker=\"1\"} 0.003\n"));
}

TEST_F(MetricsTest, OthersAreAddedUpButAreNoWorkers) {
  const Metrics with_other{{&workers_[0]}, {&workers_[1]}};
  workers_[1].limits_hit[Limit::kDescriptors].add(3);
  workers_[1].tcp_rtt[Leg::kClient].observe(1s);
  const std::string all = prometheus::TextSerializer{}.Serialize(with_other.Collect());
  EXPECT_THAT(all, HasSubstr("\nwskeep_limits_hit_total{limit=\"descriptors\"} 3\n"));
  EXPECT_THAT(all, HasSubstr("\nwskeep_tcp_rtt_seconds_count{leg=\"client\"} 1\n"));
  EXPECT_THAT(all, HasSubstr("{worker=\"0\"}"));
  EXPECT_THAT(all, Not(HasSubstr("{worker=\"1\"}")));
}

TEST_F(MetricsTest, PromtoolHasNothingToSay) {
  if (!has_promtool()) GTEST_SKIP() << "promtool isn't on PATH";
  workers_[0].pong_latency[Leg::kClient].observe(1ms);
  EXPECT_EQ(promtool_verdict(text()), "");
}

}  // namespace
}  // namespace wskeep::observe
