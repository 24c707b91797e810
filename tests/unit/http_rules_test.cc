// What a well-formed head may still not say: tables of sites, lengths and trailers, each through a reader.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/http/rules.h"
#include "tests/unit/http_bytes.h"

namespace wskeep::http {
namespace {

constexpr std::size_t kLimit = 4096;

// The reader's reason for refusing a request, or "" when it takes it.
std::string fault(const std::string& text) {
  RequestReader reader{kLimit};
  const Fed fed = reader.feed(bytes_of(text));
  EXPECT_EQ(fed.used, text.size()) << text;
  EXPECT_EQ(fed.progress, reader.reason().empty() ? Progress::kComplete : Progress::kBad) << text;
  return std::string{reader.reason()};
}

std::string fault_of_host(const std::string& host) {
  return fault("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
}

std::string fault_of_line(const std::string& line, const std::string& host = "a") {
  return fault(line + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
}

std::string fault_of_field(const std::string& field) {
  return fault("POST / HTTP/1.1\r\nHost: a\r\n" + field + "\r\n\r\n");
}

TEST(Rules, HostIsOneSite) {
  for (const std::string host : {"", "a", "a.example:8880", "a.example:", "[2001:db8::1]", "[::1]:80",
                                 "127.0.0.1", "a_b.example", "%41.example", ":80", "[v1.x:y]"}) {
    EXPECT_EQ(fault_of_host(host), "") << host;
  }
  for (const std::string host :
       {"a b",     "a,b",    "a;b",     "a=b",   "a/b",  "a?b",    "a#b",      "u@a",
        "a:80:81", "a:http", "::1",     "[::1",  "::1]", "[::1]a", "[]",       "[]:80",
        "[a[]",    "a[b]",   "[::1]:x", "a:8 0", "a\\b", "\"a\"",  "\xC3\xA4", ":80:81"}) {
    EXPECT_EQ(fault_of_host(host), "malformed Host") << host;
  }
  EXPECT_EQ(fault("GET / HTTP/1.1\r\n\r\n"), "Host is missing");
  EXPECT_EQ(fault("GET / HTTP/1.1\r\nHost: a\r\nHOST: a\r\n\r\n"), "more than one Host");
  EXPECT_EQ(fault("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), "more than one Host");
  EXPECT_EQ(fault("GET / HTTP/1.0\r\n\r\n"), "");
}

TEST(Rules, TargetIsAPathOrAgreesWithHost) {
  for (const std::string line : {"GET /", "GET //b/c", "OPTIONS *", "OPTIONS /", "GET http://a/x",
                                 "GET HTTP://A?x", "GET https://a"}) {
    EXPECT_EQ(fault_of_line(line), "") << line;
  }
  for (const std::string line :
       {"GET x", "GET ?x", "GET ftp://a/", "GET http://b/", "GET http://u@a/", "GET http:///", "GET http:/a/",
        "GET http://a:80/", "GET a:80", "GET http://a\\@b/"}) {
    EXPECT_EQ(fault_of_line(line), "the request target must be a path, or an http URI that agrees with Host")
        << line;
  }
  EXPECT_NE(fault_of_line("GET http:///", ""), "");
  EXPECT_EQ(fault_of_line("GET *"), "the request target * is for OPTIONS alone");
}

TEST(Rules, ConnectNamesAHostAndAPort) {
  for (const std::string target : {"a:80", "b.example:443", "[::1]:22"}) {
    EXPECT_EQ(fault_of_line("CONNECT " + target), "") << target;
  }
  for (const std::string target :
       {"/", "a", "a:", ":80", "*", "http://a:80/", "a:80:81", "a:x", "[::1]", "[::1:80"}) {
    EXPECT_EQ(fault_of_line("CONNECT " + target), "CONNECT needs a host and a port") << target;
  }
}

TEST(Rules, LengthsHaveNoUnderscores) {
  for (const std::string name :
       {"Content_Length", "CONTENT_LENGTH", "transfer_encoding", "Transfer_Encoding"}) {
    EXPECT_EQ(fault_of_field(name + ": 5"), "Content-Length or Transfer-Encoding with an underscore") << name;
  }
  for (const std::string name : {"Content__Length", "Content_Lengths", "X_Content_Length", "Content_Type"}) {
    EXPECT_EQ(fault_of_field(name + ": 5"), "") << name;
  }
}

TEST(Rules, TrailersDoNotTouchTheHead) {
  for (const std::string_view name : {"Host", "HOST", "Cookie", "Content_Length", "Sec-", "Sec-Fetch-Site",
                                      "X-Forwarded-Anything", "X_Real_IP", "X-Client-Cert"}) {
    EXPECT_TRUE(forbidden_in_trailers(name)) << name;
  }
  for (const std::string_view name :
       {"", "H", "Hos", "Hosts", "Sec", "X-Checksum", "ETag", "Server-Timing"}) {
    EXPECT_FALSE(forbidden_in_trailers(name)) << name;
  }
}

}  // namespace
}  // namespace wskeep::http
