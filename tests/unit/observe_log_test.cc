// The schema of a log line, and that nobody can forge one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "proxy/net/handles.h"
#include "proxy/observe/log.h"

namespace wskeep::observe::log {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const Time kTime{1'709'164'800'007ms};  // 29 February 2024, midnight and 7 ms

std::string line(LogFormat format, std::string_view msg, Fields fields) {
  return format_line(format, kTime, LogLevel::kWarning, msg, fields);
}

TEST(LogFormatTest, Logfmt) {
  EXPECT_EQ(
      line(LogFormat::kLogfmt, "session ended",
           {{"id", "00ff"}, {"duration", 1.5}, {"frames", 7U}, {"change", -3}, {"dead", true}, {"note", ""}}),
      "time=2024-02-29T00:00:00.007Z level=warning msg=\"session ended\" id=00ff duration=1.5 frames=7 "
      "change=-3 "
      "dead=true note=\"\"");
}

TEST(LogFormatTest, Json) {
  EXPECT_EQ(
      line(LogFormat::kJson, "session ended",
           {{"id", "00ff"}, {"duration", 1.5}, {"frames", 7U}, {"change", -3}, {"dead", true}, {"note", ""}}),
      R"({"time":"2024-02-29T00:00:00.007Z","level":"warning","msg":"session ended","id":"00ff","duration":1.5,)"
      R"("frames":7,"change":-3,"dead":true,"note":""})");
}

TEST(LogFormatTest, LevelsHaveOneWordEach) {
  const auto logged = [](LogLevel level) { return format_line(LogFormat::kLogfmt, kTime, level, "m", {}); };
  EXPECT_THAT(logged(LogLevel::kDebug), HasSubstr(" level=debug "));
  EXPECT_THAT(logged(LogLevel::kInfo), HasSubstr(" level=info "));
  EXPECT_THAT(logged(LogLevel::kWarning), HasSubstr(" level=warning "));
  EXPECT_THAT(logged(LogLevel::kError), HasSubstr(" level=error "));
}

TEST(LogFormatTest, Numbers) {
  for (const LogFormat format : {LogFormat::kLogfmt, LogFormat::kJson}) {
    const std::string text = line(format, "m",
                                  {{"a", std::numeric_limits<std::uint64_t>::max()},
                                   {"b", std::numeric_limits<std::int64_t>::min()},
                                   {"c", 0.1},
                                   {"d", std::numeric_limits<double>::quiet_NaN()},
                                   {"e", -std::numeric_limits<double>::infinity()}});
    for (const char* number : {"18446744073709551615", "-9223372036854775808", "0.1", "null"}) {
      EXPECT_THAT(text, HasSubstr(number));
    }
  }
}

struct Injection {
  std::string value;
  std::string quoted;  // the same in both formats
};

const Injection kInjections[] = {
    {"a b", "\"a b\""},
    {"a=b", "\"a=b\""},
    {"x\nlevel=error msg=forged", "\"x\\nlevel=error msg=forged\""},
    {"x\r\n", "\"x\\r\\n\""},
    {"\" level=error", "\"\\\" level=error\""},
    {"\\", "\"\\\\\""},
    {"\\\" evil=1", "\"\\\\\\\" evil=1\""},
    {"a\tb", "\"a\\tb\""},
    {"\x1B[2J", "\"\\u001b[2J\""},
    {"nul\0x"s, "\"nul\\u0000x\""},
    {"\x7F", "\"\\u007f\""},
    {"\u0085", "\"\\u0085\""},
    {"\u2028", "\"\\u2028\""},
    {"\u202Etxt", "\"\\u202etxt\""},
    {"caf\u00E9", "\"caf\u00E9\""},
    {"\xFF\xC0\xAF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    {"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    {"\xE2\x82", "\"\xEF\xBF\xBD\""},
};

TEST(LogFormatTest, NothingInAValueEndsItsLineOrItsField) {
  for (const Injection& each : kInjections) {
    EXPECT_THAT(line(LogFormat::kLogfmt, "m", {{"v", each.value}}), EndsWith(" v=" + each.quoted));
    EXPECT_THAT(line(LogFormat::kJson, "m", {{"v", each.value}}), EndsWith(",\"v\":" + each.quoted + "}"));
    EXPECT_THAT(line(LogFormat::kLogfmt, each.value, {}), EndsWith(" msg=" + each.quoted));
  }
}

TEST(LogFormatTest, EveryByteMakesAJsonLineThatAParserTakes) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string value = "a" + std::string(1, static_cast<char>(byte)) + "z";
    const std::string text = line(LogFormat::kJson, value, {{"v", value}});
    ASSERT_TRUE(nlohmann::json::accept(text)) << byte;
    const auto parsed = nlohmann::json::parse(text);
    EXPECT_THAT(parsed, SizeIs(4));
    EXPECT_EQ(parsed["v"], byte < 128 ? value : "a\uFFFDz");
  }
}

