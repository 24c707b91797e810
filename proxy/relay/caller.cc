#include "proxy/relay/caller.h"

#include <optional>
#include <vector>

#include "proxy/http/forwarding.h"

namespace wskeep::relay {

void hear(Caller& caller, websocket::Fields request, std::span<const net::IpRange> trusted) {
  caller.client = caller.peer;
  caller.trusted = net::any_contains(trusted, caller.peer);
  if (!caller.trusted) return;
  const std::vector<http::Hop> hops = http::forwarded_hops(request);
  for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
    const std::optional<net::SocketAddress> address = net::literal_address(hop->ip, hop->port);
    if (!address) return;
    caller.client = *address;
    if (!net::any_contains(trusted, *address)) return;
  }
}

std::string ip_text(const net::SocketAddress& address) {
  const bool is_ip = address.family() == AF_INET || address.family() == AF_INET6;
  return is_ip ? address.host() : std::string();
}

std::string shown(const net::SocketAddress& address) {
  return address.port() == 0 ? address.host() : address.text();
}

}  // namespace wskeep::relay
