#include "proxy/net/tls_context.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/net/tls_files.h"
#include "proxy/net/tls_names.h"

namespace wskeep::net {
namespace {

// Ephemeral keys and authenticated encryption; of TLS 1.3 all is like that.
constexpr const char* kServerCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr std::string_view kProtocols = "\x08http/1.1";  // in the wire's form (RFC 7301 section 3.1)
constexpr std::string_view kSessionContext = "wskeep";

// What the callbacks of a server's context look at. The context owns it.
struct ServerData {
  struct Stapled {
    const X509* certificate;
    OcspStaple staple;
  };
  std::vector<Stapled> staples;
  // Of the first context only: all the others, and which one each name is for; 0 is the first itself.
  TlsNames names;
  std::vector<SslContext> others;
};

void free_data(void*, void* data, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<ServerData*>(data);
}

int data_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_data);
  return index;
}

ServerData& data_of(const SSL_CTX* context) {
  return *static_cast<ServerData*>(SSL_CTX_get_ex_data(context, data_index()));
}

// OpenSSL's macros for these are C.
template <class Function>
void set_callback(SSL_CTX* context, int which, Function function) {
  (void)SSL_CTX_callback_ctrl(context, which, reinterpret_cast<void (*)()>(function));
}

void check(long result, const char* what) {
  if (result != 1) throw std::runtime_error(std::string(what) + ": " + take_reason());
}

int choose_certificate(SSL* session, int*, void*) {
  const char* const name = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  const ServerData& data = data_of(SSL_get_SSL_CTX(session));
  try {
    const auto found = data.names.find(name);
    if (!found) return SSL_TLSEXT_ERR_NOACK;
    if (*found != 0) (void)SSL_set_SSL_CTX(session, data.others[*found - 1].get());
    return SSL_TLSEXT_ERR_OK;
  } catch (const std::bad_alloc&) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                    unsigned offered_size, void*) {
  const auto* const ours = reinterpret_cast<const unsigned char*>(kProtocols.data());
  unsigned char* chosen = nullptr;
  const int result = SSL_select_next_proto(&chosen, out_size, ours, kProtocols.size(), offered, offered_size);
  *out = chosen;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// A stale response would be worse than none: who asks for one may insist on it.
int staple(SSL* session, void*) {
  const X509* const certificate = SSL_get_certificate(session);
  for (const auto& [about, found] : data_of(SSL_get_SSL_CTX(session)).staples) {
    if (about != certificate) continue;
    if (found.good_until != 0 && found.good_until < std::time(nullptr)) return SSL_TLSEXT_ERR_NOACK;
    void* const copy = OPENSSL_memdup(found.der.data(), found.der.size());  // which the session frees
    if (copy == nullptr) return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(session, copy, static_cast<long>(found.der.size()));
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

int protocol_number(TlsVersion version) {
  switch (version) {
    case TlsVersion::k1_2: break;
    case TlsVersion::k1_3: return TLS1_3_VERSION;
  }
  return TLS1_2_VERSION;
}

// What both sides have in common. An end of the stream without close_notify is an end as TCP has it: the
// frames and the lengths within tell what is missing.
SslContext make_context(const SSL_METHOD* method, TlsVersion min_version) {
  ERR_clear_error();
  SslContext context(SSL_CTX_new(method));
  if (!context) throw std::runtime_error("no TLS: " + take_reason());
  check(SSL_CTX_set_min_proto_version(context.get(), protocol_number(min_version)), "TLS version");
  check(SSL_CTX_set_max_proto_version(context.get(), 0), "TLS version");
  (void)SSL_CTX_set_options(context.get(),
                            SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  (void)SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context.get(), 1);  // one call brings a record whole, and shows that it was the last
  (void)SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  return context;
}

int verify_mode(ClientCertificates wanted) {
  switch (wanted) {
    case ClientCertificates::kOff: break;
    case ClientCertificates::kRequest: return SSL_VERIFY_PEER;
    case ClientCertificates::kRequire: return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  }
  return SSL_VERIFY_NONE;
}

void ask_for_certificates(SSL_CTX* context, const TlsServerSettings& settings) {
  SSL_CTX_set_verify(context, verify_mode(settings.client_certificates), nullptr);
  if (settings.client_certificates == ClientCertificates::kOff) return;
  if (!settings.client_ca) throw std::runtime_error("client certificates need a client_ca to be judged by");
  trust(context, *settings.client_ca);
  for (const Certificate& authority : read_certificates(*settings.client_ca)) {
    check(SSL_CTX_add_client_CA(context, authority.get()), settings.client_ca->c_str());
  }
}

SslContext make_server_context(const TlsServerSettings& settings) {
  SslContext context = make_context(TLS_server_method(), settings.min_version);
  check(SSL_CTX_set_cipher_list(context.get(), kServerCiphers), "TLS ciphers");
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  const auto* const id = reinterpret_cast<const unsigned char*>(kSessionContext.data());
  check(SSL_CTX_set_session_id_context(context.get(), id, kSessionContext.size()), "TLS sessions");
  if (!settings.session_tickets) {
    (void)SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
    check(SSL_CTX_set_num_tickets(context.get(), 0), "TLS sessions");
  }
  ask_for_certificates(context.get(), settings);
  auto data = std::make_unique<ServerData>();
  check(SSL_CTX_set_ex_data(context.get(), data_index(), data.get()), "TLS context");
  (void)data.release();
  set_callback(context.get(), SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB, staple);
  return context;
}

void add_certificate(SSL_CTX* context, const TlsCertificate& files) {
  use_certificate(context, files.certificate, files.key);
  if (!files.ocsp_response) return;
  const X509* const certificate = SSL_CTX_get0_certificate(context);
  OcspStaple response = read_staple(*files.ocsp_response, certificate);
  data_of(context).staples.push_back({certificate, std::move(response)});
}

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> ignored{};
  return inet_pton(AF_INET, host.c_str(), ignored.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), ignored.data()) == 1;
}

void verify_server(SSL_CTX* context, const TlsClientSettings& settings, const std::string& host) {
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (settings.ca) {
    trust(context, *settings.ca);
  } else {
    check(SSL_CTX_set_default_verify_paths(context), "the system's certificate authorities");
  }
  X509_VERIFY_PARAM* const rules = SSL_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  check(is_address(host) ? X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str())
                         : X509_VERIFY_PARAM_set1_host(rules, host.data(), host.size()),
        "TLS server name");
}

}  // namespace

