#include "proxy/relay/connection.h"

#include <exception>
#include <optional>
#include <system_error>

#include "proxy/observe/log.h"
#include "proxy/relay/report.h"
#include "proxy/relay/worker.h"

namespace wskeep::relay {
namespace {

// Registered once for a socket's life. EV_CLOSED tells of an end of stream that came together with bytes.
constexpr short kWatched = EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST;

// A read of TLS may have to wait until something can be written: an answer to new keys.
Session::Readiness readiness(short what, bool tls) {
  const short news = tls ? EV_READ | EV_WRITE : EV_READ;
  return {
      .readable = (what & news) != 0, .writable = (what & EV_WRITE) != 0, .hung_up = (what & EV_CLOSED) != 0};
}

}  // namespace

Connection::Connection(Worker& worker, net::Accepted&& client) : worker_(worker) {
  const int descriptor = client.descriptor.get();
  BackendLink::Watcher& watcher = *this;
  opening_ = std::make_unique<Opening>(worker.environment(), worker.config(), worker.tls(), worker.dialer(),
                                       worker.admission(), watcher, std::move(client));
  if (!client_event_.watch(worker.base(), descriptor, kWatched, client_ready, this)) {
    throw std::system_error(ENOMEM, std::generic_category(), "watching a client");
  }
}

Connection::~Connection() {
  worker_.admission().leave(place_);
}

void Connection::client_ready(int, short what, void* self) {
  static_cast<Connection*>(self)->on_ready(observe::Leg::kClient, what);
}

void Connection::backend_ready(int, short what, void* self) {
  static_cast<Connection*>(self)->on_ready(observe::Leg::kBackend, what);
}

bool Connection::watch_backend(int descriptor) noexcept {
  if (descriptor >= 0) return backend_event_.watch(worker_.base(), descriptor, kWatched, backend_ready, this);
  backend_event_.remove();
  return true;
}

void Connection::start() noexcept {
  opening_->on_ready(observe::Leg::kClient, {.readable = true});
  settle();
}

// An opening and a session are driven by the same calls.
template <class Call>
void Connection::drive(Call call) noexcept {
  if (session_) {
    call(*session_);
  } else {
    call(*opening_);
  }
  settle();
}

void Connection::on_ready(observe::Leg leg, short what) noexcept {
  const Session::Readiness ready = readiness(what, leg == observe::Leg::kClient ? client_tls_ : backend_tls_);
  if (session_ && !session_->on_ready(leg, ready)) return;
  if (opening_) opening_->on_ready(leg, ready);
  settle();
}

void Connection::on_deadline() noexcept {
  drive([](auto& stage) { stage.on_deadline(); });
}

void Connection::resume() noexcept {
  drive([](auto& stage) { stage.resume(); });
}

void Connection::confirm() noexcept {
  if (!session_) return;
  session_->confirm();
  settle();
}

void Connection::go_away() noexcept {
  drive([](auto& stage) { stage.go_away(); });
}

void Connection::cut() noexcept {
  if (session_) session_->cut();
  settle();
  retire();
}

// After every call into the opening or the session: draws the consequences of the state it is in now.
void Connection::settle() noexcept {
  if (retired_) return;
  if (opening_) settle_opening();
  if (session_) settle_session();
}

void Connection::settle_opening() noexcept {
  if (opening_->step() == Opening::Step::kOpened) return open_session();
  if (const auto outcome = opening_->take_outcome()) report_failure(opening_->caller(), *outcome);
  if (opening_->step() == Opening::Step::kOver) return retire();
  if (opening_->has_more()) worker_.resume_later(*this);
  worker_.call_at(opening_->deadline(), *this);
}

void Connection::open_session() noexcept {
  std::optional<Opening::Opened> opened;
  try {
    opened.emplace(opening_->take());
  } catch (const std::exception& error) {
    observe::log::error("session not opened", {{"why", std::string_view(error.what())}});
    return retire();
  }
  client_ = std::move(opened->client);
  backend_ = std::move(opened->backend);
  place_ = opened->place.keep();
  client_tls_ = client_.tls() != nullptr;
  backend_tls_ = backend_.tls() != nullptr;
  session_.emplace(worker_.environment(), worker_.config(), std::move(opened->identity), client_.transport(),
                   backend_.transport(), opened->rules);
  worker_.environment().counters.connections_opened.add();
  session_->start(opened->answer, opened->from_client, opened->from_backend, opened->drained);
  opening_.reset();
}

void Connection::settle_session() noexcept {
  const bool over = session_->phase() == Session::Phase::kOver;
  if ((over || session_->phase() == Session::Phase::kEnding) && !reported_) {
    reported_ = true;
    worker_.session_ended(*session_);
  }
  if (over) return retire();
  if (session_->has_more()) worker_.resume_later(*this);
  if (session_->unconfirmed()) worker_.confirm_later(*this);
  worker_.call_at(session_->deadline(), *this);
}

void Connection::retire() noexcept {
  if (retired_) return;
  retired_ = true;
  client_event_.remove();
  backend_event_.remove();
  worker_.retire(*this);
}

}  // namespace wskeep::relay
