#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "proxy/relay/admission.h"

namespace wskeep::relay {
namespace {

using net::SocketAddress;
using Place = Admission::Place;
using Verdict = Admission::Verdict;

SocketAddress address_of(const std::string& text, std::uint16_t port = 1) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    return {reinterpret_cast<const sockaddr*>(&v4), sizeof v4};
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr), 1) << text;
  return {reinterpret_cast<const sockaddr*>(&v6), sizeof v6};
}

class AdmissionTest : public testing::Test {
 protected:
  Verdict ask(const std::string& client) {
    Admission::Answer answer = admission.ask(address_of(client), limits);
    if (answer.verdict == Verdict::kAdmitted) places.push_back(std::move(answer.place));
    return answer.verdict;
  }

  config::Limits limits;
  Admission admission;
  std::vector<Place> places;
};

TEST_F(AdmissionTest, WithoutLimitsEverybodyIsCountedAndNobodyRemembered) {
  for (int i = 0; i < 1'000; ++i) ASSERT_EQ(ask("192.0.2." + std::to_string(i % 256)), Verdict::kAdmitted);
  EXPECT_EQ(admission.sessions(), 1'000U);
  EXPECT_EQ(admission.clients(), 0U);
  places.clear();
  EXPECT_EQ(admission.sessions(), 0U);
}

TEST_F(AdmissionTest, InTotal) {
  limits.sessions = 3;
  for (int i = 0; i < 3; ++i) ASSERT_EQ(ask("192.0.2.1"), Verdict::kAdmitted);
  EXPECT_EQ(ask("192.0.2.2"), Verdict::kFull);
  places.pop_back();
  EXPECT_EQ(ask("192.0.2.2"), Verdict::kAdmitted);
  EXPECT_EQ(ask("192.0.2.2"), Verdict::kFull);
}

TEST_F(AdmissionTest, OfOneClient) {
  limits.sessions_per_client = 2;
  ASSERT_EQ(ask("192.0.2.1"), Verdict::kAdmitted);
  ASSERT_EQ(ask("192.0.2.1"), Verdict::kAdmitted);
  EXPECT_EQ(ask("192.0.2.1"), Verdict::kFullOfClient);
  EXPECT_EQ(ask("192.0.2.2"), Verdict::kAdmitted);
  EXPECT_EQ(admission.clients(), 2U);
  places.erase(places.begin());
  EXPECT_EQ(ask("192.0.2.1"), Verdict::kAdmitted);
  EXPECT_EQ(ask("192.0.2.1"), Verdict::kFullOfClient);
  places.clear();
  EXPECT_EQ(admission.clients(), 0U) << "who has no session is forgotten";
}

TEST_F(AdmissionTest, WhoIsRefusedTakesNoPlace) {
  limits = {.sessions = 2, .sessions_per_client = 1};
  ASSERT_EQ(ask("192.0.2.1"), Verdict::kAdmitted);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask("192.0.2.1"), Verdict::kFullOfClient);
  ASSERT_EQ(ask("192.0.2.2"), Verdict::kAdmitted);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask("192.0.2.3"), Verdict::kFull);
  EXPECT_EQ(admission.sessions(), 2U);
  EXPECT_EQ(admission.clients(), 2U);
}

