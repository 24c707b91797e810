// Ending a session on purpose.
#include "tests/unit/session_fixture.h"

namespace wskeep::relay {
namespace {

class Shutdown : public SessionTest {
 protected:
  static Bytes close_of_client(std::uint16_t code) {
    return client_frame(Opcode::kClose, close_payload(code));
  }
  static Bytes close_of_backend(std::uint16_t code) {
    return server_frame(Opcode::kClose, close_payload(code));
  }
};

TEST_F(Shutdown, GoingAwayIsPolite) {
  open();
  session->go_away();
  EXPECT_EQ(client_got(), "close(1001 going away)");
  EXPECT_FALSE(client.shut);
  from_backend(server_frame(Opcode::kText, "too late"));
  EXPECT_EQ(client_got(), "");
  from_client(join(client_frame(Opcode::kText, "in flight"), close_of_client(1001)));
  EXPECT_EQ(backend_got(), "~text(in flight) ~close(1001)") << "the client's answer tells the backend";
  EXPECT_TRUE(client.shut);
  from_backend(close_of_backend(1001));
  EXPECT_EQ(client_got(), "");
  end_client();
  EXPECT_TRUE(backend.shut);
  end_backend();
  EXPECT_TRUE(over());
  EXPECT_EQ(session->reason(), CloseReason::kShutdown);
}

TEST_F(Shutdown, NothingFollowsOurGoingAway) {
  open();
  from_backend({0x89, 0x02});  // a ping of which the rest will never come
  session->go_away();
  from_backend(server_frame(Opcode::kText, "dropped"));
  end_backend();
  EXPECT_EQ(client_got(), "close(1001 going away)");
  EXPECT_TRUE(client.shut);
}

TEST_F(Shutdown, GoingAwayWaitsForTheEndOfAMessage) {
  open();
  from_backend(server_frame(Opcode::kText, "he", Fin::kNo));
  session->go_away();
  session->go_away();
  EXPECT_EQ(client_got(), "text-(he)");
  from_backend(join(server_frame(Opcode::kContinuation, "llo"), server_frame(Opcode::kText, "dropped")));
  EXPECT_EQ(client_got(), "cont(llo) close(1001 going away)");
}

TEST_F(Shutdown, GoingAwayWaitsForAFrameBoundaryAtMost) {
  open();
  from_backend(join(server_frame(Opcode::kText, "he", Fin::kNo), Bytes{0x00}));
  session->go_away();
  pass(5s);
  EXPECT_EQ(client_got(), "text-(he) +1");
  from_backend({0x02, 'l', 'l', 0x80, 0x00});
  EXPECT_EQ(show(std::span(client.received).subspan(3)), "close(1001 going away)");
}

TEST_F(Shutdown, GoingAwayWithoutAnAnswerEndsAfterTheTimeout) {
  open();
  session->go_away();
  pass(5s);
  EXPECT_TRUE(client.shut && backend.shut);
  pass(5s);
  EXPECT_TRUE(over());
}

TEST_F(Shutdown, ACutIsAtOnce) {
  open();
  session->cut();
  EXPECT_TRUE(over());
  EXPECT_EQ(client_got(), "close(1001 going away)");
  EXPECT_TRUE(client.shut && backend.shut);
  EXPECT_EQ(session->reason(), CloseReason::kShutdown);
  session.reset();
  client = backend = Wire();
  open();
  from_backend({0x81, 0x05, 'h'});
  session->cut();
  EXPECT_EQ(client_got(), "+3");
  EXPECT_TRUE(over());
  EXPECT_EQ(session->deadline(), TimePoint::max());
}

}  // namespace
}  // namespace wskeep::relay
