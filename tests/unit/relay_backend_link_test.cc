// How a client's way to the backend is found, on a clock that the test moves and with real sockets.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "proxy/net/listener.h"
#include "proxy/relay/backend_link.h"
#include "tests/unit/fake_transport.h"
#include "tests/unit/socket_pair.h"

namespace wskeep::relay {
namespace {

using namespace std::chrono_literals;
using net::SocketAddress;
using State = BackendLink::State;

class Watcher final : public BackendLink::Watcher {
 public:
  bool watch_backend(int descriptor) noexcept override {
    watched = descriptor;
    return true;
  }
  int watched = -1;
};

// Listens, and has no room for another client: whoever comes gets no answer.
struct Deaf {
  Deaf() : listener(socket(AF_INET, SOCK_STREAM, 0)) {
    EXPECT_EQ(listen(listener.get(), 0), 0);
    for (net::Connecting& each : crowd) each = net::connect_to(address());
    net::wait_for(crowd[0].descriptor.get(), POLLOUT);
  }
  SocketAddress address() const {
    return net::resolve("127.0.0.1", net::local_address(listener.get()).port()).front();
  }

  net::FileDescriptor listener;
  std::array<net::Connecting, 3> crowd;
};

// A TCP address where nobody listens.
SocketAddress closed() {
  return net::local_address(net::listen_on(net::resolve("127.0.0.1", 0).front()).get());
}

class BackendLinkTest : public testing::Test {
 protected:
  BackendLinkTest() { site.backend.connect_timeout = 3s; }

