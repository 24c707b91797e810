// Heads of requests and answers: one table of good ones, one of malformed ones, each fed whole, byte by
// byte and at every cut, because the outcome must not depend on how TCP cuts the stream.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "proxy/http/head.h"
#include "tests/unit/http_bytes.h"

namespace wskeep::http {
namespace {

using namespace std::string_literals;
using websocket::HeaderField;

constexpr std::size_t kLimit = 4096;

struct Outcome {
  Progress progress = Progress::kIncomplete;
  std::size_t used = 0;
  std::string reason;

  bool operator==(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  return out << "progress " << static_cast<int>(outcome.progress) << ", used " << outcome.used
             << ", reason \"" << outcome.reason << '"';
}

// Feeds the pieces one after the other, as far as the reader wants them.
template <typename Reader>
Outcome feed_pieces(Reader& reader, std::initializer_list<std::string_view> pieces) {
  Outcome outcome;
  for (const std::string_view piece : pieces) {
    if (outcome.progress != Progress::kIncomplete) break;
    const Fed fed = reader.feed(bytes_of(piece));
    outcome = {fed.progress, outcome.used + fed.used, std::string{reader.reason()}};
  }
  return outcome;
}

template <typename Reader>
Outcome feed_single_bytes(Reader& reader, std::string_view text) {
  Outcome outcome;
  for (std::size_t i = 0; i < text.size() && outcome.progress == Progress::kIncomplete; ++i) {
    const Fed fed = reader.feed(bytes_of(text.substr(i, 1)));
    outcome = {fed.progress, outcome.used + fed.used, std::string{reader.reason()}};
  }
  return outcome;
}

// The outcome of feeding the text whole, after checking that every other way of feeding it gives the same.
template <typename Reader>
Outcome outcome_of(std::string_view text, std::size_t limit = kLimit) {
  Reader whole{limit};
  Outcome expected = feed_pieces(whole, {text});
  Reader trickled{limit};
  EXPECT_EQ(feed_single_bytes(trickled, text), expected) << text;
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Reader reader{limit};
    EXPECT_EQ(feed_pieces(reader, {text.substr(0, cut), text.substr(cut)}), expected)
        << text << " cut " << cut;
    if (expected.progress != Progress::kComplete) continue;
    EXPECT_EQ(reader.head().fields, whole.head().fields);
    EXPECT_EQ(reader.raw(), whole.raw());
    EXPECT_EQ(reader.framing(), whole.framing());
  }
  return expected;
}

Outcome complete(std::size_t used) {
  return {Progress::kComplete, used, ""};
}

TEST(RequestReader, ReadsAHead) {
  const std::string text =
      "GET /chat?a=1&b={|}`^\\ HTTP/1.1\r\n"
      "Host: example.org:8880\r\n"
      "X-Spaces:\t  two  words \t\r\n"
      "X-Empty:\r\n"
      "X-Obs: \xE4\xC3\xA4\r\n"
      "\r\n";
  EXPECT_EQ(outcome_of<RequestReader>(text), complete(text.size()));
  RequestReader reader{kLimit};
  EXPECT_EQ(reader.feed(bytes_of(text)).progress, Progress::kComplete);
  EXPECT_EQ(reader.head().method, "GET");
  EXPECT_EQ(reader.head().target, "/chat?a=1&b={|}`^\\");
  EXPECT_EQ(reader.head().version, 11);
  const std::vector<HeaderField> fields{
      {"Host", "example.org:8880"}, {"X-Spaces", "two  words"}, {"X-Empty", ""}, {"X-Obs", "\xE4\xC3\xA4"}};
  EXPECT_EQ(reader.head().fields, fields);
  EXPECT_EQ(reader.raw(), text);
  EXPECT_EQ(reader.framing(), Framing::kNone);
}

TEST(RequestReader, AcceptsWhatIsLegal) {
  for (const std::string text : {
           "GET / HTTP/1.0\r\n\r\n",
           "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
           "GET / HTTP/1.1\r\nHost:\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n",
           "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
           "M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET http://A.example:81/x HTTP/1.1\r\nHost: a.example:81\r\n\r\n",
           "GET HTTPS://a?x HTTP/1.1\r\nHost: a\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive,, Upgrade\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n",
       }) {
    EXPECT_EQ(outcome_of<RequestReader>(text), complete(text.size())) << text;
  }
}

TEST(RequestReader, LeavesWhatFollowsToTheCaller) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (const std::string& rest : {"\x81\x85"s, "\r\n\r\n"s, "GET / HTTP/1.1\r\n"s, "\0\xFF"s}) {
    EXPECT_EQ(outcome_of<RequestReader>(head + rest), complete(head.size()));
  }
  RequestReader reader{kLimit};
  EXPECT_EQ(reader.feed(bytes_of(head + "rest")), (Fed{Progress::kComplete, head.size()}));
  EXPECT_EQ(reader.feed(bytes_of("rest")), (Fed{Progress::kComplete, 0}));
  EXPECT_EQ(reader.raw(), head);
}

TEST(RequestReader, SkipsOneEmptyLineBeforeARequest) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  EXPECT_EQ(outcome_of<RequestReader>("\r\n" + head), complete(head.size() + 2));
  RequestReader reader{kLimit};
  EXPECT_EQ(reader.feed(bytes_of("\r\n" + head)).progress, Progress::kComplete);
  EXPECT_EQ(reader.raw(), head);
}

