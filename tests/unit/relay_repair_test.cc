// Pings that pass from one peer to the other: beats of the leg they go to, timed, and repaid when the peer
// leaves out their pong because of ours.
#include "tests/unit/session_fixture.h"

namespace wskeep::relay {
namespace {

using keepalive::Policy;

class Repair : public SessionTest {
 protected:
  Repair() {
    config.keepalive.client.heartbeat.policy = Policy::kStrict;
    config.keepalive.client.heartbeat.jitter_percent = 0;
    config.keepalive.backend.heartbeat.jitter_percent = 0;
  }

  // Opens and stops when the first ping of ours has left for the client.
  void open_and_beat() {
    open();
    while (client.received.empty()) pass(session->deadline() - clock.time);
    ours = last_ping(client);
  }
  Bytes last_ping(Wire& wire) {
    const Bytes taken = wire.take();
    std::span<const std::uint8_t> in(taken);
    Bytes payload;
    for (const test::Decoded& one : test::decode(in)) {
      if (one.opcode == 9) payload = one.payload;
    }
    return payload;
  }
  static Bytes pong(const Bytes& payload) { return client_frame(Opcode::kPong, payload); }
  static Bytes pong(std::string_view payload) { return client_frame(Opcode::kPong, payload); }
  void backend_pings(std::string_view payload) { from_backend(server_frame(Opcode::kPing, payload)); }
  std::uint64_t pongs(PongKind kind) const {
    return counters->pongs_received[LegName::kClient][kind].value();
  }
  std::uint64_t repaired() const { return counters->pongs_repaired[LegName::kClient].value(); }
  std::uint64_t missed() const { return counters->pongs_missed[LegName::kClient].value(); }

