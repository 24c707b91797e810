// The options of TLS: how their values are written, and what must hold between them.
#include <gmock/gmock.h>

#include "config/load.h"
#include "config/tls_values.h"
#include "config/warnings.h"

namespace wskeep::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string faults_of(const std::string& yaml) {
  try {
    (void)load_text(yaml, "f");
    return "";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

TEST(ConfigTls, header_names) {
  std::string name;
  for (const char* const good : {"X-Client-Subject", "x", "Ssl_Client", "~!#$%&'*+.^`|"}) {
    EXPECT_EQ(FieldName{}.read(good, name), std::nullopt) << good;
    EXPECT_EQ(name, good);
  }
  for (const char* const bad : {"", "X Client", "X:Client", "\xC3\x84", "X-\n", "Host", "sec-websocket-key",
                                "X_Forwarded_For", "content_length"}) {
    EXPECT_NE(FieldName{}.read(bad, name), std::nullopt) << bad;
  }
}

TEST(ConfigTls, server_names) {
  std::string name;
  for (const char* const good : {"a.example", "127.0.0.1", "2001:db8::1", "a_b"}) {
    EXPECT_EQ(ServerName{}.read(good, name), std::nullopt) << good;
  }
  for (const char* const bad : {"", "a b", "https://a.example", "*.example", "a.example/"}) {
    EXPECT_NE(ServerName{}.read(bad, name), std::nullopt) << bad;
  }
}

TEST(ConfigTls, a_certificate_needs_both_files) {
  const std::string start = "listeners:\n  - tls:\n      certificates:\n";
  EXPECT_EQ(faults_of(start + "        - certificate: a.crt\n          key: a.key\n"), "");
  EXPECT_EQ(faults_of(start + "        - certificate: a.crt\n"),
            "f:4:11: listeners.0.tls.certificates.0.key: is missing");
  EXPECT_EQ(faults_of(start + "        - key: a.key\n"),
            "f:4:11: listeners.0.tls.certificates.0.certificate: is missing");
}

TEST(ConfigTls, client_certificates_need_an_authority) {
  const std::string start =
      "listeners:\n  - tls:\n      certificates: [{certificate: a.crt, key: a.key}]\n      "
      "client_certificates: ";
  EXPECT_THAT(faults_of(start + "require\n"), HasSubstr("listeners.0.tls.client_ca: is missing"));
  EXPECT_EQ(faults_of(start + "require\n      client_ca: ca.pem\n"), "");
  EXPECT_THAT(faults_of(start + "requires\n"), HasSubstr("(did you mean require?)"));
}

TEST(ConfigTls, the_backends_certificate_needs_both_files) {
  const std::string start = "backend:\n  tls:\n    mode: on\n    ";
  EXPECT_EQ(faults_of(start + "certificate: a.crt\n"),
            "f:3:5: backend.tls.key: is missing: backend.tls.certificate needs it");
  EXPECT_THAT(faults_of(start + "key: a.key\n"), HasSubstr("backend.tls.certificate: is missing"));
  EXPECT_EQ(faults_of(start + "certificate: a.crt\n    key: a.key\n"), "");
}

TEST(ConfigTls, flags_and_variables_reach_into_the_list) {
  Sources sources;
  sources.set = {"listeners.0.tls.certificates.0.certificate=a.crt",
                 "listeners.0.tls.certificates.0.key=a.key"};
  const Config config = load(sources);
  ASSERT_EQ(config.listeners[0].tls.server.certificates.size(), 1U);
  EXPECT_EQ(config.listeners[0].tls.server.certificates[0].key, "a.key");
}

TEST(ConfigTls, what_has_no_effect_is_a_warning) {
  Config config;
  config.listeners[0].tls.server.session_tickets = false;
  EXPECT_THAT(warnings(config), ElementsAre(HasSubstr("listeners.0.tls has no certificates")));
  config.listeners[0].tls.server.certificates = {{"a.crt", "a.key"}};
  config.listeners[0].tls.client_subject_header = "X-Client";
  EXPECT_THAT(warnings(config), ElementsAre(HasSubstr("client_subject_header is never sent")));
  Config other;
  other.backend.tls.ca = "ca.pem";
  EXPECT_THAT(warnings(other), ElementsAre(HasSubstr("backend.tls.mode is off")));
  other.backend.tls.on = true;
  other.backend.tls.verify = false;
  EXPECT_THAT(warnings(other), ElementsAre(HasSubstr("backend.tls.verify is off")));
}

}  // namespace
}  // namespace wskeep::config
