// Reads the files that TLS is made of. Everything throws std::runtime_error as "FILE: why", with the system's
// or OpenSSL's reason. For when a configuration is read, not for the data path. Any thread.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include "proxy/net/openssl_handles.h"

namespace wskeep::net {

// Of a PEM file, in its order, at least one.
std::vector<Certificate> read_certificates(const std::string& file);
// The first of a PEM file. One that needs a passphrase is refused: nobody is there to type it.
PrivateKey read_key(const std::string& file);
// Makes the context trust whoever a PEM file names, and no one else.
void trust(SSL_CTX* context, const std::string& file);

// Gives the context a certificate with its chain and its key. A context holds one for each kind of key.
void use_certificate(SSL_CTX* context, const std::string& certificate_file, const std::string& key_file);

// The names a certificate is for: its DNS names, or else its common name (RFC 6125 section 6.4.4).
std::vector<std::string> names_of(X509* certificate);

// An OCSP response that a server hands to its clients (RFC 6066 section 8), as it stands in its file.
struct OcspStaple {
  std::vector<std::uint8_t> der;
  std::time_t good_until = 0;  // the responder's nextUpdate; 0: it names none
};
// Refuses what is no successful response, or one about another certificate.
OcspStaple read_staple(const std::string& file, const X509* certificate);

}  // namespace wskeep::net
