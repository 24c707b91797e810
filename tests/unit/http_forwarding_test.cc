// The forwarding fields: what the backend is told, and who counts as a hop.
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "proxy/http/forwarding.h"
#include "tests/unit/http_bytes.h"

namespace wskeep::http {

void PrintTo(const Hop& hop, std::ostream* out) {
  *out << hop.ip << " port " << hop.port;
}

namespace {

// What is appended for a request with these header lines.
std::string told(const std::string& lines, const ClientSide& client) {
  const std::string text = "GET / HTTP/1.1\r\nHost: a.example\r\n" + lines + "\r\n";
  RequestReader reader{4096};
  EXPECT_EQ(reader.feed(bytes_of(text)).progress, Progress::kComplete) << reader.reason();
  std::string head;
  append_forwarding(head, reader.head(), client);
  return head;
}

constexpr ClientSide kStranger{.address = "192.0.2.7"};
constexpr ClientSide kTrusted{.address = "10.0.0.1", .trusted = true};

TEST(TellsForwarding, InAnySpelling) {
  for (const char* name :
       {"X-Forwarded-For", "x-forwarded-proto", "X_FORWARDED_HOST", "x-Forwarded_for", "forwarded"}) {
    EXPECT_TRUE(is_ours(name, {})) << name;
  }
  for (const char* name :
       {"X-Forwarded", "X-Forwarded-Fort", "X-Forwarded-Fo", "X-Forwarded-Port", "Forwarded-", ""}) {
    EXPECT_FALSE(is_ours(name, {})) << name;
  }
}

TEST(AppendForwarding, BelievesNoStranger) {
  const std::string own =
      "X-Forwarded-For: 192.0.2.7\r\n"
      "X-Forwarded-Proto: http\r\n"
      "X-Forwarded-Host: a.example\r\n"
      "Forwarded: for=192.0.2.7;host=a.example;proto=http\r\n";
  EXPECT_EQ(told("", kStranger), own);
  EXPECT_EQ(
      told("X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\n"
           "Forwarded: for=127.0.0.1\r\nX_Forwarded_For: 127.0.0.1\r\n",
           kStranger),
      own);
}

TEST(AppendForwarding, GoesOnWithATrustedPeersLists) {
  struct Case {
    std::string lines;
    std::string told;
  };
  const std::string both =
      "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a.example\r\n"
      "Forwarded: for=10.0.0.1;host=a.example;proto=http\r\n";
  const std::string own_forwarded = "for=10.0.0.1;host=a.example;proto=http\r\n";
  const std::vector<Case> cases{
      {"", both},
      {"X_Forwarded_For: 127.0.0.1\r\nX-Forwarded_Proto: https\r\n", both},
      {"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b.example\r\n",
       "X-Forwarded-For: 192.0.2.7, 10.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b.example\r\n"},
      {"x-forwarded-for: 192.0.2.7, 192.0.2.8\r\nX-FORWARDED-FOR: 10.0.0.9\r\n",
       "X-Forwarded-For: 192.0.2.7, 192.0.2.8, 10.0.0.9, 10.0.0.1\r\nX-Forwarded-Proto: http\r\n"
       "X-Forwarded-Host: a.example\r\n"},
      {"X-Forwarded-For: not, an,, address\r\nX-Forwarded-For:\r\n",
       "X-Forwarded-For: not, an,, address, 10.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: "
       "a.example\r\n"},
      {"X-Forwarded-Proto: https\r\nX-Forwarded-Proto: wss\r\n",
       "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Proto: wss\r\n"
       "X-Forwarded-Host: a.example\r\n"},
      {"Forwarded: for=192.0.2.7;proto=https\r\n", "Forwarded: for=192.0.2.7;proto=https, " + own_forwarded},
      {"Forwarded: for=\"[2001:db8::1]:80\"\r\nforwarded: For=_x ; by=\"a, \\\" b\"\r\n",
       "Forwarded: for=\"[2001:db8::1]:80\", For=_x ; by=\"a, \\\" b\", " + own_forwarded},
      {"Forwarded: for=192.0.2.7\r\nX-Forwarded-For: 192.0.2.8\r\n",
       "X-Forwarded-For: 192.0.2.8, 10.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a.example\r\n"
       "Forwarded: for=192.0.2.7, " +
           own_forwarded},
  };
  for (const Case& c : cases) EXPECT_EQ(told(c.lines, kTrusted), c.told) << c.lines;
}

TEST(AppendForwarding, BeginsAnewBehindAMalformedForwarded) {
  const std::string own = "Forwarded: for=10.0.0.1;host=a.example;proto=http\r\n";
  for (const char* value :
       {"for=\"192.0.2.7", "for", "for=", "=x", "for=a b", "for=[::1]", "for=192.0.2.7:80", "for=a;;x y",
        "for=\"a\"b", "for=\"a\\\"", "for = a", "for=a=b", "\"", "f\"or=a", "for=a, b"}) {
    EXPECT_EQ(told("Forwarded: " + std::string(value) + "\r\n", kTrusted), own) << value;
  }
}

TEST(AppendForwarding, QuotesWhatMustBeQuoted) {
  const auto forwarded = [](const std::string& host, const ClientSide& client) {
    RequestHead request;
    request.fields = {{"Host", host}};
    std::string head;
    append_forwarding(head, request, client);
    return head.substr(head.find("\r\nForwarded: ") + 2);
  };
  EXPECT_EQ(forwarded("a.example:8880", {.address = "2001:db8::1", .scheme = "https"}),
            "Forwarded: for=\"[2001:db8::1]\";host=\"a.example:8880\";proto=https\r\n");
  EXPECT_EQ(forwarded("[::1]", kStranger), "Forwarded: for=192.0.2.7;host=\"[::1]\";proto=http\r\n");
  EXPECT_EQ(forwarded("a\"b\\c", kStranger), "Forwarded: for=192.0.2.7;host=\"a\\\"b\\\\c\";proto=http\r\n");
  EXPECT_EQ(forwarded("", kStranger), "Forwarded: for=192.0.2.7;proto=http\r\n");
}

TEST(AppendForwarding, TellsOfAPeerWithoutAnAddress) {
  EXPECT_EQ(told("X-Forwarded-For: 127.0.0.1\r\n", {.address = ""}),
            "X-Forwarded-Proto: http\r\nX-Forwarded-Host: a.example\r\n"
            "Forwarded: for=unknown;host=a.example;proto=http\r\n");
  EXPECT_EQ(told("X-Forwarded-For: 192.0.2.7\r\n", {.address = "", .trusted = true}),
            "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a.example\r\n");
}

TEST(AppendForwarding, NeedsNoHost) {
  std::string head;
  append_forwarding(head, RequestHead{}, kStranger);
  EXPECT_EQ(
      head,
      "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nForwarded: for=192.0.2.7;proto=http\r\n");
}

TEST(ForwardedHops, AreThoseThatAreNamed) {
  using Fields = std::vector<websocket::HeaderField>;
  struct Case {
    Fields fields;
    std::vector<Hop> hops;
  };
  const Hop nobody{};
  const std::vector<Case> cases{
      {{}, {}},
      {{{"X-Forwarded-For", ""}}, {}},
      {{{"x-forwarded-for", "192.0.2.7"}}, {{"192.0.2.7"}}},
      {{{"X-Forwarded-For", "192.0.2.7, 2001:db8::1"}, {"X-Forwarded-For", "10.0.0.1"}},
       {{"192.0.2.7"}, {"2001:db8::1"}, {"10.0.0.1"}}},
      {{{"X-Forwarded-For", "192.0.2.7:1234,[2001:db8::1],[2001:db8::1]:80"}},
       {{"192.0.2.7", 1234}, {"2001:db8::1"}, {"2001:db8::1", 80}}},
      {{{"X-Forwarded-For", "unknown, , [::1"}}, {{"unknown"}, nobody, nobody}},
      {{{"X-Forwarded-For", "192.0.2.7:99999"}}, {{"192.0.2.7", 0}}},
      {{{"X-Forwarded-For", "a"}, {"Forwarded", "for=192.0.2.7"}}, {{"a"}}},
      {{{"Forwarded", "for=192.0.2.7;proto=https, FOR=\"[2001:db8::1]:80\";by=x"},
        {"forwarded", "for=10.0.0.1"}},
       {{"192.0.2.7"}, {"2001:db8::1", 80}, {"10.0.0.1"}}},
      {{{"Forwarded", "proto=https, for=_hidden, for=unknown"}}, {nobody, {"_hidden"}, {"unknown"}}},
      {{{"Forwarded", ", ;, for=192.0.2.7; ,"}}, {{"192.0.2.7"}}},
      {{{"Forwarded", "for=192.0.2.7"}, {"Forwarded", "for=\"10.0.0.1"}}, {}},
      {{{"X_Forwarded_For", "192.0.2.7"}}, {}},
  };
  for (const Case& c : cases) EXPECT_EQ(forwarded_hops(c.fields), c.hops) << testing::PrintToString(c.hops);
}

}  // namespace
}  // namespace wskeep::http
