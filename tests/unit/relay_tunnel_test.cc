#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/relay/tunnel.h"
#include "tests/unit/fake_transport.h"

namespace wskeep::relay {
namespace {

using namespace std::chrono_literals;
using observe::Leg;
using test::Wire;

test::Bytes bytes_of(std::string_view text) {
  return {text.begin(), text.end()};
}

struct Joined {
  Wire client_wire;
  Wire backend_wire;
  test::FakeTransport client{client_wire};
  test::FakeTransport backend{backend_wire};
  test::FakeClock clock;
  test::FakeRandom random;
  observe::WorkerCounters counters;
  std::array<std::uint8_t, 8> buffer{};
  PongBatch pongs{};
  Environment environment{clock, random, counters, buffer, pongs};
  Outlet to_client{client, environment};
  Outlet to_backend{backend, environment};
  Tunnel tunnel{environment, to_client, to_backend, 60s};

  void client_says(std::string_view text) {
    client_wire.incoming = bytes_of(text);
    tunnel.on_ready(Leg::kClient, {.readable = true});
  }
};

TEST(Tunnel, PassesWhatCameBeforeItAndWhatComes) {
  Joined joined;
  joined.backend_wire.incoming = bytes_of("later");
  joined.tunnel.start(bytes_of("early"), bytes_of("first "));
  EXPECT_EQ(joined.backend_wire.take(), bytes_of("early"));
  EXPECT_EQ(joined.client_wire.take(), bytes_of("first later"));
  joined.client_says("more");
  EXPECT_EQ(joined.backend_wire.take(), bytes_of("more"));
  EXPECT_FALSE(joined.tunnel.over());
}

TEST(Tunnel, PassesEachEndOfAStreamAndIsOverAfterBoth) {
  Joined joined;
  joined.tunnel.start({}, {});
  joined.client_wire.ended = true;
  joined.client_says("last");
  EXPECT_EQ(joined.backend_wire.take(), bytes_of("last"));
  EXPECT_TRUE(joined.backend_wire.shut);
  EXPECT_FALSE(joined.tunnel.over());

  joined.backend_wire.incoming = bytes_of("answer");
  joined.backend_wire.ended = true;
  joined.tunnel.on_ready(Leg::kBackend, {.readable = true, .hung_up = true});
  EXPECT_EQ(joined.client_wire.take(), bytes_of("answer"));
  EXPECT_TRUE(joined.client_wire.shut);
  EXPECT_TRUE(joined.tunnel.over());
}

TEST(Tunnel, ReadsNoSideWhoseOtherTakesNothing) {
  Joined joined;
  joined.tunnel.start({}, {});
  joined.backend_wire.window = 3;
  joined.client_says("0123456789abcdef");
  EXPECT_EQ(joined.backend_wire.take(), bytes_of("012"));
  EXPECT_EQ(joined.to_backend.waiting(), 5u) << "what one read brought";
  EXPECT_EQ(joined.client_wire.incoming, bytes_of("89abcdef"));

  joined.backend_wire.window = test::kNoLimit;
  joined.tunnel.on_ready(Leg::kBackend, {.writable = true});
  EXPECT_EQ(joined.backend_wire.take(), bytes_of("3456789abcdef"));
}

TEST(Tunnel, EndsWithASideThatTakesNothingForTooLong) {
  Joined joined;
  joined.tunnel.start({}, {});
  EXPECT_EQ(joined.tunnel.deadline(), TimePoint::max());
  joined.backend_wire.window = 0;
  joined.client_says("x");
  EXPECT_EQ(joined.tunnel.deadline(), joined.clock.time + 60s);
  joined.clock.time += 60s - 1ns;
  joined.tunnel.on_deadline();
  EXPECT_FALSE(joined.tunnel.over());
  joined.clock.time += 1ns;
  joined.tunnel.on_deadline();
  EXPECT_TRUE(joined.tunnel.over());
}

TEST(Tunnel, IsOverWhenASideBreaks) {
  for (const bool reading : {true, false}) {
    Joined joined;
    joined.tunnel.start({}, {});
    if (reading) joined.client_wire.read_error = ECONNRESET;
    if (!reading) joined.backend_wire.write_error = EPIPE;
    joined.client_says(reading ? "" : "x");
    EXPECT_TRUE(joined.tunnel.over()) << reading;
  }
}

TEST(Tunnel, LetsOthersHaveTheirTurn) {
  Joined joined;
  joined.tunnel.start({}, {});
  joined.client_says(std::string(100, 'x'));
  EXPECT_TRUE(joined.tunnel.has_more());
  EXPECT_EQ(joined.backend_wire.take().size(), 32u);
  while (joined.tunnel.has_more()) joined.tunnel.resume();
  EXPECT_EQ(joined.backend_wire.take().size(), 68u);
}

}  // namespace
}  // namespace wskeep::relay
