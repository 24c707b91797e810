#include "tests/bench/load/load.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>
#include <system_error>

namespace wskeep::bench {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{10};
constexpr std::uint64_t kStandardInput = std::numeric_limits<std::uint64_t>::max();
// Enough that neighbours differ, few enough that large messages stay in the cache of whoever sends them.
constexpr std::uint8_t kVariants = 4;
// Copies of a message that one send can take: more would not go into a socket's buffer.
constexpr std::size_t kWireBytes = 64 * 1024;
// Messages of a late paced load that leave, or connections that open, between two looks at what has come.
constexpr std::uint64_t kMostUnread = 32;

timespec to_timespec(nanoseconds time) {
  return {.tv_sec = time.count() / 1'000'000'000, .tv_nsec = time.count() % 1'000'000'000};
}

}  // namespace

Load::Load(const net::SocketAddress& server, const Shape& shape)
    : server_(server), shape_(shape), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  // 50 us by default, by which every wake-up at a pace would be late.
  prctl(PR_SET_TIMERSLACK, 1);
  const std::size_t copies = std::clamp<std::size_t>(kWireBytes / (shape.size + 1), 1, shape.depth);
  for (std::uint8_t variant = 0; variant < kVariants; ++variant) {
    messages_.emplace_back(shape.size, shape.fragments, copies, variant);
  }
}

void Load::open() {
  clients_.reserve(clients_.size() + shape_.connections);
  for (std::size_t i = 0; i < shape_.connections; ++i) {
    add(Connection(server_, messages_[i % messages_.size()], shape_.check_every));
    if (i % kMostUnread != 0) continue;
    while (turn(steady_clock::now())) {  // the first ones are pinged already
    }
  }
}

void Load::watch(std::size_t index, int operation) {
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.u64 = index}};
  if (epoll_ctl(epoll_.get(), operation, clients_[index].connection.descriptor(), &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
}

void Load::add(Connection&& connection) {
  clients_.emplace_back(std::move(connection)).sent_at.resize(shape_.depth);
  if (ping_book_) clients_.back().connection.stamp_reads();
  watch(clients_.size() - 1, EPOLL_CTL_ADD);
}

Result Load::run(const Plan& plan) {
  plan_ = plan;
  result_ = {};
  start_ = last_echo_ = steady_clock::now();
  if (plan.rate > 0) {
    run_paced();
  } else {
    start_closed();
  }
  while (in_flight_ > 0) turn(std::nullopt);
  result_.elapsed = steady_clock::now() - start_;
  return std::move(result_);
}

void Load::start_closed() {
  for (Client& client : clients_) {
    client.left = plan_.messages != 0 ? plan_.messages : std::numeric_limits<std::uint64_t>::max();
  }
  started_ = 0;
  const std::size_t active = plan_.active != 0 ? plan_.active : clients_.size();
  while (started_ < std::min(active, clients_.size())) start_next();
}

void Load::start_next() {
  if (started_ < clients_.size()) send_closed(clients_[started_++], shape_.depth, steady_clock::now());
}

// As many of `count` messages as the plan has left.
void Load::send_closed(Client& client, std::uint64_t count, TimePoint now) {
  if (plan_.messages == 0 && now - start_ >= plan_.time) client.left = 0;
  count = std::min(count, client.left);
  client.left -= count;
  for (std::uint64_t i = 0; i < count; ++i) {
    client.sent_at[(client.connection.sent() + i) % client.sent_at.size()] = now;
  }
  in_flight_ += count;
  if (count > 0) client.connection.send(count);
}

Load::TimePoint Load::intended(std::uint64_t message) const {
  return start_ + nanoseconds(static_cast<std::int64_t>(1e9 * static_cast<double>(message) / plan_.rate));
}

void Load::run_paced() {
  const double seconds = std::chrono::duration<double>(plan_.time).count();
  const auto total = static_cast<std::uint64_t>(plan_.rate * seconds);
  for (Client& client : clients_) client.echoed_before = client.connection.echoed();
  for (std::uint64_t next = 0; next < total; ++next) {
    // Echoes are read now and then also when everything is late already.
    const TimePoint due = intended(next);
    if (next % kMostUnread == 0) turn(due);
    while (steady_clock::now() < due) turn(due);
    // Also when the last echo of this connection is still to come: real clients don't wait for each other.
    ++in_flight_;
    clients_[next % clients_.size()].connection.send(1);
  }
}

void Load::on_echoes(std::size_t index, std::uint64_t count) {
  Client& client = clients_[index];
  const TimePoint now = last_echo_ = steady_clock::now();
  const std::uint64_t first = client.connection.echoed() - count;
  for (std::uint64_t echo = first; echo < first + count; ++echo) {
    const TimePoint began = plan_.rate > 0 ? intended((echo - client.echoed_before) * clients_.size() + index)
                                           : client.sent_at[echo % client.sent_at.size()];
    result_.latencies.record(now - began);
  }
  result_.round_trips += count;
  in_flight_ -= count;
  if (plan_.rate > 0) return;
  send_closed(client, count, now);
  if (client.left == 0 && client.connection.echoed() == client.connection.sent()) start_next();
}

// Handles what is ready, or waits for it, until the given time at most. True if there may be more.
bool Load::turn(std::optional<TimePoint> until) {
  std::array<epoll_event, 512> events;
  nanoseconds wait = kPatience;
  if (until) wait = std::clamp<nanoseconds>(*until - steady_clock::now(), nanoseconds(0), wait);
  const timespec timeout = to_timespec(wait);
  const int ready =
      epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(events.size()), &timeout, nullptr);
  if (ready < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "epoll_pwait2");
  for (int i = 0; i < ready; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.u64 == kStandardInput) {
      line_waits_ = true;
      continue;
    }
    const auto index = static_cast<std::size_t>(event.data.u64);
    Connection& connection = clients_[index].connection;
    if ((event.events & EPOLLOUT) != 0) connection.on_writable();
    if ((event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) == 0) continue;
    read_from(index);
    if ((event.events & EPOLLRDHUP) != 0) throw std::runtime_error("a session was ended from the other side");
  }
  if (in_flight_ > 0 && steady_clock::now() - last_echo_ > kPatience) {
    throw std::runtime_error("no echo came for 10 s, with " + std::to_string(in_flight_) + " to come");
  }
  return ready == static_cast<int>(events.size());
}

