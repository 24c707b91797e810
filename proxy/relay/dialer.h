// Dialer connects to the backend: to which of its addresses, and from which of ours.
//
// One of our addresses has one port for each connection to one of the backend's, some 28,000 by Linux'
// defaults. With several, connections come from them in turn, and one without a port left is passed over.
// To find that out costs the kernel a look at each port, a millisecond or so. One thread, its worker's.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "config/config.h"
#include "proxy/net/socket.h"

namespace wskeep::relay {

struct Routes {
  std::vector<net::SocketAddress> targets;  // at least one
  std::vector<net::SocketAddress>
      sources;  // none: the kernel chooses; else each target has one of its family
};

// Resolves the backend's name, and leaves out what finds no counterpart of its family, which is logged.
// Throws std::runtime_error when there is no target left, or when a source is no address of this host.
Routes find_routes(const config::Backend& backend);

class Dialer {
 public:
  explicit Dialer(const Routes& routes) noexcept : routes_(routes) {}  // which must outlive it

  std::size_t targets() const noexcept { return routes_.targets.size(); }

  // As net::connect_to, from the next source that has a port. When none has one the error is EADDRNOTAVAIL,
  // and the log says what to do, once a second at most.
  net::Connecting connect(std::size_t target) noexcept;

 private:
  net::Connecting connect_in_turn(const net::SocketAddress& target) noexcept;
  void tell_of_ports(const net::SocketAddress& target) noexcept;

  const Routes& routes_;
  std::size_t next_source_ = 0;
  std::chrono::steady_clock::time_point last_told_{};
};

}  // namespace wskeep::relay
