#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/net/ip_range.h"

namespace wskeep::net {
namespace {

// A range as it is written back, or "!" and why it is refused.
std::string read(const std::string& text) {
  IpRange range;
  const std::optional<std::string> why = IpRange::read(text, range);
  EXPECT_EQ(why.has_value(), range == IpRange()) << text;
  return why ? "!" + *why : range.text();
}

SocketAddress peer(const char* ip) {
  return literal_address(ip, 80).value();
}

TEST(IpRange, IsReadAndWrittenBack) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"192.0.2.1", "192.0.2.1"},
      {"192.0.2.1/32", "192.0.2.1"},
      {"10.0.0.0/8", "10.0.0.0/8"},
      {"10.128.0.0/9", "10.128.0.0/9"},
      {"0.0.0.0/0", "0.0.0.0/0"},
      {"::1", "::1"},
      {"2001:DB8:0::/32", "2001:db8::/32"},
      {"::/0", "::/0"},
      {"2001:db8::1/128", "2001:db8::1"},
      {"::ffff:10.0.0.0/104", "10.0.0.0/8"},
      {"::ffff:192.0.2.1", "192.0.2.1"},
      {"::ffff:0:0/96", "0.0.0.0/0"},
      {"::ffff:0:0/95", R"(!"::ffff:0:0/95" has bits behind its prefix: write ::fffe:0:0/95 or ::ffff:0:0)"},
      {"unix", "unix"},
      {"10.1.2.3/8", R"(!"10.1.2.3/8" has bits behind its prefix: write 10.0.0.0/8 or 10.1.2.3)"},
      {"10.192.0.0/9", R"(!"10.192.0.0/9" has bits behind its prefix: write 10.128.0.0/9 or 10.192.0.0)"},
      {"::1/127", R"(!"::1/127" has bits behind its prefix: write ::/127 or ::1)"},
      {"10.0.0.0/33", R"(!"10.0.0.0/33" needs a number from 0 to 32 behind the slash)"},
      {"::/129", R"(!"::/129" needs a number from 0 to 128 behind the slash)"},
      {"10.0.0.0/", R"(!"10.0.0.0/" needs a number from 0 to 32 behind the slash)"},
      {"10.0.0.0/08", R"(!"10.0.0.0/08" needs a number from 0 to 32 behind the slash)"},
      {"10.0.0.0/-1", R"(!"10.0.0.0/-1" needs a number from 0 to 32 behind the slash)"},
      {"10.0.0.0/8/8", R"(!"10.0.0.0/8/8" needs a number from 0 to 32 behind the slash)"},
      {"10.0.0.0/255.0.0.0", R"(!"10.0.0.0/255.0.0.0" needs a number from 0 to 32 behind the slash)"},
      {"10.0.0.0/4294967304", R"(!"10.0.0.0/4294967304" needs a number from 0 to 32 behind the slash)"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(read(text), expected);
  for (const char* text : {"", "none", "localhost", "10.0.0", "10.0.0.256", "[::1]", "10.0.0.1:80",
                           "fe80::1%eth0", " 10.0.0.1", "/8", "Unix", "unix:/run/x"}) {
    EXPECT_EQ(read(text),
              "!\"" + std::string(text) +
                  "\" is not an IP address or range, e.g. 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32");
  }
}

TEST(IpRange, ContainsWhatSharesItsPrefix) {
  struct Case {
    const char* range;
    std::vector<const char*> in;
    std::vector<const char*> out;
  };
  const std::vector<Case> cases{
      {"10.0.0.0/8",
       {"10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"},
       {"9.255.255.255", "11.0.0.0", "::10.0.0.1"}},
      {"192.0.2.128/25", {"192.0.2.128", "192.0.2.255"}, {"192.0.2.127", "192.0.3.128", "192.0.2.0"}},
      {"192.0.2.4/30", {"192.0.2.4", "192.0.2.7"}, {"192.0.2.3", "192.0.2.8"}},
      {"192.0.2.1", {"192.0.2.1", "::ffff:192.0.2.1"}, {"192.0.2.0", "192.0.2.3"}},
      {"0.0.0.0/0", {"0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"}, {"::", "::1"}},
      {"::/0", {"::", "2001:db8::1"}, {"127.0.0.1", "::ffff:127.0.0.1"}},
      {"2001:db8::/33", {"2001:db8:7fff::1"}, {"2001:db8:8000::", "2001:db7::"}},
      {"::1", {"::1"}, {"::", "::2", "0.0.0.1"}},
      {"::ffff:10.0.0.0/104", {"10.1.2.3", "::ffff:10.1.2.3"}, {"11.0.0.0"}},
      {"unix", {}, {"127.0.0.1", "::1"}},
  };
  for (const Case& c : cases) {
    IpRange range;
    ASSERT_EQ(IpRange::read(c.range, range), std::nullopt);
    for (const char* address : c.in) EXPECT_TRUE(range.contains(peer(address))) << c.range << " " << address;
    for (const char* address : c.out)
      EXPECT_FALSE(range.contains(peer(address))) << c.range << " " << address;
  }
}

TEST(IpRange, OfUnixContainsOnlyUnixPeers) {
  const sockaddr unnamed{.sa_family = AF_UNIX, .sa_data = {}};
  const SocketAddress unix_peer(&unnamed, sizeof(sa_family_t));
  IpRange range;
  ASSERT_EQ(IpRange::read("unix", range), std::nullopt);
  EXPECT_TRUE(range.contains(unix_peer));
  EXPECT_FALSE(range.contains(SocketAddress()));
  for (const char* text : {"0.0.0.0/0", "::/0"}) {
    ASSERT_EQ(IpRange::read(text, range), std::nullopt);
    EXPECT_FALSE(range.contains(unix_peer));
    EXPECT_FALSE(range.contains(SocketAddress()));
  }
}

TEST(IpRange, OneOfSeveralIsEnough) {
  std::vector<IpRange> ranges(2);
  EXPECT_FALSE(any_contains(ranges, peer("10.0.0.1")));
  ASSERT_EQ(IpRange::read("10.0.0.0/8", ranges[1]), std::nullopt);
  EXPECT_TRUE(any_contains(ranges, peer("10.0.0.1")));
  EXPECT_FALSE(any_contains({}, peer("10.0.0.1")));
}

}  // namespace
}  // namespace wskeep::net
