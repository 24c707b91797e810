// Peers that break a limit: what passes before, what they are told, and how the session ends.
#include <vector>

#include "tests/unit/session_fixture.h"

namespace wskeep::relay {
namespace {

using observe::Limit;
using Phase = Session::Phase;

class FrameLimit : public SessionTest {
 protected:
  FrameLimit() { config.limits.max_frame = 100; }

  static Bytes text(std::size_t size) { return client_frame(Opcode::kText, test::filler(size)); }
  static Bytes text_of_backend(std::size_t size) { return server_frame(Opcode::kText, test::filler(size)); }
  static Bytes part(const Bytes& bytes, std::size_t from, std::size_t to) {
    return {bytes.begin() + static_cast<std::ptrdiff_t>(from),
            bytes.begin() + static_cast<std::ptrdiff_t>(to)};
  }
  std::uint64_t hits() const { return counters->limits_hit[Limit::kMaxFrame].value(); }
  void restart() {
    session.reset();
    client = backend = Wire();
    open();
  }
};

TEST_F(FrameLimit, IsOffByDefault) {
  config.limits = {};
  open();
  from_client(text(200'000));
  from_backend(text_of_backend(200'000));
  EXPECT_EQ(backend_got(), "~text(<200000>)");
  EXPECT_EQ(client_got(), "text(<200000>)");
  EXPECT_EQ(hits(), 0U);
}

TEST_F(FrameLimit, ExactlyItPasses) {
  open();
  from_client(text(100));
  from_backend(text_of_backend(100));
  EXPECT_EQ(backend_got(), "~text(<100>)");
  EXPECT_EQ(client_got(), "text(<100>)");
  EXPECT_EQ(session->phase(), Phase::kOpen);
}

TEST_F(FrameLimit, TheClientIsTold) {
  open();
  from_client(join(client_frame(Opcode::kText, "before"), text(101), client_frame(Opcode::kText, "behind")));
  EXPECT_EQ(backend_got(), "~text(before)");
  EXPECT_EQ(client_got(), "close(1009 frame too large)");
  EXPECT_TRUE(client.shut);
  EXPECT_TRUE(backend.shut);
  EXPECT_EQ(session->phase(), Phase::kEnding);
  EXPECT_EQ(session->reason(), CloseReason::kClientFrameTooLarge);
  EXPECT_EQ(hits(), 1U);
  end_backend();
  end_client();
  EXPECT_TRUE(over());
}

TEST_F(FrameLimit, TheBackendIsToldAndTheClientHearsOfItsLoss) {
  open();
  from_backend(join(server_frame(Opcode::kText, "before"), text_of_backend(101)));
  EXPECT_EQ(client_got(), "text(before) close(1011 backend lost)");
  EXPECT_EQ(backend_got(), "~close(1009 frame too large)");
  EXPECT_EQ(session->reason(), CloseReason::kBackendFrameTooLarge);
  EXPECT_EQ(hits(), 1U);
}

TEST_F(FrameLimit, OnClientLostIsSaidToTheBackend) {
  config.relay.on_client_lost = 4001;
  open();
  from_client(text(101));
  EXPECT_EQ(backend_got(), "~close(4001 client lost)");
}

// Every length that has more bytes, and a frame that nobody could send.
TEST_F(FrameLimit, CountsEveryLength) {
  for (const std::uint64_t size : {126ULL, 65'535ULL, 65'536ULL, (1ULL << 63) - 1}) {
    restart();
    from_client(test::Head{.opcode = 2, .mask = test::kKey, .size = size}.bytes());
    EXPECT_EQ(client_got(), "close(1009 frame too large)") << size;
    EXPECT_EQ(backend_got(), "") << size;
  }
}

TEST_F(FrameLimit, FragmentsCountAlone) {
  open();
  from_client(join(client_frame(Opcode::kText, test::filler(90), Fin::kNo),
                   client_frame(Opcode::kContinuation, test::filler(90), Fin::kNo)));
  EXPECT_EQ(session->phase(), Phase::kOpen);
  from_client(client_frame(Opcode::kContinuation, test::filler(101)));
  EXPECT_EQ(backend_got(), "~text-(<90>) ~cont-(<90>)");
  EXPECT_EQ(client_got(), "close(1009 frame too large)");
}

TEST_F(FrameLimit, ControlFramesAreNoDataFrames) {
  config.limits.max_frame = 1;
  config.keepalive.client.answer_pings = config::AnswerPings::kNever;
  open();
  from_client(client_frame(Opcode::kPing, test::filler(125)));
  EXPECT_EQ(backend_got(), "~ping(<125>)");
  EXPECT_EQ(session->phase(), Phase::kOpen);
}

// However it is cut: not a byte of the frame passes.
TEST_F(FrameLimit, EveryCut) {
  const Bytes before = client_frame(Opcode::kText, "before");
  for (const std::size_t size : {101U, 200U, 70'000U}) {
    const Bytes all = join(before, text(size));
    for (std::size_t cut = 1; cut < before.size() + 20; ++cut) {
      restart();
      from_client(part(all, 0, cut));
      from_client(part(all, cut, all.size()));
      EXPECT_EQ(backend_got(), "~text(before)") << size << " cut at " << cut;
      EXPECT_EQ(client_got(), "close(1009 frame too large)") << size << " cut at " << cut;
      EXPECT_EQ(session->reason(), CloseReason::kClientFrameTooLarge);
    }
  }
}

// And what is small enough passes as it came, byte by byte, and what is illegal too.
TEST_F(FrameLimit, BytewiseAllElsePasses) {
  const Bytes all =
      join(text(100), client_frame(Opcode::kText, "a", Fin::kNo), client_frame(Opcode::kPong, "x"),
           client_frame(Opcode::kContinuation, ""), test::Head{.opcode = 3}.bytes());
  open();
  for (const std::uint8_t byte : all) from_client({byte});
  EXPECT_EQ(backend.take(), all);
  EXPECT_EQ(session->phase(), Phase::kBroken);
}

TEST_F(FrameLimit, AHeaderThatTheEndCutsPasses) {
  open();
  from_client(part(text(100), 0, 4));
  EXPECT_EQ(backend_got(), "") << "held while it may be too large";
  end_client();
  EXPECT_EQ(backend.take(), part(text(100), 0, 4));
  EXPECT_TRUE(backend.shut);
}

TEST_F(FrameLimit, TheCloseWaitsForTheEndOfAFrame) {
  config.relay.on_client_lost = 4001;
  open();
  const Bytes frame = text_of_backend(90);
  from_backend(part(frame, 0, 50));
  from_client(join(client_frame(Opcode::kPing, "p"), text(101), client_frame(Opcode::kText, "behind")));
  EXPECT_EQ(client.take(), part(frame, 0, 50));
  EXPECT_EQ(session->phase(), Phase::kOpen);
  EXPECT_EQ(session->reason(), CloseReason::kClientFrameTooLarge);
  from_client(client_frame(Opcode::kClose, close_payload(1000)));
  from_backend(join(part(frame, 50, frame.size()), server_frame(Opcode::kText, "behind")));
  EXPECT_EQ(show(join(part(frame, 0, 50), client.take())), "text(<90>) pong(p) close(1009 frame too large)");
  EXPECT_EQ(backend_got(), "~close(4001 client lost)");
  EXPECT_EQ(session->phase(), Phase::kEnding);
  EXPECT_EQ(hits(), 1U);
}

// Between two fragments will do: who breaks a limit need not get its message whole.
TEST_F(FrameLimit, TheCloseWaitsForNoMessage) {
  open();
  from_backend(server_frame(Opcode::kText, "a", Fin::kNo));
  from_client(text(101));
  EXPECT_EQ(client_got(), "text-(a) close(1009 frame too large)");
}

TEST_F(FrameLimit, TheBackendsCloseWaitsToo) {
  open();
  const Bytes frame = text(90);
  from_client(part(frame, 0, 50));
  from_backend(text_of_backend(101));
  EXPECT_EQ(backend.take(), part(frame, 0, 50));
  EXPECT_EQ(client_got(), "");
  from_client(part(frame, 50, frame.size()));
  EXPECT_EQ(show(join(part(frame, 0, 50), backend.take())), "~text(<90>) ~close(1009 frame too large)");
  EXPECT_EQ(client_got(), "close(1011 backend lost)");
}

// The frame that it waits for may be one that breaks the limit too.
TEST_F(FrameLimit, WhoBrokeItFirstIsTold) {
  open();
  const Bytes frame = text_of_backend(101);
  from_backend(part(frame, 0, 1));
  from_client(text(101));
  EXPECT_EQ(client_got(), "");
  from_backend(part(frame, 1, frame.size()));
  EXPECT_EQ(client_got(), "close(1009 frame too large)");
  EXPECT_EQ(backend_got(), "");
  EXPECT_EQ(session->reason(), CloseReason::kClientFrameTooLarge);
  EXPECT_EQ(hits(), 2U);
}

// A refused frame begins no message and ends none: pings go where they would without it.
TEST_F(FrameLimit, ARefusedFrameOpensNoMessage) {
  config.keepalive.client.heartbeat.policy = keepalive::Policy::kKeepalive;
  open();
  from_client(part(text(90), 0, 50));
  from_backend(server_frame(Opcode::kText, test::filler(101), Fin::kNo));
  EXPECT_EQ(session->phase(), Phase::kOpen);
  pass(config.keepalive.client.heartbeat.ping_interval);
  EXPECT_EQ(counters->pings_deferred[LegName::kClient].value(), 0U);
}

TEST_F(FrameLimit, AFrameThatStandsStillIsNotWaitedForForEver) {
  open();
  from_backend(part(text_of_backend(90), 0, 50));
  from_client(text(101));
  pass(config.relay.inject_hold + config.relay.close_timeout - 1ms);
  EXPECT_EQ(session->phase(), Phase::kOpen);
  pass(1ms);
  EXPECT_EQ(session->phase(), Phase::kEnding);
  EXPECT_EQ(client.take().size(), 50U) << "no Close inside a frame";
  EXPECT_TRUE(client.shut);
  EXPECT_EQ(session->reason(), CloseReason::kClientFrameTooLarge);
}

TEST_F(FrameLimit, WhoLeavesMeanwhileIsNotWaitedFor) {
  open();
  from_backend(part(text_of_backend(90), 0, 50));
  from_client(text(101));
  end_client();
  EXPECT_EQ(session->phase(), Phase::kEnding);
  EXPECT_TRUE(backend.shut);
  end_backend();
  EXPECT_TRUE(over());
  EXPECT_EQ(session->reason(), CloseReason::kClientFrameTooLarge);
}

TEST_F(FrameLimit, GoingAwayMeanwhileChangesNothing) {
  open();
  const Bytes frame = text_of_backend(90);
  from_backend(part(frame, 0, 50));
  from_client(text(101));
  session->go_away();
  from_backend(part(frame, 50, frame.size()));
  EXPECT_EQ(client_got(), "text(<90>) close(1009 frame too large)");
}

TEST_F(FrameLimit, WhileGoingAwayItIsTheFrameThatCounts) {
  open();
  const Bytes frame = text_of_backend(90);
  from_backend(part(frame, 0, 50));
  session->go_away();
  from_client(text(101));
  EXPECT_EQ(session->phase(), Phase::kEnding);
  EXPECT_EQ(session->reason(), CloseReason::kClientFrameTooLarge);
}

TEST_F(FrameLimit, BehindACloseNothingIsSaid) {
  open();
  from_backend(server_frame(Opcode::kClose, close_payload(1000)));
  from_client(text(101));
  EXPECT_EQ(client_got(), "close(1000)");
  EXPECT_EQ(backend_got(), "");
  EXPECT_EQ(session->phase(), Phase::kEnding);
  EXPECT_EQ(session->reason(), CloseReason::kBackendClose);
  EXPECT_EQ(hits(), 1U);
}

TEST_F(FrameLimit, BehindAnEndOfStream) {
  open();
  end_client();
  from_backend(text_of_backend(101));
  EXPECT_EQ(client_got(), "close(1011 backend lost)");
  EXPECT_EQ(session->phase(), Phase::kEnding);
  EXPECT_EQ(session->reason(), CloseReason::kClientEof);
}

TEST_F(FrameLimit, WithTheHandshake) {
  session = std::make_unique<Session>(environment, std::make_shared<const config::Config>(config),
                                      SessionIdentity{}, client_transport, backend_transport,
                                      ExtensionRules::kNone);
  start(bytes_of("101"), text(101), {});
  EXPECT_EQ(client.take(),
            join(bytes_of("101"), server_frame(Opcode::kClose, close_payload(1009, "frame too large"))));
  EXPECT_EQ(backend_got(), "");
}

TEST_F(FrameLimit, WhereLargeFramesAreMoved) {
  test::FakeConduit conduit;
  environment.bypass = {.conduit = &conduit, .large_frame = 1000, .worth_moving = 100, .header_read = 50};
  config.limits.max_frame = 5000;
  open();
  from_client(part(text(5000), 0, 60));
  from_client(join(part(text(5000), 60, 5008), text(5001)));
  EXPECT_NE(conduit.bytes, 0U);
  EXPECT_EQ(backend_got(), "~text(<5000>)");
  EXPECT_EQ(client_got(), "close(1009 frame too large)");
}

class ControlLimit : public SessionTest {
 protected:
  ControlLimit() { config.limits.control_frames_per_second = 5; }

  static Bytes ping() { return client_frame(Opcode::kPing, "p"); }
  static Bytes pong() { return client_frame(Opcode::kPong, "p"); }
  std::uint64_t hits() const { return counters->limits_hit[Limit::kControlFramesPerSecond].value(); }
};

TEST_F(ControlLimit, IsOffByDefault) {
  config.limits = {};
  open();
  for (int i = 0; i < 10'000; ++i) from_client(ping());
  EXPECT_EQ(counters->pings_answered[LegName::kClient].value(), 10'000U);
  EXPECT_EQ(session->phase(), Phase::kOpen);
}

TEST_F(ControlLimit, OneTooMany) {
  open();
  from_client(join(ping(), pong(), ping(), pong(), ping(), ping(), client_frame(Opcode::kText, "behind")));
  EXPECT_EQ(client_got(), "pong(p) pong(p) pong(p) close(1008 too many control frames)");
  EXPECT_EQ(backend_got(), "~pong(p) ~pong(p)");
  EXPECT_EQ(session->phase(), Phase::kEnding);
  EXPECT_EQ(session->reason(), CloseReason::kControlFlood);
  EXPECT_EQ(hits(), 1U);
}

TEST_F(ControlLimit, OneTooManyThatIsCut) {
  open();
  from_client(join(ping(), ping(), ping(), ping(), ping()));
  for (const std::uint8_t byte : pong()) from_client({byte});
  EXPECT_EQ(client_got(), "pong(p) pong(p) pong(p) pong(p) pong(p) close(1008 too many control frames)");
  EXPECT_EQ(backend_got(), "");
}

TEST_F(ControlLimit, WhoKeepsToItIsNeverEnded) {
  open();
  for (int i = 0; i < 1'000; ++i) {
    from_client(i % 2 == 0 ? ping() : pong());
    pass(200ms);
  }
  EXPECT_EQ(session->phase(), Phase::kOpen);
  EXPECT_EQ(hits(), 0U);
}

TEST_F(ControlLimit, DataAndCloseAreNotCounted) {
  open();
  from_client(join(ping(), ping(), ping(), ping(), ping()));
  for (int i = 0; i < 100; ++i) from_client(client_frame(Opcode::kText, ""));
  from_client(client_frame(Opcode::kClose, close_payload(1000)));
  EXPECT_EQ(session->phase(), Phase::kClosing);
  EXPECT_EQ(session->reason(), CloseReason::kClientClose);
}

TEST_F(ControlLimit, TheBackendIsNotLimited) {
  open();
  for (int i = 0; i < 100; ++i) from_backend(server_frame(Opcode::kPing, "p"));
  EXPECT_EQ(session->phase(), Phase::kOpen);
}

TEST_F(ControlLimit, TheCloseWaitsForTheEndOfAFrame) {
  open();
  const Bytes frame = server_frame(Opcode::kText, "message");
  from_backend({frame.begin(), frame.begin() + 4});
  for (int i = 0; i < 6; ++i) from_client(ping());
  from_backend({frame.begin() + 4, frame.end()});
  EXPECT_EQ(client_got(),
            "text(message) pong(p) pong(p) pong(p) pong(p) pong(p) close(1008 too many control frames)");
  EXPECT_EQ(session->phase(), Phase::kEnding);
}

}  // namespace
}  // namespace wskeep::relay
