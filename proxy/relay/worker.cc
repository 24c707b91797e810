#include "proxy/relay/worker.h"

#include <malloc.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <new>
#include <system_error>

#include "proxy/net/block_signals.h"
#include "proxy/net/event_base.h"
#include "proxy/observe/log.h"
#include "proxy/relay/report.h"

namespace wskeep::relay {
namespace {

// One read can bring a 64 KiB message whole; a smaller buffer splits it and costs a quarter more.
constexpr std::size_t kReadBuffer = 262'144;
constexpr std::size_t kSlice = 256;              // sessions looked at in one turn: well under a millisecond
constexpr std::size_t kWorthGivingBack = 1'000;  // sessions: about a mebibyte
// Deadlines that come so soon after others wait for each other, since every call by the timer has its price.
constexpr std::chrono::milliseconds kGather{1};
constexpr std::size_t kWorthGoingOn = 100;  // with giving back, a tick later
constexpr std::chrono::seconds kShowEnded{60};
constexpr std::chrono::seconds kTick{1};

// Whether a session ended because a peer was found dead, so that a scrape should get to see it.
bool died(observe::CloseReason reason) {
  using observe::CloseReason;
  switch (reason) {
    case CloseReason::kClientReset:
    case CloseReason::kBackendReset:
    case CloseReason::kKeepaliveTimeout:
    case CloseReason::kNetworkDead:
    case CloseReason::kAppStalled:
    case CloseReason::kBackendUnresponsive:
    case CloseReason::kClientWriteStalled:
    case CloseReason::kBackendWriteStalled: return true;
    case CloseReason::kClientClose:
    case CloseReason::kBackendClose:
    case CloseReason::kClientEof:
    case CloseReason::kBackendEof:
    case CloseReason::kIdle:
    case CloseReason::kMaxAge:
    case CloseReason::kProtocolError:
    case CloseReason::kClientFrameTooLarge:
    case CloseReason::kBackendFrameTooLarge:
    case CloseReason::kControlFlood:
    case CloseReason::kShutdown:
    case CloseReason::kInternalError: return false;
  }
  return false;
}

}  // namespace

Worker::Worker(std::shared_ptr<const config::Config> config, std::shared_ptr<const TlsContexts> tls,
               BackendAddresses& backend, Admission& admission, std::vector<Door> doors)
    : config_(std::move(config)),
      tls_(std::move(tls)),
      dialer_(backend),
      admission_(admission),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      base_(net::make_event_base()),
      read_buffer_(std::make_unique<std::uint8_t[]>(kReadBuffer)),
      pong_batch_(std::make_unique<PongBatch>()),
      environment_{clock_,       random_,
                   counters_,    {read_buffer_.get(), kReadBuffer},
                   *pong_batch_, {.conduit = &kernel_pipe_}},
      tick_due_(clock_.now() + kTick),
      timer_(
          base_.get(), [](int, short, void* self) { static_cast<Worker*>(self)->deadline_came(); }, this) {
  if (!wake_) throw std::system_error(errno, std::generic_category(), "eventfd");
  const auto on_wake = [](int, short, void* self) { static_cast<Worker*>(self)->read_messages(); };
  const auto on_turn = [](int, short, void* self) { static_cast<Worker*>(self)->next_turn(); };
  if (!wake_event_.watch(base_.get(), wake_.get(), EV_READ | EV_PERSIST, on_wake, this))
    throw std::bad_alloc();
  next_turn_event_.make_timer(base_.get(), on_turn, this);
  if (!doors.empty()) {
    const auto take_client = [this](net::Accepted&& client) {
      load_.fetch_add(1, std::memory_order_relaxed);
      take(std::move(client));
    };
    acceptor_.emplace(base_.get(), std::move(doors), config_->limits.accepts_per_wakeup, counters_,
                      take_client);
  }
  set_timer();
  counters_.last_turn_ns.store(clock_.now().time_since_epoch().count(), std::memory_order_relaxed);
  thread_ = std::thread([this] { run(); });
}

Worker::~Worker() {
  post(Stop{});
  thread_.join();
}

void Worker::run() noexcept {
  net::block_signals();
  event_base_dispatch(base_.get());
}

void Worker::post(Message message) {
  bool first;
  {
    const std::lock_guard lock(inbox_mutex_);
    first = inbox_.empty();
    inbox_.push_back(std::move(message));
  }
  if (first) eventfd_write(wake_.get(), 1);  // who found it empty wakes for all that follow
}

void Worker::adopt(net::Accepted client) {
  load_.fetch_add(1, std::memory_order_relaxed);
  try {
    post(std::move(client));
  } catch (...) {
    load_.fetch_sub(1, std::memory_order_relaxed);
    throw;
  }
}

std::future<Worker::Survey> Worker::survey(std::size_t most) {
  SurveyRequest request{most, {}};
  std::future<Survey> answer = request.answer.get_future();
  post(std::move(request));
  return answer;
}

std::future<void> Worker::go_away() {
  GoAway request;
  std::future<void> empty = request.empty.get_future();
  post(std::move(request));
  return empty;
}

void Worker::renew(std::shared_ptr<const TlsContexts> tls) {
  post(std::move(tls));
}

void Worker::cut() {
  post(Cut{});
}

void Worker::read_messages() noexcept {
  eventfd_t count;
  eventfd_read(wake_.get(), &count);
  std::vector<Message> messages;
  {
    const std::lock_guard lock(inbox_mutex_);
    messages.swap(inbox_);
  }
  for (Message& message : messages) {
    try {
      std::visit([this](auto& content) { handle(content); }, message);
    } catch (const std::exception& error) {
      observe::log::error("worker lacks resources", {{"why", std::string_view(error.what())}});
    }
  }
}

void Worker::handle(net::Accepted& client) {
  take(std::move(client));
}

// Of a client that counts as load already.
void Worker::take(net::Accepted&& client) {
  try {
    deadlines_.reserve(connections_.size() + 1);
    connections_.push_back(std::make_unique<Connection>(*this, std::move(client)));
  } catch (...) {
    load_.fetch_sub(1, std::memory_order_relaxed);
    throw;
  }
  Connection& newcomer = *connections_.back();
  newcomer.index = static_cast<std::uint32_t>(connections_.size() - 1);
  most_connections_ = std::max(most_connections_, connections_.size());
  if (going_away_) newcomer.go_away();
  newcomer.start();
}

void Worker::handle(SurveyRequest& request) {
  WorstConnections worst(request.most, ended_.size() + connections_.size());
  surveys_.push_back({std::move(request), std::move(worst), ended_.size(), connections_.size()});
  next_turn_event_.run_after({});
}

void Worker::handle(Renewal& tls) {
  tls_ = std::move(tls);
}

void Worker::handle(GoAway& request) {
  acceptor_.reset();
  going_away_ = true;
  empty_ = std::move(request.empty);
  for (std::size_t i = connections_.size(); i-- > 0;) connections_[i]->go_away();
  tell_if_empty();
}

void Worker::handle(Cut&) {
  for (std::size_t i = connections_.size(); i-- > 0;) connections_[i]->cut();
}

void Worker::handle(Stop&) {
  event_base_loopbreak(base_.get());
}

void Worker::resume_later(Connection& connection) noexcept {
  if (connection.resuming) return;
  connection.resuming = true;
  resuming_.push_back(&connection);
  next_turn_event_.run_after({});
}

void Worker::confirm_later(Connection& connection) noexcept {
  if (connection.confirming) return;
  connection.confirming = true;
  to_confirm_.push_back(&connection);
}

void Worker::session_ended(const Session& session) noexcept {
  const TimePoint now = clock_.now();
  const observe::CloseReason reason = session.reason().value_or(observe::CloseReason::kInternalError);
  counters_.connections_closed[reason].add();
  try {
    report_ended_session(session, now);
    if (!died(reason)) return;
    if (ended_.size() >= config_->metrics.max_connections && !ended_.empty()) forget_oldest_ended();
    ended_.push_back({now, snapshot_of(session, moments_.at(now, std::chrono::system_clock::now()))});
    ended_.back().snapshot.alive = false;
  } catch (const std::exception& error) {
    observe::log::error("end of a session not recorded", {{"why", std::string_view(error.what())}});
  }
}

void Worker::retire(Connection& connection) noexcept {
  if (connection.resuming) std::erase(resuming_, &connection);
  if (connection.confirming) {
    std::erase(to_confirm_, &connection);
    std::erase(confirming_, &connection);
  }
  deadlines_.remove(connection);
  const std::uint32_t index = connection.index;
  retired_.push_back(std::move(connections_[index]));
  fill(index);
  load_.fetch_sub(1, std::memory_order_relaxed);
  next_turn_event_.run_after({});
  tell_if_empty();
}

// Closes the gap in the list of connections. Those that the survey at hand has looked at stay behind those
// that it has not, so that it shows each once.
void Worker::fill(std::size_t gap) noexcept {
  const auto move_to_gap = [&](std::size_t from) {
    if (from == gap) return;
    connections_[gap] = std::move(connections_[from]);
    connections_[gap]->index = static_cast<std::uint32_t>(gap);
    gap = from;
  };
  if (!surveys_.empty() && gap < surveys_.front().next) move_to_gap(--surveys_.front().next);
  move_to_gap(connections_.size() - 1);
  connections_.pop_back();
}

void Worker::tell_if_empty() noexcept {
  if (!empty_ || !connections_.empty()) return;
  empty_->set_value();
  empty_.reset();
}

// Runs between two rounds of events: frees the retired, goes on with what a budget has cut, counts on.
void Worker::next_turn() noexcept {
  retired_.clear();
  std::vector<Connection*> resuming;
  resuming.swap(resuming_);
  for (Connection* const connection : resuming) connection->resuming = false;
  for (Connection* const connection : resuming) connection->resume();
  continue_confirming();
  continue_survey();
}

void Worker::continue_confirming() noexcept {
  for (std::size_t left = kSlice; left != 0 && !confirming_.empty(); --left) {
    Connection& connection = *confirming_.back();
    confirming_.pop_back();
    connection.confirming = false;
    connection.confirm();
  }
  if (!confirming_.empty()) return next_turn_event_.run_after({});
  confirming_.shrink_to_fit();  // one list of all sessions is enough
}

void Worker::continue_survey() noexcept {
  if (surveys_.empty()) return;
  RunningSurvey& survey = surveys_.front();
  try {
    const Moment moment = moments_.at(clock_.now(), std::chrono::system_clock::now());
    std::size_t left = kSlice;
    while (left != 0 && look_at_next(survey, moment)) --left;
    if (left != 0) {
      Survey answer{survey.worst.take(), 0};
      answer.left_out = survey.seen - std::min<std::uint64_t>(survey.seen, answer.connections.size());
      survey.request.answer.set_value(std::move(answer));
      surveys_.pop_front();
    }
  } catch (const std::exception&) {
    surveys_.pop_front();  // its promise breaks, and the one who waits learns it
  }
  if (!surveys_.empty()) next_turn_event_.run_after({});
}

// Goes from the ends to the fronts: behind it are those that come meanwhile. False when all were looked at.
bool Worker::look_at_next(RunningSurvey& survey, const Moment& moment) {
  if (survey.next_ended != 0) {
    survey.worst.offer(ended_[--survey.next_ended].snapshot);
    ++survey.seen;
    return true;
  }
  survey.next = std::min(survey.next, connections_.size());
  if (survey.next == 0) return false;
  // Of very many no cache holds any, so each is fetched some time before its turn: what tells of its session,
  // that, and its words. (Not in a function of its own: GCC takes one that only fetches for one without
  // effect.)
  constexpr std::size_t kAhead = 4;
  if (survey.next > 3 * kAhead) connections_[survey.next - 1 - 3 * kAhead]->fetch();
  const auto coming = [&](std::size_t ahead) {
    return survey.next > ahead ? connections_[survey.next - 1 - ahead]->session() : nullptr;
  };
  if (const Session* const session = coming(2 * kAhead)) session->fetch();
  if (const Session* const session = coming(kAhead)) session->identity().fetch();
  const Session* const session = connections_[--survey.next]->session();
  if (session == nullptr || session->phase() == Session::Phase::kEnding) return true;
  survey.worst.offer(*session, moment);
  ++survey.seen;
  return true;
}

void Worker::forget_oldest_ended() noexcept {
  ended_.pop_front();
  for (RunningSurvey& survey : surveys_) {
    if (survey.next_ended != 0) --survey.next_ended;
  }
}

// Only ever sooner: a call that comes too early costs less than moving it with each message.
void Worker::call_at(TimePoint deadline, Connection& connection) noexcept {
  if (deadline >= deadlines_.at(connection)) return;
  deadlines_.set(connection, deadline);
  if (deadline < timer_at_) set_timer();
}

void Worker::deadline_came() noexcept {
  const TimePoint now = clock_.now();
  timer_at_ = TimePoint::min();  // to be set once, behind all that is due
  if (now >= tick_due_) tick(now);
  std::size_t left = kSlice;
  for (; left != 0; --left) {
    Connection* const due = deadlines_.take_due(now);
    if (due == nullptr) break;
    due->on_deadline();
  }
  set_timer(left == 0 ? now : now + kGather);
}

void Worker::set_timer(TimePoint earliest) noexcept {
  timer_at_ = std::max(earliest, std::min(deadlines_.next(), tick_due_));
  timer_.run_at(timer_at_);
}

void Worker::tick(TimePoint now) noexcept {
  counters_.loop_lag.observe(now - tick_due_);
  counters_.last_turn_ns.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  while (!ended_.empty() && now - ended_.front().at > kShowEnded) forget_oldest_ended();
  if (confirming_.empty()) confirming_.swap(to_confirm_);
  if (!confirming_.empty()) next_turn_event_.run_after({});
  give_back_memory();
  tick_due_ = now + kTick;
}

// After a mass close. The allocator keeps what is freed, for ever, unless it is asked. A tick may come in the
// midst of it, so what closes until the next ones is given back too.
void Worker::give_back_memory() noexcept {
  const std::size_t closed = most_connections_ - connections_.size();
  giving_back_ = closed >= (giving_back_ ? kWorthGoingOn : std::max(kWorthGivingBack, most_connections_ / 2));
  if (!giving_back_) return;
  most_connections_ = connections_.size();
  malloc_trim(0);
}

}  // namespace wskeep::relay
