// The rest of large frames, which a conduit moves past the session.
#include <random>
#include <vector>

#include "tests/unit/session_fixture.h"

namespace wskeep::relay {
namespace {

class BypassTest : public SessionTest {
 protected:
  BypassTest() {
    config.relay.buffer_limit = 10'000;
    environment.bypass = {.conduit = &conduit, .large_frame = 1000, .worth_moving = 100, .header_read = 50};
  }

  // A large one, which is read up to `header_read` behind the header once such frames are known to come.
  static Bytes large(std::size_t size = 3000) { return client_frame(Opcode::kBinary, test::filler(size)); }
  // The first read brings as much as there is.
  static constexpr std::size_t kSeen = 60;
  void large_begins(const Bytes& frame) {
    from_client({frame.begin(), frame.begin() + kSeen});
    ASSERT_EQ(conduit.moves, 0);
    ASSERT_EQ(session->client().scanner.rest(), frame.size() - kSeen);
  }
  static Bytes rest_of(const Bytes& frame) { return {frame.begin() + kSeen, frame.end()}; }
  std::uint64_t binary_frames() {
    return counters->frames[Direction::kToBackend][FrameKind::kBinary].value();
  }

  test::FakeConduit conduit;
};

TEST_F(BypassTest, TheRestOfALargeFrameIsMoved) {
  open();
  large_begins(large());
  EXPECT_EQ(binary_frames(), 0U);
  from_client(rest_of(large()));
  EXPECT_EQ(conduit.moves, 1);
  EXPECT_EQ(conduit.bytes, large().size() - kSeen);
  EXPECT_EQ(backend.take(), large());
  EXPECT_EQ(binary_frames(), 1U);
  EXPECT_EQ(session->client().bytes_received, large().size());
  EXPECT_EQ(session->client().frames_received, 1U);
  EXPECT_EQ(session->backend().outlet.passed(), large().size());
  EXPECT_EQ(counters->bytes[Direction::kToBackend].value(), large().size());
}

TEST_F(BypassTest, NeverAByteBeyondTheFrame) {
  open();
  large_begins(large());
  const Bytes next = join(client_frame(Opcode::kPing, "p"), large(), client_frame(Opcode::kText, "small"));
  from_client(join(rest_of(large()), next));
  EXPECT_EQ(conduit.bytes, large().size() - kSeen + large().size() - (50 - 7))
      << "what a header read brought";
  EXPECT_EQ(backend_got(), "~binary(<3000>) ~binary(<3000>) ~text(small)");
  EXPECT_EQ(client_got(), "pong(p)");
}

TEST_F(BypassTest, ItMovesInParts) {
  open();
  conduit.most = 700;
  large_begins(large());
  from_client(rest_of(large()));
  EXPECT_GE(conduit.moves, 4);
  EXPECT_EQ(backend.take(), large());
  EXPECT_EQ(binary_frames(), 1U);
}

TEST_F(BypassTest, WhatTheSinkRefusesIsStoredInOrder) {
  const Bytes tail = client_frame(Opcode::kText, "behind it");
  for (std::size_t window = 0; window <= large().size() + tail.size(); window += 97) {
    client = backend = Wire();
    conduit.moves = 0;
    open();
    large_begins(large());
    backend.received.clear();
    backend.window = window;
    from_client(join(rest_of(large()), tail));
    const Bytes rest = join(rest_of(large()), tail);
    ASSERT_EQ(session->backend().outlet.waiting(), rest.size() - std::min(window, rest.size()));
    ASSERT_EQ(session->backend().outlet.end(), large().size() + tail.size());
    backend_takes(test::kNoLimit);
    ASSERT_EQ(backend.take(), rest);
    ASSERT_EQ(session->backend().outlet.passed(), large().size() + tail.size());
    session.reset();
  }
}

TEST_F(BypassTest, NothingIsMovedPastWhatWaits) {
  open();
  backend.window = 10;
  large_begins(large());
  from_client(rest_of(large()));
  EXPECT_EQ(conduit.moves, 0);
  EXPECT_EQ(session->backend().outlet.waiting(), large().size() - 10);
  backend_takes(test::kNoLimit);
  EXPECT_EQ(backend.take(), large());
}

TEST_F(BypassTest, BackPressureHolds) {
  open();
  Bytes all;
  for (int i = 0; i < 20; ++i) all = join(all, large());
  from_client({all.begin(), all.begin() + kSeen});
  backend.received.clear();
  backend.window = 100;
  from_client({all.begin() + kSeen, all.end()});
  EXPECT_LE(session->backend().outlet.waiting(), 10'000U);
  EXPECT_GT(client.incoming.size(), all.size() - 15'000);
  backend_takes(test::kNoLimit);
  EXPECT_EQ(backend.take(), Bytes(all.begin() + kSeen, all.end()));
  EXPECT_EQ(session->client().frames_received, 20U);
}

TEST_F(BypassTest, AStallIsNoticed) {
  config.relay.write_stall_timeout = 60s;
  open();
  large_begins(large());
  backend.window = 100;
  from_client(rest_of(large()));
  EXPECT_EQ(conduit.moves, 1);
  pass(60s);
  EXPECT_EQ(session->reason(), CloseReason::kBackendWriteStalled);
}

TEST_F(BypassTest, ABrokenSinkIsALossWithItsOwnReason) {
  open();
  large_begins(large());
  backend.write_error = ETIMEDOUT;
  from_client(rest_of(large()));
  EXPECT_EQ(session->reason(), CloseReason::kBackendUnresponsive);
  EXPECT_EQ(client_got(), "close(1011 backend unresponsive)");
  EXPECT_TRUE(client.incoming.empty());
}

TEST_F(BypassTest, TheSourceMayEndInside) {
  open();
  large_begins(large());
  client.ended = true;
  Bytes part = rest_of(large());
  part.resize(200);
  from_client(part);
  EXPECT_EQ(backend.received.size(), kSeen + 200);
  EXPECT_EQ(session->reason(), CloseReason::kClientEof);
  EXPECT_TRUE(backend.shut);
}

TEST_F(BypassTest, TheSourceMayBreakInside) {
  open();
  large_begins(large());
  client.read_error = ECONNRESET;
  Bytes part = rest_of(large());
  part.resize(200);
  from_client(part);
  EXPECT_EQ(backend.received.size(), kSeen + 200);
  EXPECT_EQ(session->reason(), CloseReason::kClientReset);
}

TEST_F(BypassTest, WhatIsDroppedIsNotMoved) {
  open();
  large_begins(large());
  reset_backend();
  ASSERT_EQ(session->phase(), Session::Phase::kEnding);
  from_client(rest_of(large()));
  EXPECT_EQ(conduit.moves, 0);
  EXPECT_TRUE(client.incoming.empty());
}

TEST_F(BypassTest, OursEnterWhereAMovedFrameEnds) {
  config.keepalive.client.answer_pings = config::AnswerPings::kAlways;
  open();
  const Bytes down = server_frame(Opcode::kBinary, test::filler(3000));
  from_backend({down.begin(), down.begin() + kSeen});
  from_client(client_frame(Opcode::kPing, "waits"));
  from_backend({down.begin() + kSeen, down.begin() + 1000});
  EXPECT_EQ(client.received.size(), 1000U);
  from_backend({down.begin() + 1000, down.end()});
  EXPECT_GT(conduit.moves, 0);
  EXPECT_EQ(client_got(), "binary(<3000>) pong(waits)");
}

TEST_F(BypassTest, MovedBytesProveLifeAndAreData) {
  config.keepalive.client.heartbeat.policy = keepalive::Policy::kStrict;
  config.keepalive.client.heartbeat.ping_interval = 10s;
  config.keepalive.client.heartbeat.pong_timeout = 15s;
  open();
  const Bytes frame = large();
  from_client({frame.begin(), frame.begin() + kSeen});
  for (std::size_t at = kSeen; at < kSeen + 1000; at += 100) {
    pass(10s);
    from_client({frame.begin() + static_cast<std::ptrdiff_t>(at),
                 frame.begin() + static_cast<std::ptrdiff_t>(at + 100)});
    ASSERT_EQ(session->last_data_at(), clock.time);
  }
  EXPECT_EQ(conduit.moves, 10);
  EXPECT_EQ(session->phase(), Session::Phase::kOpen);
}

TEST_F(BypassTest, SmallFramesAreReadAtOnceAgain) {
  open();
  from_client(large());
  Bytes burst;
  for (int i = 0; i < 100; ++i) burst = join(burst, client_frame(Opcode::kText, "message"));
  from_client(burst);
  const int before = client.reads;
  from_client(burst);
  EXPECT_EQ(client.reads - before, 1);
}

TEST_F(BypassTest, WithoutAWayEverythingIsRead) {
  conduit.joined = false;
  open();
  from_client(join(large(), large()));
  const int before = client.reads;
  from_client(join(large(), large()));
  EXPECT_EQ(client.reads - before, 1) << "and no read stops behind a header";
  EXPECT_EQ(conduit.moves, 0);
  EXPECT_EQ(session->client().frames_received, 4U);
}

// What passes, however it is cut, and everything that is counted, is the same with and without.
TEST_F(BypassTest, NothingElseChanges) {
  struct Told {
    Bytes to_client, to_backend;
    std::vector<std::uint64_t> counts;
    bool operator==(const Told&) const = default;
  };
  const auto run = [&](unsigned seed, bool joined) {
    conduit.joined = joined;
    counters = std::make_unique<observe::WorkerCounters>();
    Environment with{clock, random, *counters, read_buffer, *batch, environment.bypass};
    client = backend = Wire();
    std::mt19937 dice(seed);
    const auto below = [&](std::size_t bound) { return static_cast<std::size_t>(dice() % bound); };
    conduit.most = 1 + below(3000);
    Bytes stream;
    for (int i = 0; i < 12; ++i) {
      if (below(3) == 0) stream = join(stream, client_frame(Opcode::kPing, "p" + std::to_string(i)));
      stream =
          join(stream, client_frame(Opcode::kBinary, test::filler(below(2) == 0 ? below(5000) : below(60))));
    }
    session =
        std::make_unique<Session>(with, std::make_shared<const config::Config>(config), SessionIdentity{},
                                  client_transport, backend_transport, ExtensionRules::kNone);
    start();
    backend.window = below(2000);
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t size = std::min(stream.size() - at, 1 + below(below(2) == 0 ? 40 : 4000));
      from_client({stream.begin() + static_cast<std::ptrdiff_t>(at),
                   stream.begin() + static_cast<std::ptrdiff_t>(at + size)});
      if (below(2) == 0) backend_takes(below(4000));
      at += size;
    }
    backend_takes(test::kNoLimit);
    Told told{client.take(), backend.take(), {}};
    for (std::size_t kind = 0; kind < observe::kFrameKinds; ++kind) {
      told.counts.push_back(counters->frames[Direction::kToBackend][static_cast<FrameKind>(kind)].value());
    }
    told.counts.push_back(counters->bytes[Direction::kToBackend].value());
    told.counts.push_back(session->client().bytes_received);
    told.counts.push_back(session->client().frames_received);
    told.counts.push_back(session->backend().outlet.passed());
    session.reset();
    return told;
  };
  for (unsigned seed = 0; seed < 300; ++seed) {
    const int before = conduit.moves;
    const Told copied = run(seed, false);
    ASSERT_EQ(conduit.moves, before);
    ASSERT_EQ(run(seed, true), copied) << "seed " << seed;
  }
  EXPECT_GT(conduit.moves, 300);
}

}  // namespace
}  // namespace wskeep::relay
