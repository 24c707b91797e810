// Peers that read slowly or not at all.
#include "tests/unit/session_fixture.h"

namespace wskeep::relay {
namespace {

class Pressure : public SessionTest {
 protected:
  Pressure() {
    config.relay.buffer_limit = 1000;
    config.relay.write_stall_timeout = 60s;
  }
  // `count` messages of the client, 106 bytes each.
  static Bytes messages(int count) {
    Bytes all;
    for (int i = 0; i < count; ++i) {
      all = join(all, client_frame(Opcode::kText, std::string(100, static_cast<char>('a' + i % 26))));
    }
    return all;
  }
};

TEST_F(Pressure, WhatIsRefusedIsStoredInOrder) {
  const Bytes all = messages(3);
  for (std::size_t taken = 0; taken <= all.size(); ++taken) {
    client = Wire();
    backend = Wire();
    open();
    backend.window = taken;
    from_client(messages(1));
    from_client({all.begin() + 106, all.end()});
    ASSERT_EQ(session->backend().outlet.waiting(), all.size() - taken);
    ASSERT_EQ(backend.received.size(), taken);
    for (int i = 0; i < 320; ++i) backend_takes(1);
    ASSERT_EQ(backend.take(), all);
    ASSERT_EQ(session->backend().outlet.waiting(), 0U);
    session.reset();
  }
}

TEST_F(Pressure, AtTheLimitTheOtherLegIsReadNoMore) {
  open();
  backend.window = 0;
  client.most_per_read = 300;
  const Bytes all = messages(50);
  from_client(all);
  EXPECT_GE(session->backend().outlet.waiting(), 1000U);
  EXPECT_LE(session->backend().outlet.waiting(), 1000U + websocket::kMaxControlFrame);
  const std::size_t unread = client.incoming.size();
  from_client({});
  EXPECT_EQ(client.incoming.size(), unread);

  backend_takes(499);
  EXPECT_EQ(client.incoming.size(), unread) << "not before half has left";
  backend_takes(1);
  EXPECT_LT(client.incoming.size(), unread);
  EXPECT_LE(session->backend().outlet.waiting(), 1000U + websocket::kMaxControlFrame);

  backend.window = test::kNoLimit;
  backend_takes(0);
  EXPECT_EQ(backend.take(), all);
  EXPECT_TRUE(client.incoming.empty());
}

TEST_F(Pressure, TheOtherDirectionFlowsOn) {
  open();
  backend.window = 0;
  from_client(messages(50));
  from_backend(server_frame(Opcode::kText, "down"));
  EXPECT_EQ(client_got(), "text(down)");
  EXPECT_FALSE(client.incoming.empty());
}

TEST_F(Pressure, ASlowClientHoldsTheBackend) {
  open();
  client.window = 10;
  Bytes all;
  for (int i = 0; i < 50; ++i) all = join(all, server_frame(Opcode::kBinary, test::filler(100)));
  from_backend(all);
  EXPECT_LE(session->client().outlet.waiting(), 1000U + websocket::kMaxControlFrame);
  EXPECT_FALSE(backend.incoming.empty());
  client.window = test::kNoLimit;
  client_takes(0);
  EXPECT_EQ(client.take(), all);
}

TEST_F(Pressure, OwnFramesQueueBehindWhatWaits) {
  open();
  client.window = 4;
  from_backend(server_frame(Opcode::kText, "hello"));
  from_client(client_frame(Opcode::kPing, "p"));
  client.window = test::kNoLimit;
  client_takes(0);
  EXPECT_EQ(client_got(), "text(hello) pong(p)");
}

TEST_F(Pressure, ALegThatTakesNothingEndsTheSession) {
  open();
  backend.window = 0;
  from_client(messages(1));
  pass(59s);
  backend_takes(1);  // any byte taken starts the clock again
  pass(60s - 1ns);
  EXPECT_EQ(session->phase(), Session::Phase::kOpen);
  pass(1ns);
  EXPECT_EQ(session->reason(), CloseReason::kBackendWriteStalled);
  EXPECT_EQ(client_got(), "close(1011 backend lost)");
  EXPECT_TRUE(client.shut);
}

// Events that came in while the machine slept may show only behind the timer.
TEST_F(Pressure, ASocketIsAskedBeforeAStallIsJudged) {
  open();
  backend.window = 3;
  from_client(messages(1));
  backend.window = 10;
  pass(60s);
  EXPECT_EQ(session->phase(), Session::Phase::kOpen);
  EXPECT_EQ(backend.received.size(), 13U);
  pass(60s);
  EXPECT_EQ(session->reason(), CloseReason::kBackendWriteStalled);
}

TEST_F(Pressure, ALateWakeUpStartsAStallAgain) {
  for (const auto& [slept, ends] : {std::pair{90s, true}, {91s, false}}) {
    client = backend = Wire();
    open();
    client.window = 3;
    from_backend(server_frame(Opcode::kText, "hello"));
    sleep(slept);
    EXPECT_EQ(session->phase(), ends ? Session::Phase::kEnding : Session::Phase::kOpen);
    pass(60s);
    EXPECT_EQ(session->reason(), CloseReason::kClientWriteStalled);
    session.reset();
  }
}

TEST_F(Pressure, AClientThatTakesNothingEndsTheSession) {
  open();
  client.window = 3;
  from_backend(server_frame(Opcode::kText, "hello"));
  pass(60s);
  EXPECT_EQ(session->reason(), CloseReason::kClientWriteStalled);
  EXPECT_EQ(client.received.size(), 3U);
  EXPECT_EQ(backend_got(), "");
  EXPECT_TRUE(backend.shut);
}

TEST_F(Pressure, AnEndWaitsForWhatWasSentBeforeIt) {
  open();
  backend.window = 50;
  from_client(messages(2));
  end_client();
  EXPECT_FALSE(backend.shut);
  backend.window = test::kNoLimit;
  backend_takes(0);
  EXPECT_EQ(backend.take(), messages(2));
  EXPECT_TRUE(backend.shut);
}

TEST_F(Pressure, AFailedWriteIsNoReasonToLoseWhatThePeerSaidBefore) {
  open();
  client.incoming = join(messages(1), client_frame(Opcode::kClose, close_payload(1000)));
  client.write_error = EPIPE;
  from_backend(server_frame(Opcode::kText, "into the void"));
  EXPECT_EQ(backend.take(), join(messages(1), client_frame(Opcode::kClose, close_payload(1000))));
  EXPECT_EQ(session->reason(), CloseReason::kClientClose);
}

TEST_F(Pressure, AFailedWriteWithNothingToReadIsALoss) {
  open();
  client.write_error = EPIPE;
  from_backend(server_frame(Opcode::kText, "into the void"));
  EXPECT_EQ(session->reason(), CloseReason::kClientReset);
  EXPECT_TRUE(backend.shut);
}

TEST_F(Pressure, AFailedWriteOfWhatWaitedIsALoss) {
  open();
  backend.window = 3;
  from_client(messages(1));
  backend.write_error = ECONNRESET;
  backend_takes(0);
  EXPECT_EQ(session->reason(), CloseReason::kBackendReset);
  EXPECT_EQ(client_got(), "close(1011 backend lost)");
}

// What a leg had not been read for is drained at the end: a socket closed with unread bytes resets the
// connection and takes the Close that it should have delivered along.
TEST_F(Pressure, AtTheEndThePausedLegIsReadOut) {
  open();
  backend.window = 0;
  from_client(messages(50));
  ASSERT_FALSE(client.incoming.empty());
  reset_backend();
  EXPECT_EQ(client_got(), "close(1011 backend lost)");
  EXPECT_TRUE(client.incoming.empty());
  end_client();
  EXPECT_TRUE(over());
}

TEST_F(Pressure, AtTheEndOfAStallToo) {
  open();
  backend.window = 0;
  from_client(messages(50));
  pass(60s);
  EXPECT_EQ(session->reason(), CloseReason::kBackendWriteStalled);
  EXPECT_TRUE(client.incoming.empty());
}

}  // namespace
}  // namespace wskeep::relay
