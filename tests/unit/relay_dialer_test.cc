// Which of the backend's addresses are tried, in which order, and from which of ours.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "proxy/net/listener.h"
#include "proxy/relay/dialer.h"

namespace wskeep::relay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr TimePoint kStart{std::chrono::hours(1)};

// A backend that listens, and from where its connections shall come.
struct Listening {
  explicit Listening(std::vector<std::string> sources, const std::string& host = "127.0.0.1")
      : listener(net::listen_on(net::resolve(host, 0).front())) {
    backend.address = {host, net::local_address(listener.get()).port()};
    backend.source_addresses = std::move(sources);
  }
  net::SocketAddress address() const { return net::local_address(listener.get()); }

  net::FileDescriptor listener;
  config::Backend backend;
};

std::vector<std::string> hosts(const std::vector<net::SocketAddress>& addresses) {
  std::vector<std::string> hosts;
  for (const net::SocketAddress& address : addresses) hosts.push_back(address.host());
  return hosts;
}

net::SocketAddress ip(const char* host) {
  return net::resolve(host, 0).front();
}

std::string fault_of(const config::Backend& backend) {
  net::Resolver resolver;
  try {
    const BackendAddresses addresses(backend, resolver);
    return "";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

std::string source_of(Dialer& dialer, std::size_t target = 0) {
  const net::Connecting connecting = dialer.connect(dialer.begin_round(), target);
  return connecting.error == 0 ? net::local_address(connecting.descriptor.get()).host() : "";
}

std::string source_of(const config::Backend& backend) {
  net::Resolver resolver;
  BackendAddresses addresses(backend, resolver);
  Dialer dialer(addresses);
  return source_of(dialer);
}

TEST(Dialer, TakesTheSourcesInTurn) {
  const Listening there({"127.0.0.2", "127.0.0.3"});
  net::Resolver resolver;
  BackendAddresses addresses(there.backend, resolver);
  Dialer dialer(addresses);
  for (const std::string source : {"127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.3"}) {
    EXPECT_EQ(source_of(dialer), source);
  }
}

TEST(Dialer, LeavesTheSourceToTheKernel) {
  EXPECT_EQ(source_of(Listening({}).backend), "127.0.0.1");
}

TEST(Dialer, UsesWhatHasItsFamilyOnBothSides) {
  const Listening there({"127.0.0.2", "::1", "127.0.0.3"}, "::1");
  net::Resolver resolver;
  BackendAddresses addresses(there.backend, resolver);
  EXPECT_THAT(hosts(addresses.current()->sources), ElementsAre("::1"));
  EXPECT_EQ(source_of(there.backend), "::1");
}

TEST(Dialer, ConnectsToEachTargetFromASourceOfItsFamily) {
  const Listening four({});
  const Listening six({}, "::1");
  BackendAddresses addresses({{four.address(), six.address()}, {ip("::1"), ip("127.0.0.2")}});
  Dialer dialer(addresses);
  EXPECT_EQ(source_of(dialer, 0), "127.0.0.2");
  EXPECT_EQ(source_of(dialer, 1), "::1");
}

TEST(Dialer, PassesOverASourceThatCanNotBeUsed) {
  const Listening there({});
  BackendAddresses addresses({{there.address()}, {ip("192.0.2.1"), ip("127.0.0.2")}});
  Dialer dialer(addresses);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(source_of(dialer), "127.0.0.2");
}

TEST(Dialer, FailsWhenNoSourceCanBeUsed) {
  const Listening there({});
  BackendAddresses addresses({{there.address()}, {ip("192.0.2.1")}});
  Dialer dialer(addresses);
  EXPECT_EQ(dialer.connect(dialer.begin_round(), 0).error, EADDRNOTAVAIL);
}

// The order in which one round tries its targets; with `failing` among them.
std::vector<std::size_t> order_of(Dialer& dialer, TimePoint now,
                                  const std::vector<std::size_t>& failing = {}) {
  Dialer::Round round = dialer.begin_round();
  std::vector<std::size_t> order;
  while (round.left() != 0) {
    order.push_back(dialer.next_target(round, now));
    for (const std::size_t target : failing) {
      if (order.back() == target) dialer.failed(round, target, now);
    }
  }
  return order;
}

TEST(Dialer, BeginsEachRoundWithTheNextTarget) {
  BackendAddresses addresses({{ip("192.0.2.1"), ip("192.0.2.2"), ip("192.0.2.3")}, {}});
  Dialer dialer(addresses);
  EXPECT_THAT(order_of(dialer, kStart), ElementsAre(0, 1, 2));
  EXPECT_THAT(order_of(dialer, kStart), ElementsAre(1, 2, 0));
  EXPECT_THAT(order_of(dialer, kStart), ElementsAre(2, 0, 1));
  EXPECT_THAT(order_of(dialer, kStart), ElementsAre(0, 1, 2));
}

TEST(Dialer, TriesWhatHasFailedLastForAWhile) {
  BackendAddresses addresses({{ip("192.0.2.1"), ip("192.0.2.2"), ip("192.0.2.3")}, {}});
  Dialer dialer(addresses);
  EXPECT_THAT(order_of(dialer, kStart, {0}), ElementsAre(0, 1, 2));
  EXPECT_THAT(order_of(dialer, kStart), ElementsAre(1, 2, 0));
  EXPECT_THAT(order_of(dialer, kStart), ElementsAre(2, 1, 0));
  EXPECT_THAT(order_of(dialer, kStart), ElementsAre(1, 2, 0)) << "0 would be the next";
  Dialer::Round round = dialer.begin_round();
  dialer.succeeded(round, 0);
  EXPECT_THAT(order_of(dialer, kStart), ElementsAre(2, 0, 1)) << "it is back";
  EXPECT_THAT(order_of(dialer, kStart, {0, 1, 2}), ElementsAre(0, 1, 2));
  EXPECT_THAT(order_of(dialer, kStart), ElementsAre(1, 2, 0)) << "all have failed";
  EXPECT_THAT(order_of(dialer, kStart + Dialer::kAvoid, {2}), ElementsAre(2, 0, 1)) << "forgotten";
}

TEST(Dialer, HasNothingToTryWithoutAddresses) {
  BackendAddresses addresses({{}, {}});
  Dialer dialer(addresses);
  EXPECT_THAT(order_of(dialer, kStart), IsEmpty());
}

TEST(BackendAddresses, RefuseWhatIsNoAddressOfThisHost) {
  EXPECT_EQ(fault_of(Listening({"127.0.0.2", "192.0.2.1"}).backend),
            "backend.source_addresses: 192.0.2.1 can't be used: it is no address of this host");
}

TEST(BackendAddresses, RefuseSourcesOfTheOtherFamilyOnly) {
  EXPECT_THAT(
      fault_of(Listening({"::1"}).backend),
      HasSubstr("backend.source_addresses: none is of the family (IPv4 or IPv6) of the backend, 127.0.0.1:"));
}

TEST(BackendAddresses, OfAUnixSocketAreItsPath) {
  config::Backend backend;
  backend.address = {"/run/app", 0, config::Endpoint::Kind::kUnix};
  net::Resolver resolver;
  const BackendAddresses addresses(backend, resolver);
  EXPECT_THAT(hosts(addresses.current()->targets), ElementsAre("unix:/run/app"));
}

TEST(BackendAddresses, OfANameChangeWithWhatIsFound) {
  config::Backend backend;
  backend.address = {"app.example", 80};
  backend.dns_refresh = std::chrono::milliseconds(0);
  std::atomic<int> lookups{0};
  std::unique_ptr<BackendAddresses> addresses;
  net::Resolver resolver([&lookups](const std::string&, std::uint16_t) -> net::Resolver::Addresses {
    switch (lookups++) {
      case 0: throw std::runtime_error("not yet");
      case 1: return {ip("192.0.2.1"), ip("192.0.2.2")};
      default: throw std::runtime_error("no more");
    }
  });
  addresses = std::make_unique<BackendAddresses>(backend, resolver);
  EXPECT_THAT(hosts(addresses->current()->targets), IsEmpty());
  const auto ask_until = [&](int count) {
    while (lookups < count) {
      addresses->ask_again();
      std::this_thread::yield();
    }
  };
  ask_until(2);
  ask_until(3);
  EXPECT_THAT(hosts(addresses->current()->targets), ElementsAre("192.0.2.1", "192.0.2.2")) << "they stay";
}

}  // namespace
}  // namespace wskeep::relay
