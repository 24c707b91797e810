// What the TLS connections of one listener, or those to one backend, have in common: certificates, keys, who
// is trusted, what is spoken.
//
// Made whole from its files or not at all: a reload makes a new one, and whoever has begun with the old one
// goes on with it, for OpenSSL counts its users. TLS 1.2 with forward secrecy and authenticated encryption
// only, and TLS 1.3; no compression, no renegotiation, no early data. Never changed once made, and so for any
// thread. Making one costs milliseconds, and some hundred kilobytes where the system's authorities are
// trusted.
#pragma once

#include <string>

#include "proxy/net/openssl_handles.h"
#include "proxy/net/tls_settings.h"

namespace wskeep::net {

// The side that accepts. The certificate is chosen by the name that the client asks for (RFC 6066 section 3),
// the first one for other names and for none; certificates that have the same names and different kinds of
// key go together, and each client gets what it can use. Application protocol: http/1.1 (RFC 7301); a client
// that only wants others is refused. Sessions are resumed by tickets (RFC 8446 section 4.6.1), whose key
// lives as long as this: after a reload clients show their certificates again.
class TlsServer {
 public:
  // `settings` must be on(). Throws std::runtime_error as "FILE: why".
  explicit TlsServer(const TlsServerSettings& settings);

  SSL_CTX* context() const noexcept { return context_.get(); }

 private:
  SslContext context_;
};

// The side that connects.
class TlsClient {
 public:
  // `host` is asked for and verified where the settings name no other: a DNS name or an IP address, which is
  // only verified (RFC 6066 section 3). Throws std::runtime_error as "FILE: why".
  TlsClient(const TlsClientSettings& settings, const std::string& host);

  SSL_CTX* context() const noexcept { return context_.get(); }
  // To ask for; empty for an IP address.
  const std::string& server_name() const noexcept { return server_name_; }

 private:
  SslContext context_;
  std::string server_name_;
};

}  // namespace wskeep::net
