#include "config/check_tls.h"

#include <fmt/format.h>

#include <algorithm>

namespace wskeep::config {
namespace {

// Reports at the key, or at the nearest group above it that was written.
void report(Reading& reading, const std::string& key, std::string why) {
  const bool known = std::any_of(reading.faults.begin(), reading.faults.end(),
                                 [&key](const Fault& fault) { return fault.key == key; });
  if (known) return;
  Origin origin;
  for (std::string place = key;; place.resize(place.rfind('.'))) {
    const auto found = reading.origins.find(place);
    if (found != reading.origins.end()) origin = found->second;
    if (found != reading.origins.end() || place.find('.') == std::string::npos) break;
  }
  reading.faults.push_back(Fault{origin, key, std::move(why)});
}

void check_listener(Reading& reading, const net::TlsServerSettings& server, const std::string& key) {
  for (std::size_t i = 0; i < server.certificates.size(); ++i) {
    const std::string one = fmt::format("{}.certificates.{}", key, i);
    if (server.certificates[i].certificate.empty()) report(reading, one + ".certificate", "is missing");
    if (server.certificates[i].key.empty()) report(reading, one + ".key", "is missing");
  }
  if (server.client_certificates != net::ClientCertificates::kOff && !server.client_ca) {
    report(reading, key + ".client_ca", "is missing: client certificates are judged by it");
  }
}

}  // namespace

void check_tls(Reading& reading) {
  const Config& config = reading.config;
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    check_listener(reading, config.listeners[i].tls.server, fmt::format("listeners.{}.tls", i));
  }
  const net::TlsClientSettings& backend = config.backend.tls;
  if (backend.certificate && !backend.key) {
    report(reading, "backend.tls.key", "is missing: backend.tls.certificate needs it");
  }
  if (backend.key && !backend.certificate) {
    report(reading, "backend.tls.certificate", "is missing: backend.tls.key is of no use without it");
  }
}

void warn_of_tls(const Config& config, std::vector<std::string>& found) {
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const ListenerTls& tls = config.listeners[i].tls;
    if (!tls.server.on() && tls != ListenerTls{}) {
      found.push_back(fmt::format("listeners.{}.tls has no certificates, so clients speak no TLS there", i));
    } else if (tls.client_subject_header && tls.server.client_certificates == net::ClientCertificates::kOff) {
      found.push_back(fmt::format(
          "listeners.{}.tls.client_subject_header is never sent, for client_certificates is off", i));
    }
  }
  const net::TlsClientSettings& backend = config.backend.tls;
  if (!backend.on && backend != net::TlsClientSettings{}) {
    found.push_back("backend.tls.mode is off, so the rest of backend.tls has no effect");
  }
  if (backend.on && !backend.verify) {
    found.push_back("backend.tls.verify is off: whoever is on the way to the backend can be it");
  }
}

}  // namespace wskeep::config
