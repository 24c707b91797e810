// The series of single connections, and what a label lets through.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "proxy/observe/connection_series.h"
#include "proxy/observe/user_agent.h"
#include "proxy/observe/utf8.h"
#include "tests/unit/observe_promtool.h"

namespace wskeep::observe {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;
using ::testing::Not;

std::string series_of(const ConnectionSource::Answer& answer) {
  std::string out;
  append_connection_series(answer, out);
  return out;
}

std::string label(std::string_view value) {
  std::string out;
  append_label_value(value, out);
  return out;
}

ConnectionSource::Answer two_connections() {
  ConnectionSnapshot old;
  old.id = 0xABCDEF0123456789;
  old.alive = false;
  old.started_at = 1'700'000'000'000'000'001;
  old.last_data_at = 1'700'000'099'250'000'000;
  old.last_pong_at = 1'700'000'100'500'000'000;
  old.last_pong_latency = 1'234'567;
  old.tcp_rtt = 61'000'000'000;
  old.client = "192.0.2.7:50123";
  old.path = "/chat";
  old.subprotocol = "graphql-ws";
  old.user_agent_family = "curl";
  ConnectionSnapshot fresh;
  fresh.id = 0x2A;
  fresh.started_at = 5;
  fresh.last_data_at = 5;
  fresh.client = "[2001:db8::1]:443";
  fresh.path = "/";
  fresh.user_agent_family = "none";
  return {{old, fresh}, 17};
}

TEST(ConnectionSeries, ExactText) {
  EXPECT_EQ(series_of(two_connections()),
            R"(# HELP wskeep_connection_info Who a connection is; always 1.
# TYPE wskeep_connection_info gauge
wskeep_connection_info{conn="abcdef0123456789",client="192.0.2.7:50123",path="/chat",subprotocol="graphql-ws",user_agent_family="curl"} 1
wskeep_connection_info{conn="000000000000002a",client="[2001:db8::1]:443",path="/",subprotocol="",user_agent_family="none"} 1
# HELP wskeep_connection_alive 1 while a connection lives; 0 when its client is silent or gone.
# TYPE wskeep_connection_alive gauge
wskeep_connection_alive{conn="abcdef0123456789"} 0
wskeep_connection_alive{conn="000000000000002a"} 1
# HELP wskeep_connection_pong_latency_seconds The latency of a connection's last pong.
# TYPE wskeep_connection_pong_latency_seconds gauge
wskeep_connection_pong_latency_seconds{conn="abcdef0123456789"} 0.001234567
# HELP wskeep_connection_last_pong_timestamp_seconds When a connection's last pong came.
# TYPE wskeep_connection_last_pong_timestamp_seconds gauge
wskeep_connection_last_pong_timestamp_seconds{conn="abcdef0123456789"} 1700000100.500000000
# HELP wskeep_connection_last_data_timestamp_seconds When bytes of a data frame last came, either way; until then when the connection was accepted.
# TYPE wskeep_connection_last_data_timestamp_seconds gauge
wskeep_connection_last_data_timestamp_seconds{conn="abcdef0123456789"} 1700000099.250000000
wskeep_connection_last_data_timestamp_seconds{conn="000000000000002a"} 0.000000005
# HELP wskeep_connection_start_timestamp_seconds When a connection was accepted.
# TYPE wskeep_connection_start_timestamp_seconds gauge
wskeep_connection_start_timestamp_seconds{conn="abcdef0123456789"} 1700000000.000000001
wskeep_connection_start_timestamp_seconds{conn="000000000000002a"} 0.000000005
# HELP wskeep_connection_tcp_rtt_seconds The kernel's smoothed round-trip time to the client.
# TYPE wskeep_connection_tcp_rtt_seconds gauge
wskeep_connection_tcp_rtt_seconds{conn="abcdef0123456789"} 61.000000000
# HELP wskeep_connections_not_exported Connections without series of their own, for there are too many.
# TYPE wskeep_connections_not_exported gauge
wskeep_connections_not_exported 17
)");
}

TEST(ConnectionSeries, WithoutConnectionsOnlyTheCountIsLeft) {
  const std::string text = series_of({});
  EXPECT_THAT(text, HasSubstr("\nwskeep_connections_not_exported 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("{")));
}

TEST(ConnectionSeries, AppendsToWhatIsThere) {
  std::string out = "before\n";
  append_connection_series({}, out);
  EXPECT_EQ(out, "before\n" + series_of({}));
}

TEST(ConnectionSeries, ExtremeTimes) {
  ConnectionSource::Answer answer;
  answer.connections.resize(1);
  answer.connections[0].started_at = INT64_MAX;
  answer.connections[0].last_pong_latency = -1;
  const std::string text = series_of(answer);
  EXPECT_THAT(text, HasSubstr("\"} 9223372036.854775807\n"));
  EXPECT_THAT(text, HasSubstr("\"} 0.000000000\n"));
}

TEST(ConnectionSeries, PromtoolHasNothingToSayEvenToHostileLabels) {
  if (!has_promtool()) GTEST_SKIP() << "promtool isn't on PATH";
  ConnectionSource::Answer answer = two_connections();
  answer.connections[0].path = "/\"} 1\nwskeep_forged 1\n\\\xFF\xC0\xAF\x00"s + std::string(500, '"');
  answer.connections[0].subprotocol = "\\";
  answer.connections[1].client = std::string(127, 'a') + "\xE2\x82\xAC";
  const std::string text = series_of(answer);
  EXPECT_EQ(promtool_verdict(text), "");
  EXPECT_THAT(text, Not(HasSubstr("\nwskeep_forged")));
}

// U+FFFD, as bytes.
#define FFFD "\xEF\xBF\xBD"

TEST(LabelValue, EscapesAndRepairs) {
  struct Case {
    std::string value;
    std::string shown;
  };
  const Case cases[] = {
      {"", ""},
      {"plain /path?", "plain /path?"},
      {"a\\b\"c\nd", "a\\\\b\\\"c\\nd"},
      {"tab\tcr\rnul\0del\x7F"s, "tab" FFFD "cr" FFFD "nul" FFFD "del" FFFD},
      {"\u202Egnp.exe", FFFD "gnp.exe"},
      {"caf\u00E9 \u20AC \U0001F600", "caf\u00E9 \u20AC \U0001F600"},
      {"\x80", FFFD},                             // a tail without a lead
      {"a\xFFz", "a" FFFD "z"},                   // never a lead
      {"\xC0\xAF", FFFD FFFD},                    // overlong "/"
      {"\xE0\x80\xAF", FFFD FFFD FFFD},           // overlong, three bytes
      {"\xF0\x80\x80\xAF", FFFD FFFD FFFD FFFD},  // overlong, four bytes
      {"\xED\xA0\x80", FFFD FFFD FFFD},           // a surrogate
      {"\xED\x9F\xBF", "\xED\x9F\xBF"},           // the last before the surrogates
      {"\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF"},   // U+10FFFF
      {"\xF4\x90\x80\x80", FFFD FFFD FFFD FFFD},  // U+110000
      {"\xF5\x80\x80\x80", FFFD FFFD FFFD FFFD},
      {"\xE2\x82", FFFD},                                 // cut short at the end
      {"\xE2\x82z", FFFD "z"},                            // cut short by a good character
      {"\xF0\x9F\x98\xE2\x82\xAC", FFFD "\xE2\x82\xAC"},  // cut short by a good sequence
      {"\xC3\"", FFFD "\\\""},                            // a lead can't swallow the quote
  };
  for (const Case& each : cases) EXPECT_EQ(label(each.value), each.shown);
}

TEST(LabelValue, IsCutBetweenCharactersAtItsBound) {
  const std::string full(kMaxLabelBytes, 'a');
  EXPECT_EQ(label(full), full);
  EXPECT_EQ(label(full + "b"), full);
  const std::string one_left(kMaxLabelBytes - 1, 'a');
  EXPECT_EQ(label(one_left + "\u00E9"), one_left);
  EXPECT_EQ(label(one_left + "\xFFz"), one_left);  // U+FFFD needs three bytes
  const std::string two_left(kMaxLabelBytes - 2, 'a');
  EXPECT_EQ(label(two_left + "\u00E9"), two_left + "\u00E9");
  // An escape counts as the character that it stands for.
  EXPECT_EQ(label(std::string(200, '"')).size(), 2 * kMaxLabelBytes);
}

#undef FFFD

TEST(Utf8, EveryScalarValueSurvives) {
  for (char32_t code = 0; code <= 0x10FFFF; ++code) {
    if (code == 0xD800) code = 0xE000;
    std::string text;
    append_utf8(code, text);
    const Character character = first_character(text + "x");
    ASSERT_EQ(character.code, code);
    ASSERT_EQ(character.bytes, text.size());
  }
}

TEST(UserAgent, Families) {
  struct Case {
    const char* user_agent;
    const char* family;
  };
  const Case cases[] = {
      {"", "none"},
      {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 "
       "Safari/537.36",
       "chrome"},
      {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 "
       "Safari/537.36",
       "chrome"},
      {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
       "CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1",
       "chrome"},
      {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 "
       "Safari/537.36 "
       "Edg/126.0.2592.68",
       "edge"},
      {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 "
       "Safari/537.36 "
       "OPR/112.0.0.0",
       "opera"},
      {"Mozilla/5.0 (Linux; Android 13; SAMSUNG SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) "
       "SamsungBrowser/25.0 "
       "Chrome/121.0.0.0 Mobile Safari/537.36",
       "samsung_browser"},
      {"Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP1A.240505.004; wv) AppleWebKit/537.36 (KHTML, like "
       "Gecko) "
       "Version/4.0 Chrome/126.0.6478.71 Mobile Safari/537.36",
       "android_webview"},
      {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
       "Slack/4.38.125 "
       "Chrome/124.0.6367.207 Electron/30.0.6 Safari/537.36",
       "electron"},
      {"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", "firefox"},
      {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
       "FxiOS/127.0 "
       "Mobile/15E148 Safari/605.1.15",
       "firefox"},
      {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
       "Version/17.5 "
       "Safari/605.1.15",
       "safari"},
      {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
       "Mobile/15E148",
       "webkit"},
      {"MyApp/1 CFNetwork/1496.0.7 Darwin/23.5.0", "cfnetwork"},
      {"node", "node"},
      {"Bun/1.1.17", "bun"},
      {"Deno/1.44.4", "deno"},
      {"Python/3.11 websockets/10.4", "python"},
      {"python-requests/2.31.0", "python"},
      {"Python/3.12 aiohttp/3.9.5", "python"},
      {"Go-http-client/1.1", "go"},
      {"Java/17.0.11", "java"},
      {"Java-http-client/21.0.3", "java"},
      {"okhttp/4.12.0", "okhttp"},
      {"Dart/3.4 (dart:io)", "dart"},
      {"UnityPlayer/2022.3.20f1 (UnityWebRequest/1.0, libcurl/8.5.0-DEV)", "unity"},
      {"curl/8.7.1", "curl"},
      {"k6/0.51.0 (https://k6.io/)", "k6"},
      {"arduino-WebSocket-Client", "arduino"},
      {"ESP32 Websocket Client", "esp32"},
      {"encode/1.0", "other"},
      {"\xFF\xFE", "other"},
  };
  for (const Case& each : cases)
    EXPECT_EQ(user_agent_family(each.user_agent), each.family) << each.user_agent;
}

}  // namespace
}  // namespace wskeep::observe
