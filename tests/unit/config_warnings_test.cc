#include <gmock/gmock.h>

#include "config/warnings.h"

namespace wskeep::config {
namespace {

using keepalive::PingWhen;
using keepalive::Policy;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(ConfigWarnings, the_default_has_none) {
  EXPECT_THAT(warnings(Config{}), IsEmpty());
}

TEST(ConfigWarnings, a_path_must_outlast_one_lost_ping) {
  struct Row {
    int interval, path;  // milliseconds
    PingWhen when;
    std::string bound;  // that the warning asks for; empty for no warning
  };
  const Row rows[] = {
      {29'999, 60'000, PingWhen::kAlways, ""},        {30'000, 60'000, PingWhen::kAlways, "30s"},
      {45'000, 60'000, PingWhen::kAlways, "30s"},     {60'000, 60'000, PingWhen::kAlways, "30s"},
      {86'400'000, 60'000, PingWhen::kAlways, "30s"}, {25'000, 50'000, PingWhen::kAlways, "25s"},
      {25'000, 50'001, PingWhen::kAlways, ""},        {25'001, 50'001, PingWhen::kAlways, "25001ms"},
      {86'400'000, 0, PingWhen::kAlways, ""},         {19'999, 60'000, PingWhen::kQuiet, ""},
      {20'000, 60'000, PingWhen::kQuiet, "20s"},      {25'000, 60'000, PingWhen::kQuiet, "20s"},
      {100, 100, PingWhen::kQuiet, "34ms"},           {86'400'000, 0, PingWhen::kQuiet, ""},
  };
  for (const Row& row : rows) {
    Config config;
    config.keepalive.client.heartbeat.ping_interval = milliseconds{row.interval};
    config.keepalive.client.heartbeat.ping_when = row.when;
    config.keepalive.client.path_idle_timeout = milliseconds{row.path};
    const std::vector<std::string> found = warnings(config);
    SCOPED_TRACE(std::to_string(row.interval) + " " + std::to_string(row.path));
    if (row.bound.empty()) {
      EXPECT_THAT(found, IsEmpty());
    } else {
      EXPECT_THAT(found, ElementsAre(testing::HasSubstr(" need it below " + row.bound)));
    }
  }
}

TEST(ConfigWarnings, say_what_to_do) {
  Config config;
  keepalive::Settings& heartbeat = config.keepalive.client.heartbeat;
  heartbeat.ping_interval = milliseconds{45'000};
  EXPECT_THAT(warnings(config),
              ElementsAre("keepalive.client.ping_interval is 45s, but paths that cut what is silent for 1m "
                          "(keepalive.client.path_idle_timeout) need it below 30s: one lost ping would cut "
                          "the connection"));
  heartbeat.ping_when = PingWhen::kQuiet;
  EXPECT_THAT(warnings(config),
              ElementsAre("keepalive.client.ping_interval is 45s, but paths that cut what is silent for 1m "
                          "(keepalive.client.path_idle_timeout) need it below 20s while ping_when is quiet, "
                          "which may skip a beat: one lost ping would cut the connection"));
  heartbeat.policy = Policy::kOff;
  EXPECT_THAT(warnings(config),
              ElementsAre("keepalive.client.policy is off, so nothing keeps quiet sessions open on paths "
                          "that cut what is silent for 1m (keepalive.client.path_idle_timeout; 0 if there "
                          "are none)"));
  config.keepalive.client.path_idle_timeout = milliseconds{0};
  EXPECT_THAT(warnings(config), IsEmpty());
}

// The kernel counts a closed window as unacknowledged.
TEST(ConfigWarnings, a_stall_must_end_before_the_kernel_ends_it) {
  Config config;
  config.relay.write_stall_timeout = milliseconds{89'999};
  EXPECT_THAT(warnings(config), IsEmpty());
  config.relay.write_stall_timeout = milliseconds{90'000};
  config.keepalive.backend.tcp.user_timeout = milliseconds{0};
  EXPECT_THAT(warnings(config),
              ElementsAre("relay.write_stall_timeout is 90s, but the kernel ends a connection whose peer "
                          "takes nothing after 90s (keepalive.client.tcp_user_timeout), which then counts as "
                          "network_dead: raise that, or 0 leaves it to write_stall_timeout"));
  config.keepalive.client.tcp.user_timeout = milliseconds{0};
  config.keepalive.backend.tcp.user_timeout = milliseconds{60'000};
  EXPECT_THAT(warnings(config), ElementsAre(testing::HasSubstr("keepalive.backend.tcp_user_timeout), which "
                                                               "then counts as backend_unresponsive")));
}

TEST(ConfigWarnings, are_about_the_path_of_clients_only) {
  Config config;
  config.keepalive.backend.heartbeat.policy = Policy::kOff;
  config.keepalive.backend.heartbeat.ping_interval = milliseconds{86'400'000};
  EXPECT_THAT(warnings(config), IsEmpty());
}

}  // namespace
}  // namespace wskeep::config
