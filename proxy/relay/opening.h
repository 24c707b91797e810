// Opening is a connection's life before the 101: read the request, connect, ask the backend, judge its
// answer.
//
// It ends in one of two ways: kOpened, and then `take` hands over what a Session needs; or kOver, after the
// client has had an answer that is not a 101 (ours, or the backend's passed on). Nothing that the client
// sends behind its request reaches the backend before the backend has said 101 (RFC 6455 section 4.1). It
// knows no libevent: its owner watches the sockets and calls in. One thread. Only the constructor and `take`
// throw, when there is no memory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "proxy/http/error_page.h"
#include "proxy/http/head.h"
#include "proxy/net/socket.h"
#include "proxy/observe/words.h"
#include "proxy/relay/backend_link.h"
#include "proxy/relay/dialer.h"
#include "proxy/relay/entrance.h"
#include "proxy/relay/environment.h"
#include "proxy/relay/outlet.h"
#include "proxy/relay/session.h"

namespace wskeep::relay {

class Opening {
 public:
  enum class Step : std::uint8_t {
    kReadingRequest,
    kConnecting,
    kAwaitingAnswer,
    kPassingRefusal,  // the backend's answer is not a 101: it goes to the client as it is
    kLingering,       // the client has been answered: wait for it to hang up, so that it can read the answer
    kOpened,
    kOver,
  };

  Opening(Environment& environment, std::shared_ptr<const config::Config> config, Dialer& dialer,
          BackendLink::Watcher& watcher, net::Accepted&& client);
  ~Opening();
  Opening(const Opening&) = delete;
  Opening& operator=(const Opening&) = delete;

  // A socket has news (edge-triggered). A broken connection counts as readable.
  void on_ready(observe::Leg leg, Session::Readiness ready) noexcept;
  TimePoint deadline() const noexcept { return step_ == Step::kConnecting ? link_.deadline() : deadline_; }
  void on_deadline() noexcept;
  // A turn's budget was spent: call `resume` in the next turn.
  bool has_more() const noexcept { return has_more_; }
  void resume() noexcept;

  // wskeep is stopping: 503, unless the client has its answer already.
  void go_away() noexcept;

  Step step() const noexcept { return step_; }

  // How it went; known once the step is kPassingRefusal or later.
  struct Outcome {
    observe::HandshakeResult result;
    int status;          // sent to the client; 0 when nothing was
    std::string reason;  // for the log
  };
  const std::optional<Outcome>& outcome() const noexcept { return outcome_; }
  const Caller& caller() const noexcept { return entrance_.caller(); }

  // What a session begins with. Only once, at kOpened; the views live as long as the opening.
  struct Opened {
    SessionIdentity identity;
    net::SocketTransport client;
    net::SocketTransport backend;
    websocket::ExtensionRules rules;
    std::span<const std::uint8_t> answer;
    std::span<const std::uint8_t> from_client;
    std::span<const std::uint8_t> from_backend;
    Session::Drained drained;
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
  void read_request();
  void judge_request(Bytes rest);
  void ask_if_connected();
  void read_answer();
  void feed_answer(Bytes bytes);
  void judge_answer(Bytes rest);
  void begin_refusal(Bytes rest);
  void pass_refusal(Bytes body);
  void fail(observe::HandshakeResult result, http::Status status, std::string_view words,
            std::string_view detail = {});
  void client_gone();
  void linger_read() noexcept;
  void decide(observe::HandshakeResult result, int status, std::string reason) noexcept;
  void linger() noexcept;
  void wait(std::chrono::milliseconds time) noexcept { deadline_ = environment_.clock.now() + time; }

  Environment& environment_;
  std::shared_ptr<const config::Config> config_;
  Entrance entrance_;
  Outlet to_client_;
  BackendLink link_;
  http::RequestReader request_;
  http::AnswerReader answer_;
  std::vector<std::uint8_t> from_client_;   // came behind the request
  std::vector<std::uint8_t> from_backend_;  // came behind the 101
  TimePoint deadline_;
  std::optional<Outcome> outcome_;
  Step step_ = Step::kReadingRequest;
  Session::Drained drained_;
  bool backend_hung_up_ = false;
  bool has_more_ = false;
};

}  // namespace wskeep::relay