struct Malformed {
  std::string text;
  std::size_t used;  // where it was seen; npos: only at the end of the head
  const char* reason;
};

constexpr std::size_t kAtEnd = std::string::npos;

template <typename Reader>
void expect_malformed(const std::vector<Malformed>& cases) {
  for (const Malformed& c : cases) {
    const std::size_t used = c.used == kAtEnd ? c.text.size() : c.used;
    EXPECT_EQ(outcome_of<Reader>(c.text + "rest"), (Outcome{Progress::kBad, used, c.reason}))
        << testing::PrintToString(c.text);
  }
}

constexpr const char* kMethod = "illegal character in the request method";
constexpr const char* kTarget = "illegal character in the request target";
constexpr const char* kVersion = "the HTTP version must be 1.0 or 1.1";
constexpr const char* kName = "illegal character in a header name";
constexpr const char* kSpace = "whitespace between a header name and its colon";
constexpr const char* kControl = "control character in a header line";
constexpr const char* kBoth = "both Content-Length and Transfer-Encoding";
constexpr const char* kLengths = "more than one Content-Length";
constexpr const char* kLength = "malformed Content-Length";
constexpr const char* kCoding = "a Transfer-Encoding other than chunked";

TEST(RequestReader, RefusesGarbageAtTheFirstByteThatShowsIt) {
  expect_malformed<RequestReader>({
      {"\x16\x03\x01\x02\x00\x01\x00"s, 1, "TLS on a port that speaks plain HTTP"},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 12, kVersion},
      {"\0\0\0"s, 1, kMethod},
      {"\xFF\xFF", 1, kMethod},
      {"\n", 1, kMethod},
      {" GET / HTTP/1.1\r\n", 1, kMethod},
      {"GET\t/ HTTP/1.1\r\n", 4, kMethod},
      {"GET\r\n", 4, kMethod},
      {"G@T / HTTP/1.1\r\n", 2, kMethod},
      {"\r\n\r\nGET / HTTP/1.1\r\n", 3, kMethod},
      {"\rGET / HTTP/1.1\r\n", 2, "bare CR"},
      {"GET  / HTTP/1.1\r\n", 5, kTarget},
      {"GET /a\tb HTTP/1.1\r\n", 7, kTarget},
      {"GET /a#b HTTP/1.1\r\n", 7, kTarget},
      {"GET /\"a HTTP/1.1\r\n", 6, kTarget},
      {"GET /<a> HTTP/1.1\r\n", 6, kTarget},
      {"GET /\xC3\xA4 HTTP/1.1\r\n", 6, kTarget},
      {"GET /\0 HTTP/1.1\r\n"s, 6, kTarget},
      {"GET /\x7F HTTP/1.1\r\n", 6, kTarget},
      {"GET /\r\n", 6, kVersion},
      {"GET / \r\n", 7, kVersion},
      {"GET / HTTP/0.9\r\n", 12, kVersion},
      {"GET / HTTP/1.2\r\n", 14, kVersion},
      {"GET / HTTP/1.10\r\n", 15, kVersion},
      {"GET / http/1.1\r\n", 7, kVersion},
      {"GET / HTTP/1.1 \r\n", 15, kVersion},
      {"GET /  HTTP/1.1\r\n", 7, kVersion},
      {"GET /a b HTTP/1.1\r\n", 8, kVersion},
      {"GET / HTTP/1.1\n", 15, "bare LF"},
      {"GET / HTTP/1.1\rX", 16, "bare CR"},
  });
}