  Bytes ours;
};

TEST_F(Repair, ABackendsPingIsABeatAndItsPongIsTimed) {
  open_and_beat();
  from_client(pong(ours));
  pass(20s);
  backend_pings("f");
  pass(30ms);
  from_client(pong("f"));
  EXPECT_EQ(backend_got(), "~pong(f)");
  EXPECT_EQ(session->latency().count(), 2U);
  EXPECT_EQ(session->latency().last(), 30ms);
  EXPECT_EQ(session->last_pong_at(), clock.time);
  EXPECT_EQ(pongs(PongKind::kForeign), 1U);
  EXPECT_EQ(client_got(), "ping(f)");
  pass(25s - 30ms - 1ns);
  EXPECT_EQ(client_got(), "") << "the interval began anew";
  pass(1ns);
  EXPECT_EQ(client_got(), "ping(#)");
}

TEST_F(Repair, AClientThatAnswersOnlyBackendsPingsIsAlive) {
  config.keepalive.client.heartbeat.pong_timeout = 10s;
  open();
  for (int round = 0; round < 20; ++round) {
    backend_pings("f");
    pass(5s);
    from_client(pong("f"));
    pass(5s);
  }
  EXPECT_EQ(session->phase(), Session::Phase::kOpen);
  EXPECT_TRUE(session->client().heartbeat.answered());
}

TEST_F(Repair, SilenceAfterABackendsPingEndsTheSession) {
  config.keepalive.client.heartbeat.pong_timeout = 10s;
  open_and_beat();
  from_client(pong(ours));
  backend_pings("f");
  pass(10s - 1ns);
  EXPECT_EQ(session->phase(), Session::Phase::kOpen);
  pass(1ns);
  EXPECT_EQ(session->reason(), CloseReason::kKeepaliveTimeout);
  EXPECT_EQ(missed(), 1U);
}

TEST_F(Repair, AClientThatAnswersOnlyTheLast) {
  config.keepalive.client.heartbeat.pong_timeout = 30s;
  open();
  backend_pings("f");
  pass(25s);
  const Bytes second = last_ping(client);
  from_client(pong(second));
  EXPECT_EQ(backend_got(), "~pong(f)") << "ours is swallowed, and the backend gets what it is owed";
  EXPECT_EQ(repaired(), 1U);
  EXPECT_EQ(missed(), 1U);
  from_client(pong("f"));
  EXPECT_EQ(backend_got(), "") << "a late duplicate";
  EXPECT_EQ(pongs(PongKind::kLate), 1U);
  from_client(pong("f"));
  EXPECT_EQ(backend_got(), "~pong(f)") << "a second one is the client's own";
}

TEST_F(Repair, AClientThatAnswersOnlyTheFirst) {
  open_and_beat();
  backend_pings("f");
  EXPECT_EQ(client_got(), "ping(f)");
  pass(20ms);
  from_client(pong(ours));
  EXPECT_EQ(backend_got(), "");
  pass(100ms - 1ns);
  EXPECT_EQ(client_got(), "") << "it may still answer";
  pass(1ns);
  const Bytes probe = last_ping(client);
  ASSERT_EQ(probe.size(), 8U);
  from_client(pong(probe));
  EXPECT_EQ(backend_got(), "~pong(f)");
  EXPECT_EQ(repaired(), 1U);
}

TEST_F(Repair, RepaidPongsAreMaskedAfreshAndInOrderBeforeTheOneThatProves) {
  open_and_beat();
  for (const char* const payload : {"a", "b", "", "last"}) backend_pings(payload);
  from_client(pong("last"));
  const Bytes got = backend.take();
  EXPECT_EQ(show(got), "~pong(a) ~pong(b) ~pong() ~pong(last)");
  EXPECT_FALSE(std::equal(got.begin() + 2, got.begin() + 6, got.begin() + 9)) << "fresh keys";
  EXPECT_EQ(repaired(), 3U);
  EXPECT_EQ(missed(), 4U) << "and ours";
}

TEST_F(Repair, StandsWhereTheClientPutItsPong) {
  open_and_beat();
  backend_pings("f");
  backend_pings("g");
  from_client(join(client_frame(Opcode::kText, "he", Fin::kNo), pong("g"),
                   client_frame(Opcode::kContinuation, "llo")));
  EXPECT_EQ(backend_got(), "~text-(he) ~pong(f) ~pong(g) ~cont(llo)");
}

TEST_F(Repair, AtEveryCutOfThePongThatProves) {
  open_and_beat();
  const Bytes frames = join(client_frame(Opcode::kText, "x"), pong("g"), client_frame(Opcode::kText, "y"));
  for (std::size_t cut = 0; cut <= frames.size(); ++cut) {
    backend_pings("f");
    backend_pings("g");
    from_client({frames.begin(), frames.begin() + static_cast<long>(cut)});
    from_client({frames.begin() + static_cast<long>(cut), frames.end()});
    ASSERT_EQ(backend_got(), "~text(x) ~pong(f) ~pong(g) ~text(y)") << "cut at " << cut;
    from_client(pong("f"));
    ASSERT_EQ(backend_got(), "") << "a duplicate";
  }
}

TEST_F(Repair, EmptyAndWrongPayloadsPassAsTheyCome) {
  config.keepalive.client.heartbeat.policy = Policy::kAuto;
  open_and_beat();
  for (int round = 0; round < 20; ++round) {
    backend_pings("f");
    from_client(pong(""));
    from_client(pong("wrong"));
    EXPECT_EQ(backend_got(), "~pong() ~pong(wrong)");
    pass(25s);
  }
  EXPECT_EQ(session->phase(), Session::Phase::kOpen);
  EXPECT_EQ(repaired(), 0U);
}

TEST_F(Repair, TheClockStartsWhenTheBackendsPingHasLeft) {
  config.relay.buffer_limit = 1000;
  open_and_beat();
  from_client(pong(ours));
  client.window = 10;
  from_backend(join(server_frame(Opcode::kBinary, test::filler(100)), server_frame(Opcode::kPing, "f")));
  pass(3s);
  client_takes(test::kNoLimit);
  pass(2s);
  from_client(pong("f"));
  EXPECT_EQ(session->latency().last(), 2s);
}

TEST_F(Repair, ABackendsPingStandsForOursThatWaits) {
  open();
  from_backend(server_frame(Opcode::kText, "he", Fin::kNo));
  config.relay.inject_hold = 1h;
  while (counters->pings_deferred[LegName::kClient].value() == 0) pass(session->deadline() - clock.time);
  backend_pings("f");
  from_backend(server_frame(Opcode::kContinuation, "llo"));
  EXPECT_EQ(client_got(), "text-(he) ping(f) cont(llo)");
  EXPECT_EQ(counters->pings_sent[LegName::kClient].value(), 0U);
  pass(10s);
  from_client(pong("f"));
  pass(15s);
  EXPECT_EQ(client_got(), "ping(#)") << "and the next one is due as ever";
}

TEST_F(Repair, NothingIsRepaidBehindAClose) {
  open_and_beat();
  backend_pings("f");
  from_backend(server_frame(Opcode::kClose, close_payload(1000)));
  from_client(pong(ours));
  from_client(pong("other"));
  EXPECT_EQ(backend_got(), "~pong(other)");
  EXPECT_EQ(repaired(), 0U);
}

TEST_F(Repair, AClientsPingThatPassesIsRepaidToTheClient) {
  config.keepalive.client.answer_pings = config::AnswerPings::kNever;
  config.keepalive.client.heartbeat.policy = Policy::kOff;
  config.keepalive.backend.heartbeat.policy = Policy::kKeepalive;
  config.keepalive.backend.heartbeat.ping_when = keepalive::PingWhen::kAlways;
  open();
  from_client(client_frame(Opcode::kPing, "c"));
  EXPECT_EQ(backend_got(), "~ping(c)");
  pass(25s);
  from_backend(server_frame(Opcode::kPong, last_ping(backend)));
  EXPECT_EQ(client_got(), "pong(c)");
  EXPECT_EQ(counters->pongs_repaired[LegName::kBackend].value(), 1U);
  EXPECT_EQ(counters->pings_answered[LegName::kClient].value(), 0U);
}

// The backend's pings put off ours, and the client's words its timeout; still somebody counts.
TEST_F(Repair, WhatIsMissedIsCountedWhileTheBackendBeats) {
  open();
  for (int i = 0; i < 10; ++i) {
    backend_pings("f" + std::to_string(i));
    from_client(client_frame(Opcode::kText, "here"));
    pass(5s);
  }
  EXPECT_EQ(counters->connections_never_ponged.value(), 1);
  EXPECT_EQ(missed(), 6U) << "those that are 20 s old";
}

}  // namespace
}  // namespace wskeep::relay
