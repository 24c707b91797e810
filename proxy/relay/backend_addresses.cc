#include "proxy/relay/backend_addresses.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <utility>

#include "config/values.h"
#include "proxy/net/socket.h"
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

// The two lists without what has no counterpart in the other. Throws when nothing is left.
AddressSet joined(const Addresses& targets, const Addresses& sources) {
  if (sources.empty()) return {targets, {}};
  AddressSet set{with_counterpart(targets, sources, "backend"), with_counterpart(sources, targets, "source")};
  if (set.targets.empty()) {
    throw std::runtime_error(std::string(kOption) +
                             ": none is of the family (IPv4 or IPv6) of the backend, " +
                             targets.front().text());
  }
  return set;
}

bool has_all_of(const Addresses& addresses, const Addresses& others) {
  return std::all_of(others.begin(), others.end(), [&addresses](const net::SocketAddress& other) {
    return std::find(addresses.begin(), addresses.end(), other) != addresses.end();
  });
}

std::string list_of(const Addresses& addresses) {
  std::string list;
  for (const net::SocketAddress& address : addresses) list += (list.empty() ? "" : " ") + address.text();
  return list;
}

}  // namespace

BackendAddresses::BackendAddresses(const config::Backend& backend, net::Resolver& resolver)
    : name_(config::to_string(backend.address)),
      sources_(usable_sources(backend)),
      current_(std::make_shared<const AddressSet>()) {
  const config::Endpoint& address = backend.address;
  if (address.kind == config::Endpoint::Kind::kUnix) {
    publish({{net::SocketAddress::unix_socket(address.host)}, {}});
  } else if (const auto literal = net::literal_address(address.host, address.port)) {
    publish(joined({*literal}, sources_));
  } else {
    resolver_ = &resolver;
    followed_ = resolver.follow(address.host, address.port, backend.dns_refresh,
                                [this](net::Resolver::Addresses&& found, std::string_view fault) {
                                  take_answer(std::move(found), fault);
                                });
  }
}

BackendAddresses::BackendAddresses(AddressSet addresses)
    : current_(std::make_shared<const AddressSet>(std::move(addresses))) {}

std::shared_ptr<const AddressSet> BackendAddresses::current() const noexcept {
  const std::lock_guard lock(mutex_);
  return current_;
}

void BackendAddresses::ask_again() noexcept {
  if (resolver_ != nullptr) resolver_->ask_again(followed_);
}

void BackendAddresses::publish(AddressSet addresses) {
  auto set = std::make_shared<const AddressSet>(std::move(addresses));
  const std::lock_guard lock(mutex_);
  current_.swap(set);
}

// What is the same in another order is no news: name servers like to shuffle.
void BackendAddresses::take_answer(net::Resolver::Addresses&& found, std::string_view fault) noexcept try {
  if (!fault.empty()) throw std::runtime_error(std::string(fault));
  if (found.size() > AddressSet::kMostTargets) found.resize(AddressSet::kMostTargets);
  told_of_fault_ = false;
  if (has_all_of(found_, found) && has_all_of(found, found_)) return;
  found_ = std::move(found);
  AddressSet set = joined(found_, sources_);
  log::info("backend resolved", {{"backend", name_}, {"addresses", list_of(set.targets)}});
  publish(std::move(set));
} catch (const std::exception& error) {
  if (std::exchange(told_of_fault_, true)) return;
  log::warning(
      "backend not resolved",
      {{"backend", name_}, {"why", std::string_view(error.what())}, {"keeps", list_of(current()->targets)}});
}

}  // namespace wskeep::relay