void Load::read_from(std::size_t index) {
  Connection& connection = clients_[index].connection;
  const std::uint64_t pings = connection.pings();
  if (const std::uint64_t echoes = connection.on_readable(buffer_); echoes > 0) on_echoes(index, echoes);
  if (!ping_book_) return;
  // Of two in one read, which a busy machine brings about, the first came earlier than this: that only makes
  // its gap look longer than it was.
  for (std::uint64_t each = pings; each < connection.pings(); ++each) {
    ping_book_->ping(index, connection.read_stamp());
  }
}

void Load::note_pings(std::uint32_t beats) {
  ping_book_.emplace(shape_.connections, beats);
}

const PingBook& Load::watch_pings(nanoseconds time) {
  const TimePoint end = steady_clock::now() + time;
  ping_book_->begin(std::chrono::system_clock::now(), time);
  while (steady_clock::now() < end) turn(end);
  if (ping_book_->complete() < clients_.size()) {
    throw std::runtime_error("only " + std::to_string(ping_book_->complete()) + " sessions got their pings");
  }
  return *ping_book_;
}

Result Load::close_some(double share) {
  Result result;
  std::ranges::shuffle(clients_, std::mt19937_64(1));
  const auto staying =
      static_cast<std::size_t>(std::lround((1 - share) * static_cast<double>(clients_.size())));
  const TimePoint start = steady_clock::now();
  for (; clients_.size() > staying; clients_.pop_back()) {
    const TimePoint began = steady_clock::now();
    clients_.back().connection.close(buffer_);
    result.latencies.record(steady_clock::now() - began);
    ++result.round_trips;
  }
  result.elapsed = steady_clock::now() - start;
  for (std::size_t i = 0; i < clients_.size(); ++i) watch(i, EPOLL_CTL_MOD);
  return result;
}

Result Load::open_and_echo(std::size_t count, bool closing) {
  Result result;
  clients_.reserve(clients_.size() + count);
  const TimePoint start = steady_clock::now();
  for (std::size_t i = 0; i < count; ++i) {
    const TimePoint began = steady_clock::now();
    Connection connection(server_, messages_[i % messages_.size()], shape_.check_every);
    connection.send(1);
    connection.await_echo(buffer_);
    result.latencies.record(steady_clock::now() - began);
    ++result.round_trips;
    if (closing) {
      connection.close(buffer_);
    } else {
      add(std::move(connection));
    }
  }
  result.elapsed = steady_clock::now() - start;
  return result;
}

bool Load::wait_for_line() {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kStandardInput}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
  line_waits_ = false;
  while (!line_waits_) turn(std::nullopt);
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, STDIN_FILENO, nullptr) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
  std::array<char, 64> line;
  return read(STDIN_FILENO, line.data(), line.size()) > 0;
}

std::uint64_t Load::pings() const {
  std::uint64_t pings = 0;
  for (const Client& client : clients_) pings += client.connection.pings();
  return pings;
}

}  // namespace wskeep::bench
