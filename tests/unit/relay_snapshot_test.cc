#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/relay/snapshot.h"

namespace wskeep::relay {
namespace {

using observe::ConnectionSnapshot;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

ConnectionSnapshot connection(std::uint64_t id, bool alive, bool suspect,
                              std::optional<std::int64_t> latency) {
  ConnectionSnapshot snapshot;
  snapshot.id = id;
  snapshot.alive = alive;
  snapshot.suspect = suspect;
  snapshot.last_pong_latency = latency;
  return snapshot;
}

std::vector<std::uint64_t> ids(WorstConnections& worst) {
  std::vector<std::uint64_t> found;
  for (const ConnectionSnapshot& snapshot : worst.take_sorted()) found.push_back(snapshot.id);
  return found;
}

TEST(Moments, ShowATimeAlikeUntilTheClockIsSet) {
  using namespace std::chrono_literals;
  using Wall = std::chrono::system_clock::time_point;
  constexpr TimePoint kThen(100s);
  Moments moments;
  const auto shown = [&](std::chrono::nanoseconds now, std::chrono::nanoseconds wall) {
    return moments.at(TimePoint(now), Wall(wall)).wall_clock(kThen);
  };
  EXPECT_EQ(shown(200s, 1'000'200s), std::chrono::nanoseconds(1'000'100s).count());
  EXPECT_EQ(shown(201s, 1'000'201s + 999us), std::chrono::nanoseconds(1'000'100s).count());
  EXPECT_EQ(shown(202s, 1'000'202s - 999us), std::chrono::nanoseconds(1'000'100s).count());
  EXPECT_EQ(shown(203s, 1'000'203s + 1ms), std::chrono::nanoseconds(1'000'100s + 1ms).count());
  EXPECT_EQ(shown(204s, 2'000'204s), std::chrono::nanoseconds(2'000'100s).count());
}

TEST(WorstConnections, OrdersDeadThenSuspectThenSlow) {
  WorstConnections worst(10, 5);
  worst.offer(connection(1, true, false, 5));
  worst.offer(connection(2, true, true, 1));
  worst.offer(connection(3, false, false, {}));
  worst.offer(connection(4, true, false, {}));
  worst.offer(connection(5, true, false, 50));
  EXPECT_THAT(ids(worst), ElementsAre(3, 2, 5, 1, 4));
  EXPECT_THAT(ids(worst), ElementsAre()) << "taken";
}

TEST(WorstConnections, KeepsTheWorstWhateverTheOrder) {
  for (const bool rising : {true, false}) {
    WorstConnections worst(3, 2);
    for (int i = 1; i <= 100; ++i) {
      const int latency = rising ? i : 101 - i;
      worst.offer(connection(static_cast<std::uint64_t>(latency), true, false, latency));
    }
    EXPECT_THAT(ids(worst), ElementsAre(100, 99, 98));
  }
}

TEST(WorstConnections, OfListsAreThoseOfAll) {
  const auto list = [](std::uint64_t first) {
    std::vector<ConnectionSnapshot> some;
    for (std::uint64_t id = first; id < first + 4; ++id) {
      some.push_back(connection(id, true, false, static_cast<std::int64_t>(id)));
    }
    return some;
  };
  WorstConnections roomy(10, 8);
  roomy.offer(list(1));
  roomy.offer(list(5));
  EXPECT_THAT(ids(roomy), ElementsAre(8, 7, 6, 5, 4, 3, 2, 1));
  WorstConnections exact(4, 8);
  exact.offer(list(5));
  exact.offer(list(1));
  EXPECT_THAT(ids(exact), ElementsAre(8, 7, 6, 5));
  WorstConnections narrow(3, 8);
  narrow.offer(list(1));
  narrow.offer(list(5));
  EXPECT_THAT(ids(narrow), ElementsAre(8, 7, 6));
}

TEST(WorstConnections, AreAllThereWithoutAnOrder) {
  WorstConnections worst(3, 3);
  for (int i = 1; i <= 10; ++i) worst.offer(connection(static_cast<std::uint64_t>(i), true, false, i));
  std::vector<std::uint64_t> found;
  for (const ConnectionSnapshot& snapshot : worst.take()) found.push_back(snapshot.id);
  EXPECT_THAT(found, UnorderedElementsAre(8, 9, 10));
  worst.offer(connection(11, true, false, 1));
  EXPECT_THAT(ids(worst), ElementsAre(11)) << "begins anew";
}

TEST(WorstConnections, OfNone) {
  WorstConnections worst(0, 1);
  worst.offer(connection(1, false, true, 1));
  EXPECT_THAT(ids(worst), ElementsAre());
}

}  // namespace
}  // namespace wskeep::relay
