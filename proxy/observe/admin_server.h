// AdminServer answers operators, Prometheus and Kubernetes over HTTP, on a thread and an event loop of its
// own.
//
//   /metrics   the aggregates and the series of the worst connections, Prometheus text 0.0.4
//   /livez     200 or 503: do the loops turn?
//   /readyz    200 or 503: are new connections welcome?
//
// GET and HEAD only, one request a connection, on the sockets it is given: no TLS, no authentication. It is
// no way to change anything. Pages are assembled here, off the data path; a scrape waits for workers at most
// kPatience, and the next client waits for the scrape.
//
// A hostile client can cost others little: heads are bounded, a connection ends after kTimeout without
// progress and after kDeadline with it, and beyond kMaxConnections the oldest one gives way. Pages are served
// from construction until destruction, which ends open connections.
#pragma once

#include <prometheus/collectable.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "proxy/net/handles.h"
#include "proxy/observe/connection_snapshot.h"

namespace wskeep::observe {

class AdminServer {
 public:
  static constexpr std::size_t kMaxHeadBytes = std::size_t{16} * 1024;
  static constexpr std::size_t kMaxBodyBytes = std::size_t{4} * 1024;  // read only to be able to answer 405
  static constexpr std::size_t kMaxConnections = 64;
  static constexpr std::chrono::seconds kTimeout{10};
  static constexpr std::chrono::seconds kDeadline{20};
  static constexpr std::chrono::milliseconds kPatience{1'000};

  // What is shown. Everything is called from the server's thread and must outlive it.
  struct Sources {
    const prometheus::Collectable& metrics;
    ConnectionSource& connections;
    std::uint32_t max_connections;  // with series of their own; 0: connections are only counted
    std::function<bool()> live;
    std::function<bool()> ready;
  };

  // Serves who connects to the listeners (TCP or unix stream sockets, non-blocking). Throws std::system_error
  // or std::bad_alloc.
  AdminServer(std::vector<net::FileDescriptor> listeners, Sources sources);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

 private:
  struct Connection {
    net::BufferEventReference stream;
    std::chrono::steady_clock::time_point opened_at;
  };
  struct Page {
    int status;
    const char* content_type;
    std::string body;
  };

  void configure();
  void accept_from(net::FileDescriptor socket);
  bufferevent* admit(event_base* base);
  void forget_closed() noexcept;
  void tick() noexcept;
  void answer(evhttp_request* request) const;
  Page page_for(evhttp_cmd_type method, std::string_view path) const;
  std::string metrics_text() const;

  Sources sources_;
  net::EventBase base_;
  std::deque<Connection> connections_;  // the oldest first
  net::EventHttp http_;
  std::vector<evconnlistener*> listeners_;  // http_ owns them
  net::FileDescriptor stop_signal_;
  net::Event stop_event_;
  net::Event tick_event_;
  std::thread thread_;
};

}  // namespace wskeep::observe
