// What certificates make of a handshake, on both sides, and what is said of files that are bad.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>

#include "tests/unit/tls_fixture.h"

namespace wskeep::net {
namespace {

using testing::HasSubstr;

class TlsContext : public testing::Test {
 protected:
  TlsClientSettings trusting() const { return {.on = true, .ca = office.root_file()}; }

  CertificateOffice office;
};

long stapled = 0;  // bytes that the last client got

int note_staple(SSL* session, void*) {
  const unsigned char* der = nullptr;
  stapled = SSL_get_tlsext_status_ocsp_resp(session, &der);
  return 1;
}

std::string subject_shown_to(TlsPair& pair) {
  // The client's view of the server is the mirror of the server's of the client.
  return pair.near.client_subject().value_or("none");
}

TEST_F(TlsContext, SpeaksTls13AndTls12) {
  const auto issued = office.issue("host", {.names = {"host.test"}});
  const TlsClient client(trusting(), "host.test");
  for (const TlsVersion version : {TlsVersion::k1_2, TlsVersion::k1_3}) {
    const TlsServer server({.certificates = {issued.files()}, .min_version = version});
    TlsPair pair(server, client);
    pair.shake_hands();
    ASSERT_TRUE(pair.shaken()) << pair.near.failure() << "; " << pair.far.failure();
    EXPECT_EQ(pair.near.version(), "TLSv1.3");
    EXPECT_EQ(pair.far.server_name(), "host.test");
    EXPECT_EQ(pair.far.client_subject(), std::nullopt);
  }
}

TEST_F(TlsContext, ChoosesTheCertificateByName) {
  const auto first = office.issue("first", {.subject = "first", .names = {"first.test"}});
  const auto exact = office.issue("exact", {.subject = "exact", .names = {"a.example.test"}});
  const auto wild = office.issue("wild", {.subject = "wild", .names = {"*.example.test", "example.test"}});
  const TlsServer server({.certificates = {first.files(), wild.files(), exact.files()}});
  const std::vector<std::pair<std::string, std::string>> table = {
      {"first.test", "CN=first"},  {"a.example.test", "CN=exact"}, {"b.example.test", "CN=wild"},
      {"EXAMPLE.test", "CN=wild"}, {"unknown.test", "CN=first"},   {"a.b.example.test", "CN=first"},
      {"127.0.0.1", "CN=first"},
  };
  for (const auto& [name, subject] : table) {
    const TlsClient client({.on = true, .verify = false}, name);
    TlsPair pair(server, client);
    pair.shake_hands();
    ASSERT_TRUE(pair.shaken()) << name;
    EXPECT_EQ(subject_shown_to(pair), subject) << name;
  }
}

TEST_F(TlsContext, CertificatesWithTheSameNamesAndDifferentKeysGoTogether) {
  const auto ecdsa = office.issue("ecdsa", {.subject = "ecdsa", .names = {"host.test"}});
  const auto rsa =
      office.issue("rsa", {.subject = "rsa", .names = {"host.test"}, .kind = CertificateOffice::Kind::kRsa});
  const TlsServer server({.certificates = {rsa.files(), ecdsa.files()}});
  for (const auto& [algorithms, subject] :
       {std::pair("RSA-PSS+SHA256", "CN=rsa"), std::pair("ECDSA+SHA256", "CN=ecdsa")}) {
    const TlsClient client(trusting(), "host.test");
    ASSERT_EQ(SSL_CTX_set1_sigalgs_list(client.context(), algorithms), 1);
    TlsPair pair(server, client);
    pair.shake_hands();
    EXPECT_EQ(subject_shown_to(pair), subject);
  }
}

TEST_F(TlsContext, TheClientVerifiesChainAndName) {
  const auto good = office.issue("good", {.names = {"host.test"}, .address = "127.0.0.1"});
  const auto expired = office.issue("expired", {.names = {"host.test"}, .valid_for = -60});
  const auto middle = office.issue("middle", {.subject = "Middle", .authority = true});
  auto below = office.issue(
      "below", {.names = {"host.test"}, .issuer = middle.certificate.get(), .issuer_key = middle.key.get()});
  CertificateOffice stranger;
  const auto strange = stranger.issue("strange", {.names = {"host.test"}});
  auto chained = below.files();
  chained.certificate =
      office.write("chained.crt", pem_of(below.certificate.get()) + pem_of(middle.certificate.get()));
  struct Case {
    TlsCertificate shown;
    const char* host;
    const char* failure;  // nullptr: none
  };
  const std::vector<Case> table = {
      {good.files(), "host.test", nullptr},
      {good.files(), "127.0.0.1", nullptr},
      {chained, "host.test", nullptr},
      {good.files(), "other.test", "hostname mismatch"},
      {good.files(), "127.0.0.2", "IP address mismatch"},
      {expired.files(), "host.test", "certificate has expired"},
      {below.files(), "host.test", "unable to get local issuer certificate"},
      {strange.files(), "host.test", "unable to get local issuer certificate"},
  };
  for (const Case& row : table) {
    const TlsServer server({.certificates = {row.shown}});
    const TlsClient client(trusting(), row.host);
    TlsPair pair(server, client);
    pair.shake_hands();
    EXPECT_EQ(pair.near_state, row.failure == nullptr ? Handshake::kDone : Handshake::kFailed) << row.host;
    if (row.failure == nullptr) continue;
    EXPECT_THAT(pair.near.failure(),
                testing::AllOf(HasSubstr("certificate verify failed: "), HasSubstr(row.failure)));
    if (pair.far_state == Handshake::kFailed) {
      EXPECT_THAT(pair.far.failure(), HasSubstr("alert"));
    }
    const TlsClient careless({.on = true, .verify = false}, row.host);
    TlsPair unverified(server, careless);
    unverified.shake_hands();
    EXPECT_TRUE(unverified.shaken());
  }
}

TEST_F(TlsContext, AsksForClientCertificates) {
  const auto host = office.issue("host", {.names = {"host.test"}});
  const auto alice = office.issue("alice", {.subject = "Alice, \xC3\x84rztin"});
  CertificateOffice stranger;
  const auto mallory = stranger.issue("mallory", {.subject = "mallory"});
  struct Case {
    ClientCertificates asked;
    const CertificateOffice::Issued* shown;
    bool passes;
    std::optional<std::string> subject;
  };
  const std::string escaped = "CN=Alice\\, \\C3\\84rztin";
  const std::vector<Case> table = {
      {ClientCertificates::kOff, &alice, true, std::nullopt},
      {ClientCertificates::kRequest, nullptr, true, std::nullopt},
      {ClientCertificates::kRequest, &alice, true, escaped},
      {ClientCertificates::kRequest, &mallory, false, std::nullopt},
      {ClientCertificates::kRequire, nullptr, false, std::nullopt},
      {ClientCertificates::kRequire, &alice, true, escaped},
      {ClientCertificates::kRequire, &mallory, false, std::nullopt},
  };
  for (const Case& row : table) {
    const TlsServer server(
        {.certificates = {host.files()}, .client_certificates = row.asked, .client_ca = office.root_file()});
    TlsClientSettings settings = trusting();
    if (row.shown != nullptr) settings.certificate = row.shown->certificate_file;
    if (row.shown != nullptr) settings.key = row.shown->key_file;
    TlsPair pair(server, TlsClient(settings, "host.test"));
    pair.shake_hands();
    ASSERT_EQ(pair.far_state, row.passes ? Handshake::kDone : Handshake::kFailed);
    if (row.passes) {
      EXPECT_EQ(pair.far.client_subject(), row.subject);
    }
    if (!row.passes && row.shown == nullptr) {
      EXPECT_EQ(pair.far.failure(), "peer did not return a certificate");
    }
  }
}

TEST_F(TlsContext, SaysWhatIsWrongWithFiles) {
  const auto host = office.issue("host", {.names = {"host.test"}});
  const auto other = office.issue("other", {.names = {"other.test"}});
  const std::string nonsense =
      office.write("nonsense.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  const std::string passphrase = office.write("passphrase.key",
                                              "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
                                              "DEK-Info: AES-128-CBC,0123456789ABCDEF0123456789ABCDEF\n\n"
                                              "AAAAAAAAAAAAAAAAAAAAAA==\n-----END RSA PRIVATE KEY-----\n");
  const std::string empty = office.write("empty.pem", "");
  const std::string stale = office.ocsp_response("other.der", other, 3'600);
  struct Case {
    TlsServerSettings settings;
    std::string why;
  };
  const auto with = [&](std::string certificate, std::string key) {
    return TlsServerSettings{.certificates = {{std::move(certificate), std::move(key)}}};
  };
  auto about_another = host.files();
  about_another.ocsp_response = stale;
  const std::vector<Case> table = {
      {with("/nowhere.crt", host.key_file), "/nowhere.crt: No such file or directory"},
      {with(host.certificate_file, "/nowhere.key"), "/nowhere.key: No such file or directory"},
      {with(empty, host.key_file), empty + ": is empty"},
      {with(nonsense, host.key_file), nonsense + ": has a certificate that can't be read: "},
      {with(host.key_file, host.key_file), host.key_file + ": has no certificate"},
      {with(host.certificate_file, host.certificate_file),
       host.certificate_file + ": has no private key that can be read: "},
      {with(host.certificate_file, passphrase),
       passphrase + ": needs a passphrase, and nobody is there to type it"},
      {with(host.certificate_file, other.key_file),
       other.key_file + ": isn't the key of " + host.certificate_file + ": key values mismatch"},
      {{.certificates = {host.files(), host.files()}},
       host.certificate_file + ": has the names and the kind of key of a certificate before it"},
      {{.certificates = {about_another}}, stale + ": is about another certificate"},
      {{.certificates = {host.files()},
        .client_certificates = ClientCertificates::kRequire,
        .client_ca = empty},
       empty + ": is empty"},
  };
  for (const Case& row : table) {
    try {
      const TlsServer server(row.settings);
      ADD_FAILURE() << "taken, instead of " << row.why;
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), testing::StartsWith(row.why));
    }
  }
}

TEST_F(TlsContext, StaplesAnOcspResponseWhileItIsGood) {
  const auto host = office.issue("host", {.names = {"host.test"}});
  for (const bool fresh : {true, false}) {
    auto files = host.files();
    files.ocsp_response = office.ocsp_response("host.der", host, fresh ? 3'600 : -60);
    const TlsServer server({.certificates = {files}});
    const TlsClient client(trusting(), "host.test");
    ASSERT_EQ(SSL_CTX_set_tlsext_status_type(client.context(), TLSEXT_STATUSTYPE_ocsp), 1);
    stapled = 0;
    SSL_CTX_callback_ctrl(client.context(), SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB,
                          reinterpret_cast<void (*)()>(note_staple));
    TlsPair pair(server, client);
    pair.shake_hands();
    ASSERT_TRUE(pair.shaken());
    EXPECT_EQ(stapled > 0, fresh);
  }
}

TEST_F(TlsContext, GoesOnWithTheContextThatAHandshakeBeganWith) {
  const auto first = office.issue("first", {.subject = "first", .names = {"first.test"}});
  const auto second = office.issue("second", {.subject = "second", .names = {"second.test"}});
  auto server =
      std::make_unique<TlsServer>(TlsServerSettings{.certificates = {first.files(), second.files()}});
  TlsPair pair(*server, TlsClient(trusting(), "second.test"));
  server.reset();
  pair.shake_hands();
  ASSERT_TRUE(pair.shaken());
  EXPECT_EQ(subject_shown_to(pair), "CN=second");
}

}  // namespace
}  // namespace wskeep::net
