// What an operator may say of TLS, on either side. Plain values: the files are read by tls_context.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace wskeep::net {

enum class TlsVersion : std::uint8_t { k1_2, k1_3 };

// One certificate of a server. All are names of PEM files, but for the OCSP response, which is DER.
struct TlsCertificate {
  std::string certificate;  // the server's own first, then the chain that leads to a root
  std::string key;          // without a passphrase
  std::optional<std::string> ocsp_response{};

  bool operator==(const TlsCertificate&) const = default;
};

enum class ClientCertificates : std::uint8_t {
  kOff,      // none is asked for
  kRequest,  // a client may show one, which must then be good
  kRequire,  // it must
};

// A listener's side. Without certificates it speaks no TLS.
struct TlsServerSettings {
  std::vector<TlsCertificate> certificates{};
  TlsVersion min_version = TlsVersion::k1_2;
  ClientCertificates client_certificates = ClientCertificates::kOff;
  std::optional<std::string> client_ca{};  // PEM file: who may have signed a client's
  bool session_tickets = true;

  bool on() const noexcept { return !certificates.empty(); }
  bool operator==(const TlsServerSettings&) const = default;
};

// The side that connects.
struct TlsClientSettings {
  bool on = false;
  bool verify = true;                        // the server's chain and name
  std::optional<std::string> server_name{};  // to ask for and to verify; none: the host that is connected to
  std::optional<std::string> ca{};           // PEM file; none: the system's
  std::optional<std::string> certificate{};  // PEM file with its chain: our own, for a server that asks
  std::optional<std::string> key{};

  bool operator==(const TlsClientSettings&) const = default;
};

}  // namespace wskeep::net
