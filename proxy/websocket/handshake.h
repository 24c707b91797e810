// The opening handshake of RFC 6455 section 4, judged from an intermediary's place between the peers.
//
// It looks at header fields that somebody else has parsed: it knows no HTTP library, keeps no state and
// owns nothing. Every view that it returns points into its arguments, or at static text. Field names,
// tokens and the values "websocket" and "Upgrade" compare without regard to ASCII case (section 4.2.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proxy/websocket/frame.h"

namespace wskeep::websocket {

// One header field in the order of arrival. The value has no whitespace around it.
struct HeaderField {
  std::string_view name;
  std::string_view value;

  bool operator==(const HeaderField&) const = default;
};

using Fields = std::span<const HeaderField>;

// Whether a and b, which are of one size, are equal but for ASCII case.
[[nodiscard]] bool same_letters(std::string_view a, std::string_view b) noexcept;

// Whether a and b are equal but for ASCII case. Most that are compared differ in size.
[[nodiscard]] inline bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && same_letters(a, b);
}

// The first field of that name, or nullptr.
[[nodiscard]] const HeaderField* find_field(Fields fields, std::string_view name) noexcept;

[[nodiscard]] std::size_t count_fields(Fields fields, std::string_view name) noexcept;

// Cuts the first element off a comma-separated list and returns it without whitespace around it; it may
// be empty (RFC 9110 section 5.6.1.2). Call it until `list` is empty.
std::string_view pop_list_element(std::string_view& list) noexcept;

// Whether any field of that name lists the token (RFC 9110 section 5.6.1).
[[nodiscard]] bool has_token(Fields fields, std::string_view name, std::string_view token) noexcept;

// What a server answers to this Sec-WebSocket-Key (section 4.2.2, step 5.4): 28 base64 characters.
// Throws std::runtime_error when the crypto library refuses SHA-1.
[[nodiscard]] std::string accept_key(std::string_view key);

enum class RequestKind : std::uint8_t {
  kNotWebsocket,        // no Upgrade field names websocket: an ordinary request
  kUpgrade,             // a valid opening handshake
  kBad,                 // names websocket but breaks a rule: 400
  kUnsupportedVersion,  // Sec-WebSocket-Version isn't 13: 426 (section 4.4)
};

struct RequestVerdict {
  RequestKind kind = RequestKind::kNotWebsocket;
  std::string_view reason;  // static text for the client; empty unless kBad or kUnsupportedVersion

  bool operator==(const RequestVerdict&) const = default;
};

// Judges a client's request (section 4.2.1). `http_version` is 10 or 11 for HTTP/1.0 and 1.1. A body is
// refused: behind an upgrade request it could not be told from the first frames.
[[nodiscard]] RequestVerdict judge_request(std::string_view method, int http_version, Fields fields) noexcept;

enum class AnswerKind : std::uint8_t {
  kSwitched,  // a right 101: frames follow
  kRefused,   // any other status: the answer stays HTTP
  kBad,       // a 101 that breaks a rule: no tunnel may open
};

struct AnswerVerdict {
  AnswerKind kind = AnswerKind::kRefused;
  std::string_view reason;  // static text; empty unless kBad

  bool operator==(const AnswerVerdict&) const = default;
};

// Judges a backend's answer to a valid upgrade request with those fields, as a client must (section 4.1, the
// list of what it validates): a 101 chooses at most one subprotocol and only extensions, all of them offered.
// Subprotocols compare exactly, extensions without regard to case; an empty field chooses nothing. Parameters
// of extensions are left to the client. Throws as accept_key() does.
[[nodiscard]] AnswerVerdict judge_answer(int status, Fields answer, Fields request);

// What the Sec-WebSocket-Extensions of a 101 permit in frame headers (section 9.1).
[[nodiscard]] ExtensionRules extension_rules(Fields answer_fields) noexcept;

// The subprotocol that a 101 selected (section 4.2.2, step 5.5), or empty.
[[nodiscard]] std::string_view selected_protocol(Fields answer_fields) noexcept;

}  // namespace wskeep::websocket