TEST(RequestReader, RefusesMalformedFields) {
  const std::string line = "GET / HTTP/1.1\r\n";  // 16 bytes
  expect_malformed<RequestReader>({
      {line + " Host: a\r\n", 17, "folded header line"},
      {line + "\tHost: a\r\n", 17, "folded header line"},
      {line + "A: b\r\n c\r\n", 23, "folded header line"},
      {line + "A: b\r\n\tc\r\n", 23, "folded header line"},
      {line + "A:\r\n b\r\n", 21, "folded header line"},
      {line + ": b\r\n", 17, "empty header name"},
      {line + "A : b\r\n", 18, kSpace},
      {line + "A\t: b\r\n", 18, kSpace},
      {line + "A B: c\r\n", 18, kSpace},
      {line + "A\r\n", 18, "a header line without a colon"},
      {line + "A\n", 18, "a header line without a colon"},
      {line + "A\0B: c\r\n"s, 18, kName},
      {line + "A(B): c\r\n", 18, kName},
      {line + "\xC3\xA4: b\r\n", 17, kName},
      {line + "\"A\": b\r\n", 17, kName},
      {line + "A: b\0c\r\n"s, 21, kControl},
      {line + "A: \x01\r\n", 20, kControl},
      {line + "A: b\x7F\r\n", 21, kControl},
      {line + "A: b\x1B[2J\r\n", 21, kControl},
      {line + "A: b\vc\r\n", 21, kControl},
      {line + "A: b\nC: d\r\n", 21, "bare LF"},
      {line + "A: b\rC: d\r\n", 22, "bare CR"},
      {line + "A: b\r\r\n", 22, "bare CR"},
      {line + "\n", 17, "bare LF"},
      {line + "A: b\r\n\rX", 24, "bare CR"},
  });
}

