#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "proxy/keepalive/pong_ledger.h"

namespace wskeep::keepalive {
namespace {

using namespace std::chrono_literals;
using Result = Pong::Result;

constexpr std::uint32_t kMark = 0x5eed1234;
constexpr TimePoint kStart{1000s};

std::span<const std::uint8_t> bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Pings number 0, 1, 2 ... leave one second after another.
class Ledger : public testing::Test {
 protected:
  void own(std::uint32_t count = 1) {
    for (; count > 0; --count) {
      const std::uint32_t fresh = 0xf00d0000 + number();
      payloads_.push_back(ledger_.payload(fresh));
      ledger_.sent_own(fresh, payloads_.size());
      leave();
    }
  }
  void foreign(std::string_view payload) {
    payloads_.push_back({});
    ledger_.sent_foreign(bytes(payload), payloads_.size());
    leave();
  }
  void leave() { EXPECT_EQ(ledger_.passed(payloads_.size(), left_at(number() - 1)), !full_); }
  std::uint32_t number() const { return static_cast<std::uint32_t>(payloads_.size()); }
  static TimePoint left_at(std::uint32_t number) { return kStart + number * 1s; }
  Pong pong(std::uint32_t number, TimePoint now) { return ledger_.received(payloads_.at(number), now); }
  Pong pong(std::string_view payload, TimePoint now = kStart + 10s) {
    return ledger_.received(bytes(payload), now);
  }
  // The payloads that are owed, each in brackets.
  std::string repay(TimePoint now = kStart + 10s) {
    std::string all;
    ledger_.repay(now, [&](std::span<const std::uint8_t> owed) {
      all += "(" + std::string(owed.begin(), owed.end()) + ")";
    });
    return all;
  }

