#include "proxy/observe/log.h"

#include <fmt/format.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <iterator>
#include <memory>
#include <type_traits>

#include "proxy/net/block_signals.h"
#include "proxy/observe/utf8.h"

namespace wskeep::observe::log {
namespace {

constexpr std::size_t kQueuedLines = 4096;

std::string_view to_string(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::kDebug: return "debug";
    case LogLevel::kInfo: return "info";
    case LogLevel::kWarning: return "warning";
    case LogLevel::kError: return "error";
  }
  return "error";
}

void append_time(Time time, std::string& out) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{floor<milliseconds>(time - day)};
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                 static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                 static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(),
                 clock.seconds().count(), clock.subseconds().count());
}

// Both formats quote alike: the escapes of JSON are among those that logfmt readers know.
void append_quoted(std::string_view text, std::string& out) {
  out += '"';
  std::size_t room = kMaxValueBytes;
  while (!text.empty()) {
    const Character character = first_character(text);
    if (character.bytes > room) {
      out.append("...");
      break;
    }
    room -= character.bytes;
    text.remove_prefix(character.bytes);
    switch (character.code) {
      case '"': out.append("\\\""); break;
      case '\\': out.append("\\\\"); break;
      case '\n': out.append("\\n"); break;
      case '\r': out.append("\\r"); break;
      case '\t': out.append("\\t"); break;
      default:
        if (is_deceptive(character.code)) {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<std::uint32_t>(character.code));
        } else {
          append_utf8(character.code, out);
        }
    }
  }
  out += '"';
}

bool must_be_quoted(std::string_view text) noexcept {
  const auto plain = [](char c) { return c > ' ' && c < '\x7F' && c != '"' && c != '=' && c != '\\'; };
  return text.empty() || text.size() > kMaxValueBytes || !std::ranges::all_of(text, plain);
}

void append_value(LogFormat format, const Field::Value& value, std::string& out) {
  const auto append = [&](const auto& held) {
    using Held = std::decay_t<decltype(held)>;
    if constexpr (std::is_same_v<Held, std::string_view>) {
      if (format == LogFormat::kJson || must_be_quoted(held)) {
        append_quoted(held, out);
      } else {
        out.append(held);
      }
    } else {
      if constexpr (std::is_same_v<Held, double>) {
        if (!std::isfinite(held)) {
          out.append("null");
          return;
        }
      }
      fmt::format_to(std::back_inserter(out), "{}", held);
    }
  };
  std::visit(append, value);
}

void append_field(LogFormat format, const Field& field, std::string& out) {
  switch (format) {
    case LogFormat::kLogfmt: out.append(" ").append(field.key).append("="); break;
    case LogFormat::kJson: out.append(",\"").append(field.key).append("\":"); break;
  }
  append_value(format, field.value, out);
}

// What there is while the log runs.
class Running {
 public:
  explicit Running(LogFormat format)
      : format_(format),
        pool_(std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1, [] { net::block_signals(); })),
        logger_(std::make_shared<spdlog::async_logger>(
            "wskeep", std::make_shared<spdlog::sinks::stderr_sink_st>(), pool_,
            spdlog::async_overflow_policy::overrun_oldest)) {
    logger_->set_level(spdlog::level::trace);
    logger_->set_formatter(
        std::make_unique<spdlog::pattern_formatter>("%v", spdlog::pattern_time_type::utc, "\n"));
  }

  // Writes what is queued and ends the thread, which holds the logger for as long as it has lines of its.
  ~Running() { pool_.reset(); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  void write(LogLevel level, std::string_view msg, std::span<const Field> fields) {
    const std::string line = format_line(format_, std::chrono::system_clock::now(), level, msg, fields);
    logger_->log(spdlog::level::info, spdlog::string_view_t{line.data(), line.size()});
  }

  std::size_t lost() const { return pool_->overrun_counter(); }

 private:
  LogFormat format_;
  std::shared_ptr<spdlog::details::thread_pool> pool_;
  std::shared_ptr<spdlog::async_logger> logger_;
};

std::unique_ptr<Running> running;

constexpr int kSilent = static_cast<int>(LogLevel::kError) + 1;
std::atomic<int> threshold{kSilent};

}  // namespace

std::string format_line(LogFormat format, Time time, LogLevel level, std::string_view msg,
                        std::span<const Field> fields) {
  std::string line;
  line.reserve(256);
  switch (format) {
    case LogFormat::kLogfmt: line.append("time="); break;
    case LogFormat::kJson: line.append("{\"time\":\""); break;
  }
  append_time(time, line);
  if (format == LogFormat::kJson) line += '"';
  append_field(format, {"level", to_string(level)}, line);
  append_field(format, {"msg", msg}, line);
  for (const Field& field : fields) append_field(format, field, line);
  if (format == LogFormat::kJson) line += '}';
  return line;
}

void start(const config::Log& settings) {
  stop();
  running = std::make_unique<Running>(settings.format);
  threshold.store(static_cast<int>(settings.level), std::memory_order_relaxed);
}

void stop() noexcept {
  if (!running) return;
  if (const std::size_t lost = running->lost(); lost > 0) warning("log lines lost", {{"lines", lost}});
  threshold.store(kSilent, std::memory_order_relaxed);
  running.reset();
}

bool enabled(LogLevel level) noexcept {
  return static_cast<int>(level) >= threshold.load(std::memory_order_relaxed);
}

void write(LogLevel level, std::string_view msg, std::span<const Field> fields) noexcept {
  if (!enabled(level)) return;
  try {
    running->write(level, msg, fields);
  } catch (...) {
    // There is no memory for the line, so there is none to say so.
  }
}

}  // namespace wskeep::observe::log
