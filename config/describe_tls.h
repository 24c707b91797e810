// The options of TLS, described as describe.h says, which includes this: use that.
#pragma once

#include "config/tls_values.h"

namespace wskeep::config {

inline constexpr WordOr<FileName> kFileOrNone{"none", {}};
inline constexpr Words<bool, 2> kOffOn{{{{"off", false}, {"on", true}}}};
inline constexpr Words<net::TlsVersion, 2> kTlsVersions{
    {{{"1.2", net::TlsVersion::k1_2}, {"1.3", net::TlsVersion::k1_3}}}};
inline constexpr Words<net::ClientCertificates, 3> kClientCertificates{
    {{{"off", net::ClientCertificates::kOff},
      {"request", net::ClientCertificates::kRequest},
      {"require", net::ClientCertificates::kRequire}}}};

template <class Visitor>
void describe(Visitor& v, net::TlsCertificate& certificate) {
  v.option("certificate", certificate.certificate, FileName{},
           "the certificate, with the chain that leads to a root behind it (PEM)");
  v.option("key", certificate.key, FileName{}, "its private key (PEM, no passphrase)");
  v.option("ocsp_response", certificate.ocsp_response, kFileOrNone,
           "what clients get that ask whether it is still good (DER)");
}

template <class Visitor>
void describe(Visitor& v, ListenerTls& tls) {
  v.list("certificates", tls.server.certificates, Count{0, 64},
         "clients get the one for the name that they ask for, or the first; none: no TLS");
  v.option("min_version", tls.server.min_version, kTlsVersions, "the oldest version that is spoken");
  v.option("client_certificates", tls.server.client_certificates, kClientCertificates,
           "whether clients may or must show a certificate");
  v.option("client_ca", tls.server.client_ca, kFileOrNone, "who must have signed it (PEM)");
  v.option("client_subject_header", tls.client_subject_header, WordOr<FieldName>{"off", {}},
           "the header that tells the backend the certificate's subject; nobody else can set it");
  v.option("session_tickets", tls.server.session_tickets, kOffOn,
           "whether clients that come back may skip half of the handshake");
}

template <class Visitor>
void describe(Visitor& v, net::TlsClientSettings& tls) {
  v.option("mode", tls.on, kOffOn, "whether connections to the backend speak TLS");
  v.option("verify", tls.verify, kOffOn, "whether the backend must prove its name");
  v.option("server_name", tls.server_name, WordOr<ServerName>{"auto", {}},
           "the name that it must prove; auto: the host of its address");
  v.option("ca", tls.ca, WordOr<FileName>{"system", {}}, "who must have signed its certificate (PEM)");
  v.option("certificate", tls.certificate, kFileOrNone, "ours, for a backend that asks (PEM with its chain)");
  v.option("key", tls.key, kFileOrNone, "its private key (PEM, no passphrase)");
}

}  // namespace wskeep::config
