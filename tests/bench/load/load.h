// Load drives many connections against one port and measures: round trips in a closed loop or at a given
// pace, opening or closing alone, or the server's pings. One thread, one epoll; nothing is allocated while it
// measures but by opening.
//
// In a closed loop a connection sends its next message when an echo has come, so a slow server slows the load
// and hides its own waiting. At a pace every message has a time at which it was meant to leave, and its
// latency counts from then, whatever kept it. Faults throw std::runtime_error: a lost session, a wrong echo,
// ten seconds without any.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "proxy/net/address.h"
#include "proxy/net/handles.h"
#include "tests/bench/load/connection.h"
#include "tests/bench/load/latencies.h"
#include "tests/bench/load/message.h"
#include "tests/bench/load/ping_book.h"

namespace wskeep::bench {

struct Shape {
  std::size_t connections = 1;
  std::size_t size = 128;          // bytes of a message's payload
  std::size_t fragments = 1;       // frames of a message
  std::size_t depth = 1;           // messages of a connection in flight, in a closed loop
  std::uint64_t check_every = 16;  // one echo in so many is compared byte for byte
};

// What to run: `messages` on each connection, or as many as go in `time`.
struct Plan {
  std::uint64_t messages = 0;  // 0: until the time is over
  std::chrono::nanoseconds time{0};
  double rate = 0;         // messages a second, all connections together, for `time`; 0: a closed loop
  std::size_t active = 0;  // so many connections at once, each ending its messages first; 0: all
};

struct Result {
  std::uint64_t round_trips = 0;
  std::chrono::nanoseconds elapsed{0};
  Latencies latencies;
};

class Load {
 public:
  Load(const net::SocketAddress& server, const Shape& shape);

  // Opens all connections, one after another.
  void open();
  // Runs the plan on the open connections, to the last echo.
  Result run(const Plan& plan);
  // Instead of both: opens the connections one after another with one echo on each; the latency is from the
  // connect to the echo. `closing` closes each before the next, otherwise they stay.
  Result open_and_echo(std::size_t count, bool closing);

  // Instead of `run`, on connections that `open` has opened: closes this share of them, chosen at random, one
  // after another; the latency is from a Close to the server's.
  Result close_some(double share);
  // From now on notes when pings come; then judges those of `time`, of which each session gets more than
  // `beats`. To be called before the connections are opened.
  void note_pings(std::uint32_t beats);
  const PingBook& watch_pings(std::chrono::nanoseconds time);

  // Keeps the open connections, answering pings, until a line comes from standard input; false when that has
  // ended.
  bool wait_for_line();

  std::uint64_t pings() const;

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  // A connection and its part in the plan at hand.
  struct Client {
    explicit Client(Connection&& opened) : connection(std::move(opened)) {}

    Connection connection;
    std::vector<TimePoint> sent_at;  // of the messages in flight, in a closed loop; a ring
    std::uint64_t left = 0;          // messages to send yet
    std::uint64_t echoed_before = 0;
  };

  void add(Connection&& connection);
  void watch(std::size_t index, int epoll_operation);
  bool turn(std::optional<TimePoint> until);
  void read_from(std::size_t index);
  void on_echoes(std::size_t index, std::uint64_t count);
  void start_closed();
  void start_next();
  void send_closed(Client& client, std::uint64_t count, TimePoint now);
  void run_paced();
  TimePoint intended(std::uint64_t message) const;

  net::SocketAddress server_;
  Shape shape_;
  std::vector<Message> messages_;  // neighbours send different ones
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(256 * 1024);
  net::FileDescriptor epoll_;
  std::vector<Client> clients_;

  Plan plan_;
  Result result_;
  TimePoint start_;
  TimePoint last_echo_;
  std::uint64_t in_flight_ = 0;
  std::optional<PingBook> ping_book_;
  std::size_t started_ = 0;  // clients that have begun with the plan, in a closed loop
  bool line_waits_ = false;
};

}  // namespace wskeep::bench
