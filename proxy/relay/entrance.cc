#include "proxy/relay/entrance.h"

#include <optional>

#include "proxy/http/error_page.h"
#include "proxy/net/proxy_protocol.h"

namespace wskeep::relay {

using net::IoResult;
using observe::HandshakeResult;

namespace {

net::Stream open(net::FileDescriptor descriptor, const net::TlsServer* tls) {
  if (tls == nullptr) return net::Stream(std::move(descriptor));
  return net::Stream(net::TlsTransport(std::move(descriptor), *tls));
}

}  // namespace

Entrance::Entrance(net::Accepted&& client, const config::Config& config, const net::TlsServer* tls,
                   std::uint64_t id)
    : config_(config),
      caller_{.id = id, .peer = client.peer, .client = client.peer, .listener = client.listener},
      stream_(open(std::move(client.descriptor), tls)),
      state_(State::kProxyHeader) {
  switch (config.listeners[client.listener].proxy_protocol) {
    case config::AcceptProxy::kOff: leave_proxy_header(); return;
    case config::AcceptProxy::kRequire: break;
  }
  if (!net::any_contains(config.trusted_proxies, client.peer)) {
    refuse({HandshakeResult::kUntrustedPeer, 0,
            "a PROXY header is wanted here, and the peer is not in trusted_proxies"});
  }
}

void Entrance::leave_proxy_header() noexcept {
  state_ = stream_.tls() == nullptr ? State::kReady : State::kHandshake;
}

void Entrance::go_on(std::span<std::uint8_t> buffer, bool hung_up) {
  if (state_ == State::kProxyHeader) take_proxy_header(buffer, hung_up);
  if (state_ == State::kHandshake) shake_hands();
}

// TLS, if there is any, has not touched the socket yet.
void Entrance::take_proxy_header(std::span<std::uint8_t> buffer, bool hung_up) {
  const IoResult peeked = net::peek(stream_.descriptor(), buffer.first(net::kLongestProxyHeader));
  if (peeked.status == IoResult::Status::kEnd || peeked.status == IoResult::Status::kFailed) {
    state_ = State::kGone;
    return;
  }
  const net::ProxyReading reading = net::read_proxy_header(buffer.first(peeked.bytes));
  switch (reading.result) {
    case net::ProxyRead::kIncomplete:
      if (hung_up) state_ = State::kGone;
      return;
    case net::ProxyRead::kBad: return refuse({HandshakeResult::kBadProxyHeader, 0, std::string(reading.why)});
    case net::ProxyRead::kComplete: break;
  }
  introduce(caller_, reading.header);
  net::skip(stream_.descriptor(), buffer.first(reading.size));  // it has been seen, so it is all there
  leave_proxy_header();
}

void Entrance::shake_hands() {
  net::TlsTransport& tls = *stream_.tls();
  switch (tls.handshake()) {
    case net::TlsTransport::Handshake::kUnderWay: return;
    case net::TlsTransport::Handshake::kDone: return let_in();
    case net::TlsTransport::Handshake::kNotTls: {
      constexpr std::string_view kWords = "plain HTTP on a TLS port: use https or wss";
      constexpr auto kStatus = http::Status::kBadRequest;
      return turn_away({HandshakeResult::kBadRequest, static_cast<int>(kStatus), std::string(kWords)},
                       http::error_answer(kStatus, kWords, std::nullopt));
    }
    case net::TlsTransport::Handshake::kFailed:
      return turn_away({HandshakeResult::kTlsFailed, 0, "TLS handshake: " + tls.failure()}, {});
  }
}

void Entrance::let_in() {
  const net::TlsTransport& tls = *stream_.tls();
  caller_.scheme = "https";
  caller_.server_name = tls.server_name();
  caller_.alpn = tls.alpn();
  if (auto subject = tls.client_subject()) caller_.certificate_subject = std::move(*subject);
  state_ = State::kReady;
}

// The words are few, and nothing was written before: a socket that doesn't take them is broken.
void Entrance::turn_away(Refusal refusal, std::string_view words) {
  refuse(std::move(refusal));
  remains_ = net::SocketTransport(stream_.release());
  const iovec piece{const_cast<char*>(words.data()), words.size()};
  if (!words.empty()) (void)remains_.write({&piece, 1});
  (void)remains_.shutdown_write();
}

void Entrance::time_out() {
  if (state_ == State::kProxyHeader) {
    refuse({HandshakeResult::kBadProxyHeader, 0, "no whole PROXY header in time"});
  } else if (state_ == State::kHandshake) {
    refuse({HandshakeResult::kTlsFailed, 0, "no TLS handshake in time"});
  }
}

void Entrance::refuse(Refusal refusal) noexcept {
  refusal_ = std::move(refusal);
  state_ = State::kRefused;
}

}  // namespace wskeep::relay