TlsServer::TlsServer(const TlsServerSettings& settings) {
  std::vector<SslContext> contexts;
  std::vector<std::vector<std::string>> names;  // of each context, sorted
  for (const TlsCertificate& files : settings.certificates) {
    std::vector<std::string> its_names = names_of(read_certificates(files.certificate).front().get());
    std::sort(its_names.begin(), its_names.end());
    const auto same = std::find(names.begin(), names.end(), its_names);
    if (same != names.end()) {
      add_certificate(contexts[static_cast<std::size_t>(same - names.begin())].get(), files);
      continue;
    }
    names.push_back(std::move(its_names));
    contexts.push_back(make_server_context(settings));
    add_certificate(contexts.back().get(), files);
  }
  if (contexts.empty()) throw std::runtime_error("a TLS server needs a certificate");
  context_ = std::move(contexts.front());
  if (contexts.size() == 1) return;
  ServerData& data = data_of(context_.get());
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (const std::string& name : names[i]) data.names.add(name, i);
    if (i != 0) data.others.push_back(std::move(contexts[i]));
  }
  set_callback(context_.get(), SSL_CTRL_SET_TLSEXT_SERVERNAME_CB, choose_certificate);
}

TlsClient::TlsClient(const TlsClientSettings& settings, const std::string& host)
    : context_(make_context(TLS_client_method(), TlsVersion::k1_2)) {
  const std::string& name = settings.server_name ? *settings.server_name : host;
  if (!is_address(name)) server_name_ = name;
  if (settings.verify) verify_server(context_.get(), settings, name);
  if (settings.certificate && settings.key) {
    use_certificate(context_.get(), *settings.certificate, *settings.key);
  }
  const auto* const protocols = reinterpret_cast<const unsigned char*>(kProtocols.data());
  if (SSL_CTX_set_alpn_protos(context_.get(), protocols, kProtocols.size()) != 0) throw std::bad_alloc();
}

}  // namespace wskeep::net
