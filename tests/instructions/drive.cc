// Drives real sessions through what a worker does all day, for callgrind to count: drive OPERATIONS.
//
// Clock, randomness and transports are here and cost next to nothing, so what is counted is the session
// alone. Prints who compiled it, for counts depend on that, and leaves one dump for each kind of operation.
// Exits with 1 if an operation didn't do what it is counted for. run.py makes something of it.
#include <valgrind/callgrind.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "proxy/relay/session.h"
#include "tests/instructions/peer.h"
#include "tests/unit/frames.h"

namespace wskeep::instructions {

using namespace std::chrono_literals;
using observe::Leg;
using relay::Session;
using relay::TimePoint;
using test::Bytes;
using websocket::Opcode;

// A session between two peers, asked after each event what a connection asks it. Only these calls are
// counted.
class Line {
 public:
  explicit Line(std::shared_ptr<const config::Site> site = std::make_shared<const config::Config>()) {
    session_ = std::make_unique<Session>(environment_, std::move(site), relay::SessionIdentity{}, client_,
                                         backend_, websocket::ExtensionRules::kNone);
    session_->start({}, {}, {}, {});
  }

  void says(Leg leg, std::span<const std::uint8_t> bytes) {
    peer(leg).will_say(bytes);
    happens([&] { return session_->on_ready(leg, {.readable = true}); });
  }
  void deadline_comes() {
    happens([&] {
      session_->on_deadline();
      return true;
    });
  }

  Peer& peer(Leg leg) { return leg == Leg::kClient ? client_ : backend_; }
  TimePoint deadline() const { return session_->deadline(); }
  const observe::WorkerCounters& counters() const { return *counters_; }

  SetClock clock;

 private:
  template <class Event>
  void happens(Event event) {
    CALLGRIND_TOGGLE_COLLECT;
    if (event()) {
      rests_ = session_->phase() == Session::Phase::kOpen && !session_->has_more();
      unconfirmed_ = session_->unconfirmed();
      deadline_ = session_->deadline();
    }
    CALLGRIND_TOGGLE_COLLECT;
    if (!rests_) fail("the session does not rest");
  }

  Numbers random_;
  std::unique_ptr<observe::WorkerCounters> counters_ = std::make_unique<observe::WorkerCounters>();
  std::unique_ptr<relay::PongBatch> pong_batch_ = std::make_unique<relay::PongBatch>();
  Bytes read_buffer_ = Bytes(262'144);
  relay::Environment environment_{clock, random_, *counters_, read_buffer_, *pong_batch_};
  Peer client_;
  Peer backend_;
  std::unique_ptr<Session> session_;
  bool rests_ = true;
  bool unconfirmed_ = false;
  TimePoint deadline_{};
};

// Counts `operation`, but not what its first times do more: symbols are bound and memory is taken.
template <class Operation>
void count(const char* name, int operations, Operation operation) {
  for (int i = 0; i < 64; ++i) operation();
  CALLGRIND_ZERO_STATS;
  for (int i = 0; i < operations; ++i) operation();
  CALLGRIND_DUMP_STATS_AT(name);
}

// What comes from the client, a read each, and goes back as an echo sends it.
struct Traffic {
  std::vector<Bytes> from_client;
  std::vector<Bytes> from_backend;
};

void relay_there_and_back(const char* name, int operations, const Traffic& traffic) {
  Line line;
  const auto pass = [&](Leg from, Leg to, const Bytes& bytes) {
    const std::size_t before = line.peer(to).got();
    line.says(from, bytes);
    if (line.peer(to).got() != before + bytes.size()) fail("bytes did not pass");
  };
  std::size_t next = 0;
  count(name, operations, [&] {
    pass(Leg::kClient, Leg::kBackend, traffic.from_client[next]);
    pass(Leg::kBackend, Leg::kClient, traffic.from_backend[next]);
    next = (next + 1) % traffic.from_client.size();
  });
}

Traffic messages(int per_read) {
  const Bytes payload = test::filler(128);
  Traffic traffic{{{}}, {{}}};
  for (int i = 0; i < per_read; ++i) {
    traffic.from_client[0] = test::join(traffic.from_client[0], test::client_frame(Opcode::kBinary, payload));
    traffic.from_backend[0] =
        test::join(traffic.from_backend[0], test::server_frame(Opcode::kBinary, payload));
  }
  return traffic;
}

// Messages of four fragments, each of which comes alone.
Traffic fragments() {
  const Bytes payload = test::filler(128);
  Traffic traffic;
  for (int i = 0; i < 4; ++i) {
    const Opcode opcode = i == 0 ? Opcode::kBinary : Opcode::kContinuation;
    const test::Fin fin = i == 3 ? test::Fin::kYes : test::Fin::kNo;
    traffic.from_client.push_back(test::client_frame(opcode, payload, fin));
    traffic.from_backend.push_back(test::server_frame(opcode, payload, fin));
  }
  return traffic;
}

// A session of which only `leg` is pinged.
std::shared_ptr<const config::Site> pinging(Leg leg) {
  const auto site = std::make_shared<config::Site>();
  keepalive::Settings& other =
      leg == Leg::kClient ? site->keepalive.backend.heartbeat : site->keepalive.client.heartbeat;
  other.policy = keepalive::Policy::kOff;
  site->keepalive.backend.heartbeat.ping_when = keepalive::PingWhen::kAlways;
  return site;
}

// A ping is due and leaves; 30 ms later comes its pong.
void beat(const char* name, int operations, Leg leg) {
  Line line(pinging(leg));
  count(name, operations, [&] {
    const auto& matched = line.counters().pongs_received[leg][observe::PongKind::kMatched];
    const std::uint64_t before = matched.value();
    line.clock.time = line.deadline();
    line.deadline_comes();
    const auto pong = pong_to(line.peer(leg).last_write(), leg);
    line.clock.time += 30ms;
    line.says(leg, std::span(pong).first(leg == Leg::kClient ? 14 : 10));
    if (matched.value() != before + 1) fail("a pong was not matched");
  });
}

// A deadline that was asked for and has moved meanwhile.
void deadline_without_duty(const char* name, int operations) {
  Line line;
  count(name, operations, [&] {
    line.deadline_comes();
    if (line.peer(Leg::kClient).got() != 0) fail("something was due");
  });
}

void drive(int operations) {
  relay_there_and_back("message", operations, messages(1));
  relay_there_and_back("16_messages_in_a_read", operations, messages(16));
  relay_there_and_back("fragment", operations, fragments());
  beat("client_beat", operations, Leg::kClient);
  beat("backend_beat", operations, Leg::kBackend);
  deadline_without_duty("deadline_without_duty", operations);
}

}  // namespace wskeep::instructions

int main(int argc, char** argv) {
  const int operations = argc == 2 ? std::atoi(argv[1]) : 0;
  if (operations <= 0) {
    std::fprintf(stderr, "usage: drive OPERATIONS\n");
    return 2;
  }
  std::puts(WSKEEP_BUILT_BY);
  wskeep::instructions::drive(operations);
}
