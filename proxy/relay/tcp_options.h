// The operator's words for TCP, in the kernel's units.
#pragma once

#include "config/config.h"
#include "proxy/net/socket.h"

namespace wskeep::relay {

inline net::TcpOptions tcp_options(const config::TcpGuard& guard) {
  using std::chrono::duration_cast;
  using std::chrono::seconds;
  return {.user_timeout = guard.user_timeout,
          .keepalive_idle = duration_cast<seconds>(guard.keepalive_idle),
          .keepalive_interval = duration_cast<seconds>(guard.keepalive_interval),
          .keepalive_count = static_cast<int>(guard.keepalive_count)};
}

}  // namespace wskeep::relay
