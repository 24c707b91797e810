#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cerrno>
#include <stdexcept>
#include <string>

#include "proxy/net/listener.h"
#include "proxy/relay/dialer.h"

namespace wskeep::relay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A backend that listens, and from where its connections shall come.
struct Listening {
  explicit Listening(std::vector<std::string> sources, const std::string& host = "127.0.0.1")
      : listener(net::listen_on(net::resolve(host, 0).front())) {
    backend.address = {host, net::local_address(listener.get()).port()};
    backend.source_addresses = std::move(sources);
  }

  net::FileDescriptor listener;
  config::Backend backend;
};

std::vector<std::string> hosts(const std::vector<net::SocketAddress>& addresses) {
  std::vector<std::string> hosts;
  for (const net::SocketAddress& address : addresses) hosts.push_back(address.host());
  return hosts;
}

std::string fault_of(const config::Backend& backend) {
  try {
    (void)find_routes(backend);
    return "";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

std::string source_of(const net::Connecting& connecting) {
  return connecting.error == 0 ? net::local_address(connecting.descriptor.get()).host() : "";
}

TEST(Dialer, TakesTheSourcesInTurn) {
  const Listening there({"127.0.0.2", "127.0.0.3"});
  const Routes routes = find_routes(there.backend);
  Dialer dialer(routes);
  ASSERT_EQ(dialer.targets(), 1U);
  for (const std::string source : {"127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.3"}) {
    EXPECT_EQ(source_of(dialer.connect(0)), source);
  }
}

TEST(Dialer, LeavesTheSourceToTheKernel) {
  const Listening there({});
  const Routes routes = find_routes(there.backend);
  EXPECT_EQ(source_of(Dialer(routes).connect(0)), "127.0.0.1");
}

TEST(Dialer, UsesWhatHasItsFamilyOnBothSides) {
  const Listening there({"127.0.0.2", "::1", "127.0.0.3"}, "::1");
  const Routes routes = find_routes(there.backend);
  EXPECT_THAT(hosts(routes.sources), ElementsAre("::1"));
  EXPECT_EQ(source_of(Dialer(routes).connect(0)), "::1");
}

TEST(Dialer, ConnectsToEachTargetFromASourceOfItsFamily) {
  const Listening four({});
  const Listening six({}, "::1");
  const Routes routes{{net::local_address(four.listener.get()), net::local_address(six.listener.get())},
                      {net::resolve("::1", 0).front(), net::resolve("127.0.0.2", 0).front()}};
  Dialer dialer(routes);
  EXPECT_EQ(source_of(dialer.connect(0)), "127.0.0.2");
  EXPECT_EQ(source_of(dialer.connect(1)), "::1");
}

TEST(Dialer, PassesOverASourceThatCanNotBeUsed) {
  const Listening there({});
  const Routes routes{{net::local_address(there.listener.get())},
                      {net::resolve("192.0.2.1", 0).front(), net::resolve("127.0.0.2", 0).front()}};
  Dialer dialer(routes);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(source_of(dialer.connect(0)), "127.0.0.2");
}

TEST(Dialer, FailsWhenNoSourceCanBeUsed) {
  const Listening there({});
  const Routes routes{{net::local_address(there.listener.get())}, {net::resolve("192.0.2.1", 0).front()}};
  EXPECT_EQ(Dialer(routes).connect(0).error, EADDRNOTAVAIL);
}

TEST(FindRoutes, RefusesWhatIsNoAddressOfThisHost) {
  EXPECT_EQ(fault_of(Listening({"127.0.0.2", "192.0.2.1"}).backend),
            "backend.source_addresses: 192.0.2.1 can't be used: it is no address of this host");
}

TEST(FindRoutes, RefusesSourcesOfTheOtherFamilyOnly) {
  EXPECT_THAT(
      fault_of(Listening({"::1"}).backend),
      HasSubstr("backend.source_addresses: none is of the family (IPv4 or IPv6) of the backend, 127.0.0.1:"));
}

}  // namespace
}  // namespace wskeep::relay
