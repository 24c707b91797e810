#include "proxy/relay/listening.h"

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "config/values.h"
#include "proxy/observe/log.h"

namespace wskeep::relay {

namespace log = observe::log;

namespace {

// Whether this host lacks the address, or its whole family.
bool is_missing(const std::system_error& error) {
  return error.code().value() == EADDRNOTAVAIL || error.code().value() == EAFNOSUPPORT;
}

void note_ipv4_ports(const config::Endpoint& endpoint, std::set<std::uint16_t>& ports) {
  if (endpoint.kind != config::Endpoint::Kind::kTcp || endpoint.port == 0) return;
  for (const net::SocketAddress& address : net::resolve(endpoint.host, endpoint.port)) {
    if (address.family() == AF_INET) ports.insert(endpoint.port);
  }
}

std::string names_of(const std::vector<net::PassedDescriptor>& passed) {
  std::string names;
  for (const net::PassedDescriptor& each : passed) {
    names +=
        (names.empty() ? "" : ", ") + (each.name.empty() ? std::string("one without a name") : each.name);
  }
  return names;
}

}  // namespace

Listening::Listening(const config::Config& config) : passed_(net::take_passed_descriptors()) {
  for (const config::Listener& listener : config.listeners) note_ipv4_ports(listener.address, ipv4_ports_);
  if (config.admin.address) note_ipv4_ports(*config.admin.address, ipv4_ports_);
}

std::vector<net::FileDescriptor> Listening::open(const config::Endpoint& endpoint,
                                                 const net::TcpOptions& options, const char* what) {
  std::vector<net::FileDescriptor> opened;
  switch (endpoint.kind) {
    case config::Endpoint::Kind::kTcp: opened = open_tcp(endpoint, options); break;
    case config::Endpoint::Kind::kUnix:
      opened.push_back(open_one(net::SocketAddress::unix_socket(endpoint.host), options));
      break;
    case config::Endpoint::Kind::kSystemd: opened = take_passed(endpoint, options); break;
  }
  for (const net::FileDescriptor& listener : opened) {
    log::info(what, {{"address", net::local_address(listener.get()).text()}});
  }
  return opened;
}

net::FileDescriptor Listening::open_one(const net::SocketAddress& address, const net::TcpOptions& options) {
  const bool shares_port = ipv4_ports_.count(address.port()) != 0;
  net::FileDescriptor listener =
      net::listen_on(address, options, shares_port ? net::Ipv6::kOnly : net::Ipv6::kWithIpv4);
  files_.emplace_back(address);
  return listener;
}

std::vector<net::FileDescriptor> Listening::open_tcp(const config::Endpoint& endpoint,
                                                     const net::TcpOptions& options) {
  const std::vector<net::SocketAddress> addresses = net::resolve(endpoint.host, endpoint.port);
  std::vector<net::FileDescriptor> opened;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    try {
      opened.push_back(open_one(addresses[i], options));
    } catch (const std::system_error& error) {
      const bool is_last_hope = opened.empty() && i + 1 == addresses.size();
      if (is_last_hope || !is_missing(error)) throw;
      log::warning("address left out", {{"name", config::to_string(endpoint)}, {"why", error.what()}});
    }
  }
  return opened;
}

std::vector<net::FileDescriptor> Listening::take_passed(const config::Endpoint& endpoint,
                                                        const net::TcpOptions& options) {
  const std::string name = config::to_string(endpoint);
  std::vector<net::FileDescriptor> taken;
  for (net::PassedDescriptor& each : passed_) {
    if (!each.descriptor || each.name != endpoint.host) continue;
    const std::string what = name + ": descriptor " + std::to_string(each.descriptor.get());
    net::adopt_listener(each.descriptor.get(), options, what);
    taken.push_back(std::move(each.descriptor));
  }
  if (!taken.empty()) return taken;
  throw std::runtime_error(name + ": no descriptor of that name was passed; " +
                           (passed_.empty() ? "there was none at all (LISTEN_FDS, LISTEN_PID)"
                                            : "there were: " + names_of(passed_)));
}

void Listening::close_unused() {
  std::erase_if(passed_, [](const net::PassedDescriptor& each) { return !each.descriptor; });
  if (!passed_.empty()) log::warning("descriptors passed for nobody", {{"names", names_of(passed_)}});
  passed_.clear();
}

}  // namespace wskeep::relay
