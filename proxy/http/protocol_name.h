// ProtocolName is a name that Upgrade may list (RFC 9110 section 7.8), without a version; it compares without
// regard to case, and is kept in small letters.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace wskeep::http {

class ProtocolName {
 public:
  // Why the text names no protocol that could be tunnelled, or nothing; then `name` is read.
  [[nodiscard]] static std::optional<std::string> read(std::string_view text, ProtocolName& name);

  const std::string& text() const noexcept { return text_; }
  bool operator==(const ProtocolName&) const = default;

 private:
  std::string text_;
};

}  // namespace wskeep::http
