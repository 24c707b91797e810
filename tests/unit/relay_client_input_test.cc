#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/relay/client_input.h"
#include "tests/unit/socket_pair.h"

namespace wskeep::relay {
namespace {

using Status = net::IoResult::Status;

std::string text(ClientInput::Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

struct Reading {
  net::Pair pair;
  net::Stream near{std::move(*pair.near)};
  ClientInput input{near};
  std::array<std::uint8_t, 8> buffer{};

  void send(std::string_view said) {
    const iovec piece{const_cast<char*>(said.data()), said.size()};
    ASSERT_EQ(pair.far->write({&piece, 1}).bytes, said.size());
    net::wait_for(near.descriptor(), POLLIN);
  }
  ClientInput::Read read() { return input.read(buffer); }
};

TEST(ClientInput, ShowsWhatWasKeptBeforeItReads) {
  Reading client;
  client.send("abcdef");
  ClientInput::Read read = client.read();
  ASSERT_EQ(read.status, Status::kOk);
  EXPECT_EQ(text(read.bytes), "abcdef");
  client.input.keep(read.bytes.subspan(2));
  EXPECT_EQ(text(client.input.kept()), "cdef");
  client.send("gh");

  read = client.read();
  EXPECT_EQ(text(read.bytes), "cdef");
  client.input.keep(read.bytes.subspan(3));  // of what was kept itself
  EXPECT_EQ(text(client.input.kept()), "f");
  EXPECT_EQ(text(client.read().bytes), "f");
  client.input.keep({});
  EXPECT_TRUE(client.input.kept().empty());
  EXPECT_EQ(text(client.read().bytes), "gh");
  EXPECT_EQ(client.read().status, Status::kBlocked);
}

TEST(ClientInput, KeepsNothingThatWasUsed) {
  Reading client;
  client.send("abcd");
  client.input.keep(client.read().bytes.subspan(4));
  EXPECT_TRUE(client.input.kept().empty());
  client.send("efghijklmn");
  EXPECT_EQ(text(client.read().bytes), "efghijkl");
  EXPECT_EQ(text(client.read().bytes), "mn");
}

TEST(ClientInput, KnowsThatTheEndIsStillToBeRead) {
  Reading client;
  client.send("abc");
  client.input.note_end();
  EXPECT_EQ(text(client.read().bytes), "abc");
  EXPECT_FALSE(client.input.drained());
}

TEST(ClientInput, TellsWhetherAllWasRead) {
  Reading client;
  EXPECT_FALSE(client.input.drained());
  client.send("abcdefgh");
  (void)client.read();
  EXPECT_FALSE(client.input.drained()) << "the buffer was full";
  client.send("i");
  (void)client.read();
  EXPECT_TRUE(client.input.drained());
  client.input.note_news();
  EXPECT_FALSE(client.input.drained());
  ASSERT_TRUE(client.pair.far->shutdown_write());
  net::wait_for(client.near.descriptor(), POLLIN);
  EXPECT_EQ(client.read().status, Status::kEnd);
  EXPECT_FALSE(client.input.drained());
}

}  // namespace
}  // namespace wskeep::relay
