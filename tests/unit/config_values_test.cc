// How single values are read: every syntax, its bounds and what its refusals say.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "config/describe.h"
#include "config/suggest.h"
#include "config/values.h"

namespace wskeep::config {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

// What `syntax` makes of `text`: the value written back, or "!" and the why.
template <class T, class Syntax>
std::string outcome(const Syntax& syntax, std::string_view text) {
  T value{};
  if (const Why why = syntax.read(text, value)) return "!" + *why;
  return syntax.write(value);
}

struct Case {
  std::string text;
  std::string outcome;
};

TEST(Values, durations) {
  const Duration syntax{.min = milliseconds{100}, .max = hours{24}};
  const std::vector<Case> cases = {
      {"100ms", "100ms"},
      {"250ms", "250ms"},
      {"1500ms", "1500ms"},
      {"1000ms", "1s"},
      {"90s", "90s"},
      {"60s", "1m"},
      {"24h", "24h"},
      {"1440m", "24h"},
      {"99ms", R"(!"99ms" is out of range (100ms to 24h))"},
      {"86400001ms", R"(!"86400001ms" is out of range (100ms to 24h))"},
      {"25h", R"(!"25h" is out of range (100ms to 24h))"},
      {"0", R"(!"0" is out of range (100ms to 24h))"},
      {"0s", R"(!"0s" is out of range (100ms to 24h))"},
      {"18446744073709551615h", R"(!"18446744073709551615h" is out of range (100ms to 24h))"},
      {"18446744073709551616h", R"(!"18446744073709551616h" is too large)"},
      {"25", R"(!"25" needs a unit, e.g. 25s)"},
      {"025s", R"(!"025s" has a leading zero, which some YAML readers take for octal: write 25s)"},
      {"1.5s", R"(!"1.5s" is not a whole number and one of the units ms, s, m and h, e.g. 25s)"},
      {"1m30s", R"(!"1m30s" is not a whole number and one of the units ms, s, m and h, e.g. 25s)"},
      {"25 s", R"(!"25 s" is not a whole number and one of the units ms, s, m and h, e.g. 25s)"},
      {"25S", R"(!"25S" is not a whole number and one of the units ms, s, m and h, e.g. 25s)"},
      {"-25s", R"(!"-25s" is not a duration, e.g. 25s)"},
      {"+25s", R"(!"+25s" is not a duration, e.g. 25s)"},
      {"soon", R"(!"soon" is not a duration, e.g. 25s)"},
  };
  for (const Case& c : cases) EXPECT_EQ(outcome<milliseconds>(syntax, c.text), c.outcome);
}

TEST(Values, durations_of_the_kernel_are_whole_seconds_or_off) {
  const std::vector<Case> cases = {
      {"0", "0"},
      {"0s", "0"},
      {"1s", "1s"},
      {"9h", "9h"},
      {"2000ms", "2s"},
      {"1500ms", R"(!"1500ms" is not a multiple of 1s)"},
      {"999ms", R"(!"999ms" is out of range (0 or 1s to 9h, in steps of 1s))"},
      {"32401s", R"(!"32401s" is out of range (0 or 1s to 9h, in steps of 1s))"},
  };
  for (const Case& c : cases) EXPECT_EQ(outcome<milliseconds>(kKernelSecondsOrOff, c.text), c.outcome);
  EXPECT_EQ(outcome<milliseconds>(kKernelSeconds, "0"), R"(!"0" is out of range (1s to 9h, in steps of 1s))");
}

TEST(Values, sizes) {
  const Size syntax{.min = 4 * kKiB, .max = kGiB};
  const std::vector<Case> cases = {
      {"4KiB", "4KiB"},
      {"4096", "4KiB"},
      {"5000B", "5000B"},
      {"1024KiB", "1MiB"},
      {"1GiB", "1GiB"},
      {"4095", R"(!"4095" is out of range (4KiB to 1GiB))"},
      {"1073741825", R"(!"1073741825" is out of range (4KiB to 1GiB))"},
      {"17179869185GiB", R"(!"17179869185GiB" is out of range (4KiB to 1GiB))"},
      {"64KB", R"(!"64KB" is not a whole number and one of the units B, KiB, MiB and GiB, e.g. 64KiB)"},
      {"64k", R"(!"64k" is not a whole number and one of the units B, KiB, MiB and GiB, e.g. 64KiB)"},
      {"0x1000", R"(!"0x1000" is not a whole number and one of the units B, KiB, MiB and GiB, e.g. 64KiB)"},
      {"big", R"(!"big" is not a size, e.g. 64KiB)"},
  };
  for (const Case& c : cases) EXPECT_EQ(outcome<std::size_t>(syntax, c.text), c.outcome);
}

TEST(Values, percentages) {
  const Percent syntax{0, 90};
  const std::vector<Case> cases = {
      {"0%", "0%"},
      {"90%", "90%"},
      {"91%", R"(!"91%" is out of range (0% to 90%))"},
      {"300%", R"(!"300%" is out of range (0% to 90%))"},
      {"20", R"(!"20" needs a percent sign, e.g. 20%)"},
      {"2.5%", R"(!"2.5%" is not a whole percentage, e.g. 20%)"},
      {"%", R"(!"%" is not a percentage, e.g. 20%)"},
  };
  for (const Case& c : cases) EXPECT_EQ(outcome<std::uint8_t>(syntax, c.text), c.outcome);
}

TEST(Values, integers) {
  const Integer syntax{1, 256};
  const std::vector<Case> cases = {
      {"1", "1"},
      {"256", "256"},
      {"0", R"(!"0" is out of range (1 to 256))"},
      {"257", R"(!"257" is out of range (1 to 256))"},
      {"4294967297", R"(!"4294967297" is out of range (1 to 256))"},
      {"99999999999999999999", R"(!"99999999999999999999" is too large)"},
      {"010", R"(!"010" has a leading zero, which some YAML readers take for octal: write 10)"},
      {"00", R"(!"00" has a leading zero, which some YAML readers take for octal: write 0)"},
      {"0x10", R"(!"0x10" is not a whole number)"},
      {"0o10", R"(!"0o10" is not a whole number)"},
      {"1_000", R"(!"1_000" is not a whole number)"},
      {"1e2", R"(!"1e2" is not a whole number)"},
      {"+1", R"(!"+1" is not a whole number)"},
      {"-1", R"(!"-1" is not a whole number)"},
  };
  for (const Case& c : cases) EXPECT_EQ(outcome<std::uint32_t>(syntax, c.text), c.outcome);
}

TEST(Values, close_codes_that_an_endpoint_may_send) {
  for (std::uint32_t code = 0; code <= 5100; ++code) {
    const bool may_be_sent =
        (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
    std::uint16_t value = 0;
    EXPECT_EQ(!CloseCode{}.read(std::to_string(code), value).has_value(), may_be_sent) << code;
  }
  EXPECT_EQ(outcome<std::uint16_t>(CloseCode{}, "66536"),
            R"(!"66536" is not a close code that may be sent (1000 to 1003, 1007 to 1014 or 3000 to 4999))");
}

TEST(Values, addresses) {
  const std::vector<Case> cases = {
      {"127.0.0.1:3000", "127.0.0.1:3000"},
      {"[::1]:80", "[::1]:80"},
      {"[fe80::1:2]:65535", "[fe80::1:2]:65535"},
      {"backend:1", "backend:1"},
      {"my_app.default.svc.cluster.local.:80", "my_app.default.svc.cluster.local.:80"},
      {"3com.example:80", "3com.example:80"},
      {"a:0", R"(!port "0" is out of range (1 to 65535))"},
      {"a:65536", R"(!port "65536" is out of range (1 to 65535))"},
      {"a:080", R"(!port "080" has a leading zero, which some YAML readers take for octal: write 80)"},
      {"a:", R"(!port "" is not a whole number)"},
      {"a:http", R"(!port "http" is not a whole number)"},
      {":80", R"(!":80" has no host, e.g. 127.0.0.1:3000)"},
      {"3000", R"(!"3000" has no port, e.g. 127.0.0.1:3000)"},
      {"[::1]", R"(!"[::1]" has no port, e.g. 127.0.0.1:3000)"},
      {"[::1:80", R"(!"[::1:80" has no IPv6 address in its brackets, e.g. [::1]:3000)"},
      {"[]:80", R"(!"[]:80" has no IPv6 address in its brackets, e.g. [::1]:3000)"},
      {"[127.0.0.1]:80", R"(!"[127.0.0.1]:80" has no IPv6 address in its brackets, e.g. [::1]:3000)"},
      {"::1:80", R"(!"::1:80" is not host:port (an IPv6 host stands in brackets, e.g. [::1]:3000))"},
      {"ws://a:80", R"(!"ws://a:80" is a URL: write host:port alone, e.g. 127.0.0.1:3000)"},
      {"256.0.0.1:80", R"(!"256.0.0.1:80" has neither an IP address nor a host name before the colon)"},
      {"10.1:80", R"(!"10.1:80" has neither an IP address nor a host name before the colon)"},
      {"a b:80", R"(!"a b:80" has neither an IP address nor a host name before the colon)"},
      {"-a:80", R"(!"-a:80" has neither an IP address nor a host name before the colon)"},
      {"a..b:80", R"(!"a..b:80" has neither an IP address nor a host name before the colon)"},
      {".:80", R"(!".:80" has neither an IP address nor a host name before the colon)"},
  };
  for (const Case& c : cases) EXPECT_EQ(outcome<Endpoint>(kConnect, c.text), c.outcome);
  EXPECT_EQ(outcome<Endpoint>(kConnect, std::string(63, 'a') + ":80"), std::string(63, 'a') + ":80");
  EXPECT_THAT(outcome<Endpoint>(kConnect, std::string(64, 'a') + ":80"), testing::StartsWith("!"));
}

TEST(Values, addresses_to_listen_on_may_leave_more_to_the_kernel) {
  EXPECT_EQ(outcome<Endpoint>(kListen, ":8880"), "0.0.0.0:8880");
  EXPECT_EQ(outcome<Endpoint>(kListen, "127.0.0.1:0"), "127.0.0.1:0");
  EXPECT_EQ(outcome<Endpoint>(kListen, "[::]:0"), "[::]:0");
}

TEST(Values, unix_sockets) {
  const std::string longest = "unix:/" + std::string(106, 'x');
  const std::vector<Case> cases = {
      {"unix:/run/app.sock", "unix:/run/app.sock"},
      {"unix:/a b:c", "unix:/a b:c"},
      {"unix:@app", "unix:@app"},
      {longest, longest},
      {longest + "x",
       "!" + shown(longest + "x") + " is too long: a socket's path or name may have 107 bytes"},
      {"unix:app.sock", R"(!"unix:app.sock" is neither unix:/path, with the whole path, nor unix:@name)"},
      {"unix:", R"(!"unix:" is neither unix:/path, with the whole path, nor unix:@name)"},
      {"unix:80", R"(!"unix:80" is neither unix:/path, with the whole path, nor unix:@name)"},
      {"unix:/", R"(!"unix:/" names no socket)"},
      {"unix:@", R"(!"unix:@" names no socket)"},
      {"unix:/a\nb", R"(!"unix:/a\x0Ab" has a control character)"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(outcome<Endpoint>(kConnect, c.text), c.outcome);
    EXPECT_EQ(outcome<Endpoint>(kListen, c.text), c.outcome);
  }
}

TEST(Values, sockets_of_the_service_manager) {
  const std::vector<Case> cases = {
      {"systemd:", "systemd:"},
      {"systemd:web", "systemd:web"},
      {"systemd:wskeep.socket", "systemd:wskeep.socket"},
      {"systemd:a:b",
       R"(!"systemd:a:b" has no name of descriptors: printable ASCII without colons, up to 255 bytes)"},
      {"systemd:a b",
       R"(!"systemd:a b" has no name of descriptors: printable ASCII without colons, up to 255 bytes)"},
  };
  for (const Case& c : cases) EXPECT_EQ(outcome<Endpoint>(kListen, c.text), c.outcome);
  EXPECT_EQ(outcome<Endpoint>(kConnect, "systemd:web"),
            R"(!"systemd:web" can only be listened on: write host:port or unix:/path)");
}

TEST(Values, ip_addresses) {
  using Addresses = std::vector<std::string>;
  const IpAddresses syntax{3};
  const Case cases[] = {
      {"none", "none"},
      {"192.0.2.1", "192.0.2.1"},
      {"192.0.2.1,2001:db8::1 ,  10.0.0.1", "192.0.2.1, 2001:db8::1, 10.0.0.1"},
      {"app", R"(!"app" is not an IP address, e.g. 192.0.2.1 or 2001:db8::1)"},
      {"[::1]", R"(!"[::1]" is not an IP address, e.g. 192.0.2.1 or 2001:db8::1)"},
      {"192.0.2.1:80", R"(!"192.0.2.1:80" is not an IP address, e.g. 192.0.2.1 or 2001:db8::1)"},
      {"192.0.2.1,", R"(!"" is not an IP address, e.g. 192.0.2.1 or 2001:db8::1)"},
      {"192.0.2.1, none", R"(!"none" is not an IP address, e.g. 192.0.2.1 or 2001:db8::1)"},
      {"192.0.2.1, 192.0.2.1", R"(!"192.0.2.1" is there twice)"},
      {"192.0.2.1,192.0.2.2,192.0.2.3,192.0.2.4", "!has 4 addresses; 3 are allowed"},
  };
  for (const Case& c : cases) EXPECT_EQ(outcome<Addresses>(syntax, c.text), c.outcome);
}

TEST(Values, a_word_may_stand_for_nothing) {
  const WordOr<Integer> syntax{"auto", {1, 256}};
  using Optional = std::optional<std::uint32_t>;
  EXPECT_EQ(outcome<Optional>(syntax, "auto"), "auto");
  EXPECT_EQ(outcome<Optional>(syntax, "4"), "4");
  EXPECT_EQ(outcome<Optional>(syntax, "atuo"), R"(!"atuo" is not a whole number (did you mean auto?))");
  EXPECT_EQ(outcome<Optional>(syntax, "0"), R"(!"0" is out of range (1 to 256); auto is allowed too)");
}

TEST(Values, words) {
  EXPECT_EQ(outcome<LogLevel>(kLogLevels, "warning"), "warning");
  EXPECT_EQ(outcome<LogLevel>(kLogLevels, "warn"),
            R"(!"warn" is not debug, info, warning or error (did you mean warning?))");
  EXPECT_EQ(outcome<LogLevel>(kLogLevels, "ifno"),
            R"(!"ifno" is not debug, info, warning or error (did you mean info?))");
  EXPECT_EQ(outcome<LogLevel>(kLogLevels, "INFO"), R"(!"INFO" is not debug, info, warning or error)");
}

TEST(Values, a_refusal_leaves_the_value_alone) {
  milliseconds value{7};
  EXPECT_TRUE(kBeat.read("25", value).has_value());
  EXPECT_EQ(value, milliseconds{7});
}

// Every enumerator must be writable, or --print-config couldn't be read back.
TEST(Values, every_enumerator_has_a_word) {
  for (int i = 0; i < 4; ++i) EXPECT_NE(kPolicies.write(static_cast<keepalive::Policy>(i)), "");
  for (int i = 0; i < 2; ++i) EXPECT_NE(kPingWhens.write(static_cast<keepalive::PingWhen>(i)), "");
  for (int i = 0; i < 3; ++i) EXPECT_NE(kAnswerPings.write(static_cast<AnswerPings>(i)), "");
  for (int i = 0; i < 4; ++i) EXPECT_NE(kLogLevels.write(static_cast<LogLevel>(i)), "");
  for (int i = 0; i < 2; ++i) EXPECT_NE(kLogFormats.write(static_cast<LogFormat>(i)), "");
}

TEST(Values, shown_text_cannot_garble_a_terminal) {
  EXPECT_EQ(shown("a\x1B[2J\n\"\\"), R"("a\x1B[2J\x0A\"\\")");
  EXPECT_EQ(shown("\xC3\xA9"), "\"\xC3\xA9\"");
  EXPECT_EQ(shown("\xC3"), R"("\xC3")");
  EXPECT_EQ(shown(std::string(100, 'x')), "\"" + std::string(60, 'x') + "...\"");
  EXPECT_EQ(shown(std::string(59, 'x') + "\xC3\xA9"), "\"" + std::string(59, 'x') + "...\"");
}

TEST(Values, utf8_is_checked_as_rfc_3629_says) {
  for (const std::string valid : {"", "a", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF",
                                  "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_EQ(find_invalid_utf8(valid), std::string_view::npos) << shown(valid);
  }
  for (const std::string invalid :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE2\x82",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xE2\x82\x41"}) {
    EXPECT_EQ(find_invalid_utf8("ok" + invalid), 2U) << shown(invalid);
  }
}

TEST(Values, suggestions_are_near_or_absent) {
  const std::vector<std::string> names = {"listeners", "backend", "workers", "log"};
  EXPECT_EQ(did_you_mean("listeneres", names), " (did you mean listeners?)");
  EXPECT_EQ(did_you_mean("backned", names), " (did you mean backend?)");
  EXPECT_EQ(did_you_mean("back", names), " (did you mean backend?)");
  EXPECT_EQ(did_you_mean("logs", names), " (did you mean log?)");
  EXPECT_EQ(did_you_mean("tls", names), "");
  EXPECT_EQ(did_you_mean("", names), "");
  EXPECT_EQ(did_you_mean(std::string(100'000, 'a'), names), "");
}

}  // namespace
}  // namespace wskeep::config
