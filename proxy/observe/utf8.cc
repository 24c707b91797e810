#include "proxy/observe/utf8.h"

#include <cstdint>

namespace wskeep::observe {
namespace {

std::uint8_t byte_at(std::string_view text, std::size_t index) noexcept {
  return static_cast<std::uint8_t>(text[index]);
}

// What a lead byte promises (Unicode table 3-7). Only the second byte has bounds of its own: they keep out
// overlong forms, surrogates and what lies beyond U+10FFFF.
struct Promise {
  std::size_t bytes;  // of the whole sequence; 0: no sequence begins so
  std::uint8_t second_low = 0x80;
  std::uint8_t second_high = 0xBF;
};

constexpr Promise promise_of(std::uint8_t lead) noexcept {
  if (lead < 0xC2) return {0};
  if (lead < 0xE0) return {2};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};
  if (lead < 0xF0) return {3};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead < 0xF4) return {4};
  if (lead == 0xF4) return {4, 0x80, 0x8F};
  return {0};
}

}  // namespace

Character first_character(std::string_view text) noexcept {
  const std::uint8_t lead = byte_at(text, 0);
  if (lead < 0x80) return {lead, 1};
  const Promise promise = promise_of(lead);
  if (promise.bytes == 0) return {kReplacementCharacter, 1};

  char32_t code = lead & (0x7FU >> promise.bytes);
  for (std::size_t i = 1; i < promise.bytes; ++i) {
    if (i == text.size()) return {kReplacementCharacter, i};
    const std::uint8_t byte = byte_at(text, i);
    const bool good =
        i == 1 ? byte >= promise.second_low && byte <= promise.second_high : (byte & 0xC0) == 0x80;
    if (!good) return {kReplacementCharacter, i};
    code = code << 6 | (byte & 0x3FU);
  }
  return {code, promise.bytes};
}

void append_utf8(char32_t code, std::string& out) {
  const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80U | (code >> shift & 0x3FU)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0U | code >> 6);
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0U | code >> 12);
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0U | code >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace wskeep::observe
