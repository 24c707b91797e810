// TlsNames finds the certificate for the name that a client asks for (SNI, RFC 6066 section 3).
//
// A certificate's names are exact, or have a wildcard for one whole first label (RFC 6125 section 6.4.3). An
// exact name beats a wildcard, and of two alike the first added stays. Pure; looking up allocates the name.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace wskeep::net {

class TlsNames {
 public:
  // `name` as in a certificate: "example.com" or "*.example.com", in any case.
  void add(std::string_view name, std::size_t certificate);

  // Which one is for this host; nothing when none is.
  std::optional<std::size_t> find(std::string_view host) const;

 private:
  std::unordered_map<std::string, std::size_t> names_;
};

}  // namespace wskeep::net
