#include "proxy/net/tls_names.h"

#include <algorithm>

namespace wskeep::net {
namespace {

// Names are ASCII, whatever the locale; a dot at the end is the root, and changes nothing.
std::string plain(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

}  // namespace

void TlsNames::add(std::string_view name, std::size_t certificate) {
  names_.try_emplace(plain(name), certificate);
}

std::optional<std::size_t> TlsNames::find(std::string_view host) const {
  std::string name = plain(host);
  if (name.starts_with('*')) return std::nullopt;  // no host's name
  auto found = names_.find(name);
  if (found == names_.end()) {
    const std::size_t dot = name.find('.');
    if (dot == std::string::npos || dot == 0) return std::nullopt;
    found = names_.find(name.replace(0, dot, "*"));
  }
  if (found == names_.end()) return std::nullopt;
  return found->second;
}

}  // namespace wskeep::net
