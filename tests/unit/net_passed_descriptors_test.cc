#include <gmock/gmock.h>

#include <stdexcept>

#include "proxy/net/passed_descriptors.h"

namespace wskeep::net {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr pid_t kSelf = 42;

std::string fault_of(const PassedVariables& variables) {
  try {
    (void)passed_names(variables, kSelf);
    return "";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

TEST(PassedNames, AreOneForEachDescriptor) {
  EXPECT_THAT(passed_names({"42", "2", "web:admin"}, kSelf), ElementsAre("web", "admin"));
  EXPECT_THAT(passed_names({"42", "3", "web:web:other"}, kSelf), ElementsAre("web", "web", "other"));
}

TEST(PassedNames, AreEmptyWhereThereIsNone) {
  EXPECT_THAT(passed_names({"42", "2", {}}, kSelf), ElementsAre("", ""));
  EXPECT_THAT(passed_names({"42", "1", ""}, kSelf), ElementsAre(""));
  EXPECT_THAT(passed_names({"42", "3", "unknown:web:"}, kSelf), ElementsAre("", "web", ""));
}

TEST(PassedNames, AreNoneWhenNothingIsPassedToUs) {
  EXPECT_THAT(passed_names({}, kSelf), IsEmpty());
  EXPECT_THAT(passed_names({"42", {}, {}}, kSelf), IsEmpty());
  EXPECT_THAT(passed_names({{}, "1", "web"}, kSelf), IsEmpty());
  EXPECT_THAT(passed_names({"41", "1", "web"}, kSelf), IsEmpty());
  EXPECT_THAT(passed_names({"41", "rubbish", "web"}, kSelf), IsEmpty());
  EXPECT_THAT(passed_names({"42", "0", ""}, kSelf), IsEmpty());
}

TEST(PassedNames, MustNotContradictThemselves) {
  EXPECT_EQ(fault_of({"42", "2", "web"}), "LISTEN_FDNAMES has 1 names, but LISTEN_FDS says 2");
  EXPECT_EQ(fault_of({"42", "1", "web:"}), "LISTEN_FDNAMES has 2 names, but LISTEN_FDS says 1");
  for (const char* const count : {"", "-1", "1x", " 1", "1025", "99999999999999999999"}) {
    EXPECT_EQ(fault_of({"42", count, {}}), "LISTEN_FDS is no number of descriptors: " + std::string(count));
  }
  for (const char* const pid : {"", "0", "-42", "42 ", "self"}) {
    EXPECT_EQ(fault_of({pid, "1", {}}), "LISTEN_PID is no process: " + std::string(pid));
  }
}

}  // namespace
}  // namespace wskeep::net
