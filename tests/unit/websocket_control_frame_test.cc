#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/websocket/control_frame.h"
#include "tests/unit/frames.h"

namespace wskeep::websocket {
namespace {

using test::Bytes;
using test::bytes_of;

Bytes bytes(const ControlFrame& frame) {
  return {frame.bytes().begin(), frame.bytes().end()};
}

Bytes payload_of(const FrameHeader& header, const Bytes& frame) {
  const ControlPayload payload(header, frame);
  return {payload.bytes().begin(), payload.bytes().end()};
}

TEST(ControlFrame, IsTheExampleOfSection57) {
  const Bytes hello = bytes_of("Hello");
  EXPECT_EQ(bytes(ControlFrame(Opcode::kPing, hello, std::nullopt)),
            (Bytes{0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f}));
  EXPECT_EQ(bytes(ControlFrame(Opcode::kPong, hello, MaskKey{0x37, 0xfa, 0x21, 0x3d})),
            (Bytes{0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}));
}

TEST(ControlFrame, HoldsEveryPayloadSize) {
  for (std::size_t size = 0; size <= kMaxControlPayload; ++size) {
    const Bytes payload = test::filler(size);
    EXPECT_EQ(bytes(ControlFrame(Opcode::kPing, payload, std::nullopt)),
              test::server_frame(Opcode::kPing, payload));
    EXPECT_EQ(bytes(ControlFrame(Opcode::kPong, payload, test::kKey)),
              test::client_frame(Opcode::kPong, payload));
  }
}

TEST(ControlFrame, CloseCarriesCodeAndReason) {
  EXPECT_EQ(bytes(ControlFrame::close(1001, "", std::nullopt)), (Bytes{0x88, 0x02, 0x03, 0xe9}));
  EXPECT_EQ(bytes(ControlFrame::close(1011, "backend lost", std::nullopt)),
            test::server_frame(Opcode::kClose, test::close_payload(1011, "backend lost")));
  EXPECT_EQ(bytes(ControlFrame::close(4999, "bye", test::kKey)),
            test::client_frame(Opcode::kClose, test::close_payload(4999, "bye")));
  EXPECT_EQ(ControlFrame::close(1000, std::string(123, 'x'), test::kKey).bytes().size(), kMaxControlFrame);
}

TEST(ControlPayload, IsWhatThePeerMeant) {
  for (const std::size_t size : {0U, 1U, 4U, 5U, 125U}) {
    const Bytes payload = test::filler(size);
    FrameHeader header{.opcode = Opcode::kPing, .fin = true, .size = 2, .payload_size = size};
    EXPECT_EQ(payload_of(header, test::server_frame(Opcode::kPing, payload)), payload);
    header.masked = true;
    header.size = 6;
    header.mask_key = test::kKey;
    EXPECT_EQ(payload_of(header, test::client_frame(Opcode::kPing, payload)), payload);
  }
  EXPECT_TRUE(ControlPayload().bytes().empty());
}

TEST(CloseCode, IsReadFromTheFirstTwoBytes) {
  EXPECT_EQ(close_code({}), kNoCode);
  EXPECT_EQ(close_code(Bytes{0x03}), std::nullopt);
  EXPECT_EQ(close_code(Bytes{0x03, 0xe8}), 1000);
  EXPECT_EQ(close_code(Bytes{0x03, 0xee, 'x'}), 1006) << "what must not be sent is returned as it came";
  EXPECT_EQ(close_code(Bytes{0xff, 0xff}), 65535);
}

TEST(CloseCode, MayBeSentOnlyWhenAssignedOrFree) {
  const auto expected = [](int code) {
    switch (code) {
      case 1004:
      case 1005:
      case 1006: return false;
    }
    return (code >= 1000 && code < 1015) || (code >= 3000 && code < 5000);
  };
  for (int code = 0; code <= 65535; ++code) {
    EXPECT_EQ(may_be_sent(static_cast<CloseCode>(code)), expected(code)) << code;
  }
}

}  // namespace
}  // namespace wskeep::websocket
