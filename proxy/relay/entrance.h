// Entrance is a client's connection up to its first byte of HTTP: the PROXY header and the TLS handshake,
// where the listener has them, in this order. It holds the stream and knows who calls.
//
// A PROXY header is believed of trusted proxies only; anybody else who comes to such a listener, or sends
// something else, is left without a word. It is peeked at, so that nothing is buffered and what follows it
// stays with the socket. A client whose TLS fails is refused in words where it can read them; then its stream
// is plain TCP, shut for writing, and only to be read until it ends. It knows no libevent: its owner calls
// `go_on` at each event of the socket. One thread, its worker's. The stream is moved out for the session.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "config/config.h"
#include "proxy/net/socket.h"
#include "proxy/net/stream.h"
#include "proxy/observe/words.h"
#include "proxy/relay/caller.h"

namespace wskeep::relay {

class Entrance {
 public:
  enum class State : std::uint8_t {
    kProxyHeader,  // a PROXY header is to come
    kHandshake,    // TLS is being negotiated
    kReady,        // HTTP may be read, from `stream`, without waiting for another event
    kRefused,      // `refusal` says why; nothing may be sent
    kGone,         // the client has left
  };

  struct Refusal {
    observe::HandshakeResult result;
    int status;          // sent to the client; 0 when nothing was
    std::string reason;  // for the log
  };

  // `id` is random. Without `tls` the client speaks plain HTTP. `config` must outlive it. Throws
  // std::bad_alloc.
  Entrance(net::Accepted&& client, const config::Config& config, const net::TlsServer* tls, std::uint64_t id);

  State state() const noexcept { return state_; }
  const Refusal& refusal() const noexcept { return refusal_; }

  // The socket has news, until it is ready. `buffer` is for use within the call. Throws std::bad_alloc.
  void go_on(std::span<std::uint8_t> buffer, bool hung_up);
  // The time for it is up. Throws std::bad_alloc.
  void time_out();

  // Learns from each request for whom the peer speaks (caller.h). Throws std::bad_alloc.
  void hear(websocket::Fields request) { relay::hear(caller_, request, config_.trusted_proxies); }

  // Asks the socket where the peer has connected to, unless that is known. Throws std::system_error.
  void find_local() {
    if (caller_.local.size() == 0) caller_.local = net::local_address(stream_.descriptor());
  }

  const Caller& caller() const noexcept { return caller_; }
  net::Stream& stream() noexcept { return stream_; }
  // What is left of a client's that was refused in its TLS handshake; else over none.
  net::SocketTransport& remains() noexcept { return remains_; }

 private:
  void take_proxy_header(std::span<std::uint8_t> buffer, bool hung_up);
  void leave_proxy_header() noexcept;
  void shake_hands();
  void let_in();
  void turn_away(Refusal refusal, std::string_view words);
  void refuse(Refusal refusal) noexcept;

  const config::Config& config_;
  Caller caller_;
  net::Stream stream_;
  net::SocketTransport remains_;
  Refusal refusal_{};
  State state_;
};

}  // namespace wskeep::relay
