// The small parts of a leg: what waits, and what leaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <random>

#include "proxy/relay/connection.h"
#include "proxy/relay/gather.h"
#include "proxy/relay/outlet.h"
#include "proxy/relay/output_queue.h"
#include "proxy/relay/owed_pongs.h"
#include "proxy/relay/session_identity.h"
#include "tests/unit/fake_transport.h"

namespace wskeep::relay {
namespace {

using test::Bytes;
using test::bytes_of;
using test::Wire;
using namespace std::chrono_literals;

TEST(OutputQueue, KeepsOrderAgainstADeque) {
  std::mt19937 random(3);
  OutputQueue queue;
  std::deque<std::uint8_t> model;
  std::array<std::size_t, 2> before{};
  TimePoint time;
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 2 == 0 && model.size() < 5000) {
      const Bytes bytes = test::filler(random() % 300, static_cast<std::uint8_t>(step));
      ASSERT_TRUE(queue.append(bytes));
      model.insert(model.end(), bytes.begin(), bytes.end());
    } else {
      const std::size_t count = random() % (model.size() + 1);
      queue.consume(count);
      model.erase(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(count));
      for (std::size_t& bytes : before) bytes -= std::min(bytes, count);
    }
    if (random() % 8 == 0) {
      const std::size_t mark = random() % before.size();
      queue.set_mark(static_cast<OutputQueue::Mark>(mark));
      before[mark] = model.size();
      time += 1s;
      queue.set_time(time);
    }
    if (model.empty()) time = TimePoint();
    ASSERT_EQ(queue.size(), model.size());
    ASSERT_EQ(queue.empty(), model.empty());
    ASSERT_TRUE(std::equal(model.begin(), model.end(), queue.front().begin(), queue.front().end()));
    ASSERT_EQ(queue.before(OutputQueue::Mark::kPongs), before[0]);
    ASSERT_EQ(queue.before(OutputQueue::Mark::kTimeUp), before[1]);
    ASSERT_EQ(queue.time(), time);
  }
  queue.clear();
  EXPECT_TRUE(queue.empty());
}

TEST(OutputQueue, OwnsNothingWhileEmpty) {
  OutputQueue queue;
  EXPECT_EQ(queue.front().data(), nullptr);
  ASSERT_TRUE(queue.append(Bytes(1000)));
  queue.consume(1000);
  EXPECT_EQ(queue.front().data(), nullptr);
  ASSERT_TRUE(queue.append({}));
  EXPECT_TRUE(queue.empty());
}

class OutletTest : public testing::Test {
 protected:
  Wire wire;
  test::FakeTransport transport{wire};
  test::FakeClock clock;
  test::FakeRandom random;
  std::unique_ptr<observe::WorkerCounters> counters = std::make_unique<observe::WorkerCounters>();
  std::unique_ptr<PongBatch> batch = std::make_unique<PongBatch>();
  Environment environment{clock, random, *counters, {}, *batch};
  Outlet outlet{transport, environment};
};

TEST_F(OutletTest, TellsWhatHasLeft) {
  wire.window = 3;
  outlet.send(bytes_of("hello"));
  EXPECT_EQ(outlet.passed(), 3U);
  EXPECT_EQ(outlet.waiting(), 2U);
  EXPECT_EQ(outlet.end(), 5U);
  outlet.send(bytes_of("!"));
  EXPECT_EQ(wire.received, bytes_of("hel"));
  wire.window = 10;
  outlet.flush();
  EXPECT_EQ(outlet.passed(), 6U);
  EXPECT_EQ(outlet.waiting(), 0U);
  EXPECT_EQ(wire.received, bytes_of("hello!"));
}

TEST_F(OutletTest, NothingOvertakesWhatWaits) {
  wire.window = 3;
  outlet.send(bytes_of("hello"));
  wire.window = 100;  // there is room again, but no event has told so yet
  outlet.send(bytes_of("!"));
  outlet.flush();
  EXPECT_EQ(wire.received, bytes_of("hello!"));
}

TEST_F(OutletTest, StallsFromTheLastByteTaken) {
  wire.window = 1;
  outlet.send(bytes_of("hello"));
  const TimePoint refused = clock.time;
  clock.time += 1s;
  outlet.send(bytes_of("more"));
  outlet.flush();
  EXPECT_EQ(outlet.stalled_since(), refused);
  wire.window = 1;
  outlet.flush();
  EXPECT_EQ(outlet.stalled_since(), clock.time);
}

TEST_F(OutletTest, PiecesAreCutAnywhere) {
  const Bytes a = bytes_of("abc"), b = bytes_of("defg"), c = bytes_of("h");
  for (std::size_t window = 0; window <= 8; ++window) {
    wire = Wire();
    wire.window = window;
    Outlet fresh(transport, environment);
    Gather gather(fresh);
    for (const Bytes* piece : {&a, &b, &c}) gather.add(*piece);
    gather.flush();
    EXPECT_EQ(wire.received.size(), window);
    wire.window = 100;
    fresh.flush();
    EXPECT_EQ(wire.received, bytes_of("abcdefgh"));
  }
}

