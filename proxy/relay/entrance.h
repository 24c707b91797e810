// Entrance is a client's connection up to its first byte of HTTP: it holds the stream, reads the PROXY header
// where the listener wants one, and knows who calls.
//
// A header is believed of trusted proxies only; anybody else who comes to such a listener, or sends something
// else, is left without a word. It is peeked at, so that nothing is buffered and what follows it stays with
// the socket. One thread, its worker's. The stream is moved out for the session.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "config/config.h"
#include "proxy/net/socket.h"
#include "proxy/observe/words.h"
#include "proxy/relay/caller.h"

namespace wskeep::relay {

class Entrance {
 public:
  enum class State : std::uint8_t {
    kProxyHeader,  // a PROXY header is to come
    kReady,        // HTTP is to come
    kRefused,      // `refusal` says why; nothing may be sent
    kGone,         // the client has left
  };

  struct Refusal {
    observe::HandshakeResult result;
    std::string_view why;  // for the log; static text
  };

  // `id` is random. `config` must outlive it.
  Entrance(net::Accepted&& client, const config::Config& config, std::uint64_t id) noexcept;

  State state() const noexcept { return state_; }
  const Refusal& refusal() const noexcept { return refusal_; }

  // The socket has news, until it is ready. `buffer` is for use within the call. May throw std::bad_alloc.
  void go_on(std::span<std::uint8_t> buffer, bool hung_up);
  // The time for it is up.
  void time_out() noexcept;

  // Learns from each request for whom the peer speaks (caller.h). Throws std::bad_alloc.
  void hear(websocket::Fields request) { relay::hear(caller_, request, config_.trusted_proxies); }

  // Asks the socket where the peer has connected to, unless that is known. Throws std::system_error.
  void find_local() {
    if (caller_.local.size() == 0) caller_.local = net::local_address(stream_.descriptor());
  }

  const Caller& caller() const noexcept { return caller_; }
  net::SocketTransport& stream() noexcept { return stream_; }

 private:
  void take_proxy_header(std::span<std::uint8_t> buffer, bool hung_up);
  void refuse(observe::HandshakeResult result, std::string_view why) noexcept;

  const config::Config& config_;
  Caller caller_;
  net::SocketTransport stream_;
  Refusal refusal_{};
  State state_ = State::kReady;
};

}  // namespace wskeep::relay
