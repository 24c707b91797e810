#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/trust.h"

namespace wskeep::config {
namespace {

struct Case {
  std::string text;
  std::string outcome;  // written back, or "!" and why it is refused
};

template <class Item, class Syntax>
void expect(const Syntax& syntax, const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    std::vector<Item> value;
    const Why why = syntax.read(c.text, value);
    EXPECT_EQ(why ? "!" + *why : syntax.write(value), c.outcome);
  }
}

TEST(Trust, ranges_are_a_list_or_none) {
  expect<net::IpRange>(
      IpRanges{3},
      {{"none", "none"},
       {"10.0.0.0/8", "10.0.0.0/8"},
       {"10.0.0.0/8,  ::1 ,unix", "10.0.0.0/8, ::1, unix"},
       {"2001:DB8::/32", "2001:db8::/32"},
       {"10.0.0.0/8,", R"(!"" is not an IP address or range, e.g. 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32)"},
       {"nine",
        R"(!"nine" is not an IP address or range, e.g. 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32 (did you mean none?))"},
       {"::1, 10.0.0.1/8", R"(!"10.0.0.1/8" has bits behind its prefix: write 10.0.0.0/8 or 10.0.0.1)"},
       {"10.0.0.1, 10.0.0.1/32", R"(!"10.0.0.1/32" is there twice)"},
       {"::1,::2,::3,::4", "!has 4 ranges; 3 are allowed"}});
}

TEST(Trust, origins_are_a_list_or_any) {
  expect<websocket::OriginPattern>(
      Origins{2},
      {{"any", "any"},
       {"https://a.example,same", "https://a.example, same"},
       {"https://a.example/",
        R"(!"https://a.example/" goes on behind the host: an origin has a scheme, a host and perhaps a port)"},
       {"https://a.example,any",
        R"(!"any" is not an origin, e.g. https://app.example, https://*.app.example, same or null (did you mean any?))"},
       {"same,null,http://a", "!has 3 origins; 2 are allowed"}});
}

}  // namespace
}  // namespace wskeep::config
