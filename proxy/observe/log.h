// The log: one line an event, on stderr, as logfmt or JSON with one schema: time, level, msg, then fields.
//
// A caller formats its line and puts it into a bounded queue that a thread of the log's own empties. Nobody
// ever waits for stderr: when the queue is full the oldest line is dropped, and the count of what was lost is
// the last line. A line costs its caller about a microsecond, one below the level a relaxed load.
//
// Whatever the network says goes through here, so nothing in a value can end a line, forge a field or upset
// a terminal: see format_line.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "config/config.h"

namespace wskeep::observe::log {

using config::LogFormat;
using config::LogLevel;
using Time = std::chrono::system_clock::time_point;

// A key is a literal of lower-case letters and _, none of time, level and msg. A string value is only looked
// at during the call.
struct Field {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  Field(std::string_view the_key, std::string_view text) : key(the_key), value(text) {}
  Field(std::string_view the_key, double number) : key(the_key), value(number) {}
  Field(std::string_view the_key, std::same_as<bool> auto truth) : key(the_key), value(truth) {}
  Field(std::string_view the_key, std::signed_integral auto number)
      : key(the_key), value(std::int64_t{number}) {}
  template <std::unsigned_integral T>
  requires(!std::same_as<T, bool>) Field(std::string_view the_key, T number)
      : key(the_key), value(std::uint64_t{number}) {}

  std::string_view key;
  Value value;
};

using Fields = std::initializer_list<Field>;

// Bytes of a string value that are shown; a longer one is cut and ends in "...".
inline constexpr std::size_t kMaxValueBytes = 2048;

// One line without its newline. The time is RFC 3339 in UTC with milliseconds. Quotes, backslashes, controls
// and text-reordering marks are escaped as in JSON, ill-formed UTF-8 becomes U+FFFD; logfmt quotes a value
// only if it must. A number that is no number (NaN) is null.
std::string format_line(LogFormat format, Time time, LogLevel level, std::string_view msg,
                        std::span<const Field> fields);

// Starts the log; before this and after `stop` nothing is written. Call both from the main thread while no
// other thread logs. Throws std::system_error if there is no thread to be had.
void start(const config::Log& settings);

// Writes what is queued, waiting for stderr if it must, and ends the log's thread.
void stop() noexcept;

// Whether a line of this level is written: ask before you compute something only for the log.
bool enabled(LogLevel level) noexcept;

// Logs one line, from any thread. Never blocks, never throws: out of memory, the line is lost.
void write(LogLevel level, std::string_view msg, std::span<const Field> fields) noexcept;

inline void debug(std::string_view msg, Fields fields = {}) noexcept {
  write(LogLevel::kDebug, msg, fields);
}
inline void info(std::string_view msg, Fields fields = {}) noexcept {
  write(LogLevel::kInfo, msg, fields);
}
inline void warning(std::string_view msg, Fields fields = {}) noexcept {
  write(LogLevel::kWarning, msg, fields);
}
inline void error(std::string_view msg, Fields fields = {}) noexcept {
  write(LogLevel::kError, msg, fields);
}

}  // namespace wskeep::observe::log
