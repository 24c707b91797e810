#include "proxy/relay/dialer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <iterator>
#include <stdexcept>
#include <string>

#include "proxy/observe/log.h"

namespace wskeep::relay {

namespace log = observe::log;

namespace {

constexpr const char* kOption = "backend.source_addresses";

using Addresses = std::vector<net::SocketAddress>;

bool has_family_of(const Addresses& addresses, const net::SocketAddress& one) {
  return std::any_of(addresses.begin(), addresses.end(),
                     [&one](const net::SocketAddress& other) { return other.family() == one.family(); });
}

// Those that `others` have one of the same family for.
Addresses with_counterpart(const Addresses& addresses, const Addresses& others, std::string_view what) {
  Addresses kept;
  for (const net::SocketAddress& address : addresses) {
    if (has_family_of(others, address)) {
      kept.push_back(address);
    } else {
      log::warning("address left out, for want of one of its family on the other side",
                   {{"option", kOption}, {"what", what}, {"address", address.host()}});
    }
  }
  return kept;
}

Addresses usable_sources(const config::Backend& backend) {
  Addresses sources;
  for (const std::string& text : backend.source_addresses) {
    const net::SocketAddress source = net::resolve(text, 0).front();
    if (const int error = net::try_source(source); error != 0) {
      throw std::runtime_error(
          std::string(kOption) + ": " + text + " can't be used: " +
          (error == EADDRNOTAVAIL ? "it is no address of this host" : std::strerror(error)));
    }
    sources.push_back(source);
  }
  return sources;
}

}  // namespace

Routes find_routes(const config::Backend& backend) {
  if (backend.address.kind == config::Endpoint::Kind::kUnix) {
    return {{net::SocketAddress::unix_socket(backend.address.host)}, {}};
  }
  Routes all{net::resolve(backend.address.host, backend.address.port), usable_sources(backend)};
  if (all.sources.empty()) return all;
  Routes routes{with_counterpart(all.targets, all.sources, "backend"),
                with_counterpart(all.sources, all.targets, "source")};
  if (routes.targets.empty()) {
    throw std::runtime_error(std::string(kOption) +
                             ": none is of the family (IPv4 or IPv6) of the backend, " +
                             all.targets.front().text());
  }
  return routes;
}

net::Connecting Dialer::connect(std::size_t target) noexcept {
  const net::SocketAddress& address = routes_.targets[target];
  net::Connecting connecting = routes_.sources.empty() ? net::connect_to(address) : connect_in_turn(address);
  if (connecting.error == EADDRNOTAVAIL) tell_of_ports(address);
  return connecting;
}

net::Connecting Dialer::connect_in_turn(const net::SocketAddress& target) noexcept {
  net::Connecting connecting;
  connecting.error = EADDRNOTAVAIL;
  for (std::size_t tried = 0; tried < routes_.sources.size() && connecting.error == EADDRNOTAVAIL; ++tried) {
    const net::SocketAddress& source = routes_.sources[next_source_];
    next_source_ = (next_source_ + 1) % routes_.sources.size();
    if (source.family() == target.family()) connecting = net::connect_to(target, &source);
  }
  return connecting;
}

void Dialer::tell_of_ports(const net::SocketAddress& target) noexcept try {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_told_ < std::chrono::seconds(1)) return;
  last_told_ = now;
  log::error("no port left for another connection to the backend",
             {{"backend", target.text()},
              {"advice",
               "name more addresses of this host in backend.source_addresses, or widen "
               "net.ipv4.ip_local_port_range"}});
} catch (const std::exception&) {
}

}  // namespace wskeep::relay
