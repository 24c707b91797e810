#include "proxy/observe/admin_server.h"

#include <prometheus/text_serializer.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "proxy/net/block_signals.h"
#include "proxy/observe/connection_series.h"
#include "proxy/observe/log.h"

namespace wskeep::observe {
namespace {

using std::chrono::steady_clock;

constexpr timeval kTickInterval{1, 0};
constexpr char kPlainText[] = "text/plain; charset=utf-8";
constexpr char kPrometheusText[] = "text/plain; version=0.0.4; charset=utf-8";

template <class Handle>
Handle made(Handle handle) {
  if (!handle) throw std::bad_alloc();
  return handle;
}

net::EventBase make_base() {
  const auto config = made(net::EventConfig{event_config_new()});
  event_config_set_flag(config.get(), EVENT_BASE_FLAG_NOLOCK);
  return made(net::EventBase{event_base_new_with_config(config.get())});
}

// Without a copy: a scrape may be many megabytes.
void append(std::string&& text, evbuffer* buffer) {
  auto kept = std::make_unique<std::string>(std::move(text));
  const auto free = [](const void*, std::size_t, void* owned) { delete static_cast<std::string*>(owned); };
  if (evbuffer_add_reference(buffer, kept->data(), kept->size(), free, kept.get()) != 0)
    throw std::bad_alloc();
  static_cast<void>(kept.release());
}

// evhttp has let go of a stream when it has taken its callbacks off: bufferevent_free does that first.
bool is_closed(bufferevent* stream) noexcept {
  bufferevent_event_cb on_event = nullptr;
  bufferevent_getcb(stream, nullptr, nullptr, &on_event, nullptr);
  return on_event == nullptr;
}

// evhttp sees the end of the stream and frees the connection.
void end(bufferevent* stream) noexcept {
  shutdown(bufferevent_getfd(stream), SHUT_RDWR);
}

// Without descriptors accept() fails while the listener stays readable: libevent 2.1 would call it again at
// once, and for ever. The tick goes on accepting.
void pause_accepting(evconnlistener* listener) noexcept try {
  const int fault = errno;
  evconnlistener_disable(listener);
  log::warning("admin server can't accept", {{"error", std::generic_category().message(fault)}});
} catch (const std::bad_alloc&) {
  // Paused, only without a word.
}

const char* reason_of(int status) noexcept {
  switch (status) {
    case 200: return "OK";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 503: return "Service Unavailable";
    default: return "Internal Server Error";
  }
}

}  // namespace

AdminServer::AdminServer(std::vector<net::FileDescriptor> listeners, Sources sources)
    : sources_(std::move(sources)), base_(make_base()), http_(made(net::EventHttp{evhttp_new(base_.get())})) {
  for (net::FileDescriptor& listener : listeners) accept_from(std::move(listener));
  configure();

  stop_signal_.reset(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!stop_signal_) throw std::system_error(errno, std::generic_category(), "eventfd");
  stop_event_ = made(net::Event{event_new(
      base_.get(), stop_signal_.get(), EV_READ,
      [](evutil_socket_t, short, void* base) { event_base_loopbreak(static_cast<event_base*>(base)); },
      base_.get())});
  tick_event_ = made(net::Event{event_new(
      base_.get(), -1, EV_PERSIST,
      [](evutil_socket_t, short, void* self) { static_cast<AdminServer*>(self)->tick(); }, this)});
  event_add(stop_event_.get(), nullptr);
  event_add(tick_event_.get(), &kTickInterval);

  thread_ = std::thread([this] {
    net::block_signals();
    event_base_dispatch(base_.get());
  });
}

AdminServer::~AdminServer() {
  eventfd_write(stop_signal_.get(), 1);
  thread_.join();
}

void AdminServer::accept_from(net::FileDescriptor socket) {
  auto listener = made(net::EventListener{evconnlistener_new(
      base_.get(), nullptr, nullptr, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, socket.get())});
  static_cast<void>(socket.release());
  evconnlistener_set_error_cb(listener.get(), [](evconnlistener* it, void*) { pause_accepting(it); });
  if (evhttp_bind_listener(http_.get(), listener.get()) == nullptr) throw std::bad_alloc();
  listeners_.push_back(listener.release());
}

void AdminServer::configure() {
  evhttp* const http = http_.get();
  evhttp_set_max_headers_size(http, kMaxHeadBytes);
  evhttp_set_max_body_size(http, kMaxBodyBytes);
  evhttp_set_timeout(http, static_cast<int>(kTimeout.count()));
  // All that evhttp knows, so that it is us who refuse: its own answer to the others is 501. (Behind a
  // CONNECT it keeps the connection, whatever we say; the timeout ends that.)
  evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT |
                                       EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE |
                                       EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
  evhttp_set_bevcb(
      http, [](event_base* base, void* self) { return static_cast<AdminServer*>(self)->admit(base); }, this);
  evhttp_set_gencb(
      http, [](evhttp_request* request, void* self) { static_cast<AdminServer*>(self)->answer(request); },
      this);
}

// evhttp 2.1 neither counts its connections nor says when one ends, so each is held by a reference here. The
// descriptor closes with the last reference, lest a new connection get the number of one that libevent still
// watches.
bufferevent* AdminServer::admit(event_base* base) try {
  forget_closed();
  Connection& connection = connections_.emplace_back();  // first, for nothing is owned yet if it throws
  bufferevent* const stream = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
  if (stream == nullptr) {
    connections_.pop_back();
    return nullptr;
  }
  // While evhttp writes an answer it reads on without looking: without a mark a client could fill our memory.
  bufferevent_setwatermark(stream, EV_READ, 0, kMaxHeadBytes + kMaxBodyBytes);

  bufferevent_incref(stream);
  connection.stream.reset(stream);
  connection.opened_at = steady_clock::now();
  for (std::size_t i = 0; i + kMaxConnections < connections_.size(); ++i) end(connections_[i].stream.get());
  return stream;
} catch (const std::bad_alloc&) {
  return nullptr;
}

void AdminServer::forget_closed() noexcept {
  std::erase_if(connections_,
                [](const Connection& connection) { return is_closed(connection.stream.get()); });
}

void AdminServer::tick() noexcept {
  forget_closed();
  const auto oldest_allowed = steady_clock::now() - kDeadline;
  for (const Connection& connection : connections_) {
    if (connection.opened_at < oldest_allowed) end(connection.stream.get());
  }
  for (evconnlistener* const listener : listeners_) evconnlistener_enable(listener);
}

void AdminServer::answer(evhttp_request* request) const try {
  const evhttp_cmd_type method = evhttp_request_get_command(request);
  const evhttp_uri* const uri = evhttp_request_get_evhttp_uri(request);
  const char* const path = uri == nullptr ? nullptr : evhttp_uri_get_path(uri);
  Page page = page_for(method, path == nullptr ? "" : path);

  evkeyvalq* const headers = evhttp_request_get_output_headers(request);
  evhttp_add_header(headers, "Content-Type", page.content_type);
  // evhttp would send the body to a HEAD too, and no length without one.
  evhttp_add_header(headers, "Content-Length", std::to_string(page.body.size()).c_str());
  evhttp_add_header(headers, "Connection", "close");
  evhttp_add_header(headers, "Cache-Control", "no-store");
  if (page.status == 405) evhttp_add_header(headers, "Allow", "GET, HEAD");
  if (method != EVHTTP_REQ_HEAD) {
    append(std::move(page.body), evhttp_request_get_output_buffer(request));
  }
  evhttp_send_reply(request, page.status, reason_of(page.status), nullptr);
} catch (const std::exception& fault) {
  log::error("admin page failed", {{"path", evhttp_request_get_uri(request)}, {"error", fault.what()}});
  evhttp_send_error(request, 500, nullptr);
}

AdminServer::Page AdminServer::page_for(evhttp_cmd_type method, std::string_view path) const {
  const bool metrics = path == "/metrics";
  const bool live = path == "/livez";
  const bool ready = path == "/readyz";
  if (!metrics && !live && !ready) return {404, kPlainText, "not found\n"};
  if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) return {405, kPlainText, "use GET or HEAD\n"};
  if (metrics) return {200, kPrometheusText, metrics_text()};
  const bool good = live ? sources_.live() : sources_.ready();
  return good ? Page{200, kPlainText, "ok\n"} : Page{503, kPlainText, live ? "not live\n" : "not ready\n"};
}

std::string AdminServer::metrics_text() const {
  std::string text = prometheus::TextSerializer{}.Serialize(sources_.metrics.Collect());
  append_connection_series(sources_.connections.worst_connections(sources_.max_connections, kPatience), text);
  return text;
}

}  // namespace wskeep::observe
