#include "tests/unit/tls_fixture.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <fstream>

namespace wskeep::net {
namespace {

template <class Write>
std::string text_by(Write write) {
  const Bio memory(BIO_new(BIO_s_mem()));
  EXPECT_EQ(write(memory.get()), 1);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

std::string pem_of(EVP_PKEY* key) {
  return text_by(
      [key](BIO* to) { return PEM_write_bio_PrivateKey(to, key, nullptr, nullptr, 0, nullptr, nullptr); });
}

void extend(X509* certificate, int kind, const std::string& value) {
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
  ASSERT_NE(extension, nullptr) << value;
  EXPECT_EQ(X509_add_ext(certificate, extension, -1), 1);
  X509_EXTENSION_free(extension);
}

PrivateKey make_key(CertificateOffice::Kind kind) {
  return PrivateKey(kind == CertificateOffice::Kind::kRsa ? EVP_RSA_gen(2'048) : EVP_EC_gen("P-256"));
}

}  // namespace

std::string pem_of(const X509* certificate) {
  return text_by([certificate](BIO* to) { return PEM_write_bio_X509(to, const_cast<X509*>(certificate)); });
}

CertificateOffice::CertificateOffice() {
  std::string name = (std::filesystem::temp_directory_path() / "wskeep-tls-XXXXXX").string();
  directory_ = mkdtemp(name.data());
  root_ = issue("root", {.subject = "Root of " + name, .authority = true});
}

CertificateOffice::~CertificateOffice() {
  std::filesystem::remove_all(directory_);
}

std::string CertificateOffice::write(const std::string& file, const std::string& text) const {
  const std::string path = (directory_ / file).string();
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

CertificateOffice::Issued CertificateOffice::issue(const std::string& file, const Order& order) {
  Issued issued{Certificate(X509_new()), make_key(order.kind), {}, {}};
  X509* const certificate = issued.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), next_serial_++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -7'200);
  X509_gmtime_adj(X509_getm_notAfter(certificate), order.valid_for);
  const auto* const subject = reinterpret_cast<const unsigned char*>(order.subject.c_str());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, subject, -1, -1, 0);
  X509_set_pubkey(certificate, issued.key.get());
  if (order.authority) extend(certificate, NID_basic_constraints, "critical,CA:TRUE");
  std::string names;
  for (const std::string& name : order.names) names += (names.empty() ? "DNS:" : ",DNS:") + name;
  if (!order.address.empty()) names += (names.empty() ? "IP:" : ",IP:") + order.address;
  if (!names.empty()) extend(certificate, NID_subject_alt_name, names);
  const X509* const root = root_.certificate ? root_.certificate.get() : certificate;
  EVP_PKEY* const root_key = root_.key ? root_.key.get() : issued.key.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(order.issuer != nullptr ? order.issuer : root));
  EXPECT_GT(X509_sign(certificate, order.issuer != nullptr ? order.issuer_key : root_key, EVP_sha256()), 0);
  issued.certificate_file = write(file + ".crt", pem_of(certificate));
  issued.key_file = write(file + ".key", pem_of(issued.key.get()));
  return issued;
}

std::string CertificateOffice::ocsp_response(const std::string& file, const Issued& about,
                                             long good_for) const {
  const OcspBasicResponse basic(OCSP_BASICRESP_new());
  OCSP_CERTID* const id = OCSP_cert_to_id(EVP_sha1(), about.certificate.get(), root_.certificate.get());
  ASN1_TIME* const now = X509_gmtime_adj(nullptr, -7'200);
  ASN1_TIME* const until = X509_gmtime_adj(nullptr, good_for);
  OCSP_basic_add1_status(basic.get(), id, V_OCSP_CERTSTATUS_GOOD, 0, nullptr, now, until);
  EXPECT_EQ(OCSP_basic_sign(basic.get(), root_.certificate.get(), root_.key.get(), EVP_sha256(), nullptr, 0),
            1);
  const OcspResponse response(OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()));
  ASN1_TIME_free(now);
  ASN1_TIME_free(until);
  OCSP_CERTID_free(id);
  unsigned char* der = nullptr;
  const int size = i2d_OCSP_RESPONSE(response.get(), &der);
  EXPECT_GT(size, 0);
  const std::string text(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return write(file, text);
}

void TlsPair::shake_hands() {
  for (int steps = 0; steps < 10'000 && !shaken(); ++steps) {
    if (near_state == Handshake::kUnderWay) near_state = near.handshake();
    if (far_state == Handshake::kUnderWay) far_state = far.handshake();
    if (near_state == Handshake::kFailed || far_state == Handshake::kFailed) {
      // What the one has been told by the other takes a moment.
      const bool near_waits = near_state == Handshake::kUnderWay;
      if (near_waits) wait_for(near.descriptor(), POLLIN), near_state = near.handshake();
      if (far_state == Handshake::kUnderWay) wait_for(far.descriptor(), POLLIN), far_state = far.handshake();
      return;
    }
  }
}

}  // namespace wskeep::net
