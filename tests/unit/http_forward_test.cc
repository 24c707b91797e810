#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "proxy/http/forward.h"
#include "tests/unit/http_bytes.h"

namespace wskeep::http {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kForwarded =
    "X-Forwarded-For: 192.0.2.7\r\n"
    "X-Forwarded-Proto: http\r\n"
    "X-Forwarded-Host: a.example\r\n"
    "Forwarded: for=192.0.2.7;host=a.example;proto=http\r\n";

// What becomes of an upgrade request with these header lines, without the request line and the lines that
// always end the head.
std::string forwarded(const std::string& lines) {
  const std::string text = "GET /x?y HTTP/1.1\r\n" + lines + "\r\n";
  RequestReader reader{4096};
  EXPECT_EQ(reader.feed(bytes_of(text)).progress, Progress::kComplete) << reader.reason();
  const std::string head = upgrade_head(reader.head(), {.address = "192.0.2.7"});
  const std::string first = "GET /x?y HTTP/1.1\r\n";
  const std::string last = std::string{kForwarded} + "\r\n";
  EXPECT_TRUE(head.starts_with(first)) << head;
  EXPECT_TRUE(head.ends_with(last)) << head;
  return head.substr(first.size(), head.size() - first.size() - last.size());
}

std::string refused(const std::string& text) {
  AnswerReader reader{4096};
  EXPECT_EQ(reader.feed(bytes_of(text)).progress, Progress::kComplete) << reader.reason();
  return answer_head(reader.head(), Then::kClose);
}

TEST(UpgradeHead, KeepsFieldsAndOrder) {
  const std::string lines =
      "Host: a.example\r\n"
      "Upgrade: websocket\r\n"
      "Connection: Upgrade\r\n"
      "sec-websocket-KEY: dGhlIHNhbXBsZSBub25jZQ==\r\n"
      "Origin: http://a.example\r\n"
      "Cookie: a=1\r\n"
      "Cookie: b=2; c=\"\xC3\xA4\"\r\n"
      "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
      "X-Empty: \r\n"
      "Sec-WebSocket-Version: 13\r\n";
  EXPECT_EQ(forwarded(lines), lines);
}

TEST(UpgradeHead, OnlyWeTellWhoseCertificateTheClientHasShown) {
  const std::string text =
      "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: upgrade, X-Subject\r\nUpgrade: websocket\r\n"
      "X-Subject: CN=forged\r\nx_subject: CN=forged\r\nX_Other-Subject: CN=forged\r\nX-Subject2: "
      "kept\r\n\r\n";
  RequestReader reader{4096};
  ASSERT_EQ(reader.feed(bytes_of(text)).progress, Progress::kComplete);
  constexpr std::string_view kFields[] = {"X-Other-Subject", "X-Subject"};
  ClientSide client{.address = "192.0.2.7", .scheme = "https", .certificate_fields = kFields};
  for (const bool trusted : {false, true}) {
    client.trusted = trusted;
    client.certificate_field = "X-Subject";
    client.certificate_subject = "";
    for (const std::string& head :
         {upgrade_head(reader.head(), client), request_head(reader.head(), client)}) {
      EXPECT_THAT(head, Not(HasSubstr("forged")));
      EXPECT_THAT(head, Not(HasSubstr("X-Subject:")));
      EXPECT_THAT(head, HasSubstr("\r\nX-Subject2: kept\r\n"));
    }
    client.certificate_subject = "CN=alice";
    for (const std::string& head :
         {upgrade_head(reader.head(), client), request_head(reader.head(), client)}) {
      EXPECT_THAT(head, Not(HasSubstr("forged")));
      EXPECT_TRUE(head.ends_with("\r\nX-Subject: CN=alice\r\n\r\n"));
    }
  }
}

TEST(UpgradeHead, IsReadBackAsWritten) {
  const std::string text =
      "GET / HTTP/1.1\r\nHost:\ta.example \r\nConnection: x, upgrade\r\nUpgrade: websocket\r\n\r\n";
  RequestReader reader{4096};
  ASSERT_EQ(reader.feed(bytes_of(text)).progress, Progress::kComplete);
  const std::string head = upgrade_head(reader.head(), {.address = "2001:db8::1", .scheme = "https"});
  RequestReader backend{4096};
  const Fed fed = backend.feed(bytes_of(head));
  EXPECT_EQ(fed, (Fed{Progress::kComplete, head.size()})) << backend.reason();
  const std::vector<websocket::HeaderField> fields{
      {"Host", "a.example"},
      {"Connection", "Upgrade"},
      {"Upgrade", "websocket"},
      {"X-Forwarded-For", "2001:db8::1"},
      {"X-Forwarded-Proto", "https"},
      {"X-Forwarded-Host", "a.example"},
      {"Forwarded", "for=\"[2001:db8::1]\";host=a.example;proto=https"}};
  EXPECT_EQ(backend.head().fields, fields);
}

TEST(UpgradeHead, LetsOnlyWebsocketBeChosen) {
  EXPECT_EQ(forwarded("Host: a.example\r\n"
                      "upgrade: h2c\r\n"
                      "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
                      "connection: Upgrade, HTTP2-Settings\r\n"
                      "Upgrade: websocket\r\n"
                      "Connection: keep-alive\r\n"),
            "Host: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
}

TEST(UpgradeHead, DropsHopByHopFields) {
  EXPECT_EQ(forwarded("Host: a.example\r\n"
                      "Connection: Upgrade, X-Hop,, close\r\n"
                      "Keep-Alive: timeout=5\r\n"
                      "Proxy-Connection: keep-alive\r\n"
                      "TE: trailers\r\n"
                      "Trailer: X\r\n"
                      "x-hop: 1\r\n"
                      "X-Hop: 2\r\n"
                      "X-Stays: 3\r\n"),
            "Host: a.example\r\nConnection: Upgrade\r\nX-Stays: 3\r\n");
}

TEST(UpgradeHead, ConnectionCannotStripWhatOthersRelyOn) {
  const std::string kept =
      "Host: a.example\r\n"
      "Sec-WebSocket-Key: k\r\n"
      "Sec-WebSocket-Protocol: p\r\n"
      "Sec-Fetch-Site: cross-site\r\n"
      "X-Forwarded-Port: 1\r\n"
      "Origin: http://evil.example\r\n"
      "Authorization: Basic x\r\n"
      "Cookie: a=1\r\n"
      "Content-Length: 0\r\n";
  EXPECT_EQ(
      forwarded("Connection: Upgrade, Host, sec-websocket-key, Sec-WebSocket-Protocol, Sec-Fetch-Site\r\n"
                "Connection: x-forwarded-for, X-Forwarded-Host, X-Forwarded-Proto, x-forwarded-port\r\n"
                "Connection: origin, authorization, cookie, content-length, connection, upgrade\r\n" +
                kept),
      "Connection: Upgrade\r\n" + kept);
}

TEST(UpgradeHead, BelievesNobodyAboutForwarding) {
  EXPECT_EQ(forwarded("X-Forwarded-For: 127.0.0.1\r\n"
                      "x-forwarded-proto: https\r\n"
                      "X-FORWARDED-HOST: evil.example\r\n"
                      "X_Forwarded_For: 127.0.0.1\r\n"
                      "X-Forwarded_Host: evil.example\r\n"
                      "Forwarded: for=127.0.0.1\r\n"
                      "Host: a.example\r\n"
                      "X-Forwarded-Forms: 7\r\n"),
            "Host: a.example\r\nX-Forwarded-Forms: 7\r\n");
}

TEST(AnswerHeadForClient, KeepsTheAnswerAndClosesTheConnection) {
  EXPECT_EQ(refused("HTTP/1.1 401 No Way\r\n"
                    "WWW-Authenticate: Basic\r\n"
                    "Connection: keep-alive, X-Hop\r\n"
                    "Keep-Alive: timeout=5\r\n"
                    "X-Hop: 1\r\n"
                    "Upgrade: h2c\r\n"
                    "Transfer-Encoding: chunked\r\n"
                    "Trailer: X-Sum\r\n"
                    "Set-Cookie: a=1\r\n"
                    "Set-Cookie: b=2\r\n"
                    "\r\n"),
            "HTTP/1.1 401 No Way\r\n"
            "WWW-Authenticate: Basic\r\n"
            "Transfer-Encoding: chunked\r\n"
            "Trailer: X-Sum\r\n"
            "Set-Cookie: a=1\r\n"
            "Set-Cookie: b=2\r\n"
            "Connection: close\r\n"
            "\r\n");
}

TEST(AnswerHeadForClient, ConnectionCannotStripTheFraming) {
  EXPECT_EQ(refused("HTTP/1.1 200 OK\r\nConnection: content-length, set-cookie\r\nContent-Length: 3\r\n"
                    "Set-Cookie: a\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nSet-Cookie: a\r\nConnection: close\r\n\r\n");
}

TEST(AnswerHeadForClient, SpeaksOurVersion) {
  EXPECT_EQ(refused("HTTP/1.0 500 \r\n\r\n"), "HTTP/1.1 500 \r\nConnection: close\r\n\r\n");
}

TEST(AnswerHeadForClient, Of426SaysWhatToUpgradeTo) {
  EXPECT_EQ(refused("HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    "Sec-WebSocket-Version: 13\r\n\r\n"),
            "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Connection: Upgrade, close\r\n\r\n");
  EXPECT_EQ(refused("HTTP/1.1 426 Upgrade Required\r\n\r\n"),
            "HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\n\r\n");
}

TEST(AnswerHeadForClient, SaysWhatBecomesOfTheConnection) {
  AnswerReader reader{4096};
  ASSERT_EQ(reader.feed(bytes_of("HTTP/1.1 204 None\r\nConnection: close\r\nX: 1\r\n\r\n")).progress,
            Progress::kComplete);
  EXPECT_EQ(answer_head(reader.head(), Then::kKeep), "HTTP/1.1 204 None\r\nX: 1\r\n\r\n");
  EXPECT_EQ(answer_head(reader.head(), Then::kKeepOld),
            "HTTP/1.1 204 None\r\nX: 1\r\nConnection: keep-alive\r\n\r\n");
}

std::string requested(const std::string& text) {
  RequestReader reader{4096};
  EXPECT_EQ(reader.feed(bytes_of(text)).progress, Progress::kComplete) << reader.reason();
  return request_head(reader.head(), {.address = "192.0.2.7"});
}

TEST(RequestHeadForBackend, KeepsWhatFramesTheBody) {
  EXPECT_EQ(requested("POST /a?b HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n"
                      "Expect: 100-continue\r\nConnection: transfer-encoding, host\r\n\r\n"),
            "POST /a?b HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n"
            "Expect: 100-continue\r\n" +
                std::string{kForwarded} + "\r\n");
}

TEST(RequestHeadForBackend, SpellsChunkedInOneWay) {
  EXPECT_EQ(requested("POST / HTTP/1.1\r\nHost: a.example\r\ntransfer-encoding:\tcHUNKED \r\n\r\n"),
            "POST / HTTP/1.1\r\nHost: a.example\r\ntransfer-encoding: chunked\r\n" + std::string{kForwarded} +
                "\r\n");
}

TEST(RequestHeadForBackend, OffersNoOtherProtocol) {
  EXPECT_EQ(requested("GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                      "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"),
            "GET / HTTP/1.1\r\nHost: a.example\r\n" + std::string{kForwarded} + "\r\n");
}

TEST(RequestHeadForBackend, StaysOldWhenItIs) {
  EXPECT_EQ(
      requested("GET / HTTP/1.0\r\nHost: a.example\r\nConnection: Keep-Alive\r\n\r\n"),
      "GET / HTTP/1.0\r\nHost: a.example\r\nConnection: keep-alive\r\n" + std::string{kForwarded} + "\r\n");
  EXPECT_EQ(requested("GET / HTTP/1.0\r\nHost: a.example\r\n\r\n"),
            "GET / HTTP/1.0\r\nHost: a.example\r\n" + std::string{kForwarded} + "\r\n");
}

TEST(Persists, ByVersionAndConnection) {
  struct Row {
    int version;
    std::string_view connection;
    bool persists;
  };
  for (const Row& row : std::initializer_list<Row>{{11, "", true},
                                                   {11, "close", false},
                                                   {11, "keep-alive, Close", false},
                                                   {10, "", false},
                                                   {10, "keep-alive", true},
                                                   {10, "keep-alive, close", false}}) {
    const std::vector<websocket::HeaderField> fields{{"Connection", row.connection}};
    EXPECT_EQ(persists(row.version, fields), row.persists) << row.version << " " << row.connection;
  }
}

}  // namespace
}  // namespace wskeep::http
