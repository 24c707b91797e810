// Which web pages may open a WebSocket (RFC 6455 sections 4.2.2 and 10.2; origins are RFC 6454's).
//
// Browsers let any page connect anywhere, with the user's cookies, and tell the server in Origin whose page
// it was. A server that cares must look; a list of OriginPatterns looks for it. It protects users of browsers
// and nobody else: other clients write into Origin what they like, or leave it out, and so pass.
//
// Pure values; a question allocates nothing. Safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/websocket/handshake.h"

namespace wskeep::websocket {

class OriginPattern {
 public:
  OriginPattern() noexcept = default;  // allows no origin

  // Reads one of
  //   https://a.example:8443   that origin; the scheme's usual port may be left out
  //   https://*.a.example      every host below a.example, at any depth, but not a.example itself
  //   same                     the origin whose host and port are those of the request's Host
  //   null                     what sandboxed frames and local files send
  // Returns why it is none, and leaves `pattern` alone then.
  [[nodiscard]] static std::optional<std::string> read(std::string_view text, OriginPattern& pattern);

  // Whether an Origin field's value is allowed in a request to `host`, the value of its Host field. Schemes
  // and hosts compare without regard to ASCII case, and a port that is the scheme's usual one is as good as
  // none.
  [[nodiscard]] bool allows(std::string_view origin, std::string_view host) const noexcept;

  // As it was read.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

  bool operator==(const OriginPattern&) const = default;

 private:
  enum class Kind : std::uint8_t { kNone, kOrigin, kHostsBelow, kSame, kNull };

  std::string text_;
  Kind kind_ = Kind::kNone;
};

// Whether a request with these fields may become a WebSocket: it has no Origin, or one that a pattern allows.
// With several Origin fields it may not. An empty list allows everything.
[[nodiscard]] bool origin_is_allowed(std::span<const OriginPattern> allowed, Fields request) noexcept;

}  // namespace wskeep::websocket
