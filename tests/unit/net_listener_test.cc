#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "proxy/net/listener.h"
#include "tests/unit/socket_pair.h"

namespace wskeep::net {
namespace {

namespace fs = std::filesystem;

// A directory of its own for the files of unix sockets.
class UnixListenerTest : public testing::Test {
 protected:
  UnixListenerTest() {
    std::string name = fs::temp_directory_path() / "wskeep-XXXXXX";
    directory_ = mkdtemp(name.data());
    path = directory_ / "socket";
    address = SocketAddress::unix_socket(path.string());
  }
  ~UnixListenerTest() override { fs::remove_all(directory_); }

  fs::path path;
  SocketAddress address;

 private:
  fs::path directory_;
};

// Why there is no listening on it; 0 if there is.
int error_of(const SocketAddress& address) {
  try {
    (void)listen_on(address);
    return 0;
  } catch (const std::system_error& error) {
    return error.code().value();
  }
}

TEST_F(UnixListenerTest, MovesBytesAndKnowsNoTcp) {
  for (const SocketAddress& each : {address, SocketAddress::unix_socket("@" + path.string())}) {
    SCOPED_TRACE(each.text());
    Pair pair(each);
    std::uint8_t byte = 7;
    const iovec piece{&byte, 1};
    EXPECT_EQ(pair.near->write({&piece, 1}).bytes, 1U);
    EXPECT_TRUE(pair.far->read({&byte, 1}).status == IoResult::Status::kOk);
    EXPECT_FALSE(pair.near->round_trip_time().has_value());
    EXPECT_FALSE(pair.near->send_progress().has_value());
    EXPECT_EQ(local_address(pair.listener.get()).text(), each.text());
  }
}

TEST_F(UnixListenerTest, ReplacesWhatNobodyListensOn) {
  { const FileDescriptor gone = listen_on(address); }
  ASSERT_TRUE(fs::is_socket(path));
  const FileDescriptor listener = listen_on(address);
  EXPECT_EQ(connect_to(address).error, 0);
}

TEST_F(UnixListenerTest, LeavesALivingListenerAlone) {
  const FileDescriptor listener = listen_on(address);
  EXPECT_EQ(error_of(address), EADDRINUSE);
  EXPECT_EQ(connect_to(address).error, 0);
}

TEST_F(UnixListenerTest, LeavesOtherFilesAlone) {
  std::ofstream(path) << "precious";
  EXPECT_EQ(error_of(address), EADDRINUSE);
  EXPECT_EQ(fs::file_size(path), 8U);
  fs::remove(path);
  fs::create_symlink("elsewhere", path);
  EXPECT_EQ(error_of(address), EADDRINUSE);
  EXPECT_TRUE(fs::is_symlink(path));
}

TEST_F(UnixListenerTest, SaysWhyItCanNot) {
  try {
    (void)listen_on(SocketAddress::unix_socket((path / "below").string()));
    FAIL() << "listens";
  } catch (const std::system_error& error) {
    EXPECT_EQ(std::string(error.what()),
              "listen on unix:" + (path / "below").string() + ": No such file or directory");
  }
}

TEST_F(UnixListenerTest, RemovesItsFile) {
  const FileDescriptor listener = listen_on(address);
  {
    SocketFile file(address);
    const SocketFile moved(std::move(file));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(UnixListenerTest, LeavesTheFileOfASuccessor) {
  FileDescriptor listener = listen_on(address);
  {
    const SocketFile file(address);
    fs::rename(path, path.string() + ".old");  // or its inode would be given to the successor
    listener = listen_on(address);
  }
  EXPECT_TRUE(fs::is_socket(path));
}

TEST_F(UnixListenerTest, TellsWhenTheBackendIsNotThere) {
  EXPECT_EQ(connect_to(address).error, ENOENT);
  { const FileDescriptor gone = listen_on(address); }
  EXPECT_EQ(connect_to(address).error, ECONNREFUSED);
}

TEST(ListenOn, TakesIpv4TooUnlessToldNot) {
  for (const Ipv6 ipv6 : {Ipv6::kWithIpv4, Ipv6::kOnly}) {
    const FileDescriptor listener = listen_on(resolve("::", 0).front(), {}, ipv6);
    const std::uint16_t port = local_address(listener.get()).port();
    const Connecting six = connect_to(resolve("::1", port).front());
    wait_for(six.descriptor.get(), POLLOUT);
    EXPECT_EQ(pending_error(six.descriptor.get()), 0);
    const Connecting four = connect_to(resolve("127.0.0.1", port).front());
    int error = four.error;
    if (error == 0) {
      wait_for(four.descriptor.get(), POLLOUT);
      error = pending_error(four.descriptor.get());
    }
    EXPECT_EQ(error, ipv6 == Ipv6::kOnly ? ECONNREFUSED : 0);
  }
}

TEST(ListenOn, SharesAPortBetweenTheFamilies) {
  const FileDescriptor four = listen_on(resolve("0.0.0.0", 0).front());
  const std::uint16_t port = local_address(four.get()).port();
  const FileDescriptor six = listen_on(resolve("::", port).front(), {}, Ipv6::kOnly);
  EXPECT_TRUE(six);
}

TEST(AdoptListener, TakesWhatListens) {
  const FileDescriptor made(socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(listen(made.get(), 1), 0);
  adopt_listener(made.get(), {}, "it");
  EXPECT_EQ(fcntl(made.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  EXPECT_EQ(fcntl(made.get(), F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  EXPECT_EQ(accept_one(made.get()).error, EAGAIN);
}

TEST(AdoptListener, RefusesWhatDoesNot) {
  const auto why = [](int domain, int type) -> std::string {
    const FileDescriptor made(socket(domain, type, 0));
    try {
      adopt_listener(made.get(), {}, "it");
    } catch (const std::system_error& error) {
      return error.what();
    }
    return "none";
  };
  EXPECT_EQ(why(AF_INET, SOCK_STREAM), "it does not listen: Invalid argument");
  EXPECT_EQ(why(AF_INET, SOCK_DGRAM), "it is no TCP or unix stream socket: Invalid argument");
  EXPECT_EQ(why(AF_UNIX, SOCK_SEQPACKET), "it is no TCP or unix stream socket: Invalid argument");
}

}  // namespace
}  // namespace wskeep::net
