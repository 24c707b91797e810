// What a well-formed head may still not say, because two readers could understand it in two ways: which site
// it is for (RFC 9112 section 3.2), where its body ends (section 6.3), and what its trailers add (RFC 9110
// section 6.5.1). An intermediary that guesses invites request smuggling, so it refuses.
//
// Each function looks at values that a reader has parsed, keeps nothing and costs one walk over the fields.
// A fault is static text for the peer; empty means that there is none.
#pragma once

#include <string_view>

#include "proxy/http/head.h"

namespace wskeep::http {

inline constexpr std::string_view kBothLengths = "both Content-Length and Transfer-Encoding";
inline constexpr std::string_view kTwoLengths = "more than one Content-Length";
inline constexpr std::string_view kTwoEncodings = "more than one Transfer-Encoding";

// The forms of the target: a path; "*" with OPTIONS alone; host:port with CONNECT alone, and nothing else
// with that (RFC 9112 sections 3.2.3 and 3.2.4); or an absolute http(s) URI that agrees with Host. Host:
// exactly one, optional in HTTP/1.0, and uri-host [ ":" port ] of RFC 9110 section 7.2. A length spelled with
// an underscore is refused too: servers that follow CGI take it for the real one.
[[nodiscard]] std::string_view request_fault(const RequestHead& head) noexcept;

// Content-Length together with Transfer-Encoding, either of them twice, even if equal, any encoding but
// "chunked", and that one in HTTP/1.0. For requests and answers.
[[nodiscard]] std::string_view framing_fault(int version, websocket::Fields fields) noexcept;

// Whether a request's trailer of that name could do harm at a backend that adds trailers to the head's
// fields: those that route, frame, authenticate, or tell of the client. What Connection or wskeep itself
// takes out of a head must not come back behind the body.
[[nodiscard]] bool forbidden_in_trailers(std::string_view name) noexcept;

}  // namespace wskeep::http
