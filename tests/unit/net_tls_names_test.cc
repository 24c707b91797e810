#include <gtest/gtest.h>

#include "proxy/net/tls_names.h"

namespace wskeep::net {
namespace {

TEST(TlsNames, FindsAnExactNameInAnyCaseAndWithARootsDot) {
  TlsNames names;
  names.add("Chat.Example.com", 3);
  for (const char* const host : {"chat.example.com", "CHAT.example.COM", "chat.example.com."}) {
    EXPECT_EQ(names.find(host), 3U) << host;
  }
  for (const char* const host : {"example.com", "a.chat.example.com", "chat.example.org", "chat", "", "."}) {
    EXPECT_EQ(names.find(host), std::nullopt) << host;
  }
}

TEST(TlsNames, AWildcardIsForOneWholeLabel) {
  TlsNames names;
  names.add("*.example.com", 1);
  EXPECT_EQ(names.find("a.example.com"), 1U);
  for (const char* const host : {"example.com", "a.b.example.com", ".example.com", "*.example.com"}) {
    EXPECT_EQ(names.find(host), std::nullopt) << host;
  }
}

TEST(TlsNames, AnExactNameBeatsAWildcardAndTheFirstOfTwoAlikeStays) {
  TlsNames names;
  names.add("*.example.com", 1);
  names.add("chat.example.com", 2);
  names.add("chat.example.com", 3);
  names.add("*.example.com", 4);
  EXPECT_EQ(names.find("chat.example.com"), 2U);
  EXPECT_EQ(names.find("other.example.com"), 1U);
}

}  // namespace
}  // namespace wskeep::net
