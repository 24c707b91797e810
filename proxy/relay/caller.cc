#include "proxy/relay/caller.h"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "proxy/http/forwarding.h"

namespace wskeep::relay {

void introduce(Caller& caller, const net::ProxyHeader& header) {
  if (header.endpoints) {
    caller.peer = caller.client = header.endpoints->source;
    caller.local = header.endpoints->destination;
  }
  if (header.tls) caller.scheme = "https";
  caller.alpn = header.alpn;
  caller.server_name = header.authority;
  caller.unique_id = header.unique_id;
}

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

std::string proxy_preface(const Caller& caller, config::SendProxy version) {
  const std::string own_id = id_text(caller.id);
  net::ProxyHeader header;
  header.endpoints = net::ProxyHeader::Endpoints{caller.peer, caller.local};
  header.tls = caller.scheme == "https";
  header.alpn = caller.alpn;
  header.authority = caller.server_name;
  header.unique_id = caller.unique_id.empty() ? own_id : caller.unique_id;
  switch (version) {
    case config::SendProxy::kOff: break;
    case config::SendProxy::kV1: return net::proxy_header_v1(header);
    case config::SendProxy::kV2: return net::proxy_header_v2(header);
  }
  return {};
}

std::string id_text(std::uint64_t id) {
  return fmt::format("{:016x}", id);
}

std::string ip_text(const net::SocketAddress& address) {
  const bool is_ip = address.family() == AF_INET || address.family() == AF_INET6;
  return is_ip ? address.host() : std::string();
}

std::string shown(const net::SocketAddress& address) {
  return address.port() == 0 ? address.host() : address.text();
}

}  // namespace wskeep::relay
