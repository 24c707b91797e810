// Builds the heads that wskeep sends on instead of the ones it read: the upgrade request for the backend,
// and a refused upgrade's answer for the client. (A 101 goes to the client byte for byte.)
//
// Fields keep their order, spelling and values. What is taken out are the hop-by-hop fields of RFC 9110
// section 7.6.1: Connection, Keep-Alive, Proxy-Connection, TE, Upgrade, and those that Connection names.
// A peer must not use the last rule to strip what others rely on, so Connection cannot remove Host,
// Origin, Authorization, Cookie, Set-Cookie, Content-Length, Transfer-Encoding, Sec-... or X-Forwarded-...
#pragma once

#include <string>
#include <string_view>

#include "proxy/http/forwarding.h"
#include "proxy/http/head.h"

namespace wskeep::http {

// The head for the backend, its empty last line included. The request must have been judged
// RequestKind::kUpgrade. `Connection: Upgrade` and `Upgrade: websocket` stand alone, in the places of the
// first such fields, so that no other protocol can be chosen. The forwarding fields (forwarding.h) stand at
// the end. There is no body, so Trailer goes too.
[[nodiscard]] std::string upgrade_head(const RequestHead& request, const ClientSide& client);

// The head for the client of an answer other than 101, its empty last line included, with our HTTP version
// (RFC 9110 section 6.2) and `Connection: close`. The body is to follow as raw bytes, so Transfer-Encoding
// and Trailer stay. A 426 keeps Upgrade, which it must have (RFC 9110 section 15.5.22).
[[nodiscard]] std::string refusal_head(const AnswerHead& answer);

}  // namespace wskeep::http
