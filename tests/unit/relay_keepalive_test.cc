// Beats of a session and what follows from silence.
#include "tests/unit/session_fixture.h"

namespace wskeep::relay {
namespace {

using keepalive::PingWhen;
using keepalive::Policy;
using Phase = Session::Phase;

class KeepAlive : public SessionTest {
 protected:
  KeepAlive() {
    settings().jitter_percent = 0;
    config.keepalive.backend.heartbeat.jitter_percent = 0;
  }
  keepalive::Settings& settings() { return config.keepalive.client.heartbeat; }

  // Opens under a policy and lets time pass until the first ping has left for the client.
  void open_and_beat(Policy policy) {
    settings().policy = policy;
    open();
    first_ping(client);
  }
  void first_ping(const Wire& wire) {
    for (int step = 0; wire.received.empty() && step < 26; ++step) pass_until_deadline(1s);
    ASSERT_FALSE(wire.received.empty());
  }
  // Stops at the first deadline, so that the time of a beat is exact.
  void pass_until_deadline(keepalive::nanoseconds most) {
    pass(std::min(session->deadline() - clock.time, most));
  }

  // The payload of the last ping that a peer got.
  static Bytes last_ping(const Wire& wire) {
    std::span<const std::uint8_t> in(wire.received);
    Bytes payload;
    for (const test::Decoded& one : test::decode(in)) {
      if (one.opcode == 9) payload = one.payload;
    }
    return payload;
  }
  void client_answers() { from_client(client_frame(Opcode::kPong, last_ping(client))); }
  void backend_answers() { from_backend(server_frame(Opcode::kPong, last_ping(backend))); }
  std::uint64_t pongs(LegName leg, PongKind kind) const {
    return counters->pongs_received[leg][kind].value();
  }
};

TEST_F(KeepAlive, PingsAreUnmaskedToTheClientAndMaskedToTheBackend) {
  settings().policy = Policy::kAuto;
  config.keepalive.backend.heartbeat.policy = Policy::kKeepalive;
  open();
  pass(25s);
  EXPECT_EQ(client_got(), "ping(#)");
  EXPECT_EQ(backend_got(), "~ping(#)");
  EXPECT_EQ(counters->pings_sent[LegName::kClient].value(), 1U);
  EXPECT_EQ(counters->pings_sent[LegName::kBackend].value(), 1U);
}

TEST_F(KeepAlive, PingsComeOncePerInterval) {
  open_and_beat(Policy::kKeepalive);
  for (int beat = 0; beat < 5; ++beat) {
    client.take();
    pass(25s - 1ns);
    ASSERT_EQ(client_got(), "");
    pass(1ns);
    ASSERT_EQ(client_got(), "ping(#)");
  }
}

TEST_F(KeepAlive, AnAnswerIsMeasuredAndSwallowed) {
  client.round_trip_time = 3ms;
  open_and_beat(Policy::kAuto);
  clock.time += 40ms;
  client_answers();
  EXPECT_EQ(backend_got(), "");
  EXPECT_EQ(session->latency().count(), 1U);
  EXPECT_EQ(session->latency().last(), 40ms);
  EXPECT_EQ(session->last_pong_at(), clock.time);
  EXPECT_EQ(session->tcp_rtt(), 3ms);
  EXPECT_EQ(pongs(LegName::kClient, PongKind::kMatched), 1U);
  keepalive::LatencyHistogram::Buckets buckets{};
  std::uint64_t sum = 0;
  counters->pong_latency[LegName::kClient].add_to(buckets, sum);
  EXPECT_EQ(sum, 40'000'000U);
  client_answers();
  EXPECT_EQ(pongs(LegName::kClient, PongKind::kLate), 1U);
  EXPECT_EQ(backend_got(), "") << "ours all the same";
}

TEST_F(KeepAlive, LatencySummaryIsOfAllAnswers) {
  open_and_beat(Policy::kAuto);
  for (const auto latency : {30ms, 10ms, 20ms}) {
    clock.time += latency;
    client_answers();
    client.take();
    pass(25s - latency);
  }
  const LatencySummary& summary = session->latency();
  EXPECT_EQ(summary.count(), 3U);
  EXPECT_EQ(summary.mean(), 20ms);
  EXPECT_EQ(summary.least(), 10ms);
  EXPECT_EQ(summary.most(), 30ms);
  EXPECT_EQ(summary.last(), 20ms);
}

TEST_F(KeepAlive, SilenceIsJudgedByThePolicy) {
  struct Row {
    Policy policy;
    bool answered_before, ends;
  };
  for (const Row row : {Row{Policy::kKeepalive, false, false}, Row{Policy::kKeepalive, true, false},
                        Row{Policy::kAuto, false, false}, Row{Policy::kAuto, true, true},
                        Row{Policy::kStrict, false, true}, Row{Policy::kStrict, true, true}}) {
    client = backend = Wire();
    open_and_beat(row.policy);
    if (row.answered_before) {
      client_answers();
      pass(25s);
    }
    client.take();
    pass(20s - 1ns);
    EXPECT_EQ(session->phase(), Phase::kOpen);
    pass(1ns);
    EXPECT_EQ(session->phase() == Phase::kEnding, row.ends);
    EXPECT_EQ(client_got(), row.ends ? "close(1011 keepalive ping timeout)" : "");
    EXPECT_EQ(backend.shut, row.ends);
    EXPECT_EQ(backend_got(), "") << "1006 at the backend, as without us";
    if (row.ends) {
      EXPECT_EQ(session->reason(), CloseReason::kKeepaliveTimeout);
    } else {
      EXPECT_TRUE(session->client().heartbeat.silent());
      pass(5s);
      EXPECT_EQ(client_got(), "ping(#)") << "and pinged on";
    }
    session.reset();
  }
}

TEST_F(KeepAlive, ADeadClientIsToldToTheBackendAsConfigured) {
  config.relay.on_client_lost = 1001;
  open_and_beat(Policy::kStrict);
  pass(20s);
  EXPECT_EQ(backend_got(), "~close(1001 client lost)");
}

TEST_F(KeepAlive, AnyByteProvesTheClientAlive) {
  for (const Bytes& sign : {Bytes{0x81}, client_frame(Opcode::kPong, "unsolicited"),
                            client_frame(Opcode::kText, "hi"), client_frame(Opcode::kPing, "p")}) {
    client = backend = Wire();
    open_and_beat(Policy::kStrict);
    pass(10s);
    from_client(sign);
    pass(14s);
    EXPECT_EQ(session->phase(), Phase::kOpen);
    session.reset();
  }
}

TEST_F(KeepAlive, SocketsAreReadBeforeSilenceIsJudged) {
  open_and_beat(Policy::kStrict);
  client.incoming = client_frame(Opcode::kText, "I am here");  // no event has told so yet
  pass(20s);
  EXPECT_EQ(session->phase(), Phase::kOpen);
  EXPECT_EQ(backend_got(), "~text(I am here)");
}

TEST_F(KeepAlive, AnEndThatIsReadBeforeTheJudgementIsTheReason) {
  open_and_beat(Policy::kStrict);
  client.take();
  client.ended = true;
  pass(20s);
  EXPECT_EQ(session->reason(), CloseReason::kClientEof);
  EXPECT_EQ(client_got(), "");
}

TEST_F(KeepAlive, AClientThatWeDoNotReadIsNotJudged) {
  config.relay.buffer_limit = 1000;
  config.relay.write_stall_timeout = 1h;
  open_and_beat(Policy::kStrict);
  backend.window = 0;
  client.most_per_read = 500;
  Bytes flood;
  for (int i = 0; i < 100; ++i) flood = join(flood, client_frame(Opcode::kText, std::string(100, 'x')));
  from_client(flood);
  pass(10min);
  EXPECT_EQ(session->phase(), Phase::kOpen);
  backend.window = test::kNoLimit;
  backend_takes(0);
  EXPECT_TRUE(client.incoming.empty());
  client.take();
  pass(25s);
  pass(21s);
  EXPECT_EQ(session->reason(), CloseReason::kKeepaliveTimeout) << "but once it is read again";
}

TEST_F(KeepAlive, ASleepKillsNobody) {
  open_and_beat(Policy::kStrict);
  client.take();
  sleep(1h);
  EXPECT_EQ(session->phase(), Phase::kOpen);
  EXPECT_EQ(client_got(), "ping(#)");
  pass(20s - 1ns);
  EXPECT_EQ(session->phase(), Phase::kOpen);
  pass(1ns);
  EXPECT_EQ(session->reason(), CloseReason::kKeepaliveTimeout);
}

TEST_F(KeepAlive, APingWaitsForAMessageBoundary) {
  settings().policy = Policy::kStrict;
  config.relay.inject_hold = 30s;
  open();
  from_backend(server_frame(Opcode::kText, "he", Fin::kNo));
  pass(25s);
  EXPECT_EQ(client_got(), "text-(he)");
  EXPECT_EQ(counters->pings_deferred[LegName::kClient].value(), 1U);
  EXPECT_EQ(counters->pings_sent[LegName::kClient].value(), 0U);
  from_backend(server_frame(Opcode::kContinuation, "llo"));
  EXPECT_EQ(client_got(), "cont(llo) ping(#)");
}

TEST_F(KeepAlive, APingWaitsForAFrameBoundaryAtMost) {
  settings().policy = Policy::kStrict;
  open();
  from_backend(server_frame(Opcode::kText, "he", Fin::kNo));
  client.take();
  pass(30s);
  EXPECT_EQ(client_got(), "ping(#)");
}

TEST_F(KeepAlive, ThePongsThatWaitGoFirst) {
  settings().policy = Policy::kStrict;
  config.relay.inject_hold = 1h;
  open();
  from_backend(server_frame(Opcode::kText, "he", Fin::kNo));
  pass(25s);
  from_client(client_frame(Opcode::kPing, "p"));
  from_backend(server_frame(Opcode::kContinuation, "llo"));
  EXPECT_EQ(client_got(), "text-(he) cont(llo) pong(p) ping(#)");
}

TEST_F(KeepAlive, TheClockOfAPingStartsWhenItHasLeft) {
  settings().policy = Policy::kStrict;
  config.relay.write_stall_timeout = 1h;
  open();
  client.window = 2;
  from_backend(server_frame(Opcode::kText, "hello"));
  pass(50s);
  EXPECT_EQ(session->phase(), Phase::kOpen) << "no ping has left, so nothing is unanswered";
  EXPECT_EQ(counters->pings_sent[LegName::kClient].value(), 1U) << "and one at a time is enough";
  client_takes(5 + 9);  // all of the ping but its last byte
  pass(19s);
  client_takes(1);
  clock.time += 70ms;
  client_answers();
  EXPECT_EQ(session->latency().last(), 70ms);
  EXPECT_EQ(show(client.received), "text(hello) ping(#)");
}

TEST_F(KeepAlive, TheTimeoutCountsFromWhenThePingHasLeft) {
  settings().policy = Policy::kStrict;
  config.relay.write_stall_timeout = 1h;
  open();
  client.window = 2;
  from_backend(server_frame(Opcode::kText, "hello"));
  pass(50s);
  client.window = test::kNoLimit;
  client_takes(0);
  pass(20s - 1ns);
  EXPECT_EQ(session->phase(), Phase::kOpen);
  pass(1ns);
  EXPECT_EQ(session->reason(), CloseReason::kKeepaliveTimeout);
}

TEST_F(KeepAlive, MissedPingsAreCounted) {
  open_and_beat(Policy::kAuto);
  pass(20s);
  EXPECT_EQ(counters->pongs_missed[LegName::kClient].value(), 1U);
  EXPECT_EQ(counters->connections_never_ponged.value(), 1);
  pass(25s);
  EXPECT_EQ(counters->pongs_missed[LegName::kClient].value(), 2U);
  EXPECT_EQ(counters->connections_never_ponged.value(), 1);
  client_answers();
  EXPECT_EQ(counters->connections_never_ponged.value(), 0);
}

TEST_F(KeepAlive, ASessionThatEndsUnansweredLeavesNoGaugeBehind) {
  open_and_beat(Policy::kAuto);
  pass(60s);
  ASSERT_EQ(counters->connections_never_ponged.value(), 1);
  session.reset();
  EXPECT_EQ(counters->connections_never_ponged.value(), 0);
}

class BackendKeepAlive : public KeepAlive {
 protected:
  void open_and_beat(Policy policy) {
    config.keepalive.backend.heartbeat.policy = policy;
    open();
    first_ping(backend);
  }
};

TEST_F(BackendKeepAlive, TheAnswerIsSwallowed) {
  open_and_beat(Policy::kKeepalive);
  backend_answers();
  EXPECT_EQ(client_got(), "");
  EXPECT_EQ(pongs(LegName::kBackend, PongKind::kMatched), 1U);
  EXPECT_EQ(session->last_pong_at(), TimePoint{}) << "that is the client's";
}

TEST_F(BackendKeepAlive, WeDoNotVouchForABackendKnownToBeSilent) {
  config.keepalive.backend.heartbeat.ping_when = PingWhen::kAlways;
  open_and_beat(Policy::kKeepalive);
  backend_answers();
  pass(45s);
  EXPECT_EQ(counters->backend_unresponsive.value(), 1);
  backend.take();
  from_client(client_frame(Opcode::kPing, "anyone?"));
  EXPECT_EQ(client_got(), "");
  EXPECT_EQ(backend_got(), "~ping(anyone?)");
  from_backend(server_frame(Opcode::kText, "back"));
  EXPECT_EQ(counters->backend_unresponsive.value(), 0);
  from_client(client_frame(Opcode::kPing, "again"));
  EXPECT_EQ(client_got(), "text(back) pong(again)");
}

TEST_F(BackendKeepAlive, AlwaysVouchesAllTheSame) {
  config.keepalive.client.answer_pings = config::AnswerPings::kAlways;
  config.keepalive.backend.heartbeat.ping_when = PingWhen::kAlways;
  open_and_beat(Policy::kKeepalive);
  backend_answers();
  pass(45s);
  from_client(client_frame(Opcode::kPing, "anyone?"));
  EXPECT_EQ(client_got(), "pong(anyone?)");
}

TEST_F(BackendKeepAlive, OneThatNeverAnsweredIsNotKnownToBeSilent) {
  open_and_beat(Policy::kKeepalive);
  pass(100s);
  EXPECT_EQ(counters->backend_unresponsive.value(), 0);
  from_client(client_frame(Opcode::kPing, "anyone?"));
  EXPECT_EQ(client_got(), "pong(anyone?)");
}

TEST_F(BackendKeepAlive, ADeadBackendIsToldToTheClient) {
  open_and_beat(Policy::kStrict);
  backend.take();
  pass(20s);
  EXPECT_EQ(session->reason(), CloseReason::kBackendUnresponsive);
  EXPECT_EQ(client_got(), "close(1011 backend unresponsive)");
  EXPECT_EQ(backend_got(), "");
  EXPECT_TRUE(backend.shut && client.shut);
}

TEST_F(BackendKeepAlive, QuietPingsOnlyASilentBackend) {
  config.keepalive.backend.heartbeat.ping_when = PingWhen::kQuiet;
  open_and_beat(Policy::kKeepalive);
  backend.take();
  for (int i = 0; i < 5; ++i) {
    from_backend(server_frame(Opcode::kText, "x"));
    pass(25s);
  }
  EXPECT_EQ(backend_got(), "");
  pass(25s);
  EXPECT_EQ(backend_got(), "~ping(#)");
}

}  // namespace
}  // namespace wskeep::relay
