#include "proxy/http/forward.h"

#include <algorithm>
#include <array>
#include <vector>

namespace wskeep::http {
namespace {

using websocket::equal_ignoring_case;
using websocket::Fields;
using websocket::pop_list_element;

constexpr std::string_view kChunked = "chunked";
constexpr std::size_t kUsualHead = 1024;  // bytes of a browser's request; a larger one grows as it is written

bool starts_ignoring_case(std::string_view text, std::string_view prefix) noexcept {
  return equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

template <class Names>
bool one_of(std::string_view name, const Names& names) noexcept {
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

// The fields that end here. Connection and Upgrade do as well, but are the callers' business.
class HopByHop {
 public:
  explicit HopByHop(Fields fields) {
    for (const auto& [name, value] : fields) {
      if (!equal_ignoring_case(name, "Connection")) continue;
      for (std::string_view list = value; !list.empty();) options_.push_back(pop_list_element(list));
    }
  }

  bool contains(std::string_view name) const noexcept {
    constexpr auto kNames = std::to_array<std::string_view>({"Keep-Alive", "Proxy-Connection", "TE"});
    return one_of(name, kNames) || (one_of(name, options_) && !is_protected(name));
  }

 private:
  std::vector<std::string_view> options_;  // what the Connection fields list
};

void append_field(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

std::string upgrade_head(const RequestHead& request, const ClientSide& client, std::string_view protocol) {
  const HopByHop hop_by_hop(request.fields);
  std::string head;
  head.reserve(kUsualHead);
  head.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
  bool connection_written = false;
  bool upgrade_written = false;
  for (const auto& [name, value] : request.fields) {
    if (equal_ignoring_case(name, "Connection")) {
      if (!connection_written) append_field(head, "Connection", "Upgrade");
      connection_written = true;
    } else if (equal_ignoring_case(name, "Upgrade")) {
      if (!upgrade_written) append_field(head, "Upgrade", protocol);
      upgrade_written = true;
    } else if (!hop_by_hop.contains(name) && !equal_ignoring_case(name, "Trailer") &&
               !is_ours(name, client)) {
      append_field(head, name, value);
    }
  }
  append_forwarding(head, request, client);
  head.append("\r\n");
  return head;
}

std::string request_head(const RequestHead& request, const ClientSide& client) {
  const HopByHop hop_by_hop(request.fields);
  const bool old = request.version < 11;
  std::string head;
  head.reserve(kUsualHead);
  head.append(request.method)
      .append(" ")
      .append(request.target)
      .append(old ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  for (const auto& [name, value] : request.fields) {
    constexpr auto kLeftOut = std::to_array<std::string_view>({"Connection", "Upgrade", "HTTP2-Settings"});
    if (one_of(name, kLeftOut) || hop_by_hop.contains(name) || is_ours(name, client)) continue;
    // In one spelling: a backend that knows only that one would see no body in the others.
    append_field(head, name, equal_ignoring_case(name, "Transfer-Encoding") ? kChunked : value);
  }
  if (old && persists(request.version, request.fields)) append_field(head, "Connection", "keep-alive");
  append_forwarding(head, request, client);
  head.append("\r\n");
  return head;
}

bool persists(int version, Fields fields) noexcept {
  if (websocket::has_token(fields, "Connection", "close")) return false;
  return version >= 11 || websocket::has_token(fields, "Connection", "keep-alive");
}

std::string answer_head(const AnswerHead& answer, Then then) {
  const HopByHop hop_by_hop(answer.fields);
  std::string head = "HTTP/1.1 ";
  head.append(std::to_string(answer.status)).append(" ").append(answer.reason).append("\r\n");
  const bool keeps_upgrade =
      answer.status == 426 && websocket::find_field(answer.fields, "Upgrade") != nullptr;
  for (const auto& [name, value] : answer.fields) {
    if (equal_ignoring_case(name, "Connection")) continue;
    if (equal_ignoring_case(name, "Upgrade") ? keeps_upgrade : !hop_by_hop.contains(name)) {
      append_field(head, name, value);
    }
  }
  switch (then) {
    case Then::kClose: append_field(head, "Connection", keeps_upgrade ? "Upgrade, close" : "close"); break;
    case Then::kKeep:
      if (keeps_upgrade) append_field(head, "Connection", "Upgrade");
      break;
    case Then::kKeepOld: append_field(head, "Connection", "keep-alive"); break;
  }
  head.append("\r\n");
  return head;
}

}  // namespace wskeep::http