TEST_F(OutletTest, EndsAfterWhatWaits) {
  wire.window = 1;
  outlet.send(bytes_of("hi"));
  outlet.finish();
  EXPECT_EQ(outlet.state(), Outlet::State::kFinishing);
  outlet.send(bytes_of("not any more"));
  EXPECT_FALSE(wire.shut);
  wire.window = 100;
  outlet.flush();
  EXPECT_EQ(wire.received, bytes_of("hi"));
  EXPECT_TRUE(wire.shut);
  EXPECT_EQ(outlet.state(), Outlet::State::kShut);
  outlet.finish();
  outlet.abandon();
  EXPECT_EQ(outlet.state(), Outlet::State::kShut);
}

TEST_F(OutletTest, TheEndMayHaveToWaitForRoom) {
  wire.end_blocked = true;
  outlet.send(bytes_of("bytes"));
  outlet.finish();
  EXPECT_EQ(outlet.state(), Outlet::State::kFinishing);
  EXPECT_TRUE(outlet.wants_room());
  EXPECT_EQ(outlet.waiting(), 0U);
  wire.end_blocked = false;
  outlet.flush();
  EXPECT_EQ(outlet.state(), Outlet::State::kShut);
  EXPECT_TRUE(wire.shut);
  EXPECT_FALSE(outlet.wants_room());
}

TEST_F(OutletTest, AFailureIsFinal) {
  wire.window = 1;
  outlet.send(bytes_of("hi"));
  wire.write_error = EPIPE;
  outlet.flush();
  EXPECT_EQ(outlet.state(), Outlet::State::kFailed);
  EXPECT_EQ(outlet.error(), EPIPE);
  EXPECT_EQ(outlet.waiting(), 0U);
  wire.write_error = 0;
  outlet.send(bytes_of("swallowed"));
  outlet.finish();
  EXPECT_EQ(wire.received, bytes_of("h"));
  EXPECT_FALSE(wire.shut);
}

TEST_F(OutletTest, GatherMeltsNeighboursAndSurvivesManyPieces) {
  const Bytes all = test::filler(1000);
  const std::span<const std::uint8_t> view(all);
  Gather gather(outlet);
  for (std::size_t at = 0; at < 1000; ++at) gather.add(view.subspan(at, 1));
  gather.flush();
  EXPECT_EQ(wire.received, all);
  EXPECT_EQ(wire.writes, 1);
  wire.take();
  for (std::size_t at = 0; at < 1000; at += 2) gather.add(view.subspan(at, 1));
  gather.add({});
  gather.flush();
  gather.flush();
  EXPECT_EQ(wire.received.size(), 500U);
  EXPECT_EQ(wire.received[499], all[998]);
}

TEST(SessionIdentity, KeepsItsWordsApart) {
  const SessionIdentity who(
      7, {.client = "192.0.2.1:5", .path = "/a", .subprotocol = "", .user_agent_family = "chrome"});
  EXPECT_EQ(who.id(), 7U);
  EXPECT_EQ(who.client(), "192.0.2.1:5");
  EXPECT_EQ(who.path(), "/a");
  EXPECT_EQ(who.subprotocol(), "");
  EXPECT_EQ(who.user_agent_family(), "chrome");
  EXPECT_EQ(SessionIdentity().user_agent_family(), "");
}

TEST(OwedPongs, KeepsTheLastSixteen) {
  for (std::size_t count = 0; count <= 40; ++count) {
    OwedPongs owed;
    EXPECT_TRUE(owed.empty());
    for (std::size_t i = 0; i < count; ++i) {
      const Bytes ping = test::server_frame(test::Opcode::kPing, Bytes{static_cast<std::uint8_t>(i)});
      ASSERT_TRUE(
          owed.add({{.opcode = test::Opcode::kPing, .fin = true, .size = 2, .payload_size = 1}, ping}));
    }
    EXPECT_EQ(owed.empty(), count == 0);
    std::vector<std::size_t> taken;
    owed.take_all([&](const websocket::ControlPayload& payload) { taken.push_back(payload.bytes()[0]); });
    EXPECT_TRUE(owed.empty());
    ASSERT_EQ(taken.size(), std::min(count, OwedPongs::kMost));
    for (std::size_t i = 0; i < taken.size(); ++i) EXPECT_EQ(taken[i], count - taken.size() + i);
  }
}

// Nearly all of a session's memory are a connection, two of libevent's events among it, and what the loop has
// for each descriptor.
TEST(Connection, IsSmall) {
  EXPECT_LE(sizeof(keepalive::Heartbeat), 32U);
  EXPECT_LE(sizeof(Leg), 176U);
  EXPECT_LE(sizeof(Session), 488U);
  EXPECT_LE(sizeof(Connection), 824U);
}

}  // namespace
}  // namespace wskeep::relay
