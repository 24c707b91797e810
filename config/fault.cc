#include "config/fault.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>

namespace wskeep::config {
namespace {

constexpr std::size_t kShownBytes = 60;

Faults in_reading_order(Faults faults) {
  std::stable_sort(faults.begin(), faults.end(), [](const Fault& a, const Fault& b) {
    return std::tie(a.origin.rank, a.origin.position) < std::tie(b.origin.rank, b.origin.position);
  });
  return faults;
}

std::string joined(const Faults& faults) {
  std::string lines;
  for (const Fault& fault : faults) {
    if (!lines.empty()) lines += '\n';
    lines += fault.text();
  }
  return lines;
}

std::uint8_t byte_at(std::string_view text, std::size_t at) {
  return static_cast<std::uint8_t>(text[at]);
}

// Length of the character at `at`, 0 when it isn't well formed (RFC 3629 section 4).
std::size_t utf8_length(std::string_view text, std::size_t at) {
  const std::uint8_t lead = byte_at(text, at);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (text.size() - at < length) return 0;
  // The second byte's range closes overlong forms, surrogates and what lies above U+10FFFF.
  const std::uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const std::uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (byte_at(text, at + 1) < low || byte_at(text, at + 1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte_at(text, at + i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

std::string Fault::text() const {
  std::string line = origin.source;
  if (origin.position.line > 0) line += fmt::format(":{}:{}", origin.position.line, origin.position.column);
  if (!line.empty()) line += ": ";
  if (!key.empty() && !origin.names_key) line += key + ": ";
  return line + why;
}

ConfigError::ConfigError(Faults faults)
    : std::runtime_error(joined(faults = in_reading_order(std::move(faults)))), faults_(std::move(faults)) {}

std::string shown(std::string_view text) {
  std::size_t cut = std::min(text.size(), kShownBytes);
  const bool valid = find_invalid_utf8(text) == std::string_view::npos;
  while (valid && cut < text.size() && cut > 0 && (byte_at(text, cut) & 0xC0) == 0x80) --cut;
  std::string out = "\"";
  for (std::size_t i = 0; i < cut; ++i) {
    const std::uint8_t byte = byte_at(text, i);
    if (byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !valid)) {
      out += fmt::format("\\x{:02X}", byte);
    } else {
      if (byte == '"' || byte == '\\') out += '\\';
      out += text[i];
    }
  }
  return out + (cut < text.size() ? "...\"" : "\"");
}

std::size_t find_invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

}  // namespace wskeep::config
