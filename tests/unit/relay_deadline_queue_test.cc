#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "proxy/relay/deadline_queue.h"

namespace wskeep::relay {
namespace {

using namespace std::chrono_literals;

struct Owner {
  DeadlinePlace place = kNoDeadline;
};
using Queue = DeadlineQueue<Owner, &Owner::place>;

constexpr TimePoint at(std::chrono::nanoseconds time) {
  return TimePoint(time);
}

TEST(DeadlineQueue, OfNobodyHasNoNext) {
  Queue queue;
  EXPECT_EQ(queue.next(), TimePoint::max());
  EXPECT_EQ(queue.take_due(TimePoint::max()), nullptr);
}

TEST(DeadlineQueue, GivesTheMostOverdueFirstAndNoneTooEarly) {
  Queue queue;
  queue.reserve(3);
  std::array<Owner, 3> owners;
  queue.set(owners[0], at(3s));
  queue.set(owners[1], at(1s));
  queue.set(owners[2], at(2s));
  EXPECT_EQ(queue.next(), at(1s));
  EXPECT_EQ(queue.take_due(at(1s - 1ns)), nullptr);
  EXPECT_EQ(queue.take_due(at(2s)), &owners[1]);
  EXPECT_EQ(queue.take_due(at(2s)), &owners[2]);
  EXPECT_EQ(queue.take_due(at(2s)), nullptr);
  EXPECT_EQ(queue.at(owners[1]), TimePoint::max());
  EXPECT_EQ(queue.at(owners[0]), at(3s));
}

TEST(DeadlineQueue, OneMovesEitherWayAndLeavesTwice) {
  Queue queue;
  queue.reserve(2);
  Owner moved;
  Owner other;
  queue.set(moved, at(5s));
  queue.set(other, at(4s));
  queue.set(moved, at(3s));
  EXPECT_EQ(queue.next(), at(3s));
  queue.set(moved, at(9s));
  EXPECT_EQ(queue.next(), at(4s));
  queue.remove(other);
  queue.remove(other);
  EXPECT_EQ(queue.next(), at(9s));
}

// Against a model, with many of the same time.
TEST(DeadlineQueue, KeepsOrderAgainstAMap) {
  std::mt19937 random(7);
  Queue queue;
  std::vector<std::unique_ptr<Owner>> owners;
  for (int i = 0; i < 300; ++i) owners.push_back(std::make_unique<Owner>());
  queue.reserve(owners.size());
  std::map<Owner*, TimePoint> model;
  TimePoint now = at(0s);
  const auto first = [&] {
    return std::min_element(model.begin(), model.end(),
                            [](const auto& one, const auto& two) { return one.second < two.second; });
  };
  for (int step = 0; step < 50'000; ++step) {
    Owner* const owner = owners[random() % owners.size()].get();
    switch (random() % 4) {
      case 0:
        queue.remove(*owner);
        model.erase(owner);
        break;
      case 1:
        now += std::chrono::milliseconds(random() % 20);
        while (Owner* const due = queue.take_due(now)) {
          ASSERT_EQ(model.at(due), first()->second);
          ASSERT_LE(model.at(due), now);
          model.erase(due);
        }
        break;
      default:
        const TimePoint when = now + std::chrono::milliseconds(random() % 1000);
        queue.set(*owner, when);
        model[owner] = when;
    }
    ASSERT_EQ(queue.size(), model.size());
    ASSERT_EQ(queue.next(), model.empty() ? TimePoint::max() : first()->second);
  }
}

}  // namespace
}  // namespace wskeep::relay
