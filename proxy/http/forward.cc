#include "proxy/http/forward.h"

#include <algorithm>
#include <array>

namespace wskeep::http {
namespace {

using websocket::equal_ignoring_case;
using websocket::Fields;
using websocket::has_token;

bool starts_ignoring_case(std::string_view text, std::string_view prefix) noexcept {
  return equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

template <std::size_t kSize>
bool one_of(std::string_view name, const std::array<std::string_view, kSize>& names) noexcept {
  return std::any_of(names.begin(), names.end(),
                     [name](std::string_view other) { return equal_ignoring_case(name, other); });
}

// Whether a Connection field may not make a field of that name hop-by-hop.
bool is_protected(std::string_view name) noexcept {
  constexpr auto kNames = std::to_array<std::string_view>(
      {"Host", "Origin", "Authorization", "Cookie", "Set-Cookie", "Content-Length", "Transfer-Encoding"});
  return one_of(name, kNames) || starts_ignoring_case(name, "Sec-") ||
         starts_ignoring_case(name, "X-Forwarded-");
}

// Whether the field ends here. Connection and Upgrade do as well, but are the callers' business.
bool is_hop_by_hop(std::string_view name, Fields fields) noexcept {
  constexpr auto kNames = std::to_array<std::string_view>({"Keep-Alive", "Proxy-Connection", "TE"});
  return one_of(name, kNames) || (!is_protected(name) && has_token(fields, "Connection", name));
}

bool tells_forwarding(std::string_view name) {
  constexpr auto kNames = std::to_array<std::string_view>(
      {"Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"});
  std::string dashed{name};
  std::replace(dashed.begin(), dashed.end(), '_', '-');
  return one_of(dashed, kNames);
}

void append_field(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

std::string upgrade_head(const RequestHead& request, const ClientSide& client) {
  std::string head;
  head.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
  bool connection_written = false;
  bool upgrade_written = false;
  for (const auto& [name, value] : request.fields) {
    if (equal_ignoring_case(name, "Connection")) {
      if (!connection_written) append_field(head, "Connection", "Upgrade");
      connection_written = true;
    } else if (equal_ignoring_case(name, "Upgrade")) {
      if (!upgrade_written) append_field(head, "Upgrade", "websocket");
      upgrade_written = true;
    } else if (!is_hop_by_hop(name, request.fields) && !equal_ignoring_case(name, "Trailer") &&
               !tells_forwarding(name)) {
      append_field(head, name, value);
    }
  }
  append_field(head, "X-Forwarded-For", client.address);
  append_field(head, "X-Forwarded-Proto", client.scheme);
  if (const auto* host = websocket::find_field(request.fields, "Host")) {
    append_field(head, "X-Forwarded-Host", host->value);
  }
  head.append("\r\n");
  return head;
}

std::string refusal_head(const AnswerHead& answer) {
  std::string head = "HTTP/1.1 ";
  head.append(std::to_string(answer.status)).append(" ").append(answer.reason).append("\r\n");
  const bool keeps_upgrade =
      answer.status == 426 && websocket::find_field(answer.fields, "Upgrade") != nullptr;
  for (const auto& [name, value] : answer.fields) {
    if (equal_ignoring_case(name, "Connection")) continue;
    if (equal_ignoring_case(name, "Upgrade") ? keeps_upgrade : !is_hop_by_hop(name, answer.fields)) {
      append_field(head, name, value);
    }
  }
  append_field(head, "Connection", keeps_upgrade ? "Upgrade, close" : "close");
  head.append("\r\n");
  return head;
}

}  // namespace wskeep::http
