// Owners for what OpenSSL hands out, and its reasons in words. Each frees on destruction and does nothing
// else.
#pragma once

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "proxy/net/handles.h"

namespace wskeep::net {

using SslContext = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;
using SslSession = std::unique_ptr<SSL, FreeWith<SSL_free>>;
using Bio = std::unique_ptr<BIO, FreeWith<BIO_free>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;
using CertificateStore = std::unique_ptr<X509_STORE, FreeWith<X509_STORE_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using OcspResponse = std::unique_ptr<OCSP_RESPONSE, FreeWith<OCSP_RESPONSE_free>>;
using OcspBasicResponse = std::unique_ptr<OCSP_BASICRESP, FreeWith<OCSP_BASICRESP_free>>;

struct FreeCertificates {
  void operator()(STACK_OF(X509) * certificates) const noexcept { sk_X509_pop_free(certificates, X509_free); }
};
using Certificates = std::unique_ptr<STACK_OF(X509), FreeCertificates>;

// An error of OpenSSL's in its own words, e.g. "key values mismatch".
inline std::string reason_of(unsigned long error) {
  if (error == 0) return "no reason given";
  if (const char* const reason = ERR_reason_error_string(error)) return reason;
  return "error " + std::to_string(error);
}

// The reason for the last failure of this thread; forgets it and all before it.
inline std::string take_reason() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  return reason_of(error);
}

}  // namespace wskeep::net