  PongLedger ledger_{kMark};
  std::vector<PongLedger::Payload> payloads_;
  bool full_ = false;
};

TEST_F(Ledger, PayloadsAreMarkAndFresh) {
  const PongLedger::Payload one = ledger_.payload(1), two = ledger_.payload(2);
  EXPECT_NE(one, two);
  EXPECT_TRUE(std::equal(one.begin(), one.begin() + 4, two.begin()));
  EXPECT_NE(PongLedger(kMark + 1).payload(1), one);
}

TEST_F(Ledger, AMatchHasTheLatencyOfItsOwnPing) {
  own(3);
  for (std::uint32_t i = 0; i < 3; ++i) {
    const Pong answer = pong(i, left_at(i) + 5s);
    EXPECT_EQ(answer.result, Result::kMatched);
    EXPECT_EQ(answer.latency, 5s);
    EXPECT_EQ(answer.missed, 0U);
    EXPECT_EQ(pong(i, left_at(i) + 6s).result, Result::kLate) << "the second time";
  }
}

TEST_F(Ledger, ALaterPongAcknowledgesTheEarlierPings) {
  own(4);
  const Pong answer = pong(2, left_at(2) + 1s);
  EXPECT_EQ(answer.result, Result::kMatched);
  EXPECT_EQ(answer.latency, 1s);
  EXPECT_EQ(answer.missed, 2U);
  EXPECT_EQ(pong(0, left_at(9)).result, Result::kLate);
  EXPECT_EQ(pong(1, left_at(9)).result, Result::kLate);
  EXPECT_EQ(pong(3, left_at(3) + 2s).latency, 2s);
  EXPECT_EQ(ledger_.give_up(left_at(99), 1s), 0U);
}

TEST_F(Ledger, WhatIsNotOursIsForeign) {
  own();
  const auto received = [&](std::vector<std::uint8_t> payload) {
    return ledger_.received(payload, kStart).result;
  };
  std::vector<std::uint8_t> ours(payloads_[0].begin(), payloads_[0].end());
  EXPECT_EQ(received({}), Result::kForeign);
  EXPECT_EQ(received({1, 2, 3}), Result::kForeign);
  EXPECT_EQ(received(std::vector<std::uint8_t>(8, 0)), Result::kForeign);
  EXPECT_EQ(received(std::vector<std::uint8_t>(125, 0)), Result::kForeign);
  EXPECT_EQ(received({ours.begin(), ours.begin() + 7}), Result::kForeign);
  std::vector<std::uint8_t> changed = ours;
  changed[0] ^= 1;
  EXPECT_EQ(received(changed), Result::kForeign);
  ours.push_back(0);
  EXPECT_EQ(received(ours), Result::kForeign);
  EXPECT_FALSE(pong("unasked").answers);
  EXPECT_EQ(pong(0, kStart + 1s).result, Result::kMatched) << "none of these took the place of the answer";
}

TEST_F(Ledger, AGuessWithOurMarkProvesNothing) {
  foreign("f");
  own();
  PongLedger::Payload guess = payloads_[1];
  guess[7] ^= 1;
  EXPECT_EQ(ledger_.received(guess, kStart).result, Result::kLate);
  EXPECT_EQ(repay(), "");
  EXPECT_EQ(pong(1, kStart + 1s).result, Result::kMatched);
}

TEST_F(Ledger, AClockStartsWhenItsPingHasLeft) {
  ledger_.sent_own(42, 100);
  ledger_.sent_foreign(bytes("f"), 110);
  ledger_.sent_foreign(bytes("g"), 120);
  EXPECT_TRUE(ledger_.has_unsent());
  EXPECT_EQ(ledger_.received(ledger_.payload(42), kStart).latency, std::nullopt) << "it has not left yet";
  EXPECT_EQ(pong("f").answers, false);
  EXPECT_FALSE(ledger_.passed(99, kStart));
  EXPECT_TRUE(ledger_.passed(110, kStart + 1s));
  EXPECT_TRUE(ledger_.has_unsent());
  EXPECT_FALSE(ledger_.passed(110, kStart + 2s)) << "said once";
  EXPECT_TRUE(ledger_.passed(1000, kStart + 3s));
  EXPECT_FALSE(ledger_.has_unsent());
  EXPECT_EQ(ledger_.received(ledger_.payload(42), kStart + 5s).latency, 4s);
  EXPECT_EQ(pong("f", kStart + 5s).latency, 4s);
  EXPECT_EQ(pong("g", kStart + 5s).latency, 2s);
}

TEST_F(Ledger, PingsBeyondTheMostAreOursButUntimed) {
  constexpr auto kMost = static_cast<std::uint32_t>(PongLedger::kMost);
  own(kMost);
  full_ = true;
  own(2);
  EXPECT_FALSE(ledger_.has_unsent());
  EXPECT_EQ(pong(kMost, left_at(99)).result, Result::kLate);
  EXPECT_EQ(pong(kMost + 1, left_at(99)).result, Result::kLate);
  const Pong answer = pong(kMost - 1, left_at(99));
  EXPECT_EQ(answer.result, Result::kMatched);
  EXPECT_EQ(answer.missed, kMost - 1);
  full_ = false;
  own();  // there is room again
  EXPECT_EQ(pong(kMost + 2, left_at(99)).result, Result::kMatched);
}

TEST_F(Ledger, GivesUpWhatIsTooOld) {
  own(3);
  EXPECT_EQ(ledger_.give_up(left_at(0) + 10s - 1ns, 10s), 0U);
  EXPECT_EQ(ledger_.give_up(left_at(0) + 10s, 10s), 1U);
  EXPECT_EQ(ledger_.give_up(left_at(0) + 10s, 10s), 0U) << "counted once";
  EXPECT_EQ(pong(0, left_at(0) + 11s).result, Result::kLate);
  const Pong answer = pong(2, left_at(2) + 9s);
  EXPECT_EQ(answer.missed, 1U) << "the one that was given up is not missed twice";
  EXPECT_EQ(ledger_.give_up(left_at(99), 10s), 0U);
}

TEST_F(Ledger, AForeignPingIsTimedAndItsPongPasses) {
  for (const std::string& payload :
       {std::string(), std::string("f"), std::string(8, 'x'), std::string(125, 'y')}) {
    foreign(payload);
    EXPECT_TRUE(ledger_.awaits_foreign());
    const Pong answer = pong(payload, left_at(number() - 1) + 3s);
    EXPECT_EQ(answer.result, Result::kForeign);
    EXPECT_TRUE(answer.answers);
    EXPECT_EQ(answer.latency, 3s);
    EXPECT_FALSE(ledger_.awaits_foreign());
    EXPECT_FALSE(pong(payload).answers) << "the second time it is an unasked one";
  }
  EXPECT_EQ(repay(), "");
}

TEST_F(Ledger, AWrongPayloadAnswersNothing) {
  foreign("right");
  for (const char* const wrong : {"", "wrong", "righ", "rightt"}) {
    const Pong answer = pong(wrong);
    EXPECT_EQ(answer.result, Result::kForeign);
    EXPECT_FALSE(answer.answers);
    EXPECT_EQ(answer.latency, std::nullopt);
  }
  EXPECT_TRUE(ledger_.awaits_foreign());
}

TEST_F(Ledger, WhatAClientLeavesOutIsRepaidOnce) {
  // A client that answers only the last of what is pending.
  foreign("a");
  foreign("b");
  own();
  const Pong answer = pong(2, left_at(2) + 1s);
  EXPECT_EQ(answer.result, Result::kMatched);
  EXPECT_EQ(answer.missed, 2U);
  EXPECT_EQ(repay(), "(a)(b)");
  EXPECT_EQ(repay(), "");
  own();
  EXPECT_EQ(pong(3, left_at(3) + 1s).missed, 0U);
  EXPECT_EQ(repay(), "") << "not by a second proof either";
}

TEST_F(Ledger, AForeignPongProvesToo) {
  foreign("a");
  own();
  foreign("b");
  foreign("c");
  const Pong answer = pong("b");
  EXPECT_EQ(answer.result, Result::kForeign);
  EXPECT_EQ(answer.missed, 2U) << "a and ours";
  EXPECT_EQ(repay(), "(a)");
  EXPECT_TRUE(ledger_.awaits_foreign()) << "c";
  EXPECT_EQ(pong(1, kStart + 20s).result, Result::kLate);
}

TEST_F(Ledger, TheFirstOnlyProvesNothingAboutTheSecond) {
  own();
  foreign("a");
  EXPECT_EQ(pong(0, kStart + 2s).result, Result::kMatched);
  EXPECT_EQ(repay(), "");
  EXPECT_TRUE(ledger_.awaits_foreign());
  own();  // the proof has to be asked for
  EXPECT_EQ(pong(2, kStart + 4s).result, Result::kMatched);
  EXPECT_EQ(repay(), "(a)");
}

TEST_F(Ledger, ALateDuplicateOfWhatWasRepaidIsDroppedOnce) {
  foreign("a");
  own();
  (void)pong(1, kStart + 2s);
  ASSERT_EQ(repay(), "(a)");
  EXPECT_EQ(pong("a").result, Result::kLate);
  EXPECT_EQ(pong("a").result, Result::kForeign) << "after that it is the client's own idea";
}

TEST_F(Ledger, ADuplicateIsForgottenInTheEnd) {
  foreign("a");
  own();
  (void)pong(1, kStart + 2s);
  ASSERT_EQ(repay(kStart + 2s), "(a)");
  EXPECT_EQ(ledger_.give_up(kStart + 12s, 10s), 0U) << "it was counted as missed when it was repaid";
  EXPECT_EQ(pong("a").result, Result::kForeign);
}

TEST_F(Ledger, OfPayloadsAlikeTheOldestIsAnsweredAndUntimed) {
  foreign("");
  foreign("");
  const Pong first = pong("", kStart + 5s);
  EXPECT_EQ(first.latency, std::nullopt) << "it may be the later one's";
  EXPECT_TRUE(first.doubtful);
  const Pong second = pong("", kStart + 5s);
  EXPECT_EQ(second.latency, 4s);
  EXPECT_FALSE(second.doubtful);
  EXPECT_FALSE(pong("").answers);
}

TEST_F(Ledger, AnAnswerToANewPingIsNotTakenForADuplicate) {
  foreign("same");
  own();
  (void)pong(1, kStart + 2s);
  ASSERT_EQ(repay(), "(same)");
  foreign("same");
  EXPECT_EQ(pong("same").result, Result::kForeign) << "the backend waits for this one";
  EXPECT_EQ(pong("same").result, Result::kLate) << "and this is one too many";
}

TEST_F(Ledger, AForeignPingThatWasGivenUpIsStillRepaid) {
  foreign("a");
  own();
  EXPECT_EQ(ledger_.give_up(kStart + 30s, 10s), 2U);
  const Pong answer = pong(1, kStart + 40s);
  EXPECT_EQ(answer.result, Result::kLate);
  EXPECT_EQ(answer.latency, std::nullopt);
  EXPECT_EQ(answer.missed, 0U);
  EXPECT_EQ(repay(), "(a)");
}

TEST_F(Ledger, AForeignPingThatWasGivenUpStillGetsItsPong) {
  foreign("a");
  EXPECT_EQ(ledger_.give_up(kStart + 30s, 10s), 1U);
  EXPECT_EQ(ledger_.give_up(kStart + 30s, 10s), 0U) << "counted once";
  const Pong answer = pong("a", kStart + 40s);
  EXPECT_EQ(answer.result, Result::kForeign);
  EXPECT_TRUE(answer.answers);
  EXPECT_EQ(answer.latency, std::nullopt) << "no latency of what was counted as missed";
}

TEST_F(Ledger, WhatNobodyWaitsForMakesRoom) {
  for (std::size_t i = 0; i < PongLedger::kMost; ++i) foreign("old" + std::to_string(i));
  full_ = true;
  foreign("too much");
  EXPECT_EQ(ledger_.give_up(left_at(1) + 10s, 10s), 2U);
  full_ = false;
  foreign("new");
  EXPECT_EQ(pong("old0").answers, false) << "the oldest made room";
  EXPECT_EQ(pong("too much").answers, false);
  EXPECT_EQ(pong("new").missed, PongLedger::kMost - 2);
  EXPECT_EQ(repay(), "(old1)(old2)(old3)(old4)(old5)(old6)(old7)");
}

TEST_F(Ledger, IsSmall) {
  EXPECT_LE(sizeof(PongLedger), 16U);
}

}  // namespace
}  // namespace wskeep::keepalive
