// Exchange passes one HTTP request on to the backend and its answer back (RFC 9110 section 7.6, RFC 9112).
//
// It begins with the request's head, read and judged, and ends with the last byte of the answer, or with a
// right 101 if the request asked for another protocol. Bodies stream both ways, chunked ones as they are;
// what a side does not take at once is all that waits. Messages are framed strictly, so that no byte of one
// can be taken for the next one. An answer that begins before the request has ended passes at once; if both
// sides want to go on with their connections the rest of the request follows it.
//
// It knows no libevent: its owner tells which side has news and, after each call, looks at `step`. One
// thread. What it borrows must outlive it. May throw std::bad_alloc.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "proxy/http/head.h"
#include "proxy/relay/backend_link.h"
#include "proxy/relay/caller.h"
#include "proxy/relay/client_input.h"
#include "proxy/relay/environment.h"
#include "proxy/relay/outlet.h"
#include "proxy/relay/session.h"

namespace wskeep::relay {

class Exchange {
 public:
  using Bytes = std::span<const std::uint8_t>;
  using Failure = BackendLink::Failure;

  // What the request asks for.
  enum class Wish : std::uint8_t {
    kAnswer,
    kWebsocket,
    kTunnel,  // another protocol, whose bytes pass unseen
  };

  enum class Step : std::uint8_t {
    kConnecting,
    kAsking,      // no head of a final answer has come yet
    kAnswering,   // the answer passes
    kFinishing,   // the answer has passed, and the rest of the request's body still goes to the backend
    kDone,        // it has passed; client_persists() says whether another request may follow
    kSwitched,    // the backend has said 101: answer(), answer_head_bytes() and from_backend() are there
    kFailed,      // the client has had no byte of an answer, and failure() says what to tell it
    kCut,         // the answer broke off: the client must see that it isn't whole
    kClientGone,  // the client left
  };

  struct Parties {
    Environment& environment;
    const config::Site& site;
    std::span<const config::Listener> listeners;  // all
    const Caller& caller;
    http::RequestReader& request;  // its head is read
    ClientInput& client;
    Outlet& to_client;
    BackendLink& link;
  };

  // `protocol` is what Upgrade shall name, and outlives the exchange.
  Exchange(const Parties& parties, Wish wish, std::string_view protocol = "websocket");
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Asks over the link if that is ready, or else lets it connect.
  void start();
  // A side's socket has news (edge-triggered). A broken connection counts as readable.
  void on_client_ready(Session::Readiness ready);
  void on_backend_ready(Session::Readiness ready);
  TimePoint deadline() const noexcept;
  void on_deadline();
  // A turn's budget was spent: call `resume` in the next turn.
  bool has_more() const noexcept { return has_more_; }
  void resume();
  // No other request may follow on the client's connection.
  void be_last() noexcept { last_ = true; }

  Step step() const noexcept { return step_; }
  bool over() const noexcept { return step_ > Step::kFinishing; }
  bool answering() const noexcept { return step_ == Step::kAnswering; }
  Wish wish() const noexcept { return wish_; }
  const Failure& failure() const noexcept { return failure_; }
  // Once it is done: whether the client's connection may serve another request.
  bool client_persists() const noexcept { return client_persists_ && !last_; }
  // From kAnswering on, and at kSwitched.
  const http::AnswerHead& answer() const noexcept { return answer_.head(); }
  std::string_view answer_head_bytes() const noexcept { return answer_.raw(); }
  // At kSwitched: what came behind the 101, and whether all has been read.
  Bytes from_backend() const noexcept { return from_backend_; }
  bool backend_drained() const noexcept { return backend_drained_; }

 private:
  // What becomes of the request's body.
  enum class Request : std::uint8_t { kPassing, kPassed, kDropped };

  void go_on_connecting(bool news);
  void ask();
  void pass_request();
  void pass_body();
  void pass_answer();
  void take_answer(Bytes bytes);
  void judge_head(Bytes rest);
  void judge_switch(Bytes rest);
  std::string_view fault_of_switch() const;
  void begin_answer(Bytes rest);
  void end_answer(Bytes surplus);
  void end_early() noexcept;
  bool request_passed() noexcept;
  void backend_ended(const net::IoResult& result);
  bool may_ask_again() const noexcept;
  void fail(observe::HandshakeResult result, http::Status status, std::string_view words,
            std::string_view detail = {}) noexcept;
  void cut() noexcept;
  void client_left() noexcept;
  void bad_answer(std::string_view detail) noexcept;
  http::BodyRule body_rule() const noexcept;
  void wait_for_backend() noexcept;
  void wait(std::chrono::milliseconds time) noexcept { deadline_ = environment_.clock.now() + time; }

  Environment& environment_;
  const config::Site& site_;
  std::span<const config::Listener> listeners_;
  const Caller& caller_;
  http::RequestReader& request_;
  ClientInput& client_;
  Outlet& to_client_;
  BackendLink& link_;
  http::AnswerReader answer_;
  std::vector<std::uint8_t> from_backend_;
  TimePoint deadline_ = TimePoint::max();
  Failure failure_{};
  int interim_ = 0;  // answers before the final one
  Step step_ = Step::kConnecting;
  Request passing_ = Request::kPassing;
  const Wish wish_;
  const std::string_view protocol_;
  bool reused_ = false;    // the connection has served another request before
  bool answered_ = false;  // a byte of the answer has come
  bool backend_drained_ = false;
  bool backend_hung_up_ = false;
  bool backend_persists_ = false;
  bool client_persists_ = false;
  bool last_ = false;
  bool has_more_ = false;
};

}  // namespace wskeep::relay
