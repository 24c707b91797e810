// BackendLink is a client's way to the backend before the 101: it connects, shakes hands where the backend
// speaks TLS, and holds the stream once that is ready for a request.
//
// It tries all addresses of the backend, each for its share of what is left of the time to connect. When none
// can be connected to it waits a little (Backoff) and tries them all again, as long as there is time, if an
// error is one that passes: a backend that starts later than wskeep is the normal case.
//
// It knows no libevent: its owner watches the socket and tells what happens to it. One thread, its worker's.
// What it borrows must outlive it.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"
#include "proxy/http/error_page.h"
#include "proxy/net/socket.h"
#include "proxy/net/stream.h"
#include "proxy/observe/words.h"
#include "proxy/relay/backoff.h"
#include "proxy/relay/dialer.h"
#include "proxy/relay/environment.h"
#include "proxy/relay/outlet.h"
#include "proxy/relay/session.h"

namespace wskeep::relay {

class BackendLink {
 public:
  enum class State : std::uint8_t {
    kNone,        // there is no connection
    kConnecting,  // `on_ready` and `on_deadline` go on with it
    kReady,       // `stream` and `out` are there
    kFailed,      // there is none to be had: `failure` says why
  };

  // Watches the link's socket.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    // A new socket to watch, or none (-1) before the last one is closed. False when it can't be watched.
    virtual bool watch_backend(int descriptor) noexcept = 0;
  };

  struct Failure {
    observe::HandshakeResult result;
    http::Status status;
    std::string_view words;   // for the client: a literal
    std::string_view detail;  // for the log; valid as long as the link
  };

  // Without `tls` the backend speaks plain HTTP.
  BackendLink(Environment& environment, std::shared_ptr<const config::Site> site,
              std::shared_ptr<const net::TlsClient> tls, Dialer& dialer, Watcher& watcher) noexcept;
  ~BackendLink();
  BackendLink(const BackendLink&) = delete;
  BackendLink& operator=(const BackendLink&) = delete;

  // Begins to connect, from kNone. The state may be any other afterwards. `preface` is what each connection
  // begins with, a few hundred bytes at most: it is sent at once.
  void connect(std::string preface) noexcept;
  // The socket has news (edge-triggered) while connecting.
  void on_ready(Session::Readiness ready) noexcept;
  // The time of a try, of a pause between two, or of all of it, is up.
  void on_deadline() noexcept;
  TimePoint deadline() const noexcept { return deadline_; }  // while connecting

  State state() const noexcept { return state_; }
  const Failure& failure() const noexcept { return failure_; }

  // While ready.
  net::Transport& stream() noexcept { return stream_.transport(); }
  Outlet& out() noexcept { return *out_; }

  // Whether the link is ready and, between two requests, fit for another. Whatever has come on an idle
  // connection, its end or an answer that nobody asked for, it serves no more and is dropped.
  bool stays_idle() noexcept;

  // Ends the connection, if there is one: kNone.
  void drop() noexcept;
  // Hands the stream over, while ready; the watch goes on.
  net::Stream take() noexcept;

 private:
  void begin_round() noexcept;
  void try_next() noexcept;
  void note_failure(int error) noexcept;
  void pause() noexcept;
  void give_up() noexcept;
  void connected() noexcept;
  [[nodiscard]] int send_preface() noexcept;
  void shake_hands() noexcept;
  void be_ready() noexcept;
  void fail(const Failure& failure) noexcept;
  void close() noexcept;

  Environment& environment_;
  std::shared_ptr<const config::Site> site_;
  std::shared_ptr<const net::TlsClient> tls_;
  Dialer& dialer_;
  Watcher& watcher_;
  net::Stream stream_;  // over none in a pause, and while there is no connection
  std::optional<Outlet> out_;
  std::string preface_;
  Dialer::Round round_;
  std::size_t target_ = 0;  // of the round, that is being tried
  Backoff backoff_;
  bool may_pass_ = false;  // an error of this round may be gone in the next
  int last_error_ = 0;     // why there is no connection yet; 0: the backend's name isn't resolved
  TimePoint give_up_at_;
  TimePoint deadline_ = TimePoint::max();
  Failure failure_{};
  std::string tls_failure_;
  State state_ = State::kNone;
};

}  // namespace wskeep::relay
