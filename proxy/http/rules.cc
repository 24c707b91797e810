#include "proxy/http/rules.h"

#include <algorithm>
#include <array>

namespace wskeep::http {
namespace {

using websocket::count_fields;
using websocket::equal_ignoring_case;
using websocket::Fields;
using websocket::find_field;

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

// The characters of a reg-name (RFC 3986 section 3.2.2). The comma, the semicolon and the equals sign are
// left out: no host has one, and X-Forwarded-Host may be read as a list.
bool is_name(std::string_view name) noexcept {
  static constexpr std::string_view kMarks = "-._~%!$&'()*+";
  return std::all_of(name.begin(), name.end(), [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

// An IP literal (RFC 3986 section 3.2.2), by its characters.
bool is_literal(std::string_view text) noexcept {
  return text.size() > 2 && text.front() == '[' && text.back() == ']' &&
         std::all_of(text.begin() + 1, text.end() - 1, [](char c) {
           return c == ':' || is_name({&c, 1});
         });
}

// Takes the port and its colon off, which may be there without a digit behind it (RFC 3986 section 3.2.3).
bool pop_port(std::string_view& host) noexcept {
  const std::size_t colon = host.find_last_not_of("0123456789");
  if (colon == std::string_view::npos || host[colon] != ':') return false;
  host = host.substr(0, colon);
  return true;
}

bool is_host(std::string_view host) noexcept {
  pop_port(host);
  return is_name(host) || is_literal(host);
}

// authority-form (RFC 9112 section 3.2.3).
bool is_authority(std::string_view text) noexcept {
  return !text.ends_with(':') && pop_port(text) && !text.empty() && is_host(text) && !pop_port(text);
}

// An absolute target overrides Host, so a backend that looks at the other one would see another site than we
// do: they must agree, as clients are told to make them.
bool agrees(std::string_view target, std::string_view host) noexcept {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!equal_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    const std::string_view rest = target.substr(scheme.size());
    return !host.empty() && equal_ignoring_case(rest.substr(0, rest.find_first_of("/?")), host);
  }
  return false;
}

std::string_view target_fault(const RequestHead& head, std::string_view host) noexcept {
  if (head.method == "CONNECT") return is_authority(head.target) ? "" : "CONNECT needs a host and a port";
  if (head.target == "*") return head.method == "OPTIONS" ? "" : "the request target * is for OPTIONS alone";
  if (head.target.starts_with('/') || agrees(head.target, host)) return {};
  return "the request target must be a path, or an http URI that agrees with Host";
}

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// Whether a server that follows CGI takes the name for that one, which is in lower case.
bool taken_for(std::string_view name, std::string_view other) noexcept {
  return std::equal(name.begin(), name.end(), other.begin(), other.end(),
                    [](char c, char of_other) { return (c == '_' ? '-' : lower(c)) == of_other; });
}

bool is_length_in_disguise(std::string_view name) noexcept {
  return name.find('_') != std::string_view::npos &&
         (taken_for(name, "content-length") || taken_for(name, "transfer-encoding"));
}

}  // namespace

std::string_view request_fault(const RequestHead& head) noexcept {
  const std::size_t hosts = count_fields(head.fields, "Host");
  if (hosts == 0 && head.version >= 11) return "Host is missing";
  if (hosts > 1) return "more than one Host";
  const std::string_view host = hosts == 0 ? "" : find_field(head.fields, "Host")->value;
  if (!is_host(host)) return "malformed Host";
  if (std::any_of(head.fields.begin(), head.fields.end(),
                  [](const auto& field) { return is_length_in_disguise(field.name); })) {
    return "Content-Length or Transfer-Encoding with an underscore";
  }
  return target_fault(head, host);
}

std::string_view framing_fault(int version, Fields fields) noexcept {
  const std::size_t lengths = count_fields(fields, "Content-Length");
  const std::size_t encodings = count_fields(fields, "Transfer-Encoding");
  if (lengths > 0 && encodings > 0) return kBothLengths;
  if (lengths > 1) return kTwoLengths;
  if (lengths == 1 && find_field(fields, "Content-Length")->value.find(',') != std::string_view::npos) {
    return kTwoLengths;
  }
  if (encodings == 0) return {};
  if (encodings > 1) return kTwoEncodings;
  if (version < 11) return "Transfer-Encoding in HTTP/1.0";
  if (!equal_ignoring_case(find_field(fields, "Transfer-Encoding")->value, "chunked")) {
    return "a Transfer-Encoding other than chunked";
  }
  return {};
}

bool forbidden_in_trailers(std::string_view name) noexcept {
  constexpr auto kNames = std::to_array<std::string_view>(
      {"authorization", "connection",   "content-encoding", "content-length",      "content-range",
       "content-type",  "cookie",       "expect",           "forwarded",           "host",
       "keep-alive",    "max-forwards", "origin",           "proxy-authorization", "proxy-connection",
       "range",         "te",           "trailer",          "transfer-encoding",   "upgrade"});
  constexpr auto kPrefixes =
      std::to_array<std::string_view>({"sec-", "x-forwarded-", "x-real-", "x-client-"});
  return std::any_of(kNames.begin(), kNames.end(),
                     [name](std::string_view other) { return taken_for(name, other); }) ||
         std::any_of(kPrefixes.begin(), kPrefixes.end(), [name](std::string_view prefix) {
           return taken_for(name.substr(0, prefix.size()), prefix);
         });
}

}  // namespace wskeep::http
