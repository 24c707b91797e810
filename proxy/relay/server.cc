#include "proxy/relay/server.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <stdexcept>

#include "config/values.h"
#include "proxy/net/event_base.h"
#include "proxy/observe/log.h"
#include "proxy/relay/cpu_quota.h"
#include "proxy/relay/tcp_options.h"
#include "proxy/version.h"

namespace wskeep::relay {

namespace log = observe::log;

namespace {

constexpr std::chrono::seconds kStuckAfter{10};  // a loop that hasn't turned for so long is stuck

std::uint32_t worker_count(const config::Config& config) {
  return config.workers ? *config.workers : usable_cpus("/sys/fs/cgroup", "/proc/self/cgroup");
}

// Every session takes two descriptors, and the soft limit is often a thousand: take what the hard one allows.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

void log_libevent(int severity, const char* text) {
  if (severity < EVENT_LOG_WARN) return;
  const auto level = severity >= EVENT_LOG_ERR ? log::LogLevel::kError : log::LogLevel::kWarning;
  const log::Field field("text", std::string_view(text));
  log::write(level, "libevent", {&field, 1});
}

extern "C" void exit_at_once(int signal) {
  _exit(128 + signal);
}

// The sockets of all listeners.
std::vector<Door> open_doors(const config::Config& config, Listening& listening) {
  const net::TcpOptions options = tcp_options(config.keepalive.client.tcp);
  std::vector<Door> doors;
  for (std::uint32_t i = 0; i < config.listeners.size(); ++i) {
    for (net::FileDescriptor& each : listening.open(config.listeners[i].address, options, "listening")) {
      doors.push_back({std::move(each), i});
    }
  }
  return doors;
}

}  // namespace

Server::Server(std::shared_ptr<const config::Config> config)
    : config_(std::move(config)),
      tls_(std::make_shared<const TlsContexts>(*config_)),
      listening_(*config_),
      base_(net::make_event_base()) {
  event_set_log_callback(log_libevent);
  raise_descriptor_limit();
  // Writes to a closed connection are told apart by their error.
  (void)std::signal(SIGPIPE, SIG_IGN);
  backend_ = std::make_unique<BackendAddresses>(config_->backend, resolver_);
  watch_signals();  // before anybody can know that we listen
  start_workers(open_doors(*config_, listening_));
  start_admin();
  listening_.close_unused();
  ready_ = true;
  log::info("started", {{"version", std::string_view(kVersion)},
                        {"workers", workers_.size()},
                        {"backend", config::to_string(config_->backend.address)}});
}

Server::~Server() = default;

// A lone worker accepts by itself; of several the least loaded gets the next client, for sessions live for
// days.
void Server::start_workers(std::vector<Door> doors) {
  const std::uint32_t count = worker_count(*config_);
  if (count == 1) {
    workers_.push_back(std::make_unique<Worker>(config_, tls_, *backend_, admission_, std::move(doors)));
    return;
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    workers_.push_back(std::make_unique<Worker>(config_, tls_, *backend_, admission_, std::vector<Door>{}));
  }
  acceptor_.emplace(base_.get(), std::move(doors), config_->limits.accepts_per_wakeup, acceptor_counters_,
                    [this](net::Accepted&& client) { least_loaded().adopt(std::move(client)); });
}

void Server::start_admin() {
  std::vector<const observe::WorkerCounters*> shards;
  for (const auto& worker : workers_) shards.push_back(&worker->counters());
  metrics_.emplace(std::move(shards), std::vector<const observe::WorkerCounters*>{&acceptor_counters_});
  if (!config_->admin.address) return;
  admin_.emplace(listening_.open(*config_->admin.address, {}, "admin listening"),
                 observe::AdminServer::Sources{
                     .metrics = *metrics_,
                     .connections = *this,
                     .max_connections = config_->metrics.max_connections,
                     .live = [this] { return workers_turn(); },
                     .ready = [this] { return ready_.load(); },
                 });
}

void Server::watch_signals() {
  const auto stop = [](int signal, short, void* self) {
    log::info("stopping", {{"signal", signal}});
    event_base_loopbreak(static_cast<Server*>(self)->base_.get());
  };
  const auto hangup = [](int, short, void* self) { static_cast<Server*>(self)->reload_tls(); };
  constexpr short kSignal = EV_SIGNAL | EV_PERSIST;
  if (!terminate_event_.watch(base_.get(), SIGTERM, kSignal, stop, this) ||
      !interrupt_event_.watch(base_.get(), SIGINT, kSignal, stop, this) ||
      !hangup_event_.watch(base_.get(), SIGHUP, kSignal, hangup, this)) {
    throw std::runtime_error("signals can't be watched");
  }
}

int Server::run() {
  event_base_dispatch(base_.get());
  terminate_event_.remove();
  interrupt_event_.remove();
  // Not the default action, which the kernel withholds from process 1 of a container.
  (void)std::signal(SIGTERM, exit_at_once);
  (void)std::signal(SIGINT, exit_at_once);
  end_sessions();
  return 0;
}

// Who is there goes on with what it began with. A file that is at fault leaves everything as it is.
void Server::reload_tls() noexcept {
  try {
    auto fresh = std::make_shared<const TlsContexts>(*config_);
    if (!fresh->any())
      return log::warning("SIGHUP ignored: there are no TLS files, and nothing else is reloaded");
    tls_ = std::move(fresh);
    for (const auto& worker : workers_) worker->renew(tls_);
    log::info("TLS files reloaded");
  } catch (const std::exception& error) {
    log::error("TLS files not reloaded: the old ones stay", {{"why", std::string_view(error.what())}});
  }
}

Worker& Server::least_loaded() noexcept {
  return **std::min_element(workers_.begin(), workers_.end(),
                            [](const auto& a, const auto& b) { return a->load() < b->load(); });
}

bool Server::workers_turn() const noexcept {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::all_of(workers_.begin(), workers_.end(), [&](const auto& worker) {
    const std::chrono::nanoseconds last(worker->counters().last_turn_ns.load(std::memory_order_relaxed));
    return now - last < kStuckAfter;
  });
}

void Server::end_sessions() {
  ready_ = false;
  listening_.remove_files();
  acceptor_.reset();
  std::vector<std::future<void>> empty;
  for (const auto& worker : workers_) empty.push_back(worker->go_away());
  // A Close may wait for a boundary, then for its echo, then for TCP.
  const auto deadline =
      std::chrono::steady_clock::now() + config_->relay.inject_hold + 2 * config_->relay.close_timeout;
  for (std::future<void>& worker_empty : empty) worker_empty.wait_until(deadline);
  for (const auto& worker : workers_) worker->cut();
}

std::uint64_t Server::sessions() const noexcept {
  using observe::ConnectionState;
  std::int64_t sum = 0;
  for (const auto& worker : workers_) {
    const auto& open = worker->counters().connections_open;
    for (const auto state : {ConnectionState::kOpen, ConnectionState::kClosing, ConnectionState::kDraining}) {
      sum += open[state].value();
    }
  }
  return static_cast<std::uint64_t>(std::max<std::int64_t>(sum, 0));
}

// Where none is shown, none is looked at: then a scrape costs the same with any number of sessions.
observe::ConnectionSource::Answer Server::worst_connections(std::size_t most,
                                                            std::chrono::milliseconds patience) {
  if (most == 0) return {{}, sessions()};
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::vector<std::future<Worker::Survey>> surveys;
  std::size_t expected = 0;
  for (const auto& worker : workers_) {
    surveys.push_back(worker->survey(most));
    expected += worker->load();
  }
  WorstConnections worst(most, expected);
  std::uint64_t seen = 0;
  for (std::future<Worker::Survey>& survey : surveys) {
    if (survey.wait_until(deadline) != std::future_status::ready) continue;
    try {
      Worker::Survey part = survey.get();
      seen += part.left_out + part.connections.size();
      worst.offer(std::move(part.connections));
    } catch (const std::exception& error) {
      log::warning("a worker did not answer", {{"why", std::string_view(error.what())}});
    }
  }
  Answer answer{worst.take_sorted(), 0};
  answer.left_out = seen - std::min<std::uint64_t>(seen, answer.connections.size());
  return answer;
}

}  // namespace wskeep::relay
