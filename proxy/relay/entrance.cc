#include "proxy/relay/entrance.h"

#include "proxy/net/proxy_protocol.h"

namespace wskeep::relay {

using net::IoResult;
using observe::HandshakeResult;

Entrance::Entrance(net::Accepted&& client, const config::Config& config, std::uint64_t id) noexcept
    : config_(config),
      caller_{.id = id, .peer = client.peer, .client = client.peer},
      stream_(std::move(client.descriptor)) {
  switch (config.listeners[client.listener].proxy_protocol) {
    case config::AcceptProxy::kOff: return;
    case config::AcceptProxy::kRequire: state_ = State::kProxyHeader; break;
  }
  if (!net::any_contains(config.trusted_proxies, client.peer)) {
    refuse(HandshakeResult::kUntrustedPeer,
           "a PROXY header is wanted here, and the peer is not in trusted_proxies");
  }
}

void Entrance::go_on(std::span<std::uint8_t> buffer, bool hung_up) {
  switch (state_) {
    case State::kProxyHeader: return take_proxy_header(buffer, hung_up);
    case State::kReady:
    case State::kRefused:
    case State::kGone: return;
  }
}

void Entrance::take_proxy_header(std::span<std::uint8_t> buffer, bool hung_up) {
  const IoResult peeked = stream_.peek(buffer.first(net::kLongestProxyHeader));
  if (peeked.status == IoResult::Status::kEnd || peeked.status == IoResult::Status::kFailed) {
    state_ = State::kGone;
    return;
  }
  const net::ProxyReading reading = net::read_proxy_header(buffer.first(peeked.bytes));
  switch (reading.result) {
    case net::ProxyRead::kIncomplete:
      if (hung_up) state_ = State::kGone;
      return;
    case net::ProxyRead::kBad: return refuse(HandshakeResult::kBadProxyHeader, reading.why);
    case net::ProxyRead::kComplete: break;
  }
  introduce(caller_, reading.header);
  (void)stream_.read(buffer.first(reading.size));  // it has been seen, so it is all there
  state_ = State::kReady;
}

void Entrance::time_out() noexcept {
  refuse(HandshakeResult::kBadProxyHeader, "no whole PROXY header in time");
}

void Entrance::refuse(HandshakeResult result, std::string_view why) noexcept {
  refusal_ = {result, why};
  state_ = State::kRefused;
}

}  // namespace wskeep::relay
