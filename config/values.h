// How a single value is written: one small type for each kind of value, with its range.
//
// A syntax reads text into a typed value, writes a typed value back as text that reads the same, and
// says what it expects. Our own code reads every scalar from its text, so YAML's opinions (010 is 8, off
// is false, 1_000 is a number) never apply and a file, a variable and a flag follow the same rules.
// Pure; a syntax is a constant of a few bytes.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "config/fault.h"
#include "config/suggest.h"

namespace wskeep::config {

// Why a text is refused; none when it was taken. The value is untouched by a refusal.
using Why = std::optional<std::string>;

// How many elements a list may have.
struct Count {
  std::size_t min;
  std::size_t max;
};

// A whole number and a unit: 250ms, 30s, 5m, 24h. A bare 0 is read where 0 is in range; 1.5s and 1m30s
// are refused, since 1500ms and 90s say the same.
struct Duration {
  milliseconds min;
  milliseconds max;
  bool or_zero = false;  // 0 is allowed beside the range, and turns something off
  milliseconds step{1};  // values are multiples of it

  [[nodiscard]] Why read(std::string_view text, milliseconds& value) const;
  std::string write(milliseconds value) const;
  std::string expected() const;
};

// A whole number and B, KiB, MiB or GiB; a bare number counts bytes.
struct Size {
  std::size_t min;
  std::size_t max;

  [[nodiscard]] Why read(std::string_view text, std::size_t& value) const;
  std::string write(std::size_t value) const;
  std::string expected() const;
};

// 20%, a whole number.
struct Percent {
  std::uint8_t min;
  std::uint8_t max;

  [[nodiscard]] Why read(std::string_view text, std::uint8_t& value) const;
  std::string write(std::uint8_t value) const;
  std::string expected() const;
};

// Decimal digits without a sign, a leading zero or a separator.
struct Integer {
  std::uint32_t min;
  std::uint32_t max;

  [[nodiscard]] Why read(std::string_view text, std::uint32_t& value) const;
  std::string write(std::uint32_t value) const;
  std::string expected() const;
};

// A close code that an endpoint may send (RFC 6455 section 7.4): 1000-1003, 1007-1014, 3000-4999.
struct CloseCode {
  [[nodiscard]] Why read(std::string_view text, std::uint16_t& value) const;
  std::string write(std::uint16_t value) const;
  std::string expected() const;
};

// host:port with a name, an IPv4 address or an IPv6 address in brackets; unix:/path or unix:@name. To listen
// on, the port may be 0 (the kernel chooses), the host may be missing (":8880" is 0.0.0.0:8880), and
// systemd:NAME is allowed; to connect to, none of these.
struct Address {
  enum class Use : std::uint8_t { kListen, kConnect };
  Use use;

  [[nodiscard]] Why read(std::string_view text, Endpoint& value) const;
  std::string write(const Endpoint& value) const;
  std::string expected() const;
};

// IP addresses with commas between them and IPv6 without brackets, or none.
struct IpAddresses {
  std::size_t max;  // how many

  [[nodiscard]] Why read(std::string_view text, std::vector<std::string>& value) const;
  std::string write(const std::vector<std::string>& value) const;
  std::string expected() const;
};

// One of a few words, each naming a value of an enum.
template <class Enum, std::size_t kCount>
struct Words {
  std::array<std::pair<std::string_view, Enum>, kCount> words;

  [[nodiscard]] Why read(std::string_view text, Enum& value) const {
    for (const auto& [word, named] : words) {
      if (word == text) {
        value = named;
        return std::nullopt;
      }
    }
    std::vector<std::string> candidates;
    for (const auto& [word, named] : words) candidates.emplace_back(word);
    return shown(text) + " is not " + expected() + did_you_mean(text, candidates);
  }

  std::string write(Enum value) const {
    for (const auto& [word, named] : words) {
      if (named == value) return std::string(word);
    }
    return "";  // not reached: every enumerator has a word, which a test holds
  }

  std::string expected() const {
    std::string list;
    for (std::size_t i = 0; i < kCount; ++i) {
      if (i > 0) list += i + 1 < kCount ? ", " : " or ";
      list += words[i].first;
    }
    return list;
  }
};

// What another syntax reads, or one word that stands for "nothing": auto, off, none.
template <class Syntax>
struct WordOr {
  std::string_view word;
  Syntax syntax;

  template <class T>
  [[nodiscard]] Why read(std::string_view text, std::optional<T>& value) const {
    if (text == word) {
      value.reset();
      return std::nullopt;
    }
    T inner{};
    if (Why why = syntax.read(text, inner)) {
      const std::string meant = did_you_mean(text, {std::string(word)});
      return *why + (meant.empty() ? "; " + std::string(word) + " is allowed too" : meant);
    }
    value = std::move(inner);
    return std::nullopt;
  }

  template <class T>
  std::string write(const std::optional<T>& value) const {
    return value ? syntax.write(*value) : std::string(word);
  }

  std::string expected() const { return std::string(word) + " or " + syntax.expected(); }
};

// "host:port" with an IPv6 host in brackets, "unix:..." or "systemd:...": what Address reads.
std::string to_string(const Endpoint& address);

}  // namespace wskeep::config
