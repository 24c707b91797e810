// Server is the whole proxy in one process: it listens, hands connections to workers, watches signals, and
// answers the admin server's questions about all workers at once.
//
// It runs on the thread that calls `run`, which must be the main one, for it takes the signals.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "config/config.h"
#include "proxy/net/embedded_event.h"
#include "proxy/net/handles.h"
#include "proxy/net/resolver.h"
#include "proxy/net/socket.h"
#include "proxy/observe/admin_server.h"
#include "proxy/observe/metrics.h"
#include "proxy/relay/acceptor.h"
#include "proxy/relay/admission.h"
#include "proxy/relay/backend_addresses.h"
#include "proxy/relay/listening.h"
#include "proxy/relay/tls_contexts.h"
#include "proxy/relay/worker.h"

namespace wskeep::relay {

class Server final : private observe::ConnectionSource {
 public:
  // Resolves the backend, listens, starts the workers and the admin server. Throws std::exception with a
  // message for the operator.
  explicit Server(std::shared_ptr<const config::Config> config);
  ~Server() override;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Serves until SIGTERM or SIGINT, then ends all sessions politely. A second signal ends the process at
  // once, with 143 or 130. Returns the exit code.
  int run();

 private:
  void watch_signals();
  void start_workers(std::vector<Door> doors);
  void reload_tls() noexcept;
  void start_admin();
  void end_sessions();
  Worker& least_loaded() noexcept;
  bool workers_turn() const noexcept;
  std::uint64_t sessions() const noexcept;

  Answer worst_connections(std::size_t most, std::chrono::milliseconds patience) override;

  const std::shared_ptr<const config::Config> config_;
  std::shared_ptr<const TlsContexts> tls_;
  std::unique_ptr<BackendAddresses> backend_;
  net::Resolver resolver_;  // after what it tells, so that it stops before
  Admission admission_;
  Listening listening_;
  std::atomic<bool> ready_{false};
  net::EventBase base_;
  std::vector<std::unique_ptr<Worker>> workers_;
  observe::WorkerCounters acceptor_counters_;
  std::optional<observe::Metrics> metrics_;
  std::optional<observe::AdminServer> admin_;
  std::optional<Acceptor> acceptor_;
  net::EmbeddedEvent terminate_event_;
  net::EmbeddedEvent interrupt_event_;
  net::EmbeddedEvent hangup_event_;
};

}  // namespace wskeep::relay
