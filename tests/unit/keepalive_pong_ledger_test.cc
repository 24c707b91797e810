#include <gtest/gtest.h>

#include <vector>

#include "proxy/keepalive/pong_ledger.h"

namespace wskeep::keepalive {
namespace {

using namespace std::chrono_literals;
using Result = Pong::Result;

constexpr std::uint32_t kMark = 0x5eed1234;
constexpr TimePoint kStart{1000s};

// Pings number 0, 1, 2 ... leave one second after another.
class Ledger : public testing::Test {
 protected:
  void send(std::uint32_t count) {
    for (; count > 0; --count) {
      const auto number = static_cast<std::uint32_t>(sent_.size());
      sent_.push_back(ledger_.next_payload(0xf00d0000 + number));
      ledger_.left(left_at(number));
    }
  }
  static TimePoint left_at(std::uint32_t number) { return kStart + number * 1s; }
  Pong pong(std::uint32_t number, TimePoint now) { return ledger_.received(sent_.at(number), now); }

  PongLedger ledger_{kMark};
  std::vector<PongLedger::Payload> sent_;
};

TEST_F(Ledger, PayloadsAreMarkAndFresh) {
  send(2);
  EXPECT_NE(sent_[0], sent_[1]);
  EXPECT_TRUE(std::equal(sent_[0].begin(), sent_[0].begin() + 4, sent_[1].begin()));
  EXPECT_NE(PongLedger(kMark + 1).next_payload(7), PongLedger(kMark).next_payload(7));
}

TEST_F(Ledger, AMatchHasTheLatencyOfItsOwnPing) {
  send(3);
  for (std::uint32_t number = 0; number < 3; ++number) {
    const Pong answer = pong(number, left_at(number) + 5s);
    EXPECT_EQ(answer.result, Result::kMatched);
    EXPECT_EQ(answer.latency, 5s);
    EXPECT_EQ(answer.missed, 0U);
    EXPECT_EQ(pong(number, left_at(number) + 6s).result, Result::kLate) << "the second time";
  }
}

TEST_F(Ledger, ALaterPongAcknowledgesTheEarlierPings) {
  send(4);
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
  send(1);
  const auto received = [&](std::vector<std::uint8_t> payload) {
    return ledger_.received(payload, kStart).result;
  };
  std::vector<std::uint8_t> ours(sent_[0].begin(), sent_[0].end());
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
  EXPECT_EQ(pong(0, kStart + 1s).result, Result::kMatched) << "none of these took the place of the answer";
}

TEST_F(Ledger, AGuessWithOurMarkProvesNothing) {
  send(1);
  PongLedger::Payload guess = sent_[0];
  guess[7] ^= 1;
  EXPECT_EQ(ledger_.received(guess, kStart).result, Result::kLate);
  EXPECT_EQ(pong(0, kStart + 1s).result, Result::kMatched);
}

TEST_F(Ledger, APingThatHasNotLeftHasNoAnswer) {
  const PongLedger::Payload waiting = ledger_.next_payload(42);
  EXPECT_EQ(ledger_.received(waiting, kStart).result, Result::kLate);
  ledger_.left(kStart);
  EXPECT_EQ(ledger_.received(waiting, kStart + 3s).latency, 3s);
}

TEST_F(Ledger, PingsBeyondTheTimedOnesAreOursButUntimed) {
  send(PongLedger::kTimed + 2);
  EXPECT_EQ(pong(PongLedger::kTimed, left_at(9)).result, Result::kLate);
  EXPECT_EQ(pong(PongLedger::kTimed + 1, left_at(9)).result, Result::kLate);
  const Pong answer = pong(PongLedger::kTimed - 1, left_at(9));
  EXPECT_EQ(answer.result, Result::kMatched);
  EXPECT_EQ(answer.missed, PongLedger::kTimed - 1);
  send(1);  // there is room again
  EXPECT_EQ(pong(PongLedger::kTimed + 2, left_at(9)).result, Result::kMatched);
}

TEST_F(Ledger, GivesUpWhatIsTooOld) {
  send(3);
  EXPECT_EQ(ledger_.give_up(left_at(0) + 10s - 1ns, 10s), 0U);
  EXPECT_EQ(ledger_.give_up(left_at(0) + 10s, 10s), 1U);
  EXPECT_EQ(ledger_.give_up(left_at(0) + 10s, 10s), 0U) << "counted once";
  EXPECT_EQ(pong(0, left_at(0) + 11s).result, Result::kLate);
  const Pong answer = pong(2, left_at(2) + 9s);
  EXPECT_EQ(answer.missed, 1U) << "the one that was given up is not missed twice";
  EXPECT_EQ(ledger_.give_up(left_at(99), 10s), 0U);
}

}  // namespace
}  // namespace wskeep::keepalive
