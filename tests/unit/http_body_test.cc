// Where bodies end: every message is fed whole, byte by byte and at every cut, with the bytes of the next
// one behind it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/http/head.h"
#include "tests/unit/http_bytes.h"

namespace wskeep::http {
namespace {

using namespace std::string_literals;

constexpr std::size_t kLimit = 4096;
const std::string kChunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

template <typename Reader>
Reader behind_head(const std::string& head, BodyRule rule = BodyRule::kAsFramed) {
  Reader reader{kLimit, rule};
  EXPECT_EQ(reader.feed(bytes_of(head)), (Fed{Progress::kComplete, head.size()})) << reader.reason();
  return reader;
}

// Feeds a body in two pieces and gives the sum.
template <typename Reader>
Fed feed_cut(Reader& reader, std::string_view body, std::size_t cut) {
  const Fed first = reader.feed_body(bytes_of(body.substr(0, cut)));
  if (first.progress != Progress::kIncomplete) return first;
  EXPECT_EQ(first.used, cut);
  const Fed second = reader.feed_body(bytes_of(body.substr(cut)));
  return {second.progress, first.used + second.used};
}

// The outcome of feeding the body whole, after checking that every other way gives the same.
template <typename Reader>
Fed body_outcome(const std::string& head, std::string_view body) {
  Reader whole = behind_head<Reader>(head);
  const Fed expected = whole.feed_body(bytes_of(body));
  for (std::size_t cut = 0; cut <= body.size(); ++cut) {
    Reader reader = behind_head<Reader>(head);
    EXPECT_EQ(feed_cut(reader, body, cut), expected) << body << " cut at " << cut;
  }
  Reader trickled = behind_head<Reader>(head);
  Fed sum;
  for (std::size_t i = 0; i < body.size() && sum.progress == Progress::kIncomplete; ++i) {
    const Fed fed = trickled.feed_body(bytes_of(body.substr(i, 1)));
    sum = {fed.progress, sum.used + fed.used};
  }
  EXPECT_EQ(sum, expected) << body;
  return expected;
}

TEST(Body, OfKnownSizeEndsThere) {
  const std::string head = "HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\n";
  EXPECT_EQ(behind_head<AnswerReader>(head).framing(), Framing::kSized);
  EXPECT_EQ(body_outcome<AnswerReader>(head, "helloHTTP/1.1"), (Fed{Progress::kComplete, 5}));
  EXPECT_EQ(body_outcome<AnswerReader>(head, "hello"), (Fed{Progress::kComplete, 5}));
  EXPECT_EQ(body_outcome<AnswerReader>(head, "hell"), (Fed{Progress::kIncomplete, 4}));
  const std::string request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
  EXPECT_EQ(body_outcome<RequestReader>(request, "hello\r\nGET"), (Fed{Progress::kComplete, 5}));
}

TEST(Body, MayBeAbsent) {
  for (const std::string head : {
           "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
           "HTTP/1.1 204 No Content\r\n\r\n",
           "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n",
           "HTTP/1.1 100 Continue\r\n\r\n",
           "HTTP/1.1 101 Switching Protocols\r\nContent-Length: 10\r\n\r\n",
       }) {
    EXPECT_EQ(behind_head<AnswerReader>(head).framing(), Framing::kNone);
    EXPECT_EQ(body_outcome<AnswerReader>(head, "rest"), (Fed{Progress::kComplete, 0})) << head;
    EXPECT_EQ(behind_head<AnswerReader>(head).end_of_input(), Progress::kComplete);
  }
  EXPECT_EQ(body_outcome<RequestReader>("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET"),
            (Fed{Progress::kComplete, 0}));
}

TEST(Body, IsAbsentBehindTheAnswerToHead) {
  for (const std::string& head :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"s, kChunkedHead, "HTTP/1.1 200 OK\r\n\r\n"s}) {
    auto reader = behind_head<AnswerReader>(head, BodyRule::kNone);
    EXPECT_EQ(reader.framing(), Framing::kNone);
    EXPECT_EQ(reader.feed_body(bytes_of("rest")), (Fed{Progress::kComplete, 0}));
    reader.next();
    EXPECT_EQ(reader.feed(bytes_of("HTTP/1.1 200 OK\r\n\r\n")).progress, Progress::kComplete);
    EXPECT_EQ(reader.framing(), Framing::kUntilEof);
  }
}

TEST(Body, UntilTheEndOfTheStream) {
  const std::string head = "HTTP/1.1 200 OK\r\n\r\n";
  EXPECT_EQ(body_outcome<AnswerReader>(head, "hello"), (Fed{Progress::kIncomplete, 5}));
  auto reader = behind_head<AnswerReader>(head);
  EXPECT_EQ(reader.framing(), Framing::kUntilEof);
  EXPECT_EQ(reader.feed_body(bytes_of("hello")), (Fed{Progress::kIncomplete, 5}));
  EXPECT_EQ(reader.end_of_input(), Progress::kComplete);
  EXPECT_EQ(reader.feed_body(bytes_of("x")), (Fed{Progress::kComplete, 0}));
  EXPECT_EQ(behind_head<AnswerReader>(head).end_of_input(), Progress::kComplete);  // an empty one
}

TEST(Body, CutShortIsBroken) {
  for (const std::string& head : {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"s, kChunkedHead}) {
    auto reader = behind_head<AnswerReader>(head);
    EXPECT_EQ(reader.feed_body(bytes_of("5\r\nhel")), (Fed{Progress::kIncomplete, 6}));
    EXPECT_EQ(reader.end_of_input(), Progress::kBad);
    EXPECT_EQ(reader.reason(), "the stream ended inside the body");
    EXPECT_EQ(reader.feed_body(bytes_of("x")), (Fed{Progress::kBad, 0}));
  }
}

TEST(Body, InChunksEndsBehindTheTrailers) {
  for (const std::string& body : {
           "0\r\n\r\n"s,
           "5\r\nhello\r\n0\r\n\r\n"s,
           "00005\r\nhello\r\n000\r\n\r\n"s,
           "a\r\n0\r\n\r\n0\r\n\r\n\r\n1\r\n\n\r\n0\r\n\r\n"s,
           "5;name=value; other=\"quo;ted \\\" x\"\r\nhello\r\n0;last\r\n\r\n"s,
           "1\r\nx\r\n0\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n"s,
           "FF\r\n" + std::string(255, '\r') + "\r\n0\r\n\r\n",
       }) {
    EXPECT_EQ(body_outcome<AnswerReader>(kChunkedHead, body + "HTTP/1.1 200 OK\r\n\r\n"),
              (Fed{Progress::kComplete, body.size()}))
        << body;
  }
  EXPECT_EQ(behind_head<AnswerReader>(kChunkedHead).framing(), Framing::kChunked);
}

TEST(Body, InMalformedChunksIsBroken) {
  for (const std::string& body : {
           "\r\n"s,
           "x\r\n"s,
           "-1\r\n"s,
           "0x5\r\nhello\r\n"s,
           " 5\r\nhello\r\n"s,
           "5 5\r\nhello\r\n"s,
           "10000000000000000\r\n"s,
           "5\nhello\r\n"s,
           "5\rhello\r\n"s,
           "5;a=\"\nb\"\r\nhello\r\n"s,
           "5;a=\"\x01\"\r\nhello\r\n"s,
           "5;\r\nhello\r\n"s,
           "5\r\nhelloX\r\n0\r\n\r\n"s,
           "5\r\nhello\n0\r\n\r\n"s,
           "5\r\nhello0\r\n\r\n"s,
           "0\r\n\n"s,
           "0\n\r\n"s,
           "0\r\nA: b\r\n c\r\n\r\n"s,
           "0\r\nA: b\r\n\tc\r\n\r\n"s,
           "0\r\n A: b\r\n\r\n"s,
           "0\r\nA : b\r\n\r\n"s,
           "0\r\nA\r\n\r\n"s,
           "0\r\nA: \0\r\n\r\n"s,
           "0\r\nContent-Length: 5\r\n\r\n"s,
           "0\r\nTransfer-Encoding: chunked\r\n\r\n"s,
       }) {
    const std::string more = body + "0\r\n\r\n";  // what would make a good one whole
    EXPECT_EQ(body_outcome<AnswerReader>(kChunkedHead, more).progress, Progress::kBad)
        << testing::PrintToString(body);
    auto reader = behind_head<AnswerReader>(kChunkedHead);
    EXPECT_EQ(reader.feed_body(bytes_of(more)).progress, Progress::kBad);
    EXPECT_EQ(reader.reason(), "malformed chunk");
  }
}

TEST(Body, PassesNothingBehindABareCr) {
  for (const std::string& body : {"0\rX\r\n\r\n"s, "5;a\rb\r\nhello\r\n"s, "1\r\nx\rY\r\n"s,
                                  "0\r\nA: b\rC: d\r\n\r\n"s, "\rX"s, "0\r\r\n"s}) {
    const Fed fed = body_outcome<AnswerReader>(kChunkedHead, body);
    EXPECT_EQ(fed.progress, Progress::kBad) << testing::PrintToString(body);
    std::size_t cr = body.find('\r');
    while (body[cr + 1] == '\n') cr = body.find('\r', cr + 1);
    EXPECT_EQ(fed.used, cr + 2) << testing::PrintToString(body);
  }
}

TEST(Body, MayNotBringFieldsThatBelongInTheHead) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto with = [](const std::string& trailer) { return "0\r\nX: y\r\n" + trailer + ": z\r\n\r\n"; };
  for (const std::string trailer :
       {"Host", "authorization", "X-Forwarded-For", "x_forwarded_host", "Forwarded", "Connection", "Upgrade",
        "Sec-WebSocket-Key", "Cookie", "Expect"}) {
    auto reader = behind_head<RequestReader>(head);
    EXPECT_EQ(reader.feed_body(bytes_of(with(trailer))).progress, Progress::kBad) << trailer;
    EXPECT_EQ(reader.reason(), "a trailer that belongs in the head");
    EXPECT_EQ(body_outcome<RequestReader>(head, with(trailer)).progress, Progress::kBad);
  }
  for (const std::string trailer : {"X-Checksum", "Server-Timing", "Digest", "Grpc-Status", "Hosts"}) {
    EXPECT_EQ(body_outcome<RequestReader>(head, with(trailer)).progress, Progress::kComplete) << trailer;
  }
  // A backend's own affair, though its client should ignore it.
  EXPECT_EQ(body_outcome<AnswerReader>(kChunkedHead, with("Set-Cookie")).progress, Progress::kComplete);
  EXPECT_EQ(body_outcome<AnswerReader>(kChunkedHead, with("Host")).progress, Progress::kComplete);
}

TEST(Body, KeepsTheLimitOfChunkFraming) {
  const std::string extension = "1;a=" + std::string(kMaxChunkFraming, 'x');
  auto reader = behind_head<AnswerReader>(kChunkedHead);
  EXPECT_EQ(reader.feed_body(bytes_of(extension)).progress, Progress::kBad);
  EXPECT_EQ(reader.reason(), "chunk header or trailers too large");

  auto trailers = behind_head<AnswerReader>(kChunkedHead);
  EXPECT_EQ(trailers.feed_body(bytes_of("0\r\n")).progress, Progress::kIncomplete);
  Fed fed;
  for (std::size_t i = 0; i < kMaxChunkFraming && fed.progress == Progress::kIncomplete; ++i) {
    fed = trailers.feed_body(bytes_of("A: b\r\n"));
  }
  EXPECT_EQ(fed.progress, Progress::kBad);
}

TEST(Body, OfTwoExbibytesIsOnlyCounted) {
  auto reader = behind_head<AnswerReader>("HTTP/1.1 200 OK\r\nContent-Length: 2305843009213693952\r\n\r\n");
  const std::string piece(100'000, 'x');
  EXPECT_EQ(reader.feed_body(bytes_of(piece)), (Fed{Progress::kIncomplete, piece.size()}));
  auto chunked = behind_head<AnswerReader>(kChunkedHead);
  EXPECT_EQ(chunked.feed_body(bytes_of("2000000000000000\r\n" + piece)).progress, Progress::kIncomplete);
}

}  // namespace
}  // namespace wskeep::http
