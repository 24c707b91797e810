// Answering the clients' pings: in order, at boundaries, within bounds.
#include "tests/unit/session_fixture.h"

namespace wskeep::relay {
namespace {

class Answer : public SessionTest {
 protected:
  static Bytes pings(int count) {
    Bytes all;
    for (int i = 1; i <= count; ++i) all = join(all, client_frame(Opcode::kPing, std::to_string(i)));
    return all;
  }
  static std::string pongs(int first, int last) {
    std::string all;
    for (int i = first; i <= last; ++i) all += (all.empty() ? "pong(" : " pong(") + std::to_string(i) + ")";
    return all;
  }
  std::uint64_t answered() const { return counters->pings_answered[LegName::kClient].value(); }
};

TEST_F(Answer, PingsInOnePacketAreAnsweredInOrderInOneWrite) {
  open();
  const int before = client.writes;
  from_client(pings(10));
  EXPECT_EQ(client_got(), pongs(1, 10));
  EXPECT_EQ(client.writes - before, 1);
  EXPECT_EQ(backend_got(), "");
  EXPECT_EQ(answered(), 10U);
}

TEST_F(Answer, PayloadsComeBackUnmaskedWhateverTheirSize) {
  open();
  for (std::size_t size = 0; size <= 125; ++size) {
    from_client(client_frame(Opcode::kPing, test::filler(size)));
    ASSERT_EQ(client.take(), server_frame(Opcode::kPong, test::filler(size)));
  }
}

TEST_F(Answer, MorePingsThanABatchHolds) {
  open();
  Bytes burst, expected;
  for (int i = 0; i < 400; ++i) {
    const Bytes payload = test::filler(125, static_cast<std::uint8_t>(i));
    burst = join(burst, client_frame(Opcode::kPing, payload));
    expected = join(expected, server_frame(Opcode::kPong, payload));
  }
  from_client(burst);
  EXPECT_EQ(client.take(), expected);
}

TEST_F(Answer, BetweenFragmentsOfTheClientsOwnMessageAtOnce) {
  open();
  from_client(join(client_frame(Opcode::kText, "a", Fin::kNo), client_frame(Opcode::kPing, "now"),
                   client_frame(Opcode::kContinuation, "b")));
  EXPECT_EQ(client_got(), "pong(now)");
  EXPECT_EQ(backend_got(), "~text-(a) ~cont(b)");
}

TEST_F(Answer, WaitsForTheEndOfTheMessageOnItsLeg) {
  open();
  from_backend(server_frame(Opcode::kText, "he", Fin::kNo));
  from_client(pings(3));
  EXPECT_EQ(client_got(), "text-(he)");
  from_backend(server_frame(Opcode::kContinuation, "l", Fin::kNo));
  from_backend(server_frame(Opcode::kPing, "b"));
  EXPECT_EQ(client_got(), "cont-(l) ping(b)") << "no message boundary yet";
  from_backend(join(server_frame(Opcode::kContinuation, "lo"), server_frame(Opcode::kText, "next")));
  EXPECT_EQ(client_got(), "cont(lo) pong(1) pong(2) pong(3) text(next)");
}

TEST_F(Answer, WaitsForAFrameBoundaryWhenTheMessageTakesLong) {
  open();
  from_backend(server_frame(Opcode::kText, "he", Fin::kNo));
  from_client(pings(2));
  pass(5s - 1ns);
  EXPECT_EQ(client_got(), "text-(he)");
  pass(1ns);
  EXPECT_EQ(client_got(), pongs(1, 2));
  from_client(client_frame(Opcode::kPing, "new"));
  EXPECT_EQ(client_got(), "") << "the hold is over, its successor waits anew";
  from_backend(server_frame(Opcode::kContinuation, "llo"));
  EXPECT_EQ(client_got(), "cont(llo) pong(new)");
}

TEST_F(Answer, NeverInsideAFrameHoweverLong) {
  open();
  const Bytes frame = server_frame(Opcode::kText, "hello", Fin::kNo);
  for (std::size_t cut = 1; cut < frame.size(); ++cut) {
    from_backend({frame.begin(), frame.begin() + static_cast<long>(cut)});
    from_client(pings(1));
    pass(1h);
    ASSERT_EQ(client.take().size(), cut) << "only what the backend sent";
    from_backend({frame.begin() + static_cast<long>(cut), frame.end()});
    const std::size_t rest = frame.size() - cut;
    const Bytes got = client.take();
    ASSERT_EQ(show(std::span(got).subspan(rest)), "pong(1)") << "at the frame boundary";
    from_backend(server_frame(Opcode::kContinuation, ""));
    ASSERT_EQ(client_got(), "cont()");
  }
}

TEST_F(Answer, OfSeventeenThatWaitTheOldestGivesWay) {
  open();
  from_backend(server_frame(Opcode::kText, "he", Fin::kNo));
  from_client(pings(16));
  from_client(client_frame(Opcode::kPing, "17"));
  from_client(client_frame(Opcode::kPing, "18"));
  from_backend(server_frame(Opcode::kContinuation, "llo"));
  EXPECT_EQ(client_got(), "text-(he) cont(llo) " + pongs(3, 18));
  EXPECT_EQ(answered(), 16U);
}

TEST_F(Answer, AHalfPingOfTheBackendIsNoObstacle) {
  open();
  const Bytes ping = server_frame(Opcode::kPing, "b");
  from_backend({ping[0], ping[1]});
  from_client(pings(1));
  EXPECT_EQ(client_got(), "pong(1)") << "nothing of the backend's ping has passed yet";
  from_backend({ping[2]});
  EXPECT_EQ(client_got(), "ping(b)");
}

TEST_F(Answer, BackendsPingsAreTheClientsToAnswer) {
  open();
  from_backend(server_frame(Opcode::kPing, "b"));
  EXPECT_EQ(client_got(), "ping(b)");
  EXPECT_EQ(backend_got(), "");
  from_client(client_frame(Opcode::kPong, "b"));
  EXPECT_EQ(backend_got(), "~pong(b)");
}

TEST_F(Answer, NeverMeansThatPingsPass) {
  config.keepalive.client.answer_pings = config::AnswerPings::kNever;
  open();
  from_client(pings(1));
  EXPECT_EQ(client_got(), "");
  EXPECT_EQ(backend_got(), "~ping(1)");
}

// A client that sends pings and reads nothing is itself no longer read, until it has taken its pongs.
TEST_F(Answer, AFloodCannotGrowAQueue) {
  open();
  client.window = 0;
  client.most_per_read = 4096;
  const Bytes flood = pings(1);
  for (int i = 0; i < 100'000; ++i) client.incoming.insert(client.incoming.end(), flood.begin(), flood.end());
  ready(LegName::kClient, {.readable = true});
  EXPECT_GT(client.incoming.size(), 600'000U) << "no longer read";
  EXPECT_LE(session->client().outlet.waiting(), 4096U);
  from_client(flood);
  from_client(flood);
  EXPECT_LE(session->client().outlet.waiting(), 4096U);
  client.window = test::kNoLimit;
  client_takes(0);
  EXPECT_TRUE(client.incoming.empty()) << "read on once the pongs were taken";
  EXPECT_EQ(client.take().size(), 100'002 * 3U);
  EXPECT_EQ(answered(), 100'002U);
}

TEST_F(Answer, AFloodThatEndsInAResetEndsTheSession) {
  open();
  client.window = 0;
  from_client(pings(100));
  reset_client();
  EXPECT_EQ(session->reason(), CloseReason::kClientReset);
  EXPECT_TRUE(backend.shut);
}

TEST_F(Answer, SixteenUntakenPongsAreNoFlood) {
  open();
  client.window = 0;
  from_client(pings(16));
  from_client(client_frame(Opcode::kText, "still read"));
  EXPECT_EQ(backend_got(), "~text(still read)");
  from_client(pings(1));
  from_client(client_frame(Opcode::kText, "not read"));
  EXPECT_EQ(backend_got(), "");
  client.window = test::kNoLimit;
  client_takes(0);
  EXPECT_EQ(backend_got(), "~text(not read)");
}

TEST_F(Answer, NothingAfterAClose) {
  open();
  from_client(join(client_frame(Opcode::kClose, close_payload(1000)), client_frame(Opcode::kPing, "late")));
  EXPECT_EQ(client_got(), "");
  EXPECT_EQ(backend_got(), "~close(1000) ~ping(late)");
  session.reset();
  open();
  from_backend(server_frame(Opcode::kClose, close_payload(1000)));
  from_client(pings(1));
  EXPECT_EQ(client_got(), "close(1000)");
  EXPECT_EQ(backend_got(), "~ping(1)");
}

TEST_F(Answer, NothingAfterAnIllegalFrameOfEitherSide) {
  open();
  from_backend(server_frame(Opcode::kContinuation, "illegal"));
  from_client(pings(1));
  EXPECT_EQ(client_got(), "cont(illegal)");
  EXPECT_EQ(backend_got(), "~ping(1)");
}

TEST_F(Answer, WhatWaitedIsDroppedByACloseInItsWay) {
  open();
  from_backend(server_frame(Opcode::kText, "he", Fin::kNo));
  from_client(pings(2));
  from_backend(server_frame(Opcode::kClose, close_payload(1000)));
  pass(4s);
  EXPECT_EQ(client_got(), "text-(he) close(1000)");
  EXPECT_EQ(answered(), 0U);
}

}  // namespace
}  // namespace wskeep::relay
