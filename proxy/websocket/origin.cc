#include "proxy/websocket/origin.h"

#include <algorithm>
#include <charconv>

namespace wskeep::websocket {
namespace {

constexpr std::string_view kAnyBelow = "*.";
constexpr std::string_view kNullWord = "null";
constexpr std::string_view kSameWord = "same";

constexpr bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

struct Authority {
  std::string_view host;  // an IPv6 address with its brackets
  unsigned port = 0;      // 0: none is written
};

struct Origin {
  std::string_view scheme;
  Authority authority;
};

// The port that a browser leaves out; 0 where there is none.
unsigned usual_port(std::string_view scheme) noexcept {
  if (equal_ignoring_case(scheme, "https") || equal_ignoring_case(scheme, "wss")) return 443;
  if (equal_ignoring_case(scheme, "http") || equal_ignoring_case(scheme, "ws")) return 80;
  return 0;
}

// RFC 3986 section 3.1.
bool is_scheme(std::string_view text) noexcept {
  return !text.empty() && is_letter(text.front()) && std::all_of(text.begin(), text.end(), [](char c) {
    return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
  });
}

// Whether the characters may stand in a host: labels, or an IPv6 address in brackets. That it exists is for
// nobody to say here.
bool is_host(std::string_view text) noexcept {
  if (text.starts_with('[')) {
    return text.size() > 2 && text.ends_with(']') &&
           text.find_first_not_of("0123456789abcdefABCDEF:.", 1) == text.size() - 1;
  }
  return !text.empty() && text.front() != '.' && std::all_of(text.begin(), text.end(), [](char c) {
    return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.';
  });
}

// host[:port], with any of `prefix` before it.
std::optional<Authority> read_authority(std::string_view text) noexcept {
  Authority authority;
  const std::size_t bracket = text.find(']');
  const std::size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  authority.host = text.substr(0, colon);
  if (colon != std::string_view::npos) {
    const std::string_view digits = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), authority.port);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    if (authority.port == 0 || authority.port > 65'535) return std::nullopt;
  }
  return authority;
}

std::optional<Origin> read_origin(std::string_view text) noexcept {
  constexpr std::string_view kBehindScheme = "://";
  const std::size_t end = text.find(kBehindScheme);
  if (end == std::string_view::npos) return std::nullopt;
  const auto authority = read_authority(text.substr(end + kBehindScheme.size()));
  if (!authority || !is_scheme(text.substr(0, end))) return std::nullopt;
  return Origin{text.substr(0, end), *authority};
}

unsigned port_of(const Authority& authority, std::string_view scheme) noexcept {
  return authority.port == 0 ? usual_port(scheme) : authority.port;
}

bool same_place(const Origin& origin, const Authority& authority) noexcept {
  return equal_ignoring_case(origin.authority.host, authority.host) &&
         port_of(origin.authority, origin.scheme) == port_of(authority, origin.scheme);
}

// Whether `host` ends with `suffix`, which begins with a dot, and has something before it.
bool is_below(std::string_view host, std::string_view suffix) noexcept {
  return host.size() > suffix.size() && equal_ignoring_case(host.substr(host.size() - suffix.size()), suffix);
}

}  // namespace

std::optional<std::string> OriginPattern::read(std::string_view text, OriginPattern& pattern) {
  const auto take = [&](Kind kind) {
    pattern.text_ = text;
    pattern.kind_ = kind;
    return std::nullopt;
  };
  if (text == kNullWord) return take(Kind::kNull);
  if (text == kSameWord) return take(Kind::kSame);
  const std::string shown = "\"" + std::string(text) + "\"";
  const std::optional<Origin> origin = read_origin(text);
  std::string_view host = origin ? origin->authority.host : std::string_view();
  const bool below = host.starts_with(kAnyBelow);
  if (below) host.remove_prefix(kAnyBelow.size());
  if (is_host(host) && !(below && host.starts_with('[')))
    return take(below ? Kind::kHostsBelow : Kind::kOrigin);
  if (const std::size_t slash = host.find('/'); slash != std::string_view::npos) {
    return shown + " goes on behind the host: an origin has a scheme, a host and perhaps a port";
  }
  return shown + " is not an origin, e.g. https://app.example, https://*.app.example, same or null";
}

bool OriginPattern::allows(std::string_view origin, std::string_view host) const noexcept {
  if (kind_ == Kind::kNull) return origin == kNullWord;
  const std::optional<Origin> from = read_origin(origin);
  if (!from || !is_host(from->authority.host)) return false;
  if (kind_ == Kind::kSame) {
    const std::optional<Authority> here = read_authority(host);
    return here && same_place(*from, *here);
  }
  const std::optional<Origin> pattern = read_origin(text_);
  if (!pattern || !equal_ignoring_case(pattern->scheme, from->scheme)) return false;
  if (kind_ == Kind::kOrigin) return same_place(*from, pattern->authority);
  return is_below(from->authority.host, pattern->authority.host.substr(kAnyBelow.size() - 1)) &&
         port_of(from->authority, from->scheme) == port_of(pattern->authority, from->scheme);
}

bool origin_is_allowed(std::span<const OriginPattern> allowed, Fields request) noexcept {
  const HeaderField* const origin = find_field(request, "Origin");
  if (allowed.empty() || origin == nullptr) return true;
  if (count_fields(request, "Origin") != 1) return false;
  const HeaderField* const host = find_field(request, "Host");
  const std::string_view here = host == nullptr ? std::string_view() : host->value;
  return std::any_of(allowed.begin(), allowed.end(),
                     [&](const OriginPattern& pattern) { return pattern.allows(origin->value, here); });
}

}  // namespace wskeep::websocket
