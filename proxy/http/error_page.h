// The answers that wskeep gives itself: short plain text with a reason, after which the connection closes.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wskeep::http {

enum class Status : std::uint16_t {
  kBadRequest = 400,
  kForbidden = 403,
  kRequestTimeout = 408,
  kUpgradeRequired = 426,
  kTooManyRequests = 429,
  kHeaderFieldsTooLarge = 431,
  kNotImplemented = 501,
  kBadGateway = 502,
  kServiceUnavailable = 503,
  kGatewayTimeout = 504,
};

// The reason phrase that RFC 9110 section 15 and RFC 6585 give the status.
[[nodiscard]] std::string_view phrase(Status status) noexcept;

// A whole answer, head and body. `reason` is one line of our own words in UTF-8; the body is
// "<status> <phrase>: <reason>\n". A 426 says what to upgrade to (RFC 9110 section 15.5.22) and which
// version of it (RFC 6455 section 4.4). `retry_after`, if given, is sent in whole seconds (RFC 9110
// section 10.2.3).
[[nodiscard]] std::string error_answer(Status status, std::string_view reason,
                                       std::optional<std::chrono::seconds> retry_after = {});

}  // namespace wskeep::http
