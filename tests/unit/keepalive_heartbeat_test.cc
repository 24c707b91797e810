#include <random>

#include "tests/unit/keepalive_fixture.h"

namespace wskeep::keepalive {
namespace {

TEST(Heartbeat, FirstBeatIsAnywhereInTheFirstInterval) {
  const Settings chosen = settings();
  std::mt19937_64 random(1);
  int in_quarter[4] = {};
  for (int run = 0; run < 40'000; ++run) {
    const nanoseconds first = Heartbeat(chosen, kStart, random()).deadline() - kStart;
    ASSERT_GE(first, 0ns);
    ASSERT_LT(first, chosen.ping_interval);
    ++in_quarter[first / (chosen.ping_interval / 4)];
  }
  for (const int count : in_quarter) EXPECT_NEAR(count, 10'000, 400);
}

TEST(Heartbeat, JitterOnlyShortens) {
  for (const int percent : {0, 1, 2, 20, 90}) {
    Settings chosen = settings();
    chosen.jitter_percent = static_cast<std::uint8_t>(percent);
    const nanoseconds least = chosen.ping_interval - chosen.ping_interval * percent / 100;
    std::mt19937_64 random(2);
    Heartbeat heart(chosen, kStart, kWhole);
    nanoseconds shortest = 1h;
    for (int beat = 0; beat < 10'000; ++beat) {
      const TimePoint due = heart.deadline();
      ASSERT_EQ(heart.poll(due - 1ns, random()), Due::kNothing);
      ASSERT_EQ(heart.poll(due, random()), Due::kPing);
      const auto begin = static_cast<std::uint64_t>(beat);
      heart.ping_sent(0, {begin, begin + 1});
      (void)heart.passed(begin + 1, due);
      heart.heard();
      const nanoseconds interval = heart.deadline() - due;
      ASSERT_LE(interval, chosen.ping_interval - chosen.ping_interval * std::min(percent, 2) / 100)
          << "two hundredths are kept for our own lateness";
      ASSERT_GE(interval, least);
      shortest = std::min(shortest, interval);
    }
    EXPECT_LE(shortest, least + 10ms) << "all of the range is used";
  }
}

TEST(Heartbeat, BeatsFromItsPreviousDueTime) {
  Beating beating;
  for (int beat = 0; beat < 1000; ++beat) {
    const nanoseconds late = beat % 2 * 100ms;
    ASSERT_EQ(beating.deadline(), beat * 10s);
    ASSERT_EQ(beating.poll(beat * 10s + late), Dues{Due::kPing});
    beating.answer(beat * 10s + late + 1ms);
  }
}

TEST(Heartbeat, SaysHowLateAPingLeft) {
  Beating beating;
  ASSERT_EQ(beating.heart.poll(kStart + 1s, kWhole), Due::kPing);
  beating.send();
  EXPECT_TRUE(beating.heart.has_unsent());
  EXPECT_EQ(beating.leave(3s), 3s);
  EXPECT_FALSE(beating.heart.has_unsent());
}

TEST(Heartbeat, SaysHowLateAPingLeftThatMissedTheNextBeat) {
  Beating beating;
  ASSERT_EQ(beating.heart.poll(kStart, kWhole), Due::kPing);
  EXPECT_EQ(beating.heart.poll(kStart + 10s, kWhole), Due::kNothing)
      << "the first still waits for a boundary";
  beating.send();
  EXPECT_EQ(beating.leave(12s), 12s);
}

TEST(Heartbeat, BeatsMissedInASleepAreNotMadeUp) {
  Beating beating;
  EXPECT_EQ(beating.poll(95s), Dues{Due::kPing});
  EXPECT_EQ(beating.deadline(), std::min<nanoseconds>(105s, 95s + 6s));
}

TEST(Heartbeat, SilenceAfterThePingIsNoticedAtTheTimeout) {
  Beating beating;
  EXPECT_EQ(beating.poll(0s), Dues{Due::kPing});
  EXPECT_EQ(beating.deadline(), 6s);
  EXPECT_EQ(beating.poll(6s - 1ns), Dues{});
  EXPECT_FALSE(beating.heart.silent());
  EXPECT_EQ(beating.poll(6s), Dues{Due::kSilent});
  EXPECT_TRUE(beating.heart.silent());
  EXPECT_EQ(beating.poll(6s), Dues{}) << "said once";
  EXPECT_EQ(beating.deadline(), 10s) << "and pinged on";
  beating.heart.heard();
  EXPECT_FALSE(beating.heart.silent());
}

TEST(Heartbeat, AnyByteDefuses) {
  Beating beating;
  (void)beating.poll(0s);
  beating.heart.heard();
  EXPECT_EQ(beating.deadline(), 10s);
  EXPECT_EQ(beating.poll(9s), Dues{});
}

TEST(Heartbeat, BytesBeforeThePingLeftProveNothing) {
  Beating beating;
  ASSERT_EQ(beating.heart.poll(kStart, kWhole), Due::kPing);
  beating.send();
  beating.heart.heard();
  beating.leave(2s);
  EXPECT_EQ(beating.poll(8s - 1ns), Dues{}) << "the timeout counts from when the ping left";
  EXPECT_EQ(beating.poll(8s), Dues{Due::kSilent});
}

TEST(Heartbeat, ALaterPingDoesNotProlongTheTimeout) {
  Settings chosen = settings();
  chosen.ping_interval = 2s;
  Beating beating(chosen);
  EXPECT_EQ(beating.poll(0s), Dues{Due::kPing});
  EXPECT_EQ(beating.poll(2s), Dues{Due::kPing});
  EXPECT_EQ(beating.poll(4s), Dues{Due::kPing});
  EXPECT_EQ(beating.poll(6s), (Dues{Due::kSilent, Due::kPing}));
  EXPECT_EQ(beating.deadline(), 8s);
}

TEST(Heartbeat, ALateWakeUpStartsTheTimeoutAgain) {
  Beating judged;
  (void)judged.poll(0s);
  EXPECT_EQ(judged.poll(6s + 3s), Dues{Due::kSilent}) << "half of the timeout late is not late";

  Beating slept;
  (void)slept.poll(0s);
  EXPECT_EQ(slept.poll(6s + 3s + 1ns), Dues{});
  EXPECT_FALSE(slept.heart.silent());
  EXPECT_EQ(slept.deadline(), 10s) << "the next beat is before the new timeout";
  EXPECT_EQ(slept.poll(10s), Dues{Due::kPing});
  EXPECT_EQ(slept.deadline(), 15s + 1ns);
  EXPECT_EQ(slept.poll(15s + 1ns), Dues{Due::kSilent});
}

TEST(Heartbeat, ALateBeatStartsTheTimeoutAgain) {
  Settings chosen = settings();
  chosen.ping_interval = 2s;
  Beating beating(chosen);
  (void)beating.poll(0s);
  EXPECT_EQ(beating.poll(5s + 1ns), Dues{Due::kPing}) << "the beat of 2 s is over 3 s late";
  EXPECT_EQ(beating.poll(7s + 1ns), Dues{Due::kPing});
  EXPECT_EQ(beating.poll(9s + 1ns), Dues{Due::kPing});
  EXPECT_EQ(beating.poll(11s + 1ns), (Dues{Due::kSilent, Due::kPing}));
}

TEST(Heartbeat, AWaitForOurselvesIsTakenBack) {
  Beating beating;
  (void)beating.poll(0s);
  EXPECT_EQ(beating.poll(6s), Dues{Due::kSilent});
  beating.heart.restart_timeout(kStart + 6s);
  EXPECT_FALSE(beating.heart.silent());
  EXPECT_EQ(beating.poll(10s), Dues{Due::kPing});
  EXPECT_EQ(beating.poll(12s - 1ns), Dues{});
  EXPECT_EQ(beating.poll(12s), Dues{Due::kSilent});
}

TEST(Heartbeat, WhoWasJudgedSilentIsSilentUntilHeard) {
  Beating beating;
  (void)beating.poll(0s);
  EXPECT_EQ(beating.poll(6s), Dues{Due::kSilent});
  EXPECT_EQ(beating.poll(10s), Dues{Due::kPing});
  EXPECT_EQ(beating.poll(16s), Dues{Due::kSilent});
  beating.heart.wait_on(kStart + 16s, 1s);
  EXPECT_TRUE(beating.heart.silent()) << "waiting for it proves nothing";
  beating.heart.heard();
  EXPECT_FALSE(beating.heart.silent());
}

TEST(Heartbeat, QuietSkipsABeatWhenThePeerWasHeard) {
  Beating beating(settings(Policy::kStrict, PingWhen::kQuiet));
  EXPECT_EQ(beating.poll(0s), Dues{Due::kPing});
  beating.heart.heard();
  EXPECT_EQ(beating.poll(10s), Dues{});
  EXPECT_EQ(beating.deadline(), 20s);
  EXPECT_EQ(beating.poll(20s), Dues{Due::kPing}) << "not heard since the beat that was skipped";

  Beating always(settings());
  (void)always.poll(0s);
  always.heart.heard();
  EXPECT_EQ(always.poll(10s), Dues{Due::kPing});
}

TEST(Heartbeat, ThePolicySaysWhetherSilenceEnds) {
  struct Row {
    Policy policy;
    bool pings, ends_when_never_answered, ends_when_answered;
  };
  for (const Row row : {Row{Policy::kOff, false, false, false}, Row{Policy::kKeepalive, true, false, false},
                        Row{Policy::kAuto, true, false, true}, Row{Policy::kStrict, true, true, true}}) {
    Beating never(settings(row.policy));
    EXPECT_EQ(never.poll(0s), row.pings ? Dues{Due::kPing} : Dues{});
    EXPECT_EQ(never.poll(6s), row.pings ? Dues{Due::kSilent} : Dues{});
    EXPECT_EQ(never.heart.may_end(), row.ends_when_never_answered);
    EXPECT_EQ(never.heart.deadline() == TimePoint::max(), !row.pings);

    Beating answered(settings(row.policy));
    (void)answered.poll(0s);
    if (row.pings) answered.answer(1s);
    EXPECT_EQ(answered.heart.answered(), row.pings);
    EXPECT_EQ(answered.heart.may_end(), row.ends_when_answered);
  }
}

TEST(Heartbeat, OnlyAPongOfOursIsAnAnswer) {
  Beating beating;
  (void)beating.poll(0s);
  const std::uint8_t foreign[] = {'h', 'i'};
  EXPECT_EQ(beating.heart.pong(foreign, kStart + 1s).result, Pong::Result::kForeign);
  EXPECT_FALSE(beating.heart.answered());
  EXPECT_EQ(beating.heart.take_missed(kStart + 6s), 1U);
  EXPECT_EQ(beating.answer(7s).result, Pong::Result::kLate);
  EXPECT_TRUE(beating.heart.answered()) << "late, but it does answer pings";
}

TEST(Heartbeat, LatencyCountsFromWhenThePingLeft) {
  Beating beating;
  ASSERT_EQ(beating.heart.poll(kStart, kWhole), Due::kPing);
  beating.send();
  beating.leave(4s);
  const Pong pong = beating.answer(5s);
  EXPECT_EQ(pong.result, Pong::Result::kMatched);
  EXPECT_EQ(pong.latency, 1s);
}

TEST(Heartbeat, SuspicionBeginsAtHalfOfTheTimeout) {
  Beating beating;
  EXPECT_FALSE(beating.heart.suspect(kStart + 100s)) << "no ping has left";
  (void)beating.poll(0s);
  EXPECT_FALSE(beating.heart.suspect(kStart + 3s));
  EXPECT_TRUE(beating.heart.suspect(kStart + 3s + 1ns));
  beating.heart.heard();
  EXPECT_FALSE(beating.heart.suspect(kStart + 5s));
}

TEST(Heartbeat, StopsForGood) {
  Beating beating;
  (void)beating.poll(0s);
  beating.heart.stop();
  EXPECT_EQ(beating.heart.deadline(), TimePoint::max());
  EXPECT_EQ(beating.poll(1h), Dues{});
  EXPECT_FALSE(beating.heart.suspect(kStart + 1h)) << "nothing is asked of a peer that can't answer";
}

TEST(Heartbeat, IsSmall) {
  EXPECT_LE(sizeof(Heartbeat), 128U);
}

}  // namespace
}  // namespace wskeep::keepalive
