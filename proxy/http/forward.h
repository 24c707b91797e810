// Builds the heads that wskeep sends on instead of the ones it read: requests for the backend, and answers
// for the client. (A 101 goes to the client byte for byte.)
//
// Fields keep their order, spelling and values. What is taken out are the hop-by-hop fields of RFC 9110
// section 7.6.1: Connection, Keep-Alive, Proxy-Connection, TE, Upgrade, and those that Connection names.
// A peer must not use the last rule to strip what others rely on, so Connection cannot remove Host,
// Origin, Authorization, Cookie, Set-Cookie, Content-Length, Transfer-Encoding, Sec-... or X-Forwarded-...
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/forwarding.h"
#include "proxy/http/head.h"

namespace wskeep::http {

// The head for the backend, its empty last line included. The request must have been judged
// RequestKind::kUpgrade. `Connection: Upgrade` and `Upgrade` with that protocol stand alone, in the places of
// the first such fields, so that no other protocol can be chosen. The forwarding fields (forwarding.h) stand
// at the end. There is no body, so Trailer goes too.
[[nodiscard]] std::string upgrade_head(const RequestHead& request, const ClientSide& client,
                                       std::string_view protocol = "websocket");

// The head for the backend of any other request, its empty last line included. Upgrade is left out, as RFC
// 9110 section 7.8 allows, and HTTP2-Settings with it; the forwarding fields are treated as above. The body
// is to follow as raw bytes, so Transfer-Encoding, as "chunked", and Trailer stay. A request of HTTP/1.0 goes
// on as one, so that no answer is chunked that its client couldn't read; it asks to keep the connection if
// the client did.
[[nodiscard]] std::string request_head(const RequestHead& request, const ClientSide& client);

// Whether whoever sent the head lets its connection serve another message behind this one (RFC 9112 section
// 9.3), as far as the head can tell.
[[nodiscard]] bool persists(int version, websocket::Fields fields) noexcept;

// What an answer tells its client about the connection.
enum class Then : std::uint8_t {
  kClose,
  kKeep,
  kKeepOld,  // keep it, for a client of HTTP/1.0, which must be told so
};

// The head for the client of an answer other than 101, interim answers too, its empty last line included,
// with our HTTP version (RFC 9110 section 6.2). The body is to follow as raw bytes, so Transfer-Encoding and
// Trailer stay. A 426 keeps Upgrade, which it must have (RFC 9110 section 15.5.22).
[[nodiscard]] std::string answer_head(const AnswerHead& answer, Then then);

}  // namespace wskeep::http
