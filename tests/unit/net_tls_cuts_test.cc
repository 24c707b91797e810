// TLS over a wire that is cut anywhere, and what isn't TLS at all.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <vector>

#include "tests/unit/tls_fixture.h"

namespace wskeep::net {
namespace {

// Two sockets with a cable between them that passes as many bytes at a time as a test says.
class Cable {
 public:
  Cable() {
    for (auto& ends : ends_) {
      std::array<int, 2> pair{};
      EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()), 0);
      ends = {FileDescriptor(pair[0]), FileDescriptor(pair[1])};
    }
  }

  FileDescriptor take_near() { return std::move(ends_[0][0]); }
  FileDescriptor take_far() { return std::move(ends_[1][0]); }

  // Moves up to so many bytes; how many there were.
  std::size_t to_far(std::size_t most) { return move(ends_[0][1], ends_[1][1], most); }
  std::size_t to_near(std::size_t most) { return move(ends_[1][1], ends_[0][1], most); }
  void end_to_far() { (void)shutdown(ends_[1][1].get(), SHUT_WR); }

 private:
  static std::size_t move(const FileDescriptor& from, const FileDescriptor& to, std::size_t most) {
    Bytes bytes(most);
    const ssize_t count = recv(from.get(), bytes.data(), most, 0);
    if (count <= 0) return 0;
    EXPECT_EQ(send(to.get(), bytes.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL), count);
    return static_cast<std::size_t>(count);
  }

  std::array<std::array<FileDescriptor, 2>, 2> ends_;
};

TEST_F(Tls, ShakesHandsByteByByte) {
  Cable cable;
  TlsTransport near(cable.take_near(), client);
  TlsTransport far(cable.take_far(), server);
  Handshake near_state = near.handshake();
  Handshake far_state = Handshake::kUnderWay;
  for (int steps = 0; steps < 100'000; ++steps) {
    if (cable.to_far(1) != 0 && far_state == Handshake::kUnderWay) far_state = far.handshake();
    if (cable.to_near(1) != 0 && near_state == Handshake::kUnderWay) near_state = near.handshake();
    if (near_state == Handshake::kDone && far_state == Handshake::kDone) break;
  }
  EXPECT_EQ(near_state, Handshake::kDone);
  EXPECT_EQ(far_state, Handshake::kDone);
}

// Two records and the end, cut at every byte: each part shows what is whole in it, and nothing is lost.
TEST_F(Tls, ReadsWhatIsWholeAtEveryCut) {
  const Bytes first = counting(20);
  const Bytes second = counting(40);
  constexpr std::size_t kAround = 22;
  const std::size_t first_end = first.size() + kAround;
  const std::size_t second_end = first_end + second.size() + kAround;
  const std::size_t end = second_end + 2 + kAround;  // an alert has two bytes
  for (std::size_t cut = 0; cut <= end; ++cut) {
    Cable cable;
    TlsTransport near(cable.take_near(), client);
    TlsTransport far(cable.take_far(), server);
    for (int i = 0; i < 4; ++i) {
      (void)near.handshake();
      (void)cable.to_far(65'536);
      (void)far.handshake();
      (void)cable.to_near(65'536);
    }
    ASSERT_EQ(far.handshake(), Handshake::kDone);
    EXPECT_EQ(write(near, first).bytes, first.size());
    EXPECT_EQ(write(near, second).bytes, second.size());
    EXPECT_TRUE(near.shutdown_write());
    EXPECT_EQ(cut == 0 ? 0 : cable.to_far(cut), cut);
    Got got = read_all(far);
    const std::size_t whole = cut >= second_end ? 60 : cut >= first_end ? 20 : 0;
    EXPECT_EQ(got.bytes.size(), whole) << cut;
    EXPECT_EQ(cable.to_far(65'536), end - cut);
    const Got rest = read_all(far);
    got.bytes.insert(got.bytes.end(), rest.bytes.begin(), rest.bytes.end());
    Bytes both = first;
    both.insert(both.end(), second.begin(), second.end());
    EXPECT_EQ(got.bytes, both) << cut;
    EXPECT_EQ(read_all(far).status, Status::kEnd) << cut;
  }
}

TEST_F(Tls, TellsWhatIsNoTlsFromWhatIsBadTls) {
  struct Case {
    std::string sent;
    Handshake state;
  };
  const std::vector<Case> table = {
      {"G", Handshake::kNotTls},
      {"GET / HTTP/1.1\r\n\r\n", Handshake::kNotTls},
      {"OPTIONS * HTTP/1.1\r\n\r\n", Handshake::kNotTls},
      {std::string("\x80\x2e\x01\x00\x02", 5), Handshake::kNotTls},
      {std::string(1, '\0'), Handshake::kNotTls},
      {"\x16", Handshake::kUnderWay},
      {"\x16GET / HTTP/1.1\r\n\r\n", Handshake::kFailed},
      {std::string("\x16\x03\x01\x00\x05hello", 10), Handshake::kFailed},
  };
  for (const Case& row : table) {
    Cable cable;
    const FileDescriptor near = cable.take_near();
    TlsTransport far(cable.take_far(), server);
    ASSERT_EQ(send(near.get(), row.sent.data(), row.sent.size(), 0), static_cast<ssize_t>(row.sent.size()));
    (void)cable.to_far(65'536);
    EXPECT_EQ(far.handshake(), row.state) << row.sent;
    if (row.state == Handshake::kFailed) {
      EXPECT_NE(far.failure(), "");
    }
    if (row.state != Handshake::kNotTls) continue;
    EXPECT_EQ(cable.to_near(65'536), 0U);  // no alert: who speaks no TLS would take it for an answer
    EXPECT_GE(far.release().get(), 0);
  }
}

TEST_F(Tls, SaysThatThePeerLeft) {
  Cable cable;
  TlsTransport far(cable.take_far(), server);
  cable.end_to_far();
  EXPECT_EQ(far.handshake(), Handshake::kFailed);
  EXPECT_EQ(far.failure(), "the peer left");
}

}  // namespace
}  // namespace wskeep::net
