#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "proxy/net/address.h"

namespace wskeep::net {
namespace {

SocketAddress v6(const char* text, std::uint16_t port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  EXPECT_EQ(inet_pton(AF_INET6, text, &address.sin6_addr), 1);
  return {reinterpret_cast<const sockaddr*>(&address), sizeof address};
}

// What the kernel says of a unix client that has bound its socket to no name.
SocketAddress unnamed() {
  const sockaddr address{.sa_family = AF_UNIX, .sa_data = {}};
  return {&address, sizeof address.sa_family};
}

TEST(SocketAddress, ShowsItselfAsOperatorsWriteIt) {
  struct Case {
    SocketAddress address;
    const char* host;
    const char* text;
  };
  const Case cases[] = {
      {resolve("192.0.2.1", 80).front(), "192.0.2.1", "192.0.2.1:80"},
      {v6("2001:db8::1", 8880), "2001:db8::1", "[2001:db8::1]:8880"},
      {v6("::ffff:192.0.2.7", 1), "192.0.2.7", "192.0.2.7:1"},  // IPv4 on a dual-stack listener
      {v6("::", 65535), "::", "[::]:65535"},
      {SocketAddress::unix_socket("/run/app.sock"), "unix:/run/app.sock", "unix:/run/app.sock"},
      {SocketAddress::unix_socket("@app"), "unix:@app", "unix:@app"},
      {unnamed(), "unix:", "unix:"},
  };
  for (const Case& row : cases) {
    EXPECT_EQ(row.address.host(), row.host);
    EXPECT_EQ(row.address.text(), row.text);
  }
}

TEST(LiteralAddress, IsWhatIsWrittenAndNoName) {
  EXPECT_EQ(literal_address("192.0.2.1", 80)->text(), "192.0.2.1:80");
  EXPECT_EQ(literal_address("2001:DB8::0:1", 0)->text(), "[2001:db8::1]:0");
  EXPECT_EQ(literal_address("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", 1)->family(), AF_INET6);
  for (const std::string_view text :
       {"", "localhost", "[::1]", "::1%lo", "192.0.2", "192.0.2.01", "192.0.2.1 ", "192.0.2.1:80",
        "0x7f.0.0.1", "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555"}) {
    EXPECT_FALSE(literal_address(text, 80)) << text;
  }
  EXPECT_FALSE(literal_address(std::string_view("192.0.2.1\0", 10), 80));
}

TEST(SocketAddress, KnowsThePathThatAFileHas) {
  const std::string longest = "/" + std::string(106, 'x');
  EXPECT_EQ(SocketAddress::unix_socket(longest).path(), longest);
  EXPECT_EQ(SocketAddress::unix_socket("@app").path(), "");
  EXPECT_EQ(unnamed().path(), "");
  EXPECT_EQ(resolve("127.0.0.1", 80).front().path(), "");
}

TEST(SocketAddress, IsTheSameWhenAllOfItIs) {
  const SocketAddress address = resolve("127.0.0.1", 80).front();
  EXPECT_EQ(address, resolve("127.0.0.1", 80).front());
  EXPECT_NE(address, resolve("127.0.0.1", 81).front());
  EXPECT_NE(address, resolve("127.0.0.2", 80).front());
  EXPECT_NE(SocketAddress::unix_socket("/a"), SocketAddress::unix_socket("/ab"));
  EXPECT_NE(SocketAddress::unix_socket("@a"), SocketAddress::unix_socket("/a"));
}

TEST(Resolve, GivesLiteralsBackAndNamesTheirAddresses) {
  EXPECT_EQ(resolve("127.0.0.1", 3000).front().port(), 3000);
  EXPECT_EQ(resolve("::1", 3000).front().family(), AF_INET6);
  EXPECT_FALSE(resolve("localhost", 80).empty());
}

TEST(Resolve, SaysWhatItCouldNotResolve) {
  try {
    (void)resolve("no such host", 80);
    FAIL() << "resolved";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()).substr(0, 17), "no such host:80: ");
  }
}

}  // namespace
}  // namespace wskeep::net
