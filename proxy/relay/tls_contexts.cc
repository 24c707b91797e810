#include "proxy/relay/tls_contexts.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace wskeep::relay {
namespace {

// Says where a file was named.
template <class Make>
auto made_for(const std::string& key, Make make) {
  try {
    return make();
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(key + ": " + error.what());
  }
}

}  // namespace

TlsContexts::TlsContexts(const config::Config& config) {
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const net::TlsServerSettings& settings = config.listeners[i].tls.server;
    if (!settings.on()) {
      listeners_.emplace_back();
      continue;
    }
    listeners_.push_back(made_for(fmt::format("listeners.{}.tls", i),
                                  [&] { return std::optional<net::TlsServer>(std::in_place, settings); }));
  }
  const config::Backend& backend = config.backend;
  if (!backend.tls.on) return;
  backend_ = made_for("backend.tls", [&] {
    return std::make_shared<const net::TlsClient>(backend.tls, backend.address.host);
  });
}

bool TlsContexts::any() const noexcept {
  return backend_ ||
         std::any_of(listeners_.begin(), listeners_.end(), [](const auto& each) { return !!each; });
}

}  // namespace wskeep::relay
