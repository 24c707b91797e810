// The words under which things are counted, logged and shown: one enum each, one spelling each.
//
// Every value of every enum here is a label value in /metrics, a word in the log and a field in the API.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace wskeep::observe {

enum class Leg : std::uint8_t { kClient, kBackend };
inline constexpr std::size_t kLegs = 2;

enum class Direction : std::uint8_t { kToBackend, kToClient };
inline constexpr std::size_t kDirections = 2;

// What a frame was; kOther is an opcode that only an unknown extension can explain.
enum class FrameKind : std::uint8_t { kContinuation, kText, kBinary, kClose, kPing, kPong, kOther };
inline constexpr std::size_t kFrameKinds = 7;

enum class ConnectionState : std::uint8_t { kHandshake, kHttp, kOpen, kClosing, kDraining };
inline constexpr std::size_t kConnectionStates = 5;

// What a pong turned out to be (keepalive/pong_ledger.h).
enum class PongKind : std::uint8_t { kMatched, kLate, kForeign };
inline constexpr std::size_t kPongKinds = 3;

// Who ended a session.
enum class Initiator : std::uint8_t { kClient, kBackend, kWskeep };
inline constexpr std::size_t kInitiators = 3;

// Why a session ended. Each reason has one initiator.
enum class CloseReason : std::uint8_t {
  kClientClose,   // the client sent the first Close
  kBackendClose,  // the backend sent the first Close
  kClientEof,     // the client ended its stream without a Close
  kBackendEof,
  kClientReset,  // the client's TCP connection broke
  kBackendReset,
  kKeepaliveTimeout,     // the client stayed silent after our ping, and nobody knows why
  kNetworkDead,          // its TCP acknowledges nothing any more, after our ping or by the kernel's timers
  kAppStalled,           // it did, though its TCP has taken all, or is there and takes no more
  kBackendUnresponsive,  // the backend stayed silent, or its TCP acknowledges nothing any more
  kClientWriteStalled,   // the client took no byte for write_stall_timeout
  kBackendWriteStalled,
  kIdle,                 // no data for idle_timeout
  kMaxAge,               // it was max_age old
  kProtocolError,        // still there close_timeout after an illegal frame
  kClientFrameTooLarge,  // the client began a data frame over max_frame
  kBackendFrameTooLarge,
  kControlFlood,   // the client sent more pings and pongs than control_frames_per_second
  kShutdown,       // wskeep is stopping
  kInternalError,  // out of memory or the like
};
inline constexpr std::size_t kCloseReasons = 20;

// How a handshake ended.
enum class HandshakeResult : std::uint8_t {
  kAccepted,
  kBadRequest,          // 400
  kOriginRefused,       // 403: from a web page that allowed_origins doesn't name
  kRequestTimeout,      // 408: no whole request head in time
  kUnsupportedVersion,  // 426
  kHeadTooLarge,        // 431
  kUnsupportedMethod,   // 501: CONNECT
  kRefused,             // the backend answered with another status than 101, which was passed on
  kBackendUnreachable,  // 502
  kBackendBadAnswer,    // 502
  kTooManyOfClient,     // 429: limits.sessions_per_client
  kTooMany,             // 503: limits.sessions
  kUnavailable,         // 503: wskeep is stopping
  kBackendTimeout,      // 504: connect or answer
  kClientGone,          // the client left before the answer
  kUntrustedPeer,       // closed: not one of trusted_proxies, where a PROXY header is wanted
  kBadProxyHeader,      // closed: no PROXY header, a bad one, or none in time
  kTlsFailed,           // the client's TLS handshake failed; plain HTTP is a kBadRequest
  kBackendTlsFailed,    // 502: the backend's did, or it isn't who it should be
};
inline constexpr std::size_t kHandshakeResults = 19;

// How an ordinary request was answered: the class of its status (RFC 9110 section 15), or not at all.
enum class StatusClass : std::uint8_t {
  kNone,
  kInformational,
  kSuccess,
  kRedirection,
  kClientError,
  kServerError
};
inline constexpr std::size_t kStatusClasses = 6;

// A limit that was met.
enum class Limit : std::uint8_t {
  kDescriptors,
  kHeaderBytes,
  kMaxFrame,
  kControlFramesPerSecond,
  kSessions,
  kSessionsPerClient,
  kHeaderFields,
  kHandshakeTimeout,
  kBodyTimeout,
  kKeepaliveTimeout,
  kAcceptsPerWakeup
};
inline constexpr std::size_t kLimits = 11;

std::string_view to_string(Leg leg) noexcept;
std::string_view to_string(Direction direction) noexcept;
std::string_view to_string(FrameKind kind) noexcept;
std::string_view to_string(ConnectionState state) noexcept;
std::string_view to_string(PongKind kind) noexcept;
std::string_view to_string(Initiator initiator) noexcept;
std::string_view to_string(CloseReason reason) noexcept;
std::string_view to_string(HandshakeResult result) noexcept;
std::string_view to_string(StatusClass status) noexcept;
std::string_view to_string(Limit limit) noexcept;

Initiator initiator_of(CloseReason reason) noexcept;
// Of the status of a final answer; kNone for any that has no class of its own.
StatusClass status_class(int status) noexcept;

}  // namespace wskeep::observe
