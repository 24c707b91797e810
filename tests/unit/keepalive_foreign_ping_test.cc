// What the pings of the other peer, which pass through, mean for a heartbeat.
#include <string>

#include "tests/unit/keepalive_fixture.h"

namespace wskeep::keepalive {
namespace {

TEST(ForeignPing, AForeignPingIsABeat) {
  Beating beating;
  EXPECT_EQ(beating.poll(0s), Dues{Due::kPing});
  beating.answer(1s);
  beating.pass_on("f", 7s);
  EXPECT_EQ(beating.leave(8s), std::nullopt) << "the lateness of others isn't ours";
  EXPECT_EQ(beating.deadline(), 14s) << "the timeout counts from when it left";
  const Pong pong = beating.answer("f", 9s);
  EXPECT_EQ(pong.result, Pong::Result::kForeign);
  EXPECT_EQ(pong.latency, 1s);
  EXPECT_EQ(beating.deadline(), 17s) << "and the interval from when it passed";
}

TEST(ForeignPing, SilenceAfterAForeignPingIsSilence) {
  Beating beating;
  EXPECT_EQ(beating.poll(0s), Dues{Due::kPing});
  beating.answer(1s);
  for (const nanoseconds at : {3s, 5s, 7s}) {
    beating.pass_on("f", at);
    beating.leave(at);
  }
  EXPECT_EQ(beating.poll(9s - 1ns), Dues{});
  EXPECT_EQ(beating.poll(9s), Dues{Due::kSilent});
  EXPECT_TRUE(beating.heart.may_end());
  EXPECT_EQ(beating.heart.take_missed(kStart + 9s), 1U);
}

TEST(ForeignPing, AnAnswerToAForeignPingIsAnAnswer) {
  Beating beating(settings(Policy::kAuto));
  beating.pass_on("f", 0s);
  beating.leave(0s);
  beating.answer("other", 1s);
  EXPECT_FALSE(beating.heart.answered());
  beating.answer("f", 1s);
  EXPECT_TRUE(beating.heart.answered());
}

TEST(ForeignPing, AForeignPingThatWaitsToLeaveStandsForTheBeat) {
  Beating beating;
  beating.pass_on("f", 0s);
  EXPECT_EQ(beating.poll(10s), Dues{});
  beating.leave(11s);
  EXPECT_EQ(beating.poll(20s), (Dues{Due::kSilent, Due::kPing}));
}

TEST(ForeignPing, AForeignPingStandsForTheOneThatWaitsForABoundary) {
  Beating beating;
  ASSERT_EQ(beating.heart.poll(kStart, kWhole), Due::kPing);
  beating.pass_on("f", 1s);
  beating.leave(1s);
  EXPECT_EQ(beating.deadline(), 7s);
  beating.answer("f", 2s);
  EXPECT_EQ(beating.poll(11s), Dues{Due::kPing}) << "the first one was withdrawn";
}

TEST(ForeignPing, UnderOffForeignPingsAreNotWatched) {
  Beating beating(settings(Policy::kOff));
  beating.pass_on("f", 0s);
  EXPECT_FALSE(beating.heart.has_unsent());
  EXPECT_EQ(beating.heart.deadline(), TimePoint::max());
  EXPECT_FALSE(beating.answer("f", 1s).answers);
}

// A client that answers only the first of two pings answers ours and leaves the backend's out.
TEST(ForeignPing, AProbeAsksWhetherAForeignPingWasRead) {
  struct Row {
    nanoseconds answered_at, probed_at;
  };
  for (const Row row : {Row{10ms, 110ms}, Row{50ms, 150ms}, Row{200ms, 600ms}}) {
    Beating beating;
    EXPECT_EQ(beating.poll(0s), Dues{Due::kPing});
    beating.pass_on("f", 1ms);
    beating.leave(1ms);
    beating.answer(row.answered_at);
    EXPECT_EQ(beating.deadline(), row.probed_at);
    EXPECT_EQ(beating.poll(row.probed_at - 1ns), Dues{});
    EXPECT_EQ(beating.poll(row.probed_at), Dues{Due::kPing});
    EXPECT_EQ(beating.answer(row.probed_at + 1ms).missed, 1U);
    EXPECT_EQ(beating.deadline(), row.probed_at + 10s) << "the probe was a beat";
    std::string repaid;
    beating.heart.repay(kStart + 1s,
                        [&](std::span<const std::uint8_t> owed) { repaid.assign(owed.begin(), owed.end()); });
    EXPECT_EQ(repaid, "f");
  }
}

TEST(ForeignPing, NoProbeOnceTheForeignPingIsAnswered) {
  Beating beating;
  EXPECT_EQ(beating.poll(0s), Dues{Due::kPing});
  beating.pass_on("f", 1ms);
  beating.leave(1ms);
  beating.answer(10ms);
  beating.answer("f", 20ms);
  EXPECT_EQ(beating.poll(5s), Dues{});
  EXPECT_EQ(beating.deadline(), 10s + 1ms);
}

// A peer that speaks and never answers leaves the ledger full; when it dies, that must not hide it.
TEST(ForeignPing, SilenceCountsFromOneThatTheLedgerHasNoRoomFor) {
  Beating beating;
  for (std::size_t i = 0; i < PongLedger::kMost; ++i) beating.pass_on("f" + std::to_string(i), 0s);
  beating.leave(0s);
  beating.heart.heard();
  beating.pass_on("g", 1s);
  EXPECT_TRUE(beating.heart.has_unsent());
  beating.leave(2s);
  EXPECT_FALSE(beating.heart.has_unsent());
  EXPECT_EQ(beating.poll(8s - 1ns), Dues{});
  EXPECT_EQ(beating.poll(8s), Dues{Due::kSilent});
}

// Their number has no bound: each would ask for the next.
TEST(ForeignPing, APongThatAnswersNoPingOfOursAsksForNoProbe) {
  Beating beating;
  EXPECT_EQ(beating.poll(0s), Dues{Due::kPing});
  const std::string answered(beating.payload.begin(), beating.payload.end());
  beating.answer(1ms);
  beating.pass_on("f", 2ms);
  beating.leave(2ms);
  std::string damaged = answered;
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  for (const std::string& pong : {answered, damaged}) {
    EXPECT_EQ(beating.answer(pong, 10ms).result, Pong::Result::kLate);
    EXPECT_EQ(beating.poll(9s), Dues{});
  }
}

// Many servers' pings are all alike. Once a peer has left one out, each pong would be taken for the one
// before and its latency be an interval too long, for ever.
TEST(ForeignPing, OfSeveralAlikeNobodyKnowsWhichWasAnsweredUntilAProbe) {
  Beating beating;
  beating.pass_on("", 0s);
  beating.pass_on("", 3s);
  beating.leave(3s);
  const Pong doubtful = beating.answer("", 4s);
  EXPECT_EQ(doubtful.result, Pong::Result::kForeign);
  EXPECT_EQ(doubtful.latency, std::nullopt);
  EXPECT_EQ(beating.deadline(), 4s + 100ms);
  EXPECT_EQ(beating.poll(4s + 100ms), Dues{Due::kPing});
  EXPECT_EQ(beating.answer(4s + 200ms).missed, 1U);
  int repaid = 0;
  beating.heart.repay(kStart + 5s, [&](std::span<const std::uint8_t>) { ++repaid; });
  EXPECT_EQ(repaid, 1);
  beating.pass_on("", 6s);
  beating.leave(6s);
  EXPECT_EQ(beating.answer("", 7s).latency, 1s) << "what was repaid confuses no more";
}

TEST(ForeignPing, APingThatWaitedForABoundaryIsTheProbe) {
  Beating beating;
  beating.pass_on("", 0s);
  beating.pass_on("", 0s);
  beating.leave(0s);
  beating.heart.heard();
  ASSERT_EQ(beating.heart.poll(kStart + 10s, kWhole), Due::kPing);
  EXPECT_TRUE(beating.answer("", 10s).doubtful);
  beating.send();
  beating.leave(10s + 50ms);
  EXPECT_EQ(beating.poll(10s + 200ms), Dues{});
}

TEST(ForeignPing, NoProbeWhenTheBackendPingsAlone) {
  Beating beating;
  beating.pass_on("f", 0s);
  beating.pass_on("g", 1s);
  beating.leave(1s);
  beating.answer("f", 2s);
  EXPECT_EQ(beating.deadline(), 11s)
      << "what the client leaves out of the backend's own it would leave out anyway";
}

}  // namespace
}  // namespace wskeep::keepalive
