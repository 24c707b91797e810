#include "proxy/observe/words.h"

#include <array>

namespace wskeep::observe {
namespace {

struct CloseReasonWord {
  std::string_view word;
  Initiator initiator;
};

// In the order of the enum.
constexpr std::array<CloseReasonWord, kCloseReasons> kCloseReasonWords = {{
    {"client_close", Initiator::kClient},
    {"backend_close", Initiator::kBackend},
    {"client_eof", Initiator::kClient},
    {"backend_eof", Initiator::kBackend},
    {"client_reset", Initiator::kClient},
    {"backend_reset", Initiator::kBackend},
    {"keepalive_timeout", Initiator::kWskeep},
    {"network_dead", Initiator::kWskeep},
    {"app_stalled", Initiator::kWskeep},
    {"backend_unresponsive", Initiator::kWskeep},
    {"client_write_stalled", Initiator::kWskeep},
    {"backend_write_stalled", Initiator::kWskeep},
    {"idle", Initiator::kWskeep},
    {"max_age", Initiator::kWskeep},
    {"protocol_error", Initiator::kWskeep},
    {"client_frame_too_large", Initiator::kWskeep},
    {"backend_frame_too_large", Initiator::kWskeep},
    {"control_flood", Initiator::kWskeep},
    {"shutdown", Initiator::kWskeep},
    {"internal_error", Initiator::kWskeep},
}};

constexpr std::array<std::string_view, kLegs> kLegWords = {"client", "backend"};
constexpr std::array<std::string_view, kDirections> kDirectionWords = {"to_backend", "to_client"};
constexpr std::array<std::string_view, kFrameKinds> kFrameKindWords = {
    "continuation", "text", "binary", "close", "ping", "pong", "other"};
constexpr std::array<std::string_view, kConnectionStates> kConnectionStateWords = {
    "handshake", "http", "open", "closing", "draining"};
constexpr std::array<std::string_view, kPongKinds> kPongKindWords = {"matched", "late", "foreign"};
constexpr std::array<std::string_view, kInitiators> kInitiatorWords = {"client", "backend", "wskeep"};
constexpr std::array<std::string_view, kHandshakeResults> kHandshakeResultWords = {"accepted",
                                                                                   "bad_request",
                                                                                   "origin_refused",
                                                                                   "request_timeout",
                                                                                   "unsupported_version",
                                                                                   "head_too_large",
                                                                                   "unsupported_method",
                                                                                   "refused",
                                                                                   "backend_unreachable",
                                                                                   "backend_bad_answer",
                                                                                   "too_many_of_client",
                                                                                   "too_many_sessions",
                                                                                   "unavailable",
                                                                                   "backend_timeout",
                                                                                   "client_gone",
                                                                                   "untrusted_peer",
                                                                                   "bad_proxy_header",
                                                                                   "tls_failed",
                                                                                   "backend_tls_failed"};
constexpr std::array<std::string_view, kStatusClasses> kStatusClassWords = {"none", "1xx", "2xx",
                                                                            "3xx",  "4xx", "5xx"};
constexpr std::array<std::string_view, kLimits> kLimitWords = {
    "descriptors",  "header_bytes",        "max_frame",         "control_frames_per_second",
    "sessions",     "sessions_per_client", "header_fields",     "handshake_timeout",
    "body_timeout", "keepalive_timeout",   "accepts_per_wakeup"};

template <class Words, class Enum>
std::string_view word(const Words& words, Enum value) {
  const auto index = static_cast<std::size_t>(value);
  return index < words.size() ? words[index] : std::string_view{"unknown"};
}

}  // namespace

std::string_view to_string(Leg leg) noexcept {
  return word(kLegWords, leg);
}
std::string_view to_string(Direction direction) noexcept {
  return word(kDirectionWords, direction);
}
std::string_view to_string(FrameKind kind) noexcept {
  return word(kFrameKindWords, kind);
}
std::string_view to_string(ConnectionState state) noexcept {
  return word(kConnectionStateWords, state);
}
std::string_view to_string(PongKind kind) noexcept {
  return word(kPongKindWords, kind);
}
std::string_view to_string(Initiator initiator) noexcept {
  return word(kInitiatorWords, initiator);
}
std::string_view to_string(HandshakeResult result) noexcept {
  return word(kHandshakeResultWords, result);
}
std::string_view to_string(StatusClass status) noexcept {
  return word(kStatusClassWords, status);
}
std::string_view to_string(Limit limit) noexcept {
  return word(kLimitWords, limit);
}

std::string_view to_string(CloseReason reason) noexcept {
  return kCloseReasonWords[static_cast<std::size_t>(reason)].word;
}

Initiator initiator_of(CloseReason reason) noexcept {
  return kCloseReasonWords[static_cast<std::size_t>(reason)].initiator;
}

StatusClass status_class(int status) noexcept {
  switch (status / 100) {
    case 1: return StatusClass::kInformational;
    case 2: return StatusClass::kSuccess;
    case 3: return StatusClass::kRedirection;
    case 4: return StatusClass::kClientError;
    case 5: return StatusClass::kServerError;
    default: return StatusClass::kNone;
  }
}

}  // namespace wskeep::observe
