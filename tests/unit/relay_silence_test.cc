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
  client.send_progress = SendProgress{
      .acknowledged = 1000, .unacknowledged = 10, .in_flight = true, .retries = 5, .unanswered_for = 7s};
  pass(20s);
  EXPECT_EQ(session->reason(), CloseReason::kNetworkDead);
}

TEST_F(Silence, BytesThatGetThroughMeanSlow) {
  open_and_ping();
  client.send_progress = SendProgress{.unacknowledged = 3'000'000, .in_flight = true};
  for (int i = 0; i < 100; ++i) {
    pass(3s);
    client.send_progress->acknowledged += 1000;
  }
  EXPECT_EQ(session->phase(), Phase::kOpen);
  client.send_progress->retries = 5;
  client.send_progress->unanswered_for = 7s;
  pass(20s + 1s);
  EXPECT_EQ(session->reason(), CloseReason::kNetworkDead);
}

// On a path whose retries take longer than pong_timeout, the timeout alone says nothing.
TEST_F(Silence, WhoWasAskedOnceMayHaveLostIt) {
  open_and_ping();
  client.send_progress =
      SendProgress{.unacknowledged = 10, .in_flight = true, .retries = 1, .unanswered_for = 8s};
  pass(30s);
  EXPECT_EQ(session->phase(), Phase::kOpen);
  client.send_progress->retries = 2;
  client.send_progress->unanswered_for = 24s;
  pass(250ms);
  EXPECT_EQ(session->reason(), CloseReason::kNetworkDead);
}

// Many retries in a short time, as on a path that has been bad for a moment, are no reason either.
TEST_F(Silence, AShortFailureIsNotTheEnd) {
  open_and_ping();
  client.send_progress =
      SendProgress{.unacknowledged = 10, .in_flight = true, .retries = 3, .unanswered_for = 6'600ms};
  pass(21s);
  EXPECT_EQ(session->phase(), Phase::kOpen);
  client.send_progress->unanswered_for = 6'700ms;
  pass(250ms);
  EXPECT_EQ(session->reason(), CloseReason::kNetworkDead);
}

TEST_F(Silence, ALongTimeoutWantsNoMoreThanRetriesCanShow) {
  config.keepalive.client.heartbeat.pong_timeout = 1h;
  config.keepalive.client.heartbeat.ping_interval = 24h;
  open_and_ping();
  client.send_progress =
      SendProgress{.unacknowledged = 10, .in_flight = true, .retries = 12, .unanswered_for = 119s};
  pass(1h);
  EXPECT_EQ(session->reason(), CloseReason::kNetworkDead);
}

// The ping has only just got through: the application has not had its time.
TEST_F(Silence, ALateAcknowledgementGivesTheApplicationItsTime) {
  open_and_ping();
  client.send_progress =
      SendProgress{.acknowledged = 1000, .unacknowledged = 10, .in_flight = true, .retries = 1};
  pass(20s + 100ms);
  client.send_progress = SendProgress{.acknowledged = 1010, .unacknowledged = 0};
  pass(20s);
  EXPECT_EQ(session->phase(), Phase::kOpen);
  pass(1s);
  EXPECT_EQ(session->reason(), CloseReason::kAppStalled);
}

// Where the interval divides the timeout, the next ping is always under way when the first is judged.
TEST_F(Silence, APingUnderWayIsNoSignOfLife) {
  config.keepalive.client.heartbeat.ping_interval = 10s;
  open_and_ping();
  client.send_progress = SendProgress{.acknowledged = 1000, .unacknowledged = 10, .in_flight = true};
  pass(20s);
  EXPECT_EQ(client_got(), "ping(#) close(1011 keepalive ping timeout)");
  EXPECT_EQ(session->reason(), CloseReason::kAppStalled);
}

// The network went between the acknowledgement and the answer, which the next pings show.
TEST_F(Silence, ALaterPingMayTellThatTheNetworkIsDead) {
  config.keepalive.client.heartbeat.ping_interval = 8s;
  open_and_ping();
  client.send_progress = SendProgress{
      .acknowledged = 1000, .unacknowledged = 20, .in_flight = true, .retries = 5, .unanswered_for = 7s};
  pass(20s);
  EXPECT_EQ(session->reason(), CloseReason::kNetworkDead);
}

TEST_F(Silence, ADataFrameBetweenPingsMayBe) {
  config.keepalive.client.heartbeat.ping_interval = 8s;
  open_and_ping();
  client.send_progress = SendProgress{.acknowledged = 1000, .unacknowledged = 10, .in_flight = true};
  pass(12s);
  from_backend(test::server_frame(websocket::Opcode::kText, "0123456789"));
  pass(8s + 100ms);
  client.send_progress->acknowledged += 12;
  pass(10s);
  EXPECT_EQ(session->phase(), Phase::kOpen);
}

// It reads slowly, and our ping is somewhere in its buffer.
TEST_F(Silence, WhoGoesOnTakingIsSlow) {
  open_and_ping();
  for (int i = 0; i < 100; ++i) {
    from_backend(test::server_frame(websocket::Opcode::kText, "0123456789"));
    client.send_progress = SendProgress{.unacknowledged = 12, .in_flight = true};
    client.send_progress->acknowledged = 12U * static_cast<unsigned>(i);
    pass(3s);
  }
  EXPECT_EQ(session->phase(), Phase::kOpen);
}

// Later pings get through to the same silence.
TEST_F(Silence, WhatFollowsDoesNotHelpWhoHadAll) {
  open_and_ping();
  client.send_progress = SendProgress{.acknowledged = 1000, .unacknowledged = 0, .retry_after = 6s};
  pass(21s);
  client.send_progress->acknowledged += 100;
  pass(4s);
  EXPECT_EQ(session->reason(), CloseReason::kAppStalled);
}

// What was seen before a byte came says nothing about the silence after it.
TEST_F(Silence, EachSilenceIsLookedAtAnew) {
  config.keepalive.client.heartbeat.ping_interval = 1s;
  config.keepalive.client.heartbeat.pong_timeout = 500ms;
  open_and_ping();
  client.send_progress = SendProgress{.acknowledged = 1000, .unacknowledged = 0, .retry_after = 300ms};
  for (int i = 0; i < 10; ++i) {
    pass(900ms);
    from_client(client_frame(websocket::Opcode::kText, "late"));
    pass(100ms);
  }
  EXPECT_EQ(session->phase(), Phase::kOpen);
}

// On a slow path the answer may have been lost, and its second copy too, before a short timeout is over.
TEST_F(Silence, AnAnswerMayBeLostToo) {
  open_and_ping();
  client.send_progress = SendProgress{.acknowledged = 1000, .unacknowledged = 0, .retry_after = 6s};
  pass(23'900ms);
  EXPECT_EQ(session->phase(), Phase::kOpen);
  pass(250ms);
  EXPECT_EQ(session->reason(), CloseReason::kAppStalled);
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

// Its window stays closed, but from time to time it speaks: the wondering begins anew each time.
TEST_F(Silence, AByteEndsTheWonderingForTheNextPingToo) {
  config.keepalive.client.heartbeat.ping_interval = 1500ms;
  config.keepalive.client.heartbeat.pong_timeout = 1s;
  open_and_ping();
  client.send_progress = SendProgress{.acknowledged = 1000, .unacknowledged = 10, .in_flight = false};
  pass(1200ms);
  for (int i = 0; i < 100; ++i) {
    from_client(client_frame(websocket::Opcode::kText, "here"));
    pass(1500ms);
  }
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
