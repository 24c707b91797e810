// What passes, what is swallowed, what is held: the data path of a session.
#include "tests/unit/session_fixture.h"

namespace wskeep::relay {
namespace {

class Forward : public SessionTest {};

// Frames of every kind that must pass as they came.
Bytes traffic(bool masked) {
  const auto made = [&](Opcode opcode, std::string_view payload, Fin fin = Fin::kYes) {
    return masked ? client_frame(opcode, payload, fin) : server_frame(opcode, payload, fin);
  };
  return join(made(Opcode::kText, "hello"), made(Opcode::kBinary, ""), made(Opcode::kText, "a", Fin::kNo),
              made(Opcode::kPong, "unsolicited"), made(Opcode::kContinuation, "", Fin::kNo),
              made(Opcode::kContinuation, "b"), made(Opcode::kPong, ""),
              made(Opcode::kText, std::string(130, 'x')));
}

TEST_F(Forward, BytesPassUnchangedAtEveryCut) {
  const Bytes up = traffic(true);
  const Bytes down = join(traffic(false), server_frame(Opcode::kPing, "backend's own"));
  open();
  for (std::size_t cut = 0; cut <= up.size(); ++cut) {
    from_client({up.begin(), up.begin() + static_cast<long>(cut)});
    from_client({up.begin() + static_cast<long>(cut), up.end()});
    ASSERT_EQ(backend.take(), up) << "cut at " << cut;
  }
  for (std::size_t cut = 0; cut <= down.size(); ++cut) {
    from_backend({down.begin(), down.begin() + static_cast<long>(cut)});
    from_backend({down.begin() + static_cast<long>(cut), down.end()});
    ASSERT_EQ(client.take(), down) << "cut at " << cut;
  }
  EXPECT_EQ(client_got() + backend_got(), "");
}

TEST_F(Forward, NothingIsReadAtTheStartFromTheDrained) {
  open(ExtensionRules::kNone, {.client = true, .backend = true});
  EXPECT_EQ(client.reads + backend.reads, 0);
  from_client(client_frame(Opcode::kText, "up"));
  from_backend(server_frame(Opcode::kText, "down"));
  EXPECT_EQ(backend.take(), client_frame(Opcode::kText, "up"));
  EXPECT_EQ(client.take(), server_frame(Opcode::kText, "down"));
}

TEST_F(Forward, AResetThatCameWithTheRequestIsFoundByConfirming) {
  open(ExtensionRules::kNone, {.client = true, .backend = true});
  client.read_error = ECONNRESET;  // without news, for epoll has told of it together with the bytes
  ASSERT_TRUE(session->unconfirmed());
  session->confirm();
  settle();
  EXPECT_EQ(session->reason(), observe::CloseReason::kClientReset);
}

TEST_F(Forward, BytesPassUnchangedByteByByte) {
  open();
  for (const std::uint8_t byte : traffic(true)) from_client({byte});
  EXPECT_EQ(backend.take(), traffic(true));
  for (const std::uint8_t byte : traffic(false)) from_backend({byte});
  EXPECT_EQ(client.take(), traffic(false));
}

TEST_F(Forward, DataFramesDoNotWaitToBeWhole) {
  open();
  Bytes begun = client_frame(Opcode::kText, "hello");
  begun.resize(1);
  from_client(begun);
  EXPECT_EQ(backend.take(), begun);
}

TEST_F(Forward, ExtensionsPass) {
  const Bytes deflated = test::frame({.opcode = 1, .rsv = 4, .mask = test::kKey}, bytes_of("zip"));
  open(ExtensionRules::kPermessageDeflate);
  from_client(deflated);
  EXPECT_EQ(backend.take(), deflated);
  session.reset();
  const Bytes odd = test::frame({.opcode = 5, .rsv = 7, .mask = test::kKey}, bytes_of("odd"));
  open(ExtensionRules::kUnknown);
  from_client(odd);
  EXPECT_EQ(backend.take(), odd);
  EXPECT_EQ(session->phase(), Session::Phase::kOpen);
}

TEST_F(Forward, WhatCameWithTheHandshakeIsNotLost) {
  session = std::make_unique<Session>(environment, std::make_shared<const config::Config>(config),
                                      SessionIdentity{}, client_transport, backend_transport,
                                      ExtensionRules::kNone);
  client.incoming = client_frame(Opcode::kText, "third");
  start(bytes_of("HTTP/1.1 101 \r\n\r\n"),
        join(client_frame(Opcode::kPing, "early"), client_frame(Opcode::kText, "second")),
        server_frame(Opcode::kText, "first"));
  EXPECT_EQ(client.take(), join(bytes_of("HTTP/1.1 101 \r\n\r\n"), server_frame(Opcode::kText, "first"),
                                server_frame(Opcode::kPong, "early")));
  EXPECT_EQ(backend_got(), "~text(second) ~text(third)");
}

TEST_F(Forward, OneReadLeavesInOneWrite) {
  open();
  const int before = backend.writes;
  Bytes burst;
  for (int i = 0; i < 100; ++i) burst = join(burst, client_frame(Opcode::kText, "message"));
  from_client(burst);
  EXPECT_EQ(backend.writes - before, 1);
}

TEST_F(Forward, OwnPongsAreSwallowedAtEveryCut) {
  config.keepalive.client.heartbeat.policy = keepalive::Policy::kKeepalive;
  open();
  const Bytes text = client_frame(Opcode::kText, "hi");
  for (std::size_t cut = 0; cut <= 14 + 2 * text.size(); ++cut) {
    pass(25s);
    std::span<const std::uint8_t> sent;
    const Bytes got = client.take();
    sent = got;
    const auto pings = test::decode(sent);
    ASSERT_GE(pings.size(), 1U);
    const Bytes answer = join(text, client_frame(Opcode::kPong, pings.back().payload), text);
    from_client({answer.begin(), answer.begin() + static_cast<long>(cut)});
    from_client({answer.begin() + static_cast<long>(cut), answer.end()});
    ASSERT_EQ(backend_got(), "~text(hi) ~text(hi)") << "cut at " << cut;
  }
  EXPECT_EQ(counters->pongs_received[LegName::kClient][PongKind::kForeign].value(), 0U);
  EXPECT_EQ(counters->pongs_missed[LegName::kClient].value() +
                counters->pongs_received[LegName::kClient][PongKind::kMatched].value(),
            session->client().pings_sent);
}

TEST_F(Forward, FramesAndBytesAreCounted) {
  open();
  const Bytes up = join(traffic(true), client_frame(Opcode::kPing, "p"));
  from_client(up);
  from_backend(server_frame(Opcode::kClose, close_payload(1000)));
  auto& frames = counters->frames[Direction::kToBackend];
  EXPECT_EQ(frames[FrameKind::kText].value(), 3U);
  EXPECT_EQ(frames[FrameKind::kBinary].value(), 1U);
  EXPECT_EQ(frames[FrameKind::kContinuation].value(), 2U);
  EXPECT_EQ(frames[FrameKind::kPong].value(), 2U);
  EXPECT_EQ(frames[FrameKind::kPing].value(), 1U);
  EXPECT_EQ(counters->frames[Direction::kToClient][FrameKind::kClose].value(), 1U);
  EXPECT_EQ(counters->bytes[Direction::kToBackend].value(), up.size());
  EXPECT_EQ(counters->bytes[Direction::kToClient].value(), 4U);
  EXPECT_EQ(session->client().frames_received, 9U);
  EXPECT_EQ(session->client().bytes_received, up.size());
}

TEST_F(Forward, ATurnHasABudget) {
  open();
  client.most_per_read = 10;
  for (int i = 0; i < 10; ++i) client.incoming = join(client.incoming, client_frame(Opcode::kText, "1234"));
  const int before = client.reads;
  session->on_ready(LegName::kClient, {.readable = true});
  EXPECT_EQ(client.reads - before, 4);
  EXPECT_TRUE(session->has_more());
  session->resume();
  EXPECT_EQ(client.reads - before, 8);
  settle();
  EXPECT_TRUE(client.incoming.empty());
  EXPECT_FALSE(session->has_more());
}

TEST_F(Forward, AShortReadIsNotFollowedByAnother) {
  open();
  const int before = client.reads;
  from_client(client_frame(Opcode::kText, "hi"));
  EXPECT_EQ(client.reads - before, 1);
}

TEST_F(Forward, AnEndThatCameWithTheBytesIsFound) {
  open();
  client.incoming = client_frame(Opcode::kText, "last");
  client.ended = true;
  ready(LegName::kClient, {.readable = true, .hung_up = true});
  EXPECT_EQ(backend_got(), "~text(last)");
  EXPECT_TRUE(backend.shut);
}

TEST_F(Forward, ATransportThatCannotTellItIsDrainedIsReadUntilItBlocks) {
  open();
  client.drained_is_told = false;
  from_client(client_frame(Opcode::kText, "a"));
  from_client(client_frame(Opcode::kText, "b"));
  EXPECT_EQ(backend_got(), "~text(a) ~text(b)");
}

// From an illegal frame on the endpoints judge: everything passes, whole or cut anywhere.
TEST_F(Forward, AnIllegalFramePassesRawWithAllAroundIt) {
  const Bytes before = join(client_frame(Opcode::kText, "before"), client_frame(Opcode::kPing, "answered"));
  const Bytes illegal[] = {
      test::frame({.opcode = 1, .rsv = 2, .mask = test::kKey}, bytes_of("rsv")),
      test::frame({.opcode = 11, .mask = test::kKey}, bytes_of("opcode")),
      test::frame({.opcode = 9, .fin = false, .mask = test::kKey}, bytes_of("fragment")),
      test::frame({.opcode = 9, .mask = test::kKey}, test::filler(126)),
      server_frame(Opcode::kText, "not masked"),
      server_frame(Opcode::kPing, "not masked"),
      test::frame({.opcode = 0, .mask = test::kKey}, bytes_of("continuation")),
      test::Head{.opcode = 2, .mask = test::kKey, .size = 5, .length_bytes = 8}.bytes(),
      test::Head{.opcode = 2, .mask = test::kKey, .size = 1ULL << 63}.bytes(),
  };
  for (const Bytes& bad : illegal) {
    const Bytes behind = join(bad, client_frame(Opcode::kPing, "not answered"), bytes_of("garbage"));
    const Bytes all = join(before, behind);
    for (std::size_t cut = 0; cut <= all.size(); ++cut) {
      client = Wire();
      backend = Wire();
      open();
      from_client({all.begin(), all.begin() + static_cast<long>(cut)});
      from_client({all.begin() + static_cast<long>(cut), all.end()});
      ASSERT_EQ(backend.take(), join(client_frame(Opcode::kText, "before"), behind)) << "cut at " << cut;
      ASSERT_EQ(client_got(), "pong(answered)");
      ASSERT_EQ(session->phase(), Session::Phase::kBroken);
      session.reset();
    }
  }
}

TEST_F(Forward, AControlFrameThatNeverGetsWholePassesAsFarAsItCame) {
  for (const std::size_t size : {1U, 2U, 5U, 8U}) {
    client = Wire();
    backend = Wire();
    open();
    Bytes part = client_frame(Opcode::kPing, "cut short");
    part.resize(size);
    from_client(part);
    EXPECT_EQ(backend_got(), "") << "held while it may yet be whole";
    end_client();
    EXPECT_EQ(backend.take(), part);
    EXPECT_TRUE(backend.shut);
    session.reset();
  }
}

}  // namespace
}  // namespace wskeep::relay
