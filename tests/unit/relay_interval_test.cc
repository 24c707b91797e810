// The shortest and the longest interval between pings that an operator may choose.
#include "tests/unit/session_fixture.h"

namespace wskeep::relay {
namespace {

class Interval : public SessionTest {};

TEST_F(Interval, LimitsBeatAsOftenAsTheySay) {
  for (const std::chrono::milliseconds interval :
       {std::chrono::milliseconds{100}, std::chrono::milliseconds{24h}}) {
    for (const int jitter : {0, 90}) {
      SCOPED_TRACE(std::to_string(interval.count()) + " ms, jitter " + std::to_string(jitter));
      client = backend = Wire();
      keepalive::Settings& settings = config.keepalive.client.heartbeat;
      settings = {.policy = keepalive::Policy::kKeepalive,
                  .ping_interval = interval,
                  .jitter_percent = static_cast<std::uint8_t>(jitter),
                  .pong_timeout = interval};
      config.keepalive.backend.heartbeat = settings;
      open();
      pass(100 * interval);
      for (const Leg* const leg : {&session->client(), &session->backend()}) {
        EXPECT_GE(leg->pings_sent, 100U);
        EXPECT_LE(leg->pings_sent, jitter == 0 ? 100U : 1000U);
      }
      session.reset();
    }
  }
}

}  // namespace
}  // namespace wskeep::relay
