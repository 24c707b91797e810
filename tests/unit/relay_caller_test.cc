#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/relay/caller.h"

namespace wskeep::relay {
namespace {

using Fields = std::vector<websocket::HeaderField>;

std::vector<net::IpRange> ranges(const std::vector<const char*>& texts) {
  std::vector<net::IpRange> ranges(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i)
    EXPECT_EQ(net::IpRange::read(texts[i], ranges[i]), std::nullopt);
  return ranges;
}

TEST(Hear, FindsTheNearestWhoIsNotTrusted) {
  struct Case {
    const char* peer;
    Fields fields;
    const char* client;
  };
  const auto trusted = ranges({"10.0.0.0/8", "::1"});
  const std::string xff = "X-Forwarded-For";
  const std::vector<Case> cases{
      {"192.0.2.1", {}, "192.0.2.1:80"},
      {"192.0.2.1", {{xff, "198.51.100.1"}}, "192.0.2.1:80"},  // a stranger may say what it likes
      {"10.0.0.1", {}, "10.0.0.1:80"},
      {"::ffff:10.0.0.1", {{xff, "198.51.100.1"}}, "198.51.100.1"},
      {"10.0.0.1", {{xff, "198.51.100.1"}}, "198.51.100.1"},
      {"10.0.0.1", {{xff, "198.51.100.1:1234"}}, "198.51.100.1:1234"},
      {"10.0.0.1", {{xff, "[2001:db8::1]:1234"}}, "[2001:db8::1]:1234"},
      {"10.0.0.1", {{xff, "2001:db8::1"}}, "2001:db8::1"},
      {"10.0.0.1",
       {{xff, "127.0.0.1, 198.51.100.1"}},
       "198.51.100.1"},  // the first is the client's own invention
      {"10.0.0.1", {{xff, "127.0.0.1, 198.51.100.1, 10.0.0.2, ::1"}}, "198.51.100.1"},
      {"10.0.0.1", {{xff, "127.0.0.1"}, {xff, "198.51.100.1"}, {xff, "10.0.0.2"}}, "198.51.100.1"},
      {"10.0.0.1", {{xff, "10.0.0.3, 10.0.0.2"}}, "10.0.0.3"},
      {"10.0.0.1", {{xff, "unknown"}}, "10.0.0.1:80"},
      {"10.0.0.1", {{xff, "198.51.100.1, unknown, 10.0.0.2"}}, "10.0.0.2"},
      {"10.0.0.1", {{xff, ""}}, "10.0.0.1:80"},
      {"10.0.0.1", {{xff, ", ,"}}, "10.0.0.1:80"},
      {"10.0.0.1", {{"Forwarded", "for=198.51.100.1"}}, "198.51.100.1"},
      {"10.0.0.1", {{"Forwarded", "for=198.51.100.1, for=\"[::1]:9\""}}, "198.51.100.1"},
      {"10.0.0.1", {{"Forwarded", "for=198.51.100.1"}, {xff, "198.51.100.2"}}, "198.51.100.2"},
      {"10.0.0.1", {{"Forwarded", "for=\"198.51.100.1"}}, "10.0.0.1:80"},
  };
  for (const Case& c : cases) {
    Caller caller{.peer = net::literal_address(c.peer, 80).value(), .client = {}};
    hear(caller, c.fields, trusted);
    EXPECT_EQ(shown(caller.client), c.client) << testing::PrintToString(c.fields.size());
    EXPECT_EQ(caller.trusted, std::string_view(c.peer) != "192.0.2.1");
  }
}

TEST(Hear, ForgetsTheRequestBefore) {
  Caller caller{.peer = net::literal_address("10.0.0.1", 80).value(), .client = {}};
  hear(caller, Fields{{"X-Forwarded-For", "198.51.100.1"}}, ranges({"10.0.0.1"}));
  hear(caller, Fields{}, ranges({"10.0.0.1"}));
  EXPECT_EQ(shown(caller.client), "10.0.0.1:80");
  hear(caller, Fields{{"X-Forwarded-For", "198.51.100.1"}}, {});
  EXPECT_EQ(shown(caller.client), "10.0.0.1:80");
  EXPECT_FALSE(caller.trusted);
}

TEST(Introduce, KeepsWhatTheHeaderDoesNotTell) {
  Caller caller{.peer = *net::literal_address("10.0.0.1", 80),
                .client = *net::literal_address("10.0.0.1", 80)};
  introduce(caller, {});
  EXPECT_EQ(shown(caller.client), "10.0.0.1:80");
  EXPECT_EQ(caller.local.size(), 0u);
  EXPECT_EQ(caller.scheme, "http");
  net::ProxyHeader header;
  header.endpoints = {*net::literal_address("192.0.2.7", 1234), *net::literal_address("198.51.100.1", 443)};
  header.tls = true;
  introduce(caller, header);
  EXPECT_EQ(caller.peer.text(), "192.0.2.7:1234");
  EXPECT_EQ(caller.client.text(), "192.0.2.7:1234");
  EXPECT_EQ(caller.local.text(), "198.51.100.1:443");
  EXPECT_EQ(caller.scheme, "https");
}

TEST(ProxyPreface, TellsOfTheConnection) {
  Caller caller{.id = 0xabc,
                .peer = *net::literal_address("192.0.2.7", 1234),
                .client = *net::literal_address("203.0.113.1", 0),
                .local = *net::literal_address("198.51.100.1", 443)};
  EXPECT_EQ(proxy_preface(caller, config::SendProxy::kOff), "");
  EXPECT_EQ(proxy_preface(caller, config::SendProxy::kV1), "PROXY TCP4 192.0.2.7 198.51.100.1 1234 443\r\n");
  EXPECT_TRUE(proxy_preface(caller, config::SendProxy::kV2).ends_with("0000000000000abc"));
  caller.unique_id = "another's";
  EXPECT_TRUE(proxy_preface(caller, config::SendProxy::kV2).ends_with("another's"));
}

TEST(IpText, IsTheAddressAlone) {
  EXPECT_EQ(ip_text(net::literal_address("192.0.2.1", 80).value()), "192.0.2.1");
  EXPECT_EQ(ip_text(net::literal_address("::ffff:192.0.2.1", 80).value()), "192.0.2.1");
  EXPECT_EQ(ip_text(net::literal_address("2001:db8::1", 80).value()), "2001:db8::1");
  EXPECT_EQ(ip_text(net::SocketAddress()), "");
}

}  // namespace
}  // namespace wskeep::relay
