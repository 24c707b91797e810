// Entrance is a client's connection up to its first byte of HTTP: it holds the stream and knows who calls.
//
// One thread, its worker's. The stream is moved out for the session.
#pragma once

#include <span>
#include <utility>

#include "proxy/net/socket.h"
#include "proxy/relay/caller.h"

namespace wskeep::relay {

class Entrance {
 public:
  explicit Entrance(net::Accepted&& client) noexcept
      : caller_{.peer = client.peer, .client = client.peer}, stream_(std::move(client.descriptor)) {}

  // Learns from each request for whom the peer speaks (caller.h). Throws std::bad_alloc.
  void hear(websocket::Fields request, std::span<const net::IpRange> trusted) {
    relay::hear(caller_, request, trusted);
  }

  const Caller& caller() const noexcept { return caller_; }
  net::SocketTransport& stream() noexcept { return stream_; }

 private:
  Caller caller_;
  net::SocketTransport stream_;
};

}  // namespace wskeep::relay
