// The byte stream over TLS: what a leg relies on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "proxy/net/stream.h"
#include "tests/unit/tls_fixture.h"

namespace wskeep::net {
namespace {

// Until the one may be written or the other be read.
void wait_for_either(int writer, int reader) {
  std::array<pollfd, 2> entries = {pollfd{.fd = writer, .events = POLLOUT, .revents = 0},
                                   pollfd{.fd = reader, .events = POLLIN, .revents = 0}};
  ASSERT_GE(poll(entries.data(), entries.size(), 10'000), 1);
}

int waiting_in(int descriptor) {
  int bytes = 0;
  EXPECT_EQ(ioctl(descriptor, FIONREAD, &bytes), 0);
  return bytes;
}

TEST_F(Tls, CarriesBytesBothWaysAndSaysWhenAllIsRead) {
  const auto pair = open();
  const Bytes message = counting(1'000);
  EXPECT_EQ(write(pair->near, message).bytes, message.size());
  wait_for(pair->far.descriptor(), POLLIN);
  Bytes buffer(65'536);
  const IoResult first = pair->far.read(buffer);
  EXPECT_EQ(first.bytes, message.size());
  EXPECT_TRUE(first.drained);
  EXPECT_EQ(pair->far.read(buffer).status, Status::kBlocked);
  EXPECT_EQ(write(pair->far, message).bytes, message.size());
  wait_for(pair->near.descriptor(), POLLIN);
  EXPECT_EQ(read_all(pair->near).bytes, message);
}

TEST_F(Tls, APartOfARecordLeavesTheRestForTheNextRead) {
  const auto pair = open();
  const Bytes message = counting(1'000);
  ASSERT_EQ(write(pair->near, message).bytes, message.size());
  wait_for(pair->far.descriptor(), POLLIN);
  Bytes buffer(600);
  const IoResult first = pair->far.read(buffer);
  EXPECT_EQ(first.bytes, 600U);
  EXPECT_FALSE(first.drained);
  const IoResult second = pair->far.read(buffer);
  EXPECT_EQ(second.bytes, 400U);
  EXPECT_TRUE(second.drained);
}

TEST_F(Tls, PiecesOfOneMessageAreOneRecord) {
  const auto pair = open();
  const Bytes message = counting(SSL3_RT_MAX_PLAIN_LENGTH);
  for (const std::size_t size : {std::size_t{30}, message.size()}) {
    auto* const bytes = const_cast<std::uint8_t*>(message.data());
    const std::array<iovec, 5> pieces = {
        iovec{bytes, 0}, {bytes, 1}, {bytes + 1, 9}, {bytes + 10, 0}, {bytes + 10, size - 10}};
    EXPECT_EQ(pair->near.write(pieces).bytes, size);
    wait_for(pair->far.descriptor(), POLLIN);
    constexpr std::size_t kAround = 22;  // header, type and tag (RFC 8446 section 5.2)
    EXPECT_EQ(waiting_in(pair->far.descriptor()), static_cast<int>(size + kAround));
    const Got got = read_all(pair->far);
    EXPECT_TRUE(std::equal(got.bytes.begin(), got.bytes.end(), message.begin(),
                           message.begin() + static_cast<std::ptrdiff_t>(size)));
  }
}

// As an Outlet does: what is refused is kept and offered again in one piece, with what has come behind it.
TEST_F(Tls, GoesOnAfterPartialWrites) {
  const auto pair = open();
  const int small = 4'096;
  ASSERT_EQ(setsockopt(pair->near.descriptor(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
  const Bytes all = counting(3'000'000);
  Bytes queue;
  Bytes got;
  std::size_t made = 0;
  int refusals = 0;
  while (got.size() < all.size()) {
    while (made < all.size() && queue.size() < 100'000) {
      const std::size_t size = std::min<std::size_t>(all.size() - made, 10'007);
      queue.insert(queue.end(), all.begin() + static_cast<std::ptrdiff_t>(made),
                   all.begin() + static_cast<std::ptrdiff_t>(made + size));
      made += size;
    }
    while (!queue.empty()) {
      const IoResult result = write(pair->near, queue);
      if (result.status == Status::kBlocked) ++refusals;
      if (result.status != Status::kOk) break;
      queue.erase(queue.begin(), queue.begin() + static_cast<std::ptrdiff_t>(result.bytes));
    }
    wait_for_either(pair->near.descriptor(), pair->far.descriptor());
    const Got part = read_all(pair->far, 7'001);
    ASSERT_NE(part.status, Status::kFailed);
    got.insert(got.end(), part.bytes.begin(), part.bytes.end());
  }
  EXPECT_EQ(got, all);
  EXPECT_GT(refusals, 0);
}

TEST_F(Tls, WhatComesTogetherWithTheEndIsNotLost) {
  for (int i = 0; i < 50; ++i) {
    const auto pair = open();
    const Bytes message = counting(static_cast<std::size_t>(i) * 700 + 1);
    ASSERT_EQ(write(pair->near, message).bytes, message.size());
    ASSERT_TRUE(pair->near.shutdown_write());
    wait_for(pair->far.descriptor(), POLLRDHUP);
    Got got = read_all(pair->far);
    if (got.status == Status::kOk) got.status = read_all(pair->far).status;
    EXPECT_EQ(got.bytes, message);
    EXPECT_EQ(got.status, Status::kEnd);
    EXPECT_EQ(read_all(pair->far).status, Status::kEnd);
    // The other direction is as open as TCP's.
    ASSERT_EQ(write(pair->far, message).bytes, message.size());
    wait_for(pair->near.descriptor(), POLLIN);
    EXPECT_EQ(read_all(pair->near).bytes, message);
  }
}

TEST_F(Tls, AnEndWithoutCloseNotifyIsAnEnd) {
  const auto pair = open();
  const Bytes message = counting(100);
  ASSERT_EQ(write(pair->near, message).bytes, message.size());
  ASSERT_EQ(shutdown(pair->near.descriptor(), SHUT_WR), 0);
  wait_for(pair->far.descriptor(), POLLRDHUP);
  EXPECT_EQ(read_all(pair->far).bytes, message);
  EXPECT_EQ(read_all(pair->far).status, Status::kEnd);
  ASSERT_EQ(write(pair->far, message).bytes, message.size());
  wait_for(pair->near.descriptor(), POLLIN);
  EXPECT_EQ(read_all(pair->near).bytes, message);
}

TEST_F(Tls, TheEndWaitsForRoom) {
  const auto pair = open();
  const Bytes message = counting(SSL3_RT_MAX_PLAIN_LENGTH);
  std::size_t sent = 0;
  IoResult result{};
  while ((result = write(pair->near, message)).status == Status::kOk) sent += result.bytes;
  ASSERT_EQ(result.status, Status::kBlocked);
  Bytes got;
  bool written = false;
  bool shut = false;
  Got part;
  while (part.status != Status::kEnd) {
    // The refused record takes the first room there is, and may leave none for the end.
    if (!written) written = write(pair->near, message).status == Status::kOk;
    if (written && !shut) shut = pair->near.shutdown_write();
    wait_for_either(pair->near.descriptor(), pair->far.descriptor());
    part = read_all(pair->far);
    ASSERT_NE(part.status, Status::kFailed);
    got.insert(got.end(), part.bytes.begin(), part.bytes.end());
  }
  EXPECT_TRUE(shut);
  EXPECT_EQ(got.size(), sent + message.size());
}

TEST_F(Tls, ABrokenConnectionShowsBehindWhatCameBefore) {
  const auto pair = open();
  const Bytes message = counting(100);
  ASSERT_EQ(write(pair->near, message).bytes, message.size());
  wait_for(pair->far.descriptor(), POLLIN);
  EXPECT_EQ(read_all(pair->far).bytes, message);
  linger hard{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(setsockopt(pair->near.descriptor(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
  (void)pair->near.release();
  wait_for(pair->far.descriptor(), POLLHUP);
  const Got got = read_all(pair->far);
  EXPECT_EQ(got.status, Status::kFailed);
  EXPECT_EQ(got.error, ECONNRESET);
  // SIGPIPE would end this program.
  const IoResult refused = write(pair->far, message);
  EXPECT_EQ(refused.status, Status::kFailed);
  EXPECT_EQ(refused.error, EPIPE);
}

TEST_F(Tls, WhatIsNoTlsBreaksTheConnection) {
  const auto pair = open();
  const Bytes message = counting(100);
  ASSERT_EQ(write(pair->near, message).bytes, message.size());
  ASSERT_EQ(send(pair->near.descriptor(), "\x17\x03\x03\x00\x20garbage that nobody has encrypted", 37, 0),
            37);
  const auto all_is_there = [&] { return waiting_in(pair->far.descriptor()) == 100 + 22 + 37; };
  while (!all_is_there()) wait_for(pair->far.descriptor(), POLLIN);
  Got got = read_all(pair->far);
  EXPECT_EQ(got.bytes, message);
  EXPECT_EQ(got.status, Status::kFailed);
  EXPECT_EQ(got.error, EPROTO);
}

TEST_F(Tls, TakesNewKeys) {
  const auto pair = open();
  // Past the transport: nothing of ours ever asks for new keys.
  SSL* const session = SSL_new(client.context());
  Pair sockets;
  SSL_set_fd(session, sockets.near->descriptor());
  SSL_set_connect_state(session);
  TlsTransport far(FileDescriptor(dup(sockets.far->descriptor())), server);
  for (bool done = false; !done;) {
    const bool near_done = SSL_do_handshake(session) == 1;
    done = far.handshake() == Handshake::kDone && near_done;
  }
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(SSL_key_update(session, SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_EQ(SSL_write(session, "ping", 4), 4);
    Got got;
    while (got.bytes.empty()) {  // the keys may come alone
      wait_for(far.descriptor(), POLLIN);
      got = read_all(far);
      ASSERT_NE(got.status, Status::kFailed);
    }
    EXPECT_EQ(got.bytes, (Bytes{'p', 'i', 'n', 'g'}));
    ASSERT_EQ(write(far, got.bytes).bytes, 4U);
    wait_for(sockets.near->descriptor(), POLLIN);
    std::array<char, 8> back{};
    int count = 0;
    while ((count = SSL_read(session, back.data(), back.size())) <= 0) {
    }
    EXPECT_EQ(std::string_view(back.data(), 4), "ping");
  }
  SSL_free(session);
}

TEST_F(Tls, AStreamIsEitherKindAndMoves) {
  const auto pair = open();
  const int descriptor = pair->far.descriptor();
  Stream first(std::move(pair->far));
  Stream second;
  EXPECT_EQ(second.descriptor(), -1);
  second = std::move(first);
  EXPECT_EQ(first.descriptor(), -1);  // NOLINT(bugprone-use-after-move): it says so
  ASSERT_NE(second.tls(), nullptr);
  EXPECT_EQ(second.descriptor(), descriptor);
  EXPECT_EQ(second.transport().plain_socket(), -1);  // nothing may move its bytes past TLS
  ASSERT_EQ(write(pair->near, counting(10)).bytes, 10U);
  wait_for(descriptor, POLLIN);
  EXPECT_EQ(read_all(second.transport()).bytes, counting(10));
  Pair sockets;
  Stream plain(std::move(*sockets.near));
  second = Stream(std::move(plain));
  EXPECT_EQ(second.tls(), nullptr);
  EXPECT_EQ(second.descriptor(), second.transport().plain_socket());
  EXPECT_EQ(sizeof(Stream), sizeof(SocketTransport));
}

}  // namespace
}  // namespace wskeep::net