TEST(RequestReader, RefusesMessagesThatCanBeReadInTwoWays) {
  const auto with = [](const std::string& lines) {
    return "POST / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n";
  };
  expect_malformed<RequestReader>({
      {with("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), kAtEnd, kBoth},
      {with("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"), kAtEnd, kBoth},
      {with("Transfer-Encoding: identity\r\nContent-Length: 1\r\n"), kAtEnd, kBoth},
      {with("Content-Length: 1\r\nContent-Length: 2\r\n"), kAtEnd, kLengths},
      {with("Content-Length: 1\r\ncontent-length: 1\r\n"), kAtEnd, kLengths},
      {with("Content-Length: 1, 1\r\n"), kAtEnd, kLengths},
      {with("Content-Length: 1, 2\r\n"), kAtEnd, kLengths},
      {with("Content-Length: -1\r\n"), kAtEnd, kLength},
      {with("Content-Length: +1\r\n"), kAtEnd, kLength},
      {with("Content-Length: 0x1\r\n"), kAtEnd, kLength},
      {with("Content-Length: 1 1\r\n"), kAtEnd, kLength},
      {with("Content-Length:\r\n"), kAtEnd, kLength},
      {with("Content-Length: ,\r\n"), kAtEnd, kLength},
      {with("Content-Length: 18446744073709551616\r\n"), kAtEnd, kLength},
      {with("Transfer-Encoding: gzip\r\n"), kAtEnd, kCoding},
      {with("Transfer-Encoding: gzip, chunked\r\n"), kAtEnd, kCoding},
      {with("Transfer-Encoding: chunked, chunked\r\n"), kAtEnd, kCoding},
      {with("Transfer-Encoding: chunked;a=b\r\n"), kAtEnd, kCoding},
      {with("Transfer-Encoding: xchunked\r\n"), kAtEnd, kCoding},
      {with("Transfer-Encoding:\r\n"), kAtEnd, kCoding},
      {with("Transfer-Encoding: \"chunked\"\r\n"), kAtEnd, kCoding},
      {with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), kAtEnd,
       "more than one Transfer-Encoding"},
      {with("Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n"), kAtEnd,
       "more than one Transfer-Encoding"},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", kAtEnd, "Transfer-Encoding in HTTP/1.0"},
      {with("Connection: a b\r\n"), kAtEnd, "malformed Connection"},
  });
}

TEST(RequestReader, KeepsTheLimitOfBytes) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  EXPECT_EQ(outcome_of<RequestReader>(head, head.size()), complete(head.size()));
  const Outcome too_large{Progress::kTooLarge, head.size(), "the head is too large"};
  EXPECT_EQ(outcome_of<RequestReader>(head + "x", head.size() - 1), too_large);
  EXPECT_EQ(outcome_of<RequestReader>(std::string(100, 'G'), head.size() - 1), too_large);
}

TEST(RequestReader, KeepsTheLimitOfFields) {
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (std::size_t i = 1; i < kMaxFields; ++i) head += "A: b\r\n";
  EXPECT_EQ(outcome_of<RequestReader>(head + "\r\n"), complete(head.size() + 2));
  const Outcome too_large{Progress::kTooLarge, head.size() + 1, "too many header fields"};
  EXPECT_EQ(outcome_of<RequestReader>(head + "A: b\r\n\r\n"), too_large);
}

TEST(RequestReader, KeepsAnotherLimitOfFields) {
  RequestReader reader{{kLimit, 2}};
  EXPECT_EQ(reader.feed(bytes_of("GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n")).progress, Progress::kComplete);
  EXPECT_FALSE(reader.too_many_fields());
  reader.next();
  const Fed fed = reader.feed(bytes_of("GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\n\r\n"));
  EXPECT_EQ(fed.progress, Progress::kTooLarge);
  EXPECT_TRUE(reader.too_many_fields());
  RequestReader small{{20, 2}};
  EXPECT_EQ(small.feed(bytes_of("GET / HTTP/1.1\r\nHost: a\r\n")).progress, Progress::kTooLarge);
  EXPECT_FALSE(small.too_many_fields());
}

TEST(RequestReader, StaysBroken) {
  RequestReader reader{kLimit};
  EXPECT_EQ(reader.feed(bytes_of("\x16")), (Fed{Progress::kBad, 1}));
  EXPECT_EQ(reader.feed(bytes_of("GET / HTTP/1.1\r\n")), (Fed{Progress::kBad, 0}));
  EXPECT_EQ(reader.end_of_input(), Progress::kBad);
  EXPECT_EQ(reader.reason(), "TLS on a port that speaks plain HTTP");
}

TEST(RequestReader, NoticesAnEndInsideTheHead) {
  RequestReader reader{kLimit};
  EXPECT_EQ(reader.feed(bytes_of("GET / HT")), (Fed{Progress::kIncomplete, 8}));
  EXPECT_EQ(reader.end_of_input(), Progress::kBad);
  EXPECT_EQ(reader.reason(), "the stream ended inside the head");
}

