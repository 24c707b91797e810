// Bytes that go from one real socket to another through the kernel's pipe.
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

#include "proxy/net/kernel_pipe.h"
#include "tests/unit/frames.h"
#include "tests/unit/socket_pair.h"

namespace wskeep::net {
namespace {

using Status = IoResult::Status;
using test::Bytes;

// near says something, and far's bytes go to where next.near's peer reads.
class KernelPipeTest : public testing::Test {
 protected:
  explicit KernelPipeTest(const SocketAddress& from_address = loopback(),
                          const SocketAddress& to_address = loopback())
      : from(from_address), to(to_address) {
    (void)std::signal(SIGPIPE, SIG_IGN);
  }
  static SocketAddress loopback() { return resolve("127.0.0.1", 0).front(); }
  static SocketAddress unix_socket(const std::string& name) {
    return SocketAddress::unix_socket("@wskeep-" + std::to_string(getpid()) + name);
  }

  // Arrives whole before it is moved, so that one call can take it.
  void says(const Bytes& bytes) {
    const iovec piece{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
    ASSERT_EQ(from.near->write({&piece, 1}).bytes, bytes.size());
    for (int here = 0; here < static_cast<int>(bytes.size());) {
      wait_for(from.far->descriptor(), POLLIN);
      ASSERT_EQ(ioctl(from.far->descriptor(), FIONREAD, &here), 0);
    }
  }
  Conduit::Moved move(std::size_t most) {
    return pipe.move(*from.far, *to.near, std::span(memory).first(most));
  }
  // What has come out at the other end, `size` bytes of it.
  Bytes heard(std::size_t size) {
    Bytes all;
    Bytes some(65'536);
    while (all.size() < size) {
      wait_for(to.far->descriptor(), POLLIN);
      const IoResult result = to.far->read(std::span(some).first(std::min(some.size(), size - all.size())));
      EXPECT_EQ(result.status, Status::kOk);
      if (result.status != Status::kOk) break;
      all.insert(all.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(result.bytes));
    }
    return all;
  }

  Pair from;
  Pair to;
  KernelPipe pipe;
  Bytes memory = Bytes(1 << 20);
};

struct Kinds {
  bool from_unix;
  bool to_unix;
};

// The same between any two kinds of sockets.
class KernelPipeKindsTest : public KernelPipeTest, public testing::WithParamInterface<Kinds> {
 protected:
  KernelPipeKindsTest()
      : KernelPipeTest(GetParam().from_unix ? unix_socket("from") : loopback(),
                       GetParam().to_unix ? unix_socket("to") : loopback()) {}
};

INSTANTIATE_TEST_SUITE_P(All, KernelPipeKindsTest,
                         testing::Values(Kinds{false, false}, Kinds{false, true}, Kinds{true, false},
                                         Kinds{true, true}),
                         [](const auto& kinds) {
                           return std::string(kinds.param.from_unix ? "unix" : "tcp") +
                                  (kinds.param.to_unix ? "_to_unix" : "_to_tcp");
                         });

TEST_P(KernelPipeKindsTest, MovesAsMuchAsItMay) {
  ASSERT_TRUE(pipe.joins(*from.far, *to.near));
  const Bytes words = test::filler(5000);
  says(words);
  const Conduit::Moved moved = move(3000);
  EXPECT_EQ(moved.source.status, Status::kOk);
  EXPECT_EQ(moved.source.bytes, 3000U);
  EXPECT_FALSE(moved.source.drained);
  EXPECT_EQ(moved.refused, 0U);
  EXPECT_EQ(moved.sink_error, 0);
  EXPECT_EQ(move(memory.size()).source.bytes, 2000U);
  EXPECT_EQ(move(memory.size()).source.status, Status::kBlocked);
  EXPECT_EQ(heard(5000), words);
}

TEST_P(KernelPipeKindsTest, HandsBackWhatTheSinkRefusesAndPromisesAnEvent) {
  const int small = 4096;  // the kernel doubles it, and keeps more than that
  ASSERT_EQ(setsockopt(to.near->descriptor(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
  ASSERT_EQ(setsockopt(to.far->descriptor(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
  Bytes said;
  Bytes refused;
  while (refused.empty()) {
    ASSERT_LT(said.size(), 100'000'000U) << "a socket that never fills";
    const Bytes words = test::filler(50'000, static_cast<std::uint8_t>(said.size()));
    says(words);
    said = test::join(said, words);
    for (std::size_t left = words.size(); left != 0;) {
      const Conduit::Moved moved = move(left);
      ASSERT_EQ(moved.source.status, Status::kOk);
      ASSERT_LE(moved.refused, moved.source.bytes);
      ASSERT_EQ(moved.sink_error, 0);
      left -= moved.source.bytes;
      refused.insert(refused.end(), memory.begin(),
                     memory.begin() + static_cast<std::ptrdiff_t>(moved.refused));
      if (!refused.empty() && left != 0) {
        said.resize(said.size() - left);
        break;
      }
    }
  }
  pollfd entry{.fd = to.near->descriptor(), .events = POLLOUT, .revents = 0};
  EXPECT_EQ(poll(&entry, 1, 0), 0) << "refused, and yet there is room";
  EXPECT_EQ(test::join(heard(said.size() - refused.size()), refused), said);
  wait_for(to.near->descriptor(), POLLOUT);
}

TEST_F(KernelPipeTest, KeepsNothingOfOneConnectionForTheNext) {
  to.far.reset();
  const iovec word{memory.data(), 1};
  ASSERT_EQ(to.near->write({&word, 1}).bytes, 1U);  // to nobody, who answers with a reset
  wait_for(to.near->descriptor(), POLLERR | POLLHUP);
  says(test::filler(100'000));
  const Conduit::Moved moved = move(50'000);
  EXPECT_EQ(moved.source.bytes, moved.refused);
  EXPECT_TRUE(moved.sink_error == EPIPE || moved.sink_error == ECONNRESET) << moved.sink_error;
  EXPECT_GT(moved.refused, 0U);

  Pair other;
  Pair sink;
  Bytes words = test::bytes_of("mine alone");
  const iovec piece{words.data(), words.size()};
  ASSERT_EQ(other.near->write({&piece, 1}).bytes, words.size());
  wait_for(other.far->descriptor(), POLLIN);
  ASSERT_EQ(pipe.move(*other.far, *sink.near, memory).source.bytes, words.size());
  wait_for(sink.far->descriptor(), POLLIN);
  Bytes got(100);
  got.resize(sink.far->read(got).bytes);
  EXPECT_EQ(got, words);
}

TEST_P(KernelPipeKindsTest, TellsOfTheSourcesEnd) {
  says(test::bytes_of("bye"));
  EXPECT_TRUE(from.near->shutdown_write());
  EXPECT_EQ(move(100).source.bytes, 3U);
  wait_for(from.far->descriptor(), POLLRDHUP);
  EXPECT_EQ(move(100).source.status, Status::kEnd);
}

TEST_F(KernelPipeTest, TellsOfTheSourcesReset) {
  const iovec word{memory.data(), 1};
  ASSERT_EQ(from.far->write({&word, 1}).bytes, 1U);
  wait_for(from.near->descriptor(), POLLIN);
  from.near.reset();  // with a byte unread: the kernel resets the connection
  wait_for(from.far->descriptor(), POLLIN);
  const Conduit::Moved moved = move(100);
  EXPECT_EQ(moved.source.status, Status::kFailed);
  EXPECT_EQ(moved.source.error, ECONNRESET);
}

TEST_F(KernelPipeTest, JoinsNothingWithoutDescriptors) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const KernelPipe without;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_FALSE(without.joins(*from.far, *to.near));
}

}  // namespace
}  // namespace wskeep::net
