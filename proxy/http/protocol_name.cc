#include "proxy/http/protocol_name.h"

#include <algorithm>

namespace wskeep::http {

std::optional<std::string> ProtocolName::read(std::string_view text, ProtocolName& name) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";  // of a token (RFC 9110 section 5.6.2)
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const bool is_token = !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || kMarks.find(c) != std::string_view::npos;
  });
  if (!is_token) return "\"" + std::string(text) + "\" is not the name of a protocol, e.g. spdy";
  std::string small(text);
  std::transform(small.begin(), small.end(), small.begin(),
                 [&](char c) { return is_letter(c) ? static_cast<char>(c | 0x20) : c; });
  if (small == "websocket") return "websocket is what wskeep is for: it is never tunnelled unseen";
  if (small == "h2c") return "h2c can't be tunnelled: what it needs beside Upgrade ends at a proxy";
  name.text_ = std::move(small);
  return std::nullopt;
}

}  // namespace wskeep::http
