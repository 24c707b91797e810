// What is wrong with a configuration, and where it was written.
//
// Reading never stops at the first fault: all of them are collected and thrown together as one
// ConfigError, so that an operator mends a file in one pass. Values only; nothing here does I/O.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace wskeep::config {

// A place in a file. Lines and columns count from 1, columns in bytes; line 0 means "no place".
struct Position {
  int line = 0;
  int column = 0;

  bool operator<(const Position& other) const {
    return std::tie(line, column) < std::tie(other.line, other.column);
  }
};

// Where a value comes from: a file and a place in it, an environment variable or a flag.
struct Origin {
  int rank = 0;            // faults are listed by rank, then by position; a higher rank wins
  std::string source;      // "wskeep.yaml", "environment WSKEEP_WORKERS", "--set workers"
  bool names_key = false;  // the source says which key it is, so a fault needn't repeat it
  Position position;

  Origin at(Position place) const {
    Origin origin = *this;
    origin.position = place;
    return origin;
  }
};

struct Fault {
  Origin origin;
  std::string key;  // dotted path, e.g. "listeners.0.address"; empty when no key is concerned
  std::string why;

  // "file:line:column: key: why", "environment NAME: key: why" or "--set key: why".
  std::string text() const;
};

using Faults = std::vector<Fault>;

// Thrown by the loader. what() is every fault on a line of its own, without a newline at the end.
class ConfigError : public std::runtime_error {
 public:
  explicit ConfigError(Faults faults);

  // In reading order: the file from top to bottom, then the environment, then the flags. Never empty.
  const Faults& faults() const { return faults_; }

 private:
  Faults faults_;
};

// `text` in double quotes for a message: cut when it is long, and with every byte escaped that could
// garble a terminal or a log (control characters and, where it isn't valid UTF-8, all above 0x7F).
std::string shown(std::string_view text);

// The offset of the first byte that is no valid UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing
// above U+10FFFF), or npos.
std::size_t find_invalid_utf8(std::string_view text);

}  // namespace wskeep::config
