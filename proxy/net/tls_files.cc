#include "proxy/net/tls_files.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace wskeep::net {
namespace {

[[noreturn]] void refuse(const std::string& file, const std::string& why) {
  throw std::runtime_error(file + ": " + why);
}

std::string read_file(const std::string& file) {
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  if (!stream) refuse(file, std::strerror(errno == 0 ? EIO : errno));
  std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  if (stream.bad() || bytes.empty()) refuse(file, bytes.empty() ? "is empty" : "can't be read");
  return bytes;
}

// Over bytes that must outlive it.
Bio reader_of(const std::string& bytes) {
  Bio reader(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
  if (!reader) throw std::bad_alloc();
  return reader;
}

bool at_end_of_pem() {
  const unsigned long error = ERR_peek_last_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

std::string text_of(const ASN1_STRING* text) {
  const auto* const bytes = reinterpret_cast<const char*>(ASN1_STRING_get0_data(text));
  return {bytes, static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::time_t seconds_of(const ASN1_GENERALIZEDTIME* time) {
  std::tm parts{};
  return time != nullptr && ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0;
}

}  // namespace

std::vector<Certificate> read_certificates(const std::string& file) {
  const std::string bytes = read_file(file);
  const Bio reader = reader_of(bytes);
  ERR_clear_error();
  std::vector<Certificate> found;
  while (X509* const next = PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr))
    found.emplace_back(next);
  if (!at_end_of_pem()) refuse(file, "has a certificate that can't be read: " + take_reason());
  ERR_clear_error();
  if (found.empty()) refuse(file, "has no certificate");
  return found;
}

PrivateKey read_key(const std::string& file) {
  const std::string bytes = read_file(file);
  const Bio reader = reader_of(bytes);
  ERR_clear_error();
  bool encrypted = false;
  const auto no_passphrase = [](char*, int, int, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
  };
  PrivateKey key(PEM_read_bio_PrivateKey(reader.get(), nullptr, no_passphrase, &encrypted));
  if (encrypted) {
    ERR_clear_error();
    refuse(file, "needs a passphrase, and nobody is there to type it");
  }
  if (!key) refuse(file, "has no private key that can be read: " + take_reason());
  return key;
}

void trust(SSL_CTX* context, const std::string& file) {
  CertificateStore store(X509_STORE_new());
  if (!store) throw std::bad_alloc();
  for (const Certificate& authority : read_certificates(file)) {
    if (X509_STORE_add_cert(store.get(), authority.get()) != 1) refuse(file, take_reason());
  }
  SSL_CTX_set_cert_store(context, store.release());
}

void use_certificate(SSL_CTX* context, const std::string& certificate_file, const std::string& key_file) {
  std::vector<Certificate> all = read_certificates(certificate_file);
  const PrivateKey key = read_key(key_file);
  ERR_clear_error();
  if (X509_check_private_key(all.front().get(), key.get()) != 1) {
    refuse(key_file, "isn't the key of " + certificate_file + ": " + take_reason());
  }
  const Certificates chain(sk_X509_new_null());
  if (!chain) throw std::bad_alloc();
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (sk_X509_push(chain.get(), all[i].get()) == 0) throw std::bad_alloc();
    (void)all[i].release();
  }
  constexpr int kKeepOld = 0;
  if (SSL_CTX_use_cert_and_key(context, all.front().get(), key.get(), chain.get(), kKeepOld) == 1) return;
  if (ERR_GET_REASON(ERR_peek_last_error()) != SSL_R_NOT_REPLACING_CERTIFICATE) {
    refuse(certificate_file, take_reason());
  }
  ERR_clear_error();
  refuse(certificate_file, "has the names and the kind of key of a certificate before it");
}

std::vector<std::string> names_of(X509* certificate) {
  struct FreeNames {
    void operator()(GENERAL_NAMES* names) const noexcept { GENERAL_NAMES_free(names); }
  };
  std::vector<std::string> found;
  const std::unique_ptr<GENERAL_NAMES, FreeNames> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) found.push_back(text_of(name->d.dNSName));
  }
  if (!found.empty()) return found;
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at >= 0) found.push_back(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
  return found;
}

OcspStaple read_staple(const std::string& file, const X509* certificate) {
  const std::string bytes = read_file(file);
  ERR_clear_error();
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  const OcspResponse response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(bytes.size())));
  if (!response) refuse(file, "is no OCSP response in DER: " + take_reason());
  const int status = OCSP_response_status(response.get());
  if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    refuse(file, std::string("the OCSP responder said ") + OCSP_response_status_str(status));
  }
  const OcspBasicResponse basic(OCSP_response_get1_basic(response.get()));
  if (!basic) refuse(file, take_reason());
  for (int i = 0; i < OCSP_resp_count(basic.get()); ++i) {
    OCSP_SINGLERESP* const single = OCSP_resp_get0(basic.get(), i);
    ASN1_INTEGER* serial = nullptr;
    // The id is only looked at; OpenSSL 3.0 has no const here.
    auto* const id = const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(single));
    if (OCSP_id_get0_info(nullptr, nullptr, nullptr, &serial, id) != 1) continue;
    if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(certificate)) != 0) continue;
    ASN1_GENERALIZEDTIME* next_update = nullptr;
    (void)OCSP_single_get0_status(single, nullptr, nullptr, nullptr, &next_update);
    return {.der = {bytes.begin(), bytes.end()}, .good_until = seconds_of(next_update)};
  }
  refuse(file, "is about another certificate");
}

}  // namespace wskeep::net
