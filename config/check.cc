#include "config/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "config/check_tls.h"

namespace wskeep::config {
namespace {

// An address and the key that set it.
struct Named {
  std::string key;
  Endpoint address;
};

// The group or list element that `key` stands in.
std::string parent_of(const std::string& key) {
  return key.substr(0, key.rfind('.'));
}

// Whether `key` or what it stands in was at fault, so that its value isn't what the operator meant.
bool is_faulty(const Reading& reading, const std::string& key) {
  const std::string parent = parent_of(key);
  return std::any_of(reading.faults.begin(), reading.faults.end(), [&parent](const Fault& fault) {
    return fault.key == parent || fault.key.starts_with(parent + ".");
  });
}

// Where `key` was written, or else the group that leaves it at its default.
Origin origin_of(const Reading& reading, const std::string& key) {
  for (const std::string& written : {key, parent_of(key)}) {
    const auto found = reading.origins.find(written);
    if (found != reading.origins.end()) return found->second;
  }
  return {};
}

// Reports `why` at the one of two keys that was written last: the other may be a default.
void report(Reading& reading, const Named& first, const Named& second, const std::string& why) {
  const Origin a = origin_of(reading, first.key);
  const Origin b = origin_of(reading, second.key);
  const bool first_is_later = std::pair(a.rank, a.position) > std::pair(b.rank, b.position);
  const Named& at = first_is_later ? first : second;
  const Named& other = first_is_later ? second : first;
  reading.faults.push_back(
      Fault{first_is_later ? a : b, at.key, fmt::format("{} {} {}", to_string(at.address), why, other.key)});
}

// Whether connecting to `target` from this machine reaches a socket that listens on `listener`.
bool reaches(const Endpoint& target, const Endpoint& listener) {
  if (target.kind != listener.kind || target.port != listener.port) return false;
  if (target.host == listener.host) return true;
  if (target.kind != Endpoint::Kind::kTcp) return false;
  return listener.host == "0.0.0.0" && (target.host.starts_with("127.") || target.host == "localhost");
}

// With nobody to believe, every connection to the listener would be refused.
void check_trust(Reading& reading) {
  const Config& config = reading.config;
  const bool is_faulty = std::any_of(reading.faults.begin(), reading.faults.end(),
                                     [](const Fault& fault) { return fault.key == "trusted_proxies"; });
  if (!config.trusted_proxies.empty() || is_faulty) return;
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    if (config.listeners[i].proxy_protocol == AcceptProxy::kOff) continue;
    const std::string key = fmt::format("listeners.{}.proxy_protocol", i);
    reading.faults.push_back(
        {origin_of(reading, key), key, "require needs trusted_proxies: nobody else may say who a client is"});
  }
}

// A connection to a unix socket comes from no address.
void check_sources(Reading& reading) {
  const Backend& backend = reading.config.backend;
  const std::string key = "backend.source_addresses";
  if (backend.address.kind != Endpoint::Kind::kUnix || backend.source_addresses.empty()) return;
  reading.faults.push_back(Fault{
      origin_of(reading, key), key,
      fmt::format("is for backends at host:port, not for {} (backend.address)", to_string(backend.address))});
}

}  // namespace

void check(Reading& reading) {
  check_tls(reading);
  const Config& config = reading.config;
  check_trust(reading);
  check_sources(reading);
  std::vector<Named> listening;
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    listening.push_back({fmt::format("listeners.{}.address", i), config.listeners[i].address});
  }
  if (config.admin.address) listening.push_back({"admin.address", *config.admin.address});
  std::erase_if(listening, [&reading](const Named& named) {
    const bool any_port = named.address.kind == Endpoint::Kind::kTcp && named.address.port == 0;
    return any_port || is_faulty(reading, named.key);
  });
  const Named backend{"backend.address", config.backend.address};
  const bool backend_is_known = !is_faulty(reading, backend.key);
  for (std::size_t i = 0; i < listening.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (listening[i].address == listening[j].address) {
        report(reading, listening[j], listening[i], "is already the address of");
      }
    }
    if (backend_is_known && reaches(backend.address, listening[i].address)) {
      report(reading, listening[i], backend, "would connect wskeep to itself, because of");
    }
  }
}

}  // namespace wskeep::config
