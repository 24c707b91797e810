// Why a peer is silent: what the kernel's TCP says decides whether it is slow, unreachable or stuck.
#include <gtest/gtest.h>

#include "tests/unit/session_fixture.h"

namespace wskeep::relay {
namespace {

using keepalive::Policy;
using net::SendProgress;
using observe::CloseReason;
using test::client_frame;
using Phase = Session::Phase;
using namespace std::chrono_literals;

class Silence : public SessionTest {
 protected:
  Silence() {
    keepalive::Settings& settings = config.keepalive.client.heartbeat;
    settings.policy = Policy::kStrict;
    settings.jitter_percent = 0;
    settings.ping_interval = 1h;  // one ping, so that its timeout stands alone
  }

  // Opens, and lets the only ping leave.
  void open_and_ping() {
    open();
    pass(session->deadline() - clock.time);
    ASSERT_FALSE(client.received.empty());
    client.take();
  }
};

TEST_F(Silence, AllAcknowledgedMeansStuck) {
  open_and_ping();
  client.send_progress = SendProgress{.acknowledged = 1000, .unacknowledged = 0};
  pass(20s);
  EXPECT_EQ(session->reason(), CloseReason::kAppStalled);
  EXPECT_EQ(client_got(), "close(1011 keepalive ping timeout)");
}

TEST_F(Silence, NothingAcknowledgedMeansUnreachable) {
  open_and_ping();
  client.send_progress =
      SendProgress{.acknowledged = 1000, .unacknowledged = 10, .in_flight = true, .since_last_ack = 10s};
  pass(20s);
  EXPECT_EQ(session->reason(), CloseReason::kNetworkDead);
}

TEST_F(Silence, BytesThatGetThroughMeanSlow) {
  open_and_ping();
  client.send_progress =
      SendProgress{.unacknowledged = 3'000'000, .in_flight = true, .since_last_ack = 9'999ms};
  pass(5min);
  EXPECT_EQ(session->phase(), Phase::kOpen);
  client.send_progress->since_last_ack = 21s;
  pass(20s);
  EXPECT_EQ(session->reason(), CloseReason::kNetworkDead);
}

TEST_F(Silence, AClosedWindowHasTheTimeOfAnyStall) {
  open_and_ping();
  client.send_progress = SendProgress{.acknowledged = 1000, .unacknowledged = 10, .in_flight = false};
  pass(20s + 59s);
  EXPECT_EQ(session->phase(), Phase::kOpen);
  pass(2s);
  EXPECT_EQ(session->reason(), CloseReason::kAppStalled);
}

TEST_F(Silence, AWindowThatOpensNowAndThenIsSlow) {
  open_and_ping();
  client.send_progress = SendProgress{.acknowledged = 1000, .unacknowledged = 10, .in_flight = false};
  for (int i = 0; i < 10; ++i) {
    pass(40s);
    client.send_progress->acknowledged += 100;
  }
  EXPECT_EQ(session->phase(), Phase::kOpen);
}

TEST_F(Silence, AByteEndsTheWondering) {
  open_and_ping();
  client.send_progress = SendProgress{.acknowledged = 1000, .unacknowledged = 10, .in_flight = false};
  pass(20s + 100ms);
  from_client(client_frame(websocket::Opcode::kText, "here"));
  pass(30min);
  EXPECT_EQ(session->phase(), Phase::kOpen);
}

TEST_F(Silence, ASlowBackendIsNotUnresponsive) {
  config.keepalive.client.heartbeat.policy = Policy::kOff;
  config.keepalive.backend.heartbeat.policy = Policy::kStrict;
  config.keepalive.backend.heartbeat.jitter_percent = 0;
  open();
  backend.send_progress = SendProgress{.unacknowledged = 100, .in_flight = true};
  pass(5min);
  EXPECT_EQ(session->phase(), Phase::kOpen);
  EXPECT_EQ(counters->backend_unresponsive.value(), 0);
}

}  // namespace
}  // namespace wskeep::relay
