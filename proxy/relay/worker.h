// Worker is one thread with one event loop and the connections that were given to it.
//
// Other threads talk to it by messages only (`adopt`, `survey`, `renew`, `go_away`, `cut`) and read its
// counters; everything else belongs to its own thread. Sessions live for days, so whoever accepts gives a
// newcomer to the worker with the least load. Destruction stops the loop, joins the thread and closes what is
// left.
#pragma once

#include <time.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>
#include <vector>

#include "config/config.h"
#include "proxy/net/embedded_event.h"
#include "proxy/net/handles.h"
#include "proxy/net/kernel_pipe.h"
#include "proxy/net/precise_timer.h"
#include "proxy/net/random.h"
#include "proxy/net/socket.h"
#include "proxy/observe/connection_snapshot.h"
#include "proxy/observe/counters.h"
#include "proxy/relay/acceptor.h"
#include "proxy/relay/admission.h"
#include "proxy/relay/connection.h"
#include "proxy/relay/deadline_queue.h"
#include "proxy/relay/dialer.h"
#include "proxy/relay/environment.h"
#include "proxy/relay/snapshot.h"
#include "proxy/relay/tls_contexts.h"

namespace wskeep::relay {

class Worker {
 public:
  // Starts the thread, which accepts from the listeners itself, if it gets any: that saves handing each
  // client over. `backend` and `admission` must outlive the worker. Throws std::system_error or
  // std::bad_alloc.
  Worker(std::shared_ptr<const config::Config> config, std::shared_ptr<const TlsContexts> tls,
         BackendAddresses& backend, Admission& admission, std::vector<Door> doors);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // From any thread.
  void adopt(net::Accepted client);
  // The worst of this worker's connections, in no order; also says how many it has. Answered in slices
  // between events.
  using Survey = observe::ConnectionSource::Answer;
  std::future<Survey> survey(std::size_t most);
  // Stops listening, ends everything politely and refuses what still comes; ready when nothing is left.
  std::future<void> go_away();
  // Uses these for whoever comes from now on.
  void renew(std::shared_ptr<const TlsContexts> tls);
  // Ends everything now.
  void cut();
  std::size_t load() const noexcept { return load_.load(std::memory_order_relaxed); }
  const observe::WorkerCounters& counters() const noexcept { return counters_; }

  // From the worker's own thread: what its connections need.
  event_base* base() noexcept { return base_.get(); }
  Environment& environment() noexcept { return environment_; }
  const std::shared_ptr<const config::Config>& config() const noexcept { return config_; }
  const TlsContexts& tls() const noexcept { return *tls_; }
  Dialer& dialer() noexcept { return dialer_; }
  Admission& admission() noexcept { return admission_; }
  // Calls `on_deadline` once, at `deadline` or before: an earlier one that was asked for stands.
  void call_at(TimePoint deadline, Connection& connection) noexcept;
  void resume_later(Connection& connection) noexcept;
  void confirm_later(Connection& connection) noexcept;
  void session_ended(const Session& session) noexcept;
  void retire(Connection& connection) noexcept;

 private:
  struct SurveyRequest {
    std::size_t most;
    std::promise<Survey> answer;
  };
  using Renewal = std::shared_ptr<const TlsContexts>;
  struct GoAway {
    std::promise<void> empty;
  };
  struct Cut {};
  struct Stop {};
  using Message = std::variant<net::Accepted, SurveyRequest, Renewal, GoAway, Cut, Stop>;

  struct RunningSurvey {
    SurveyRequest request;
    WorstConnections worst;
    std::size_t next_ended;  // those in ended_ below this index have still to be looked at,
    std::size_t next;        // and then the connections below this one
    std::uint64_t seen = 0;
  };
  struct Ended {
    TimePoint at;
    observe::ConnectionSnapshot snapshot;
  };
  class SteadyClock final : public Clock {
   public:
    TimePoint now() noexcept override { return std::chrono::steady_clock::now(); }
    TimePoint about_now() noexcept override {
      timespec time{};
      (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
      return TimePoint(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
    }
  };
  class Randomness final : public Random {
   public:
    std::uint64_t next() noexcept override { return kernel_.next(); }

   private:
    net::KernelRandom kernel_;
  };

  void run() noexcept;
  void post(Message message);
  void read_messages() noexcept;
  void take(net::Accepted&& client);
  void handle(net::Accepted& client);
  void handle(SurveyRequest& request);
  void handle(Renewal& tls);
  void handle(GoAway& request);
  void handle(Cut&);
  void handle(Stop&);
  void next_turn() noexcept;
  void fill(std::size_t gap) noexcept;
  void continue_confirming() noexcept;
  void continue_survey() noexcept;
  bool look_at_next(RunningSurvey& survey, const Moment& moment);
  void forget_oldest_ended() noexcept;
  void tell_if_empty() noexcept;
  void deadline_came() noexcept;
  void set_timer(TimePoint earliest = TimePoint::min()) noexcept;
  void tick(TimePoint now) noexcept;
  void give_back_memory() noexcept;

  const std::shared_ptr<const config::Config> config_;
  std::shared_ptr<const TlsContexts> tls_;
  Dialer dialer_;
  Admission& admission_;
  observe::WorkerCounters counters_;
  std::atomic<std::size_t> load_{0};

  std::mutex inbox_mutex_;
  std::vector<Message> inbox_;
  net::FileDescriptor wake_;  // an eventfd

  net::EventBase base_;
  SteadyClock clock_;
  Moments moments_;
  Randomness random_;
  std::unique_ptr<std::uint8_t[]> read_buffer_;
  std::unique_ptr<PongBatch> pong_batch_;
  net::KernelPipe kernel_pipe_;
  Environment environment_;

  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<Connection>> retired_;  // freed at the end of the turn
  std::vector<Connection*> resuming_;
  std::vector<Connection*> to_confirm_;  // until the next tick
  std::vector<Connection*> confirming_;  // now, in slices
  std::deque<RunningSurvey> surveys_;
  std::deque<Ended> ended_;                  // found dead within the last minute
  std::optional<std::promise<void>> empty_;  // who wants to know when no connection is left
  std::size_t most_connections_ = 0;         // since memory was last given back
  bool giving_back_ = false;                 // memory was given back at the last tick
  bool going_away_ = false;
  DeadlineQueue<Connection, &Connection::deadline_place> deadlines_;
  TimePoint tick_due_;
  TimePoint timer_at_ = TimePoint::max();
  std::optional<Acceptor> acceptor_;
  net::EmbeddedEvent wake_event_;
  net::EmbeddedEvent next_turn_event_;
  net::PreciseTimer timer_;

  std::thread thread_;
};

}  // namespace wskeep::relay
