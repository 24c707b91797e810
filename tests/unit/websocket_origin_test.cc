#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/websocket/origin.h"

namespace wskeep::websocket {
namespace {

TEST(OriginPattern, IsReadAsWritten) {
  for (const char* text :
       {"https://a.example", "http://localhost:3000", "https://*.a.example", "HTTPS://A.Example:443",
        "http://[::1]:8080", "http://192.0.2.1", "chrome-extension://abcdefgh", "capacitor://localhost",
        "https://xn--bcher-kva.example", "https://my_app.example", "same", "null"}) {
    OriginPattern pattern;
    EXPECT_EQ(OriginPattern::read(text, pattern), std::nullopt) << text;
    EXPECT_EQ(pattern.text(), text);
  }
}

TEST(OriginPattern, RefusesWithAReason) {
  const auto why = [](std::string_view text) {
    OriginPattern pattern;
    const std::optional<std::string> reason = OriginPattern::read(text, pattern);
    EXPECT_EQ(pattern, OriginPattern()) << text;
    return reason.value_or("");
  };
  for (const std::string text : {"",
                                 "*",
                                 "a.example",
                                 "//a.example",
                                 "https://",
                                 "https://:80",
                                 "https://*",
                                 "https://*.",
                                 "https://a.*.example",
                                 "https://*a.example",
                                 "https://a.example:",
                                 "https://a.example:0",
                                 "https://a.example:65536",
                                 "https://a.example:x",
                                 "https://a example",
                                 "https://user@a.example",
                                 "https://b\xC3\xBC.example",
                                 "1s://a.example",
                                 "://a.example",
                                 "https://[::1",
                                 "https://[]",
                                 "https://*.[::1]",
                                 "https://a.example, https://b.example",
                                 "Null"}) {
    EXPECT_EQ(
        why(text),
        "\"" + text + "\" is not an origin, e.g. https://app.example, https://*.app.example, same or null");
  }
  for (const std::string text : {"https://a.example/", "https://a.example/chat", "https://*.a.example/"}) {
    EXPECT_EQ(why(text),
              "\"" + text + "\" goes on behind the host: an origin has a scheme, a host and perhaps a port");
  }
}

TEST(OriginPattern, AllowsWhatItNames) {
  struct Case {
    const char* pattern;
    std::vector<const char*> allowed;
    std::vector<const char*> refused;
  };
  const std::vector<Case> cases{
      {"https://a.example",
       {"https://a.example", "https://a.example:443", "HTTPS://A.EXAMPLE"},
       {"http://a.example", "https://a.example:8443", "https://a.example:80", "https://b.a.example",
        "https://a.example.evil.example", "https://evila.example", "https://a.example/",
        "https://a.example:443:443", "https://a.example https://b.example", "https://x@a.example",
        "a.example", "null", ""}},
      {"http://a.example:80",
       {"http://a.example", "http://a.example:80"},
       {"https://a.example", "http://a.example:81"}},
      {"http://localhost:3000", {"http://localhost:3000"}, {"http://localhost", "http://localhost:30000"}},
      {"http://[::1]:8080", {"http://[::1]:8080"}, {"http://[::1]", "http://[::2]:8080"}},
      {"app://x", {"app://x", "APP://X"}, {"app://x:1", "app://y"}},
      {"https://*.a.example",
       {"https://b.a.example", "https://c.b.a.example", "https://B.A.EXAMPLE:443"},
       {"https://a.example", "https://.a.example", "http://b.a.example", "https://b.a.example:8443",
        "https://ba.example", "https://b.a.example.evil.example", "https://evil.example/.a.example",
        "https://evil.example?.a.example", "https://evil.example#.a.example",
        "https://evil.example\\.a.example", "https://*.a.example"}},
      {"https://*.a.example:8443", {"https://b.a.example:8443"}, {"https://b.a.example"}},
      {"null", {"null"}, {"", "NULL", "https://a.example"}},
  };
  for (const Case& c : cases) {
    OriginPattern pattern;
    ASSERT_EQ(OriginPattern::read(c.pattern, pattern), std::nullopt);
    for (const char* origin : c.allowed)
      EXPECT_TRUE(pattern.allows(origin, "h")) << c.pattern << " " << origin;
    for (const char* origin : c.refused)
      EXPECT_FALSE(pattern.allows(origin, "h")) << c.pattern << " " << origin;
  }
}

TEST(OriginPattern, SameIsTheHostOfTheRequest) {
  struct Case {
    const char* origin;
    const char* host;
    bool allowed;
  };
  OriginPattern same;
  ASSERT_EQ(OriginPattern::read("same", same), std::nullopt);
  for (const Case& c : std::vector<Case>{
           {"https://a.example", "a.example", true},
           {"https://a.example", "A.example:443", true},
           {"http://a.example", "a.example", true},
           {"http://a.example", "a.example:80", true},
           {"http://a.example:8880", "a.example:8880", true},
           {"http://[::1]:8880", "[::1]:8880", true},
           {"http://a.example:8880", "a.example", false},
           {"https://a.example", "a.example:80", false},
           {"https://b.example", "a.example", false},
           {"https://", "", false},
           {"null", "null", false},
           {"https://a.example", "", false},
       }) {
    EXPECT_EQ(same.allows(c.origin, c.host), c.allowed) << c.origin << " at " << c.host;
  }
}

TEST(OriginIsAllowed, LooksAtTheOneOriginThatThereIs) {
  std::vector<OriginPattern> list(2);
  ASSERT_EQ(OriginPattern::read("https://a.example", list[0]), std::nullopt);
  ASSERT_EQ(OriginPattern::read("same", list[1]), std::nullopt);
  using FieldList = std::vector<HeaderField>;
  const HeaderField host{"Host", "h.example"};
  EXPECT_TRUE(origin_is_allowed(list, FieldList{host}));
  EXPECT_TRUE(origin_is_allowed(list, FieldList{host, {"origin", "https://a.example"}}));
  EXPECT_TRUE(origin_is_allowed(list, FieldList{host, {"Origin", "https://h.example"}}));
  EXPECT_FALSE(origin_is_allowed(list, FieldList{host, {"Origin", "https://evil.example"}}));
  EXPECT_FALSE(origin_is_allowed(list, FieldList{host, {"Origin", ""}}));
  EXPECT_FALSE(origin_is_allowed(list, FieldList{{"Origin", "https://h.example"}}));
  EXPECT_FALSE(origin_is_allowed(
      list, FieldList{host, {"Origin", "https://a.example"}, {"Origin", "https://a.example"}}));
  EXPECT_TRUE(origin_is_allowed({}, FieldList{host, {"Origin", "https://evil.example"}}));
  EXPECT_FALSE(origin_is_allowed(std::vector<OriginPattern>(1), FieldList{host, {"Origin", "null"}}));
}

}  // namespace
}  // namespace wskeep::websocket
