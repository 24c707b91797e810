// What wskeep tells the backend about the client, and what it believes of what others tell: X-Forwarded-For,
// X-Forwarded-Proto and X-Forwarded-Host, and Forwarded (RFC 7239).
//
// Anyone can write these fields, so a peer's are dropped unless it is trusted. A trusted peer is answered in
// the language it speaks: its lists go on with its own address behind them, its X-Forwarded-Proto and -Host
// stay as they are, and where it uses only one of the two families, or neither, nothing of the other is made
// up about the hops before it. Spellings with underscores, which CGI-like backends can't tell apart from
// those with dashes, are believed of nobody: proxies that clean the fields often overlook them.
//
// Pure functions over parsed fields. A malformed value is never an error: it just isn't believed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/head.h"

namespace wskeep::http {

// Who is at the other end of the client's connection.
struct ClientSide {
  std::string_view address;          // its IP address as text, without port or brackets; empty: it has none
  std::string_view scheme = "http";  // "http" or "https"
  bool trusted = false;              // what it says about forwarding is believed
  // Fields that tell whose certificate a client has shown. They are ours alone to write, on whatever way a
  // request has come; the one of this way, and the subject, may be empty.
  std::span<const std::string_view> certificate_fields{};
  std::string_view certificate_field{};
  std::string_view certificate_subject{};
};

// Whether the field is one of the four or of the certificate fields, in any spelling. None of these is copied
// from one head to another.
[[nodiscard]] bool is_ours(std::string_view name, const ClientSide& client) noexcept;

// Appends these fields for the backend, each as a line of a head.
void append_forwarding(std::string& head, const RequestHead& request, const ClientSide& client);

// A sender on the way from the client, as one of the proxies behind it has named it.
struct Hop {
  std::string_view ip;     // an IP address as it was written, without brackets; empty: it isn't named by one
  std::uint16_t port = 0;  // 0: not known

  bool operator==(const Hop&) const = default;
};

// The hops that a request names, the farthest first: those of X-Forwarded-For or, without that field, those
// of Forwarded. An address that is none is for the caller to find out. None when Forwarded is malformed.
[[nodiscard]] std::vector<Hop> forwarded_hops(websocket::Fields fields);

}  // namespace wskeep::http
