#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/http/protocol_name.h"

namespace wskeep::http {
namespace {

TEST(ProtocolName, KeepsTokensInSmallLetters) {
  ProtocolName name;
  EXPECT_EQ(ProtocolName::read("SPDY", name), std::nullopt);
  EXPECT_EQ(name.text(), "spdy");
  EXPECT_EQ(ProtocolName::read("x-my.proto+1", name), std::nullopt);
  EXPECT_EQ(name.text(), "x-my.proto+1");
}

TEST(ProtocolName, RefusesWhatIsNoneOrHasItsOwnWay) {
  ProtocolName name;
  for (const char* const bad : {"", "a b", "spdy/3.1", "a,b", "\xC3\xA4"}) {
    EXPECT_THAT(ProtocolName::read(bad, name).value_or(""), testing::HasSubstr("is not the name")) << bad;
  }
  EXPECT_THAT(ProtocolName::read("WebSocket", name).value_or(""), testing::HasSubstr("never tunnelled"));
  EXPECT_THAT(ProtocolName::read("h2c", name).value_or(""), testing::HasSubstr("can't be tunnelled"));
  EXPECT_EQ(name.text(), "");
}

}  // namespace
}  // namespace wskeep::http
