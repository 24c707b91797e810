#include "config/tls_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace wskeep::config {
namespace {

constexpr bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr std::string_view kOtherTokenCharacters = "!#$%&'*+-.^_`|~";

// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alphanumeric(c) || kOtherTokenCharacters.find(c) != std::string_view::npos;
  });
}

// Case and the difference of - and _ don't count.
bool alike(std::string_view a, std::string_view b) {
  const auto plain = [](char c) {
    if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
    return c == '_' ? '-' : c;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [plain](char x, char y) { return plain(x) == plain(y); });
}

constexpr std::array<std::string_view, 16> kTaken = {"Connection",
                                                     "Content-Length",
                                                     "Expect",
                                                     "Forwarded",
                                                     "Host",
                                                     "Keep-Alive",
                                                     "Origin",
                                                     "TE",
                                                     "Trailer",
                                                     "Transfer-Encoding",
                                                     "Upgrade",
                                                     "X-Forwarded-For",
                                                     "X-Forwarded-Host",
                                                     "X-Forwarded-Proto",
                                                     "HTTP2-Settings",
                                                     "Proxy-Connection"};

}  // namespace

Why FileName::read(std::string_view text, std::string& value) const {
  if (text.find('\0') != std::string_view::npos) return shown(text) + " is not a file's name";
  value = text;
  return std::nullopt;
}

Why FieldName::read(std::string_view text, std::string& value) const {
  constexpr std::size_t kLongest = 100;
  if (!is_token(text) || text.size() > kLongest) {
    return shown(text) + " is not a header name, e.g. X-Client-Subject";
  }
  const bool taken = alike(text.substr(0, 4), "Sec-") ||
                     std::any_of(kTaken.begin(), kTaken.end(), [&](auto name) { return alike(text, name); });
  if (taken) return shown(text) + " has a meaning of its own, e.g. X-Client-Subject has none";
  value = text;
  return std::nullopt;
}

Why ServerName::read(std::string_view text, std::string& value) const {
  constexpr std::size_t kLongest = 253;
  const bool plain =
      !text.empty() && text.size() <= kLongest && std::all_of(text.begin(), text.end(), [](char c) {
        return is_alphanumeric(c) || c == '.' || c == '-' || c == '_' || c == ':';
      });
  if (!plain) return shown(text) + " is not a host name or an IP address, e.g. backend.example";
  value = text;
  return std::nullopt;
}

}  // namespace wskeep::config
