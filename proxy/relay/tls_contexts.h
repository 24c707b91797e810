// All that TLS needs from files, for all listeners and the backend: read at the start, and anew at each
// reload.
//
// Made whole or not at all, and never changed: who has one may share it with any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "config/config.h"
#include "proxy/net/tls_context.h"

namespace wskeep::relay {

class TlsContexts {
 public:
  // Reads the files. Throws std::runtime_error as "listeners.0.tls: FILE: why".
  explicit TlsContexts(const config::Config& config);

  // The side toward the clients of one of the configuration's listeners; nullptr where it speaks no TLS.
  const net::TlsServer* listener(std::size_t index) const noexcept {
    return listeners_[index] ? &*listeners_[index] : nullptr;
  }
  // The side toward the backend, or nothing.
  const std::shared_ptr<const net::TlsClient>& backend() const noexcept { return backend_; }

  // Whether there is any TLS.
  bool any() const noexcept;

 private:
  std::vector<std::optional<net::TlsServer>> listeners_;
  std::shared_ptr<const net::TlsClient> backend_;
};

}  // namespace wskeep::relay
