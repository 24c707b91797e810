#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <queue>
#include <semaphore>
#include <stdexcept>

#include "proxy/net/lookup_schedule.h"
#include "proxy/net/resolver.h"

namespace wskeep::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using TimePoint = LookupSchedule::TimePoint;

constexpr TimePoint kStart{std::chrono::hours(1)};

TEST(LookupSchedule, BeginsAtOnceAndRepeats) {
  LookupSchedule schedule(seconds(30));
  EXPECT_LE(schedule.due(), kStart);
  schedule.looked_up(kStart);
  EXPECT_EQ(schedule.due(), kStart + seconds(30));
  schedule.looked_up(kStart + seconds(31));
  EXPECT_EQ(schedule.due(), kStart + seconds(61));
}

TEST(LookupSchedule, ComesSoonerWhenAskedButNotTooSoon) {
  LookupSchedule schedule(seconds(30));
  schedule.ask();
  EXPECT_LE(schedule.due(), kStart);
  schedule.looked_up(kStart);
  EXPECT_EQ(schedule.due(), kStart + seconds(30)) << "that was the answer";
  for (int i = 0; i < 1000; ++i) schedule.ask();
  EXPECT_EQ(schedule.due(), kStart + LookupSchedule::kLeastGap);
}

TEST(LookupSchedule, DoesNotPutOffWhatIsDue) {
  LookupSchedule schedule(milliseconds(1));
  schedule.looked_up(kStart);
  EXPECT_EQ(schedule.due(), kStart + LookupSchedule::kLeastGap);
  schedule.ask();
  EXPECT_EQ(schedule.due(), kStart + LookupSchedule::kLeastGap);
}

TEST(LookupSchedule, MayBeForTheAskingOnly) {
  LookupSchedule schedule(milliseconds(0));
  EXPECT_LE(schedule.due(), kStart);
  schedule.looked_up(kStart);
  EXPECT_EQ(schedule.due(), TimePoint::max());
  schedule.ask();
  EXPECT_EQ(schedule.due(), kStart + LookupSchedule::kLeastGap);
}

// What a Tell was told, one after the other.
class Told {
 public:
  Resolver::Tell tell() {
    return [this](Resolver::Addresses&& found, std::string_view fault) {
      {
        const std::lock_guard lock(mutex_);
        told_.push(fault.empty() ? found.front().text() : std::string(fault));
      }
      count_.release();
    };
  }
  std::string next() {
    if (!count_.try_acquire_for(seconds(10))) return "nothing";
    const std::lock_guard lock(mutex_);
    std::string text = std::move(told_.front());
    told_.pop();
    return text;
  }

 private:
  std::mutex mutex_;
  std::queue<std::string> told_;
  std::counting_semaphore<> count_{0};
};

Resolver::Addresses loopback(const std::string&, std::uint16_t port) {
  return resolve("127.0.0.1", port);
}

TEST(Resolver, TellsOfEachName) {
  Told a;
  Told b;
  Resolver resolver(loopback);
  resolver.follow("a", 1, seconds(30), a.tell());
  resolver.follow("b", 2, seconds(30), b.tell());
  EXPECT_EQ(a.next(), "127.0.0.1:1");
  EXPECT_EQ(b.next(), "127.0.0.1:2");
}

TEST(Resolver, LooksAgainWhenAsked) {
  Told told;
  int lookups = 0;
  Resolver resolver([&lookups](const std::string& host, std::uint16_t port) {
    if (++lookups == 1) throw std::runtime_error("not yet");
    return loopback(host, port);
  });
  const Resolver::Name name = resolver.follow("a", 1, milliseconds(0), told.tell());
  EXPECT_EQ(told.next(), "not yet");
  resolver.ask_again(name);
  EXPECT_EQ(told.next(), "127.0.0.1:1");
}

TEST(Resolver, LooksAgainAfterAWhile) {
  Told told;
  Resolver resolver(loopback);
  resolver.follow("a", 1, milliseconds(1), told.tell());
  EXPECT_EQ(told.next(), "127.0.0.1:1");
  EXPECT_EQ(told.next(), "127.0.0.1:1");
}

TEST(Resolver, FindsRealNamesAndSaysWhyNot) {
  Told there;
  Told gone;
  Resolver resolver;
  resolver.follow("localhost", 80, seconds(30), there.tell());
  resolver.follow("no such host", 80, seconds(30), gone.tell());
  const std::string address = there.next();
  EXPECT_TRUE(address == "127.0.0.1:80" || address == "[::1]:80") << address;
  EXPECT_EQ(gone.next().substr(0, 17), "no such host:80: ");
}

TEST(Resolver, IsNotHeldUpByALookupThatHangs) {
  struct Hanging {
    std::binary_semaphore began{0};
    std::binary_semaphore may_go_on{0};
    std::binary_semaphore ended{0};
  };
  // Not a promise that is kept at the thread's exit: ThreadSanitizer doesn't see through that.
  struct AtThreadExit {
    ~AtThreadExit() {
      if (hanging) hanging->ended.release();
    }
    std::shared_ptr<Hanging> hanging;
  };
  const auto hanging = std::make_shared<Hanging>();
  {
    Resolver resolver([hanging](const std::string& host, std::uint16_t port) {
      thread_local AtThreadExit at_exit;
      at_exit.hanging = hanging;
      hanging->began.release();
      hanging->may_go_on.acquire();
      return loopback(host, port);
    });
    resolver.follow("a", 1, seconds(30), [](auto&&, auto) { ADD_FAILURE() << "told after the end"; });
    hanging->began.acquire();
  }
  hanging->may_go_on.release();
  hanging->ended.acquire();
}

}  // namespace
}  // namespace wskeep::net