TEST(RequestReader, ReadsTheNextRequest) {
  const std::string first = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string both = first + "GET /2 HTTP/1.1\r\nHost: b\r\n\r\n";
  RequestReader reader{kLimit};
  EXPECT_EQ(reader.feed(bytes_of(both)), (Fed{Progress::kComplete, first.size()}));
  reader.next();
  EXPECT_EQ(reader.feed(bytes_of(both).subspan(first.size())),
            (Fed{Progress::kComplete, both.size() - first.size()}));
  EXPECT_EQ(reader.head().target, "/2");
}

TEST(RequestReader, KeepsItsViewsWhenMoved) {
  RequestReader reader{kLimit};
  EXPECT_EQ(reader.feed(bytes_of("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).progress, Progress::kComplete);
  const std::string_view target = reader.head().target;
  const RequestReader moved = std::move(reader);
  EXPECT_EQ(moved.head().target.data(), target.data());
}

TEST(AnswerReader, ReadsAHead) {
  const std::string text = "HTTP/1.1 101 Switching \xC3\xA4 Protocols\r\nUpgrade: websocket\r\n\r\n";
  EXPECT_EQ(outcome_of<AnswerReader>(text + "\x81\x05hello"), complete(text.size()));
  AnswerReader reader{kLimit};
  EXPECT_EQ(reader.feed(bytes_of(text)).progress, Progress::kComplete);
  EXPECT_EQ(reader.head().status, 101);
  EXPECT_EQ(reader.head().reason, "Switching \xC3\xA4 Protocols");
  EXPECT_EQ(reader.head().version, 11);
  EXPECT_EQ(reader.head().fields, (std::vector<HeaderField>{{"Upgrade", "websocket"}}));
  EXPECT_EQ(reader.raw(), text);
  EXPECT_FALSE(reader.head().interim());
}

TEST(AnswerReader, GoesOnBehindInterimAnswers) {
  const std::string hints = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
  const std::string final_answer = "HTTP/1.0 200 \r\nContent-Length: 0\r\n\r\n";
  const std::string both = hints + final_answer;
  AnswerReader reader{kLimit};
  EXPECT_EQ(reader.feed(bytes_of(both)), (Fed{Progress::kComplete, hints.size()}));
  EXPECT_TRUE(reader.head().interim());
  EXPECT_EQ(reader.framing(), Framing::kNone);
  reader.next();
  EXPECT_EQ(reader.feed(bytes_of(both).subspan(hints.size())),
            (Fed{Progress::kComplete, final_answer.size()}));
  EXPECT_EQ(reader.head().status, 200);
  EXPECT_EQ(reader.head().version, 10);
  EXPECT_FALSE(reader.head().interim());
}

TEST(AnswerReader, RefusesMalformedHeads) {
  expect_malformed<AnswerReader>({
      {"\x81\x05hello", 1, kVersion},
      {"\r\nHTTP/1.1 200 OK\r\n", 1, kVersion},
      {"SSH-2.0-OpenSSH_9.2\r\n", 1, kVersion},
      {"HTTP/2 200 OK\r\n", 6, kVersion},
      {"HTTP/1.1  200 OK\r\n", 10, "malformed status line"},
      {"HTTP/1.1 20 OK\r\n", 12, "malformed status line"},
      {"HTTP/1.1 2000 OK\r\n", 13, "malformed status line"},
      {"HTTP/1.1 099 OK\r\n", 10, "malformed status line"},
      {"HTTP/1.1 1O1 OK\r\n", 11, "malformed status line"},
      {"HTTP/1.1 200\r\n", 13, "malformed status line"},
      {"HTTP/1.1 200 O\0K\r\n"s, 15, kControl},
      {"HTTP/1.1 200 OK\n", 16, "bare LF"},
      {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n", 24, "folded header line"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", kAtEnd, kLengths},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", kAtEnd, kBoth},
      {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", kAtEnd, "Transfer-Encoding in HTTP/1.0"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", kAtEnd, kCoding},
  });
}

}  // namespace
}  // namespace wskeep::http