  void open(std::vector<SocketAddress> targets) {
    addresses = std::make_unique<BackendAddresses>(AddressSet{std::move(targets), {}});
    dialer = std::make_unique<Dialer>(*addresses);
    connect();
  }
  void connect() {
    link = std::make_unique<BackendLink>(environment, std::make_shared<const config::Site>(site), nullptr,
                                         *dialer, watcher);
    link->connect({});
  }
  // What its socket has to tell by now.
  void hear() {
    net::wait_for(watcher.watched, POLLOUT);
    pollfd entry{.fd = watcher.watched, .events = POLLIN | POLLOUT, .revents = 0};
    (void)poll(&entry, 1, 0);
    link->on_ready({.readable = (entry.revents & (POLLIN | POLLERR | POLLHUP)) != 0, .writable = true});
  }
  void pass(std::chrono::nanoseconds time) {
    clock.time += time;
    link->on_deadline();
  }
  static SocketAddress unix_socket(const std::string& name) {
    return SocketAddress::unix_socket("@wskeep-link-" + std::to_string(getpid()) + name);
  }
  test::FakeClock clock;
  test::FakeRandom random;
  std::unique_ptr<observe::WorkerCounters> counters = std::make_unique<observe::WorkerCounters>();
  std::unique_ptr<PongBatch> batch = std::make_unique<PongBatch>();
  std::vector<std::uint8_t> buffer = std::vector<std::uint8_t>(1'000);
  Environment environment{clock, random, *counters, buffer, *batch};
  config::Site site;
  Watcher watcher;
  std::unique_ptr<BackendAddresses> addresses;
  std::unique_ptr<Dialer> dialer;
  std::unique_ptr<BackendLink> link;
};

TEST_F(BackendLinkTest, Connects) {
  const net::FileDescriptor listener = net::listen_on(net::resolve("127.0.0.1", 0).front());
  open({net::local_address(listener.get())});
  EXPECT_EQ(link->state(), State::kConnecting);
  hear();
  EXPECT_EQ(link->state(), State::kReady);
  EXPECT_EQ(link->deadline(), TimePoint::max());
}

TEST_F(BackendLinkTest, WaitsForABackendThatStartsLater) {
  const SocketAddress address = unix_socket("later");
  open({address});
  EXPECT_EQ(link->state(), State::kConnecting);
  EXPECT_EQ(watcher.watched, -1);
  const net::FileDescriptor listener = net::listen_on(address);
  EXPECT_LE(link->deadline(), clock.time + Backoff::kFirst);
  EXPECT_GE(link->deadline(), clock.time + Backoff::kFirst / 2);
  pass(Backoff::kFirst);
  hear();
  EXPECT_EQ(link->state(), State::kReady);
}

TEST_F(BackendLinkTest, TriesTheNextAddressAtOnce) {
  const net::FileDescriptor listener = net::listen_on(net::resolve("127.0.0.1", 0).front());
  open({unix_socket("nobody"), closed(), net::local_address(listener.get())});
  while (link->state() == State::kConnecting && watcher.watched >= 0) hear();
  EXPECT_EQ(link->state(), State::kReady);
}

TEST_F(BackendLinkTest, GivesUpInTimeAndSaysWhatItWasTold) {
  open({unix_socket("nobody")});
  const TimePoint begun = clock.time;
  int rounds = 1;
  while (link->state() == State::kConnecting) {
    clock.time = link->deadline();
    link->on_deadline();
    ++rounds;
  }
  EXPECT_LT(clock.time - begun, 3s);
  EXPECT_GE(clock.time - begun, 2s - 1ms) << "there was time for another round";
  EXPECT_GE(rounds, 6);
  EXPECT_LE(rounds, 12);
  EXPECT_EQ(link->state(), State::kFailed);
  EXPECT_EQ(link->failure().status, http::Status::kBadGateway);
  EXPECT_EQ(link->failure().detail, "Connection refused");
}

TEST_F(BackendLinkTest, GivesADeafAddressItsShareOfTheTime) {
  const Deaf deaf;
  const net::FileDescriptor listener = net::listen_on(net::resolve("127.0.0.1", 0).front());
  open({deaf.address(), deaf.address(), net::local_address(listener.get())});
  EXPECT_EQ(link->deadline(), clock.time + 1s);
  pass(1s);
  EXPECT_EQ(link->deadline(), clock.time + 1s);
  pass(1s);
  hear();
  EXPECT_EQ(link->state(), State::kReady);
  connect();  // and the next client needn't wait for it again
  hear();
  EXPECT_EQ(link->state(), State::kReady);
}

TEST_F(BackendLinkTest, TellsOfTimeoutsAsTimeouts) {
  const Deaf deaf;
  open({deaf.address()});
  EXPECT_EQ(link->deadline(), clock.time + 3s);
  pass(3s);
  EXPECT_EQ(link->state(), State::kFailed);
  EXPECT_EQ(link->failure().status, http::Status::kGatewayTimeout);
}

TEST_F(BackendLinkTest, DoesNotWaitForWhatDoesNotPass) {
  addresses = std::make_unique<BackendAddresses>(
      AddressSet{{net::resolve("127.0.0.1", 1).front()}, {net::resolve("192.0.2.1", 0).front()}});
  dialer = std::make_unique<Dialer>(*addresses);
  connect();
  EXPECT_EQ(link->state(), State::kFailed);
  EXPECT_EQ(link->failure().status, http::Status::kBadGateway);
  EXPECT_EQ(link->failure().detail, "Cannot assign requested address");
}

TEST_F(BackendLinkTest, WaitsForTheNameAndSaysSo) {
  open({});
  EXPECT_EQ(link->state(), State::kConnecting);
  while (link->state() == State::kConnecting) {
    clock.time = link->deadline();
    link->on_deadline();
  }
  EXPECT_EQ(link->failure().status, http::Status::kBadGateway);
  EXPECT_EQ(link->failure().detail, "its name is not resolved");
}

TEST(Backoff, DoublesUpToItsLongest) {
  Backoff whole;
  for (const int wait : {50, 100, 200, 400, 800, 1000, 1000}) {
    EXPECT_EQ(whole.next(0), std::chrono::milliseconds(wait));
  }
  Backoff cut;
  for (const int wait : {25, 50, 100, 200, 400, 500, 500}) {
    EXPECT_EQ(cut.next(1000 * static_cast<std::uint64_t>(wait)), std::chrono::milliseconds(wait));
  }
}

}  // namespace
}  // namespace wskeep::relay
