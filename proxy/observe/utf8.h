// Reads text that nobody vouches for as UTF-8 (RFC 3629), one character at a time.
//
// One bad byte in a label makes Prometheus drop the whole target, and one raw newline forges a log line, so
// every string from the network goes through here before it is shown. Pure; no allocation.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace wskeep::observe {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

struct Character {
  char32_t code;      // kReplacementCharacter for what is ill-formed
  std::size_t bytes;  // how many bytes of the text it takes, at least 1
};

// The first character of `text`, which isn't empty. An ill-formed sequence (overlong, surrogate, beyond
// U+10FFFF, cut short) is one character for each of its longest prefixes that could have begun a good one.
Character first_character(std::string_view text) noexcept;

// Appends the UTF-8 form of `code`, a Unicode scalar value.
void append_utf8(char32_t code, std::string& out);

// Whether showing `code` as it is could mislead whoever reads a line: controls (C0, DEL, C1), the separators
// that some viewers break lines at, and the marks that reorder text around them.
constexpr bool is_deceptive(char32_t code) noexcept {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0x200E || code == 0x200F;
}

}  // namespace wskeep::observe
