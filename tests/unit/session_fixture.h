// A session between two scripted peers on a clock that the test moves, driven as a worker drives it.
//
// No pings go out and no client ping is held back by a limit unless a test changes `config` before `open`.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "proxy/relay/session.h"
#include "tests/unit/fake_conduit.h"
#include "tests/unit/fake_transport.h"

namespace wskeep::relay {

using namespace std::chrono_literals;
using observe::CloseReason;
using observe::ConnectionState;
using observe::Direction;
using observe::FrameKind;
using observe::PongKind;
using test::Bytes;
using test::bytes_of;
using test::client_frame;
using test::close_payload;
using test::Fin;
using test::join;
using test::server_frame;
using test::show;
using test::Wire;
using websocket::ExtensionRules;
using websocket::Opcode;
using LegName = observe::Leg;  // inside a fixture `Leg` is the class

class SessionTest : public testing::Test {
 protected:
  SessionTest() {
    config.keepalive.client.heartbeat.policy = keepalive::Policy::kOff;
    config.keepalive.backend.heartbeat.policy = keepalive::Policy::kOff;
  }
  ~SessionTest() override {
    session.reset();
    for (const auto state : {ConnectionState::kHandshake, ConnectionState::kOpen, ConnectionState::kClosing,
                             ConnectionState::kDraining}) {
      EXPECT_EQ(counters->connections_open[state].value(), 0) << "a gauge must come back to 0";
    }
    EXPECT_EQ(counters->connections_never_ponged.value(), 0);
    EXPECT_EQ(counters->backend_unresponsive.value(), 0);
    EXPECT_EQ(batch->size, 0U);
    EXPECT_EQ(batch->count, 0U);
  }

  void open(ExtensionRules rules = ExtensionRules::kNone, Session::Drained drained = {}) {
    session = std::make_unique<Session>(environment, std::make_shared<const config::Config>(config),
                                        SessionIdentity{}, client_transport, backend_transport, rules);
    start({}, {}, {}, drained);
  }
  void start(const Bytes& answer = {}, const Bytes& from_client = {}, const Bytes& from_backend = {},
             Session::Drained drained = {}) {
    session->start(answer, from_client, from_backend, drained);
    settle();
  }

  // Bytes arrive from a peer.
  void from_client(const Bytes& bytes) { arrive(LegName::kClient, client, bytes); }
  void from_backend(const Bytes& bytes) { arrive(LegName::kBackend, backend, bytes); }
  void end_client() { end(LegName::kClient, client); }
  void end_backend() { end(LegName::kBackend, backend); }
  void reset_client() { reset(LegName::kClient, client); }
  void reset_backend() { reset(LegName::kBackend, backend); }
  // A peer takes `bytes` more.
  void client_takes(std::size_t bytes) { takes(LegName::kClient, client, bytes); }
  void backend_takes(std::size_t bytes) { takes(LegName::kBackend, backend, bytes); }

  void ready(LegName leg, Session::Readiness readiness) {
    const std::tuple before(session->phase(), session->has_more(), session->unconfirmed());
    const TimePoint deadline = session->deadline();
    if (session->on_ready(leg, readiness)) return settle();
    const auto [phase, has_more, unconfirmed] = before;
    EXPECT_EQ(session->phase(), phase);
    EXPECT_EQ(session->has_more(), has_more);
    EXPECT_LE(session->unconfirmed(), unconfirmed);
    EXPECT_GE(session->deadline(), deadline);
  }
  // Runs the turns of the loop that the session has asked for.
  void settle() {
    for (int turns = 0; session->has_more(); ++turns) {
      ASSERT_LT(turns, 10'000) << "the session never rests";
      session->resume();
    }
  }
  // Time passes; every deadline on the way is kept.
  void pass(keepalive::nanoseconds time) {
    const TimePoint until = clock.time + time;
    for (int calls = 0; session->deadline() <= until; ++calls) {
      ASSERT_LT(calls, 10'000) << "a deadline that never moves";
      clock.time = std::max(clock.time, session->deadline());
      session->on_deadline();
      settle();
    }
    clock.time = until;
  }
  // Time passes while the machine sleeps; then the deadlines are kept.
  void sleep(keepalive::nanoseconds time) {
    clock.time += time;
    if (session->deadline() <= clock.time) pass(0s);
  }

  std::string client_got() { return show(client.take()); }
  std::string backend_got() { return show(backend.take()); }
  bool over() const { return session->phase() == Session::Phase::kOver; }

  config::Config config;
  test::FakeClock clock;
  test::FakeRandom random;
  std::unique_ptr<observe::WorkerCounters> counters = std::make_unique<observe::WorkerCounters>();
  std::unique_ptr<PongBatch> batch = std::make_unique<PongBatch>();
  Bytes read_buffer = Bytes(256 * 1024);
  Environment environment{clock, random, *counters, read_buffer, *batch};
  Wire client;
  Wire backend;
  test::FakeTransport client_transport{client};
  test::FakeTransport backend_transport{backend};
  std::unique_ptr<Session> session;

 private:
  void arrive(LegName leg, Wire& wire, const Bytes& bytes) {
    wire.incoming.insert(wire.incoming.end(), bytes.begin(), bytes.end());
    ready(leg, {.readable = true});
  }
  void end(LegName leg, Wire& wire) {
    wire.ended = true;
    ready(leg, {.hung_up = true});
  }
  void reset(LegName leg, Wire& wire) {
    wire.read_error = ECONNRESET;
    wire.write_error = EPIPE;
    ready(leg, {.readable = true, .writable = true});  // libevent tells of a reset in no other words
  }
  void takes(LegName leg, Wire& wire, std::size_t bytes) {
    wire.window = wire.window > test::kNoLimit - bytes ? test::kNoLimit : wire.window + bytes;
    ready(leg, {.writable = true});
  }
};

}  // namespace wskeep::relay
