#include "proxy/net/tls_transport.h"

#include <openssl/x509.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "proxy/net/tcp_info.h"
#include "proxy/net/tls_socket.h"

namespace wskeep::net {
namespace {

constexpr std::size_t kRecord = SSL3_RT_MAX_PLAIN_LENGTH;

using Bytes = std::span<const std::uint8_t>;

// Goes over pieces a record at a time.
class Records {
 public:
  explicit Records(std::span<const iovec> pieces) noexcept : pieces_(pieces) { skip_empty(); }

  bool done() const noexcept { return pieces_.empty(); }

  // What comes next in one span: small pieces are put together for one record.
  Bytes next() noexcept {
    const Bytes first = rest_of_first();
    if (pieces_.size() == 1 || first.size() >= kRecord) return first;
    thread_local std::array<std::uint8_t, kRecord> together;
    std::size_t size = 0;
    std::size_t skip = used_;
    for (const iovec& piece : pieces_) {
      const auto* const bytes = static_cast<const std::uint8_t*>(piece.iov_base) + skip;
      const std::size_t count = std::min(piece.iov_len - skip, kRecord - size);
      std::memcpy(together.data() + size, bytes, count);
      size += count;
      skip = 0;
      if (size == kRecord) break;
    }
    return {together.data(), size};
  }

  void advance(std::size_t count) noexcept {
    while (!pieces_.empty() && count >= pieces_.front().iov_len - used_) {
      count -= pieces_.front().iov_len - used_;
      pieces_ = pieces_.subspan(1);
      used_ = 0;
    }
    used_ += count;
    skip_empty();
  }

 private:
  Bytes rest_of_first() const noexcept {
    const iovec& piece = pieces_.front();
    return {static_cast<const std::uint8_t*>(piece.iov_base) + used_, piece.iov_len - used_};
  }

  void skip_empty() noexcept {
    while (!pieces_.empty() && pieces_.front().iov_len == used_) {
      pieces_ = pieces_.subspan(1);
      used_ = 0;
    }
  }

