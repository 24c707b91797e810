// Close codes (RFC 6455 section 7.4). Values only.
#pragma once

#include <cstdint>

namespace wskeep::websocket {

using CloseCode = std::uint16_t;

inline constexpr CloseCode kGoingAway = 1001;
inline constexpr CloseCode kProtocolError = 1002;
inline constexpr CloseCode kNoCode = 1005;  // what a Close without a code means; never on the wire
inline constexpr CloseCode kPolicyViolation = 1008;
inline constexpr CloseCode kMessageTooBig = 1009;
inline constexpr CloseCode kInternalError = 1011;

// Whether an endpoint may put `code` into a Close frame: assigned by RFC 6455 or the IANA registry and not
// one of 1004, 1005, 1006 and 1015, or from the ranges of libraries and applications (7.4.2).
constexpr bool may_be_sent(CloseCode code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

}  // namespace wskeep::websocket
