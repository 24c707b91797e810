// Opening is a connection's life before the 101: read a request, let it be answered, and read the next, until
// one becomes a WebSocket or the connection ends.
//
// It ends in one of two ways: kOpened, and then `take` hands over what a Session needs; or kOver, after the
// client has had its answers. Nothing that the client sends behind an upgrade request reaches the backend
// before the backend has said 101 (RFC 6455 section 4.1). It knows no libevent: its owner watches the sockets
// and calls in. One thread. Only the constructor and `take` throw, when there is no memory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "config/config.h"
#include "proxy/http/error_page.h"
#include "proxy/http/head.h"
#include "proxy/net/socket.h"
#include "proxy/net/stream.h"
#include "proxy/observe/words.h"
#include "proxy/relay/admission.h"
#include "proxy/relay/backend_link.h"
#include "proxy/relay/client_input.h"
#include "proxy/relay/dialer.h"
#include "proxy/relay/entrance.h"
#include "proxy/relay/environment.h"
#include "proxy/relay/exchange.h"
#include "proxy/relay/outlet.h"
#include "proxy/relay/session.h"
#include "proxy/relay/tls_contexts.h"
#include "proxy/relay/tunnel.h"

namespace wskeep::relay {

class Opening {
 public:
  enum class Step : std::uint8_t {
    kEntering,  // what comes before HTTP (entrance.h)
    kReadingRequest,
    kExchanging,  // a request is being answered
    kTunnelling,  // a request was upgraded to a protocol that passes unseen
    kLingering,   // the client has been answered: wait for it to hang up, so that it can read the answer
    kOpened,
    kOver,
  };

  // The references must outlive it, but for `tls`.
  Opening(Environment& environment, std::shared_ptr<const config::Config> config, const TlsContexts& tls,
          Dialer& dialer, Admission& admission, BackendLink::Watcher& watcher, net::Accepted&& client);
  ~Opening();
  Opening(const Opening&) = delete;
  Opening& operator=(const Opening&) = delete;

  // A socket has news (edge-triggered). A broken connection counts as readable.
  void on_ready(observe::Leg leg, Session::Readiness ready) noexcept;
  TimePoint deadline() const noexcept {
    if (step_ == Step::kExchanging) return exchange_->deadline();
    return step_ == Step::kTunnelling ? tunnel_->deadline() : deadline_;
  }
  void on_deadline() noexcept;
  // A turn's budget was spent: call `resume` in the next turn.
  bool has_more() const noexcept { return has_more_; }
  void resume() noexcept;

  // wskeep is stopping: a handshake gets 503, a request that is being answered is the last, a tunnel ends.
  void go_away() noexcept;

  Step step() const noexcept { return step_; }

  // How a handshake, or a request that couldn't be answered, went. Told once each.
  struct Outcome {
    std::string_view what;  // has failed: a literal
    observe::HandshakeResult result;
    int status;          // sent to the client; 0 when nothing was
    std::string reason;  // for the log
  };
  std::optional<Outcome> take_outcome() noexcept { return std::exchange(outcome_, std::nullopt); }
  const Caller& caller() const noexcept { return entrance_.caller(); }

  // What a session begins with. Only once, at kOpened; the views live as long as the opening.
  struct Opened {
    SessionIdentity identity;
    net::Stream client;
    net::Stream backend;
    websocket::ExtensionRules rules;
    std::span<const std::uint8_t> answer;
    std::span<const std::uint8_t> from_client;
    std::span<const std::uint8_t> from_backend;
    Session::Drained drained;
    Admission::Place place;
  };
  Opened take();

 private:
  using Bytes = std::span<const std::uint8_t>;

  template <class Action>
  void guard(Action action) noexcept;
  void on_client_ready(Session::Readiness ready);
  void on_backend_ready(Session::Readiness ready);
  void time_out();
  void give_time_or_end() noexcept;
  void enter(bool hung_up);
  void read_request();
  void judge_request();
  bool is_admitted();
  void begin_exchange(Exchange::Wish wish, std::string_view protocol = "websocket");
  void begin_tunnel();
  void follow_tunnel() noexcept;
  void follow_exchange();
  void end_exchange();
  void end_of_client();
  void fail(observe::HandshakeResult result, http::Status status, std::string_view words,
            std::string_view detail = {});
  void client_gone();
  void linger_read() noexcept;
  void decide(observe::HandshakeResult result, int status, std::string reason) noexcept;
  void count_answer(int status) noexcept;
  void be_counted_as(observe::ConnectionState state) noexcept;
  void linger() noexcept;
  void wait(std::chrono::milliseconds time) noexcept { deadline_ = environment_.clock.now() + time; }

  Environment& environment_;
  std::shared_ptr<const config::Config> config_;
  Admission& admission_;
  Admission::Place place_;  // from a request for a session until its refusal
  Entrance entrance_;
  Outlet to_client_;
  ClientInput client_;
  BackendLink link_;
  http::RequestReader request_;
  std::optional<Exchange> exchange_;
  std::optional<Tunnel> tunnel_;
  TimePoint deadline_;
  std::optional<Outcome> outcome_;
  observe::ConnectionState counted_as_ = observe::ConnectionState::kHandshake;
  Step step_ = Step::kEntering;
  bool first_ = true;   // no request has come yet
  bool begun_ = false;  // a part of the request has come
  bool has_more_ = false;
};

}  // namespace wskeep::relay
