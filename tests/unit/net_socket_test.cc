#include <gtest/gtest.h>
#include <netinet/tcp.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

#include "proxy/net/socket.h"
#include "tests/unit/socket_pair.h"

namespace wskeep::net {
namespace {

using Status = IoResult::Status;

IoResult write(SocketTransport& transport, std::vector<std::uint8_t>& bytes) {
  const iovec piece{bytes.data(), bytes.size()};
  return transport.write({&piece, 1});
}

TEST(SocketTransport, MovesBytesAndSaysWhenDrained) {
  Pair pair;
  std::array<std::uint8_t, 4> buffer;
  EXPECT_EQ(pair.far->read(buffer).status, Status::kBlocked);
  std::vector<std::uint8_t> bytes = {1, 2, 3, 4, 5, 6};
  const std::array<iovec, 2> pieces = {iovec{bytes.data(), 2}, iovec{bytes.data() + 2, 4}};
  EXPECT_EQ(pair.near->write(pieces).bytes, 6U);
  wait_for(pair.far->descriptor(), POLLIN);
  IoResult result = pair.far->read(buffer);
  EXPECT_EQ(result.bytes, 4U);
  EXPECT_FALSE(result.drained);
  result = pair.far->read(buffer);
  EXPECT_EQ(result.bytes, 2U);
  EXPECT_TRUE(result.drained);
  EXPECT_EQ(buffer[1], 6);
}

TEST(SocketTransport, BlocksWhenThePeerDoesNotRead) {
  Pair pair;
  std::vector<std::uint8_t> bytes(1 << 20);
  IoResult result = write(*pair.near, bytes);
  for (int i = 0; i < 100 && result.status == Status::kOk; ++i) result = write(*pair.near, bytes);
  EXPECT_EQ(result.status, Status::kBlocked);
}

TEST(SocketTransport, PassesTheEndAndStillReads) {
  Pair pair;
  EXPECT_TRUE(pair.near->shutdown_write());
  wait_for(pair.far->descriptor(), POLLIN);
  std::array<std::uint8_t, 4> buffer;
  EXPECT_EQ(pair.far->read(buffer).status, Status::kEnd);
  std::vector<std::uint8_t> bytes = {7};
  EXPECT_EQ(write(*pair.far, bytes).status, Status::kOk);
  wait_for(pair.near->descriptor(), POLLIN);
  EXPECT_EQ(pair.near->read(buffer).bytes, 1U);
}

TEST(SocketTransport, FailsWithoutASignalWhenThePeerIsGone) {
  Pair pair;
  std::vector<std::uint8_t> bytes = {1};
  ASSERT_EQ(write(*pair.near, bytes).status, Status::kOk);
  wait_for(pair.far->descriptor(), POLLIN);
  pair.far.reset();  // with a byte unread: the kernel resets the connection
  wait_for(pair.near->descriptor(), POLLIN);
  IoResult result = write(*pair.near, bytes);
  EXPECT_EQ(result.status, Status::kFailed);
  EXPECT_TRUE(result.error == ECONNRESET || result.error == EPIPE) << result.error;
  result = write(*pair.near, bytes);
  EXPECT_EQ(result.error, EPIPE);
}

TEST(SocketTransport, KnowsTheRoundTripTime) {
  Pair pair;
  const auto rtt = pair.near->round_trip_time();
  ASSERT_TRUE(rtt.has_value());
  EXPECT_GT(rtt->count(), 0);
}

TEST(ConnectTo, TellsOfARefusalAfterwards) {
  FileDescriptor listener = listen_on(resolve("127.0.0.1", 0).front());
  const SocketAddress nobody = local_address(listener.get());
  listener.reset();
  const Connecting connecting = connect_to(nobody);
  if (connecting.error != 0) {
    EXPECT_EQ(connecting.error, ECONNREFUSED);
    return;
  }
  wait_for(connecting.descriptor.get(), POLLOUT);
  EXPECT_EQ(pending_error(connecting.descriptor.get()), ECONNREFUSED);
}

TEST(ListenOn, SaysWhichAddressWasTaken) {
  const FileDescriptor listener = listen_on(resolve("127.0.0.1", 0).front());
  const SocketAddress taken = local_address(listener.get());
  try {
    (void)listen_on(taken);
    FAIL() << "listens twice";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EADDRINUSE);
    EXPECT_EQ(std::string(error.what()), "listen on " + taken.text() + ": Address already in use");
  }
}

constexpr TcpOptions kOptions{.user_timeout = std::chrono::milliseconds(90'000),
                              .keepalive_idle = std::chrono::seconds(60),
                              .keepalive_interval = std::chrono::seconds(15),
                              .keepalive_count = 4};

void expect_options(int descriptor) {
  struct Case {
    int level;
    int name;
    int value;
  };
  const Case cases[] = {{IPPROTO_TCP, TCP_NODELAY, 1},    {IPPROTO_TCP, TCP_USER_TIMEOUT, 90'000},
                        {SOL_SOCKET, SO_KEEPALIVE, 1},    {IPPROTO_TCP, TCP_KEEPIDLE, 60},
                        {IPPROTO_TCP, TCP_KEEPINTVL, 15}, {IPPROTO_TCP, TCP_KEEPCNT, 4}};
  for (const Case& row : cases) {
    int value = 0;
    socklen_t size = sizeof value;
    ASSERT_EQ(getsockopt(descriptor, row.level, row.name, &value, &size), 0);
    EXPECT_EQ(value, row.value) << row.name;
  }
}

TEST(PrepareConnection, SetsWhatTheOperatorAskedFor) {
  Pair pair;
  prepare_connection(pair.near->descriptor(), kOptions);
  expect_options(pair.near->descriptor());
}

// Of what is accepted only its peer is asked for: a kernel that hands options down otherwise must be found.
TEST(ListenOn, HandsItsOptionsDown) {
  for (const std::string host : {"127.0.0.1", "::1", "::"}) {
    SCOPED_TRACE(host);
    const FileDescriptor listener = listen_on(resolve(host, 0).front(), kOptions);
    const std::uint16_t port = local_address(listener.get()).port();
    const std::string target = host == "::" ? "127.0.0.1" : host;
    const Connecting connecting = connect_to(resolve(target, port).front());
    ASSERT_EQ(connecting.error, 0);
    wait_for(listener.get(), POLLIN);
    const Accepted accepted = accept_one(listener.get());
    ASSERT_EQ(accepted.error, 0);
    expect_options(accepted.descriptor.get());
  }
}

}  // namespace
}  // namespace wskeep::net