TEST(LogFormatTest, ALongValueIsCutBetweenCharacters) {
  const std::string almost(kMaxValueBytes - 1, 'a');
  EXPECT_THAT(line(LogFormat::kLogfmt, "m", {{"v", almost + "b"}}), EndsWith(" v=" + almost + "b"));
  EXPECT_THAT(line(LogFormat::kLogfmt, "m", {{"v", almost + "bc"}}), EndsWith(" v=\"" + almost + "b...\""));
  EXPECT_THAT(line(LogFormat::kJson, "m", {{"v", almost + "\u00E9"}}), EndsWith(":\"" + almost + "...\"}"));
}

// Turns stderr into a pipe for as long as it lives.
class CapturedStderr {
 public:
  CapturedStderr() : saved_(dup(STDERR_FILENO)) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    read_end_.reset(ends[0]);
    const net::FileDescriptor write_end{ends[1]};
    dup2(write_end.get(), STDERR_FILENO);
  }
  ~CapturedStderr() { restore(); }

  void restore() { dup2(saved_.get(), STDERR_FILENO); }

  // Everything that was written, and stderr is itself again.
  std::string text() {
    restore();
    return drain();
  }

  // What is written until stderr is itself again.
  std::string drain() {
    std::string all;
    char buffer[4096];
    for (ssize_t n; (n = read(read_end_.get(), buffer, sizeof buffer)) > 0;) {
      all.append(buffer, static_cast<std::size_t>(n));
    }
    return all;
  }

 private:
  net::FileDescriptor saved_;
  net::FileDescriptor read_end_;
};

TEST(LogTest, WritesFromItsLevelUpBetweenStartAndStop) {
  CapturedStderr captured;
  info("too early");
  start({LogLevel::kWarning, LogFormat::kLogfmt});
  EXPECT_FALSE(enabled(LogLevel::kInfo));
  EXPECT_TRUE(enabled(LogLevel::kWarning));
  info("too low");
  warning("first", {{"n", 1}});
  error("second {} %v");
  stop();
  EXPECT_FALSE(enabled(LogLevel::kError));
  error("too late");
  const std::string text = captured.text();
  EXPECT_THAT(
      text,
      ::testing::MatchesRegex(
          "time=[^ ]+Z level=warning msg=first n=1\ntime=[^ ]+Z level=error msg=\"second \\{\\} %v\"\n"));
}

TEST(LogTest, CanBeStartedAgain) {
  CapturedStderr captured;
  start({LogLevel::kInfo, LogFormat::kLogfmt});
  info("one");
  start({LogLevel::kDebug, LogFormat::kJson});
  debug("two");
  stop();
  stop();
  const std::string text = captured.text();
  EXPECT_THAT(text, HasSubstr(" level=info msg=one\n"));
  EXPECT_THAT(text, HasSubstr(",\"level\":\"debug\",\"msg\":\"two\"}\n"));
}

// Nobody reads stderr while far more is logged than pipe and queue can hold: that this test ends is its
// point.
TEST(LogTest, AFullStderrBlocksNobodyAndWhatWasLostIsCounted) {
  CapturedStderr captured;
  start({LogLevel::kInfo, LogFormat::kLogfmt});
  const std::string filler(500, 'x');
  for (int i = 0; i < 20'000; ++i) info("flood", {{"filler", filler}});
  std::string text;
  std::thread reader([&] { text = captured.drain(); });
  stop();
  captured.restore();
  reader.join();
  EXPECT_THAT(text, HasSubstr("msg=\"log lines lost\" lines="));
}

TEST(LogTest, ThreadsMayLogAtOnce) {
  CapturedStderr captured;
  start({LogLevel::kInfo, LogFormat::kJson});
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([thread] {
      for (int i = 0; i < 50; ++i) info("line", {{"thread", thread}, {"i", i}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  stop();
  const std::string text = captured.text();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 200);
}

}  // namespace
}  // namespace wskeep::observe::log