  std::span<const iovec> pieces_;
  std::size_t used_ = 0;  // of the first
};

// OpenSSL judges a failure by what stands in its queue, so nothing of others may stand there.
void forget_errors() noexcept {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

IoResult moved(std::size_t bytes, bool drained = false) noexcept {
  return {.status = IoResult::Status::kOk, .drained = drained, .bytes = bytes};
}

}  // namespace

struct TlsTransport::State {
  TlsSocket socket;
  int broken = 0;             // errno that a read has yet to tell, behind the bytes that came before it
  unsigned long failure = 0;  // OpenSSL's, of the handshake
  SslSession session;         // after the socket, which it works on
};

TlsTransport::TlsTransport(FileDescriptor descriptor, SSL_CTX* context) : state_(std::make_unique<State>()) {
  state_->socket.descriptor = std::move(descriptor);
  state_->session.reset(SSL_new(context));
  if (!state_->session) throw std::bad_alloc();
  BIO* const bio = make_bio(state_->socket).release();
  SSL_set_bio(state_->session.get(), bio, bio);
}

TlsTransport::TlsTransport(FileDescriptor descriptor, const TlsServer& server)
    : TlsTransport(std::move(descriptor), server.context()) {
  SSL_set_accept_state(state_->session.get());
}

TlsTransport::TlsTransport(FileDescriptor descriptor, const TlsClient& client)
    : TlsTransport(std::move(descriptor), client.context()) {
  SSL_set_connect_state(state_->session.get());
  const std::string& name = client.server_name();
  if (name.empty()) return;
  // SSL_set_tlsext_host_name, a macro of C, which copies the name.
  if (SSL_ctrl(state_->session.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
               const_cast<char*>(name.c_str())) != 1) {
    throw std::bad_alloc();
  }
}

TlsTransport::TlsTransport(TlsTransport&&) noexcept = default;
TlsTransport& TlsTransport::operator=(TlsTransport&&) noexcept = default;
TlsTransport::~TlsTransport() = default;

TlsTransport::Handshake TlsTransport::handshake() noexcept {
  SSL* const session = state_->session.get();
  forget_errors();
  const int result = SSL_do_handshake(session);
  if (result == 1) {
    // It has been sent, and would stay for as long as the session.
    if (SSL_is_server(session) != 0) SSL_set_tlsext_status_ocsp_resp(session, nullptr, 0);
    forget_errors();
    return Handshake::kDone;
  }
  if (state_->socket.not_tls && SSL_is_server(session) != 0) {
    forget_errors();
    return Handshake::kNotTls;
  }
  switch (SSL_get_error(session, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return Handshake::kUnderWay;
    default: break;
  }
  state_->failure = ERR_peek_error();
  ERR_clear_error();
  return Handshake::kFailed;
}

std::string TlsTransport::failure() const {
  if (state_->failure == 0) {
    if (state_->socket.error != 0) return std::strerror(state_->socket.error);
    return "the peer left";
  }
  std::string reason = reason_of(state_->failure);
  const long verdict = SSL_get_verify_result(state_->session.get());
  if (ERR_GET_REASON(state_->failure) == SSL_R_CERTIFICATE_VERIFY_FAILED && verdict != X509_V_OK) {
    reason.append(": ").append(X509_verify_cert_error_string(verdict));
  }
  return reason;
}

std::optional<std::string> TlsTransport::client_subject() const {
  const X509* const certificate = SSL_get0_peer_certificate(state_->session.get());
  const Bio text(certificate == nullptr ? nullptr : BIO_new(BIO_s_mem()));
  if (!text) return std::nullopt;
  // With escapes for all that is no printable ASCII, so that it can stand in a header.
  if (X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) < 0)
    return std::nullopt;
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(text.get(), &bytes);
  return std::string(bytes, static_cast<std::size_t>(size));
}

std::string_view TlsTransport::server_name() const noexcept {
  const char* const name = SSL_get_servername(state_->session.get(), TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? std::string_view() : name;
}

std::string_view TlsTransport::alpn() const noexcept {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(state_->session.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string_view TlsTransport::version() const noexcept {
  return SSL_get_version(state_->session.get());
}

std::string_view TlsTransport::cipher() const noexcept {
  return SSL_get_cipher_name(state_->session.get());
}

bool TlsTransport::resumed() const noexcept {
  return SSL_session_reused(state_->session.get()) == 1;
}

int TlsTransport::descriptor() const noexcept {
  return state_->socket.descriptor.get();
}

FileDescriptor TlsTransport::release() noexcept {
  return std::move(state_->socket.descriptor);
}

// What a call that moved nothing says. Wishes to write come from the keys' renewal, which a read has met;
// they are tried again with the next event, as wishes to read are.
IoResult TlsTransport::outcome(int result) noexcept {
  const int what = SSL_get_error(state_->session.get(), result);
  switch (what) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return {IoResult::Status::kBlocked};
    case SSL_ERROR_ZERO_RETURN: return {IoResult::Status::kEnd};
    default: break;
  }
  ERR_clear_error();
  // Without an error of the socket's it was the peer that broke the rules of TLS.
  const int error = state_->socket.error != 0 ? state_->socket.error : EPROTO;
  return {.status = IoResult::Status::kFailed, .error = error};
}

IoResult TlsTransport::read(std::span<std::uint8_t> into) noexcept {
  SSL* const session = state_->session.get();
  if (state_->broken != 0) return {.status = IoResult::Status::kFailed, .error = state_->broken};
  std::size_t taken = 0;
  while (true) {
    std::size_t bytes = 0;
    forget_errors();
    const int result = SSL_read_ex(session, into.data() + taken, into.size() - taken, &bytes);
    if (result != 1) {
      const IoResult why = outcome(result);
      if (taken == 0) return why;
      if (why.status == IoResult::Status::kFailed) state_->broken = why.error;
      return moved(taken, why.status == IoResult::Status::kBlocked);
    }
    taken += bytes;
    // OpenSSL has nothing and the socket had no more: asking it again would be a call for nothing.
    if (state_->socket.drained && SSL_has_pending(session) == 0) return moved(taken, true);
    if (taken == into.size()) return moved(taken);
  }
}

IoResult TlsTransport::write(std::span<const iovec> pieces) noexcept {
  SSL* const session = state_->session.get();
  std::size_t written = 0;
  for (Records records(pieces); !records.done();) {
    const Bytes next = records.next();
    std::size_t bytes = 0;
    forget_errors();
    const int result = SSL_write_ex(session, next.data(), next.size(), &bytes);
    if (result != 1) {
      const IoResult why = outcome(result);
      if (written == 0 || why.status != IoResult::Status::kBlocked) return why;
      break;
    }
    records.advance(bytes);
    written += bytes;
  }
  return moved(written);
}

bool TlsTransport::shutdown_write() noexcept {
  SSL* const session = state_->session.get();
  forget_errors();
  const int result = SSL_shutdown(session);
  const bool blocked = result < 0 && SSL_get_error(session, result) == SSL_ERROR_WANT_WRITE;
  forget_errors();
  if (blocked) return false;
  (void)::shutdown(descriptor(), SHUT_WR);
  return true;
}

std::optional<std::chrono::nanoseconds> TlsTransport::round_trip_time() noexcept {
  return tcp_round_trip_time(descriptor());
}

std::optional<SendProgress> TlsTransport::send_progress() noexcept {
  return tcp_send_progress(descriptor());
}

}  // namespace wskeep::net
