// Connection is what a worker owns for one client: first an Opening, then a Session, and the libevent events
// that drive either. It is the only place where a session's logic meets libevent.
//
// All of a session is one allocation, but for the words of its identity: an idle one costs little more than
// sizeof(Connection). The opening, which needs more and is soon over, is another.
//
// One thread, its worker's. Never frees itself: it tells the worker that it is over, and is freed at the end
// of the loop's turn.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "proxy/net/embedded_event.h"
#include "proxy/net/socket.h"
#include "proxy/net/stream.h"
#include "proxy/relay/deadline_queue.h"
#include "proxy/relay/opening.h"
#include "proxy/relay/session.h"

namespace wskeep::relay {

class Worker;

class Connection final : private BackendLink::Watcher {
 public:
  // Throws when there is no memory or the socket can't be watched.
  Connection(Worker& worker, net::Accepted&& client);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Reads what the client has sent already. To be called once, after construction.
  void start() noexcept;
  // Its time has come (`Worker::call_at`).
  void on_deadline() noexcept;
  // Goes on with a turn's work that a budget has cut.
  void resume() noexcept;
  // Looks whether an error has come in behind the last bytes.
  void confirm() noexcept;
  // The worker is stopping: end politely, or now.
  void go_away() noexcept;
  void cut() noexcept;

  // The session, from the 101 until the end; else nullptr.
  const Session* session() const noexcept { return session_ ? &*session_ : nullptr; }
  // Asks the cache for what tells whether there is one, which stands behind it.
  void fetch() const noexcept { __builtin_prefetch(reinterpret_cast<const char*>(&session_ + 1) - 1); }

  // Places in the worker's lists.
  std::uint32_t index = 0;
  DeadlinePlace deadline_place = kNoDeadline;
  bool resuming = false;
  bool confirming = false;

 private:
  bool watch_backend(int descriptor) noexcept override;

  template <class Call>
  void drive(Call call) noexcept;
  void on_ready(observe::Leg leg, short what) noexcept;
  void settle() noexcept;
  void settle_opening() noexcept;
  void settle_session() noexcept;
  void open_session() noexcept;
  void retire() noexcept;

  static void client_ready(int descriptor, short what, void* self);
  static void backend_ready(int descriptor, short what, void* self);

  bool reported_ : 1 = false;  // the end of the session has been logged
  bool retired_ : 1 = false;
  bool client_tls_ : 1 = false;  // the session's leg speaks TLS
  bool backend_tls_ : 1 = false;
  Admission::PlaceId place_ = Admission::kNoPlace;  // of the session
  Worker& worker_;
  std::unique_ptr<Opening> opening_;
  net::Stream client_;  // the session's, from the 101 on
  net::Stream backend_;
  std::optional<Session> session_;
  // Last, so that they leave the loop before the sockets close.
  net::EmbeddedEvent client_event_;
  net::EmbeddedEvent backend_event_;
};

}  // namespace wskeep::relay