TEST_F(AdmissionTest, WhoIsOneClient) {
  limits.sessions_per_client = 1;
  struct Case {
    const char* first;
    const char* second;
    bool same;
  };
  const Case cases[] = {
      {"192.0.2.1", "192.0.2.1", true},
      {"192.0.2.1", "192.0.2.2", false},
      {"192.0.2.1", "::ffff:192.0.2.1", true},  // on a dual-stack listener
      {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
      {"2001:db8::1", "2001:db8::1", true},
      {"2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
      {"2001:db8::1", "2001:db8:0:1::1", false},
      {"192.0.2.1", "2001:db8::1", false},
      {"::1", "127.0.0.1", false},
  };
  for (const Case& row : cases) {
    places.clear();
    ASSERT_EQ(ask(row.first), Verdict::kAdmitted);
    EXPECT_EQ(ask(row.second), row.same ? Verdict::kFullOfClient : Verdict::kAdmitted)
        << row.first << " and " << row.second;
  }
}

TEST_F(AdmissionTest, WithoutAnAddressOnlyTheTotalCounts) {
  limits = {.sessions = 3, .sessions_per_client = 1};
  std::vector<Admission::Answer> held;
  for (int i = 0; i < 3; ++i) held.push_back(admission.ask(SocketAddress(), limits));
  EXPECT_EQ(held.back().verdict, Verdict::kAdmitted);
  EXPECT_EQ(admission.ask(SocketAddress(), limits).verdict, Verdict::kFull);
}

// Those that began before a limit was set don't count for their client, and give back what they took.
TEST_F(AdmissionTest, LimitsMayChangeMeanwhile) {
  ASSERT_EQ(ask("192.0.2.1"), Verdict::kAdmitted);
  limits.sessions_per_client = 1;
  ASSERT_EQ(ask("192.0.2.1"), Verdict::kAdmitted);
  EXPECT_EQ(ask("192.0.2.1"), Verdict::kFullOfClient);
  limits = {};
  ASSERT_EQ(ask("192.0.2.1"), Verdict::kAdmitted);
  places.clear();
  EXPECT_EQ(admission.sessions(), 0U);
  EXPECT_EQ(admission.clients(), 0U);
}

TEST_F(AdmissionTest, APlaceIsGivenBackOnce) {
  limits.sessions_per_client = 9;
  ASSERT_EQ(ask("192.0.2.1"), Verdict::kAdmitted);
  Place moved = std::move(places[0]);
  places.clear();
  EXPECT_EQ(admission.sessions(), 1U);
  moved = Place();
  EXPECT_EQ(admission.sessions(), 0U);

  Admission::Answer answer = admission.ask(address_of("192.0.2.1"), limits);
  const Admission::PlaceId kept = answer.place.keep();
  answer.place = {};
  EXPECT_EQ(admission.sessions(), 1U);
  admission.leave(kept);
  admission.leave(Admission::kNoPlace);
  EXPECT_EQ(admission.sessions(), 0U);
}

// Against a book that counts in the simplest way.
TEST_F(AdmissionTest, ManyComeAndGo) {
  limits = {.sessions = 300, .sessions_per_client = 7};
  std::mt19937_64 dice{1};
  std::map<std::string, std::size_t> book;
  std::vector<std::string> who;
  for (int step = 0; step < 100'000; ++step) {
    if (!places.empty() && dice() % 2 == 0) {
      const std::size_t leaves = dice() % places.size();
      if (--book[who[leaves]] == 0) book.erase(who[leaves]);
      std::swap(places[leaves], places.back());
      std::swap(who[leaves], who.back());
      places.pop_back();
      who.pop_back();
    } else {
      const std::string client = "192.0.2." + std::to_string(dice() % 100);
      const Verdict verdict = ask(client);
      const auto found = book.find(client);
      const Verdict expected = who.size() == 300                           ? Verdict::kFull
                               : found != book.end() && found->second == 7 ? Verdict::kFullOfClient
                                                                           : Verdict::kAdmitted;
      ASSERT_EQ(verdict, expected) << "step " << step;
      if (verdict != Verdict::kAdmitted) continue;
      ++book[client];
      who.push_back(client);
    }
    ASSERT_EQ(admission.sessions(), places.size());
    ASSERT_EQ(admission.clients(), book.size());
  }
}

TEST_F(AdmissionTest, FromManyThreads) {
  limits = {.sessions = 100, .sessions_per_client = 10};
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.emplace_back([this, seed] {
      std::mt19937_64 dice{seed};
      std::vector<Place> mine;
      for (int step = 0; step < 10'000; ++step) {
        const auto client = address_of("192.0.2." + std::to_string(dice() % 20));
        Admission::Answer answer = admission.ask(client, limits);
        if (answer.verdict == Verdict::kAdmitted) mine.push_back(std::move(answer.place));
        if (mine.size() > dice() % 40) mine.erase(mine.begin());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(admission.sessions(), 0U);
  EXPECT_EQ(admission.clients(), 0U);
}

}  // namespace
}  // namespace wskeep::relay
