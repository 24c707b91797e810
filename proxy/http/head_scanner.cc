#include "proxy/http/head_scanner.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace wskeep::http {
namespace {

constexpr std::string_view kVersionPrefix = "HTTP/1.";
constexpr std::string_view kBadVersion = "the HTTP version must be 1.0 or 1.1";
constexpr std::string_view kBareCr = "bare CR";
constexpr std::string_view kBareLf = "bare LF";
constexpr std::uint8_t kTlsHandshake = 0x16;  // the first byte of a TLS ClientHello (RFC 8446 section 5.1)

using ByteSet = std::array<bool, 256>;

// tchar of RFC 9110 section 5.6.2.
constexpr ByteSet kToken = [] {
  ByteSet table{};
  for (std::size_t c = '0'; c <= '9'; ++c) table[c] = true;
  for (std::size_t c = 'A'; c <= 'Z'; ++c) table[c] = table[c | 0x20] = true;
  for (const unsigned char c : std::string_view{"!#$%&'*+-.^_`|~"}) table[c] = true;
  return table;
}();

// Wider than RFC 3986: browsers leave | ^ { } ` and \ in a query as they are.
constexpr ByteSet kTargetBytes = [] {
  ByteSet table{};
  for (std::size_t c = 0x21; c < 0x7F; ++c) table[c] = c != '#' && c != '"' && c != '<' && c != '>';
  return table;
}();

// field-vchar, SP and HTAB (RFC 9110 section 5.5), and the same in a reason phrase.
constexpr ByteSet kTextBytes = [] {
  ByteSet table{};
  for (std::size_t c = 0; c < table.size(); ++c) table[c] = (c >= 0x20 && c != 0x7F) || c == '\t';
  return table;
}();

constexpr bool is_digit(std::uint8_t c) noexcept {
  return c >= '0' && c <= '9';
}

constexpr std::size_t kStatusSize = 5;  // " ddd "

// Whether c may stand at that place of " ddd ". No status begins with 0 (RFC 9110 section 15).
constexpr bool fits_status(std::size_t place, std::uint8_t c) noexcept {
  if (place == 0 || place == kStatusSize - 1) return c == ' ';
  return is_digit(c) && !(place == 1 && c == '0');
}

}  // namespace

Progress HeadScanner::stay() noexcept {
  ++seen_;
  return Progress::kIncomplete;
}

Progress HeadScanner::move_to(At at) noexcept {
  at_ = at;
  seen_ = 0;
  return Progress::kIncomplete;
}

Progress HeadScanner::fail(std::string_view reason) noexcept {
  reason_ = reason;
  return Progress::kBad;
}

Fed HeadScanner::scan(Bytes bytes) noexcept {
  for (std::size_t used = 0; used < bytes.size();) {
    if (const std::size_t run = run_length(bytes.subspan(used)); run != 0) {
      used += run;
    } else if (const Progress progress = step(bytes[used++]); progress != Progress::kIncomplete) {
      return {progress, used};
    }
  }
  return {Progress::kIncomplete, bytes.size()};
}

// How many of the next bytes leave the state as it is: most bytes of a head stand in such a run.
std::size_t HeadScanner::run_length(Bytes bytes) const noexcept {
  const auto count = [&bytes](const ByteSet& set) {
    const auto end = std::find_if_not(bytes.begin(), bytes.end(), [&set](std::uint8_t c) { return set[c]; });
    return static_cast<std::size_t>(end - bytes.begin());
  };
  switch (at_) {
    case At::kTarget: return seen_ == 0 ? 0 : count(kTargetBytes);
    case At::kName: return count(kToken);
    case At::kText: return count(kTextBytes);
    case At::kStart:
    case At::kEmptyLineLf:
    case At::kMethod:
    case At::kVersion:
    case At::kRequestLineCr:
    case At::kStatus:
    case At::kLineStart:
    case At::kLineLf:
    case At::kHeadLf: return 0;
  }
  std::abort();
}

Progress HeadScanner::step(std::uint8_t byte) noexcept {
  switch (at_) {
    case At::kStart:
      if (byte == '\r') return move_to(At::kEmptyLineLf);
      if (byte == kTlsHandshake) return fail("TLS on a port that speaks plain HTTP");
      at_ = At::kMethod;
      [[fallthrough]];
    case At::kMethod:
      if (kToken[byte]) return stay();
      if (byte == ' ' && seen_ > 0) return move_to(At::kTarget);
      return fail("illegal character in the request method");
    case At::kEmptyLineLf: return byte == '\n' ? move_to(At::kMethod) : fail(kBareCr);
    case At::kTarget:
      if (kTargetBytes[byte]) return stay();
      if (byte == ' ' && seen_ > 0) return move_to(At::kVersion);
      if (byte == '\r' || byte == '\n') return fail(kBadVersion);
      return fail("illegal character in the request target");
    case At::kVersion:
      if (seen_ < kVersionPrefix.size()) {
        return byte == static_cast<std::uint8_t>(kVersionPrefix[seen_]) ? stay() : fail(kBadVersion);
      }
      if (byte != '0' && byte != '1') return fail(kBadVersion);
      return move_to(kind_ == Kind::kRequest ? At::kRequestLineCr : At::kStatus);
    case At::kRequestLineCr:
      if (byte == '\r') return move_to(At::kLineLf);
      return fail(byte == '\n' ? kBareLf : kBadVersion);
    case At::kStatus:
      if (!fits_status(seen_, byte)) return fail("malformed status line");
      return seen_ < kStatusSize - 1 ? stay() : move_to(At::kText);
    case At::kLineStart: return step_line_start(byte);
    case At::kName:
      if (byte == ':') return move_to(At::kText);
      if (byte == ' ' || byte == '\t') return fail("whitespace between a header name and its colon");
      if (byte == '\r' || byte == '\n') return fail("a header line without a colon");
      return fail("illegal character in a header name");
    case At::kText:
      if (byte == '\r') return move_to(At::kLineLf);
      return fail(byte == '\n' ? kBareLf : "control character in a header line");
    case At::kLineLf: return byte == '\n' ? move_to(At::kLineStart) : fail(kBareCr);
    case At::kHeadLf: return byte == '\n' ? Progress::kComplete : fail(kBareCr);
  }
  std::abort();
}

Progress HeadScanner::step_line_start(std::uint8_t byte) noexcept {
  if (byte == '\r') return move_to(At::kHeadLf);
  if (byte == '\n') return fail(kBareLf);
  if (byte == ' ' || byte == '\t') return fail("folded header line");
  if (byte == ':') return fail("empty header name");
  if (!kToken[byte]) return fail("illegal character in a header name");
  if (++fields_ > most_fields_) {
    reason_ = "too many header fields";
    return Progress::kTooLarge;
  }
  return move_to(At::kName);
}

}  // namespace wskeep::http
