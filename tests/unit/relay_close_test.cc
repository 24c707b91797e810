// How sessions end: Closes, half-closes, resets and illegal frames.
#include "tests/unit/session_fixture.h"

namespace wskeep::relay {
namespace {

using Phase = Session::Phase;

class End : public SessionTest {
 protected:
  static Bytes close_of_client(std::uint16_t code) {
    return client_frame(Opcode::kClose, close_payload(code));
  }
  static Bytes close_of_backend(std::uint16_t code) {
    return server_frame(Opcode::kClose, close_payload(code));
  }
};

TEST_F(End, TheClientCloses) {
  open();
  from_client(close_of_client(1000));
  EXPECT_EQ(session->phase(), Phase::kClosing);
  EXPECT_EQ(counters->connections_open[ConnectionState::kOpen].value(), 0);
  EXPECT_EQ(counters->connections_open[ConnectionState::kClosing].value(), 1);
  from_backend(close_of_backend(1000));
  EXPECT_EQ(backend_got(), "~close(1000)");
  EXPECT_EQ(client_got(), "close(1000)");
  EXPECT_TRUE(client.shut) << "toward the client we are the server, which ends TCP first";
  EXPECT_FALSE(backend.shut);
  end_client();
  EXPECT_TRUE(backend.shut);
  EXPECT_FALSE(over());
  end_backend();
  EXPECT_TRUE(over());
  EXPECT_EQ(session->reason(), CloseReason::kClientClose);
  EXPECT_EQ(session->deadline(), TimePoint::max());
}

TEST_F(End, TheBackendCloses) {
  open();
  from_backend(server_frame(Opcode::kClose, close_payload(4001, "bye")));
  from_client(close_of_client(4001));
  EXPECT_EQ(client_got(), "close(4001 bye)");
  EXPECT_EQ(backend_got(), "~close(4001)");
  EXPECT_TRUE(client.shut);
  end_backend();
  end_client();
  EXPECT_TRUE(over());
  EXPECT_EQ(session->reason(), CloseReason::kBackendClose);
  EXPECT_EQ(session->backend().close_code, 4001);
  EXPECT_EQ(session->client().close_code, 4001);
}

TEST_F(End, ACloseWithoutACodeIs1005InTheLogOnly) {
  open();
  from_client(client_frame(Opcode::kClose, ""));
  EXPECT_EQ(session->client().close_code, websocket::kNoCode);
  EXPECT_EQ(backend_got(), "~close()");
  session.reset();
  open();
  from_client(client_frame(Opcode::kClose, "x"));
  EXPECT_EQ(session->client().close_code, websocket::kNoCode);
  EXPECT_EQ(backend_got(), "~close(x)") << "half a code is for the backend to judge";
}

TEST_F(End, ACloseCutAnywherePassesWhole) {
  const Bytes close = client_frame(Opcode::kClose, close_payload(1001, "going"));
  for (std::size_t cut = 0; cut <= close.size(); ++cut) {
    client = Wire();
    backend = Wire();
    open();
    from_client({close.begin(), close.begin() + static_cast<long>(cut)});
    from_client({close.begin() + static_cast<long>(cut), close.end()});
    ASSERT_EQ(backend_got(), "~close(1001 going)");
    ASSERT_EQ(session->client().close_code, 1001);
    session.reset();
  }
}

TEST_F(End, ACloseUnansweredEndsAfterTheTimeout) {
  open();
  from_client(close_of_client(1000));
  from_backend(server_frame(Opcode::kText, "still talking"));
  pass(5s - 1ns);
  EXPECT_FALSE(client.shut || backend.shut);
  pass(1ns);
  EXPECT_TRUE(client.shut && backend.shut);
  EXPECT_EQ(client_got(), "text(still talking)") << "and no Close of ours";
  pass(5s);
  EXPECT_TRUE(over());
  EXPECT_EQ(session->reason(), CloseReason::kClientClose);
}

TEST_F(End, ATimeoutLeavesASlowReaderItsTime) {
  open();
  client.window = 10;
  from_backend(join(server_frame(Opcode::kText, std::string(100, 'x')), close_of_backend(1000)));
  for (int i = 0; i < 9; ++i) {
    pass(4s);
    client_takes(10);
    ASSERT_EQ(session->phase(), Phase::kClosing) << i;
  }
  client.window = test::kNoLimit;
  client_takes(0);
  EXPECT_EQ(show(client.received), "text(<100>) close(1000)");
}

TEST_F(End, ATimeoutLeavesAReaderThatPausesItsTime) {
  open();
  client.window = 10;
  from_backend(join(server_frame(Opcode::kText, std::string(100, 'x')), close_of_backend(1000)));
  end_backend();
  pass(50s);
  client.window = test::kNoLimit;
  client_takes(0);
  EXPECT_EQ(show(client.received), "text(<100>) close(1000)");
  EXPECT_TRUE(client.shut);
}

// A peer that reads more slowly than the other one sends must not keep a session for ever.
TEST_F(End, AStreamThatGoesOnProlongsNothing) {
  const Bytes illegal = client_frame(static_cast<Opcode>(3), "x");
  for (const Bytes& first : {close_of_client(1000), illegal}) {
    client = backend = Wire();
    open();
    client.window = 0;
    from_client(first);
    for (int second = 0; second < 20; ++second) {
      from_backend(server_frame(Opcode::kText, std::string(100, 'x')));
      pass(1s);
      client_takes(50);
    }
    EXPECT_GE(session->phase(), Phase::kEnding);
  }
}

TEST_F(End, AnEndWithoutACloseIsAnEnd) {
  open();
  end_client();
  EXPECT_TRUE(backend.shut);
  EXPECT_FALSE(client.shut);
  from_backend(server_frame(Opcode::kText, "answer"));
  EXPECT_EQ(client_got(), "text(answer)");
  end_backend();
  EXPECT_TRUE(client.shut);
  EXPECT_TRUE(over());
  EXPECT_EQ(session->reason(), CloseReason::kClientEof);
  EXPECT_EQ(client_got() + backend_got(), "");
}

TEST_F(End, TheBackendsEndPassesToo) {
  config.relay.on_backend_lost.reset();
  open();
  end_backend();
  EXPECT_TRUE(client.shut);
  from_client(client_frame(Opcode::kText, "last"));
  end_client();
  EXPECT_EQ(backend_got(), "~text(last)");
  EXPECT_EQ(client_got(), "");
  EXPECT_TRUE(over());
  EXPECT_EQ(session->reason(), CloseReason::kBackendEof);
}

TEST_F(End, AnEndWithoutACloseIsExplainedAsConfigured) {
  config.relay.on_client_lost = 1001;
  for (const bool inside_a_frame : {false, true}) {
    client = backend = Wire();
    open();
    if (inside_a_frame) from_backend({0x81, 0x05, 'h'});
    end_backend();
    EXPECT_EQ(client_got(), inside_a_frame ? "+3" : "close(1011 backend lost)");
    EXPECT_TRUE(client.shut);
    session.reset();
    client = backend = Wire();
    open();
    if (inside_a_frame) from_client({0x81, 0x85, 1, 2, 3, 4, 'h'});
    end_client();
    EXPECT_EQ(backend_got(), inside_a_frame ? "+7" : "~close(1001 client lost)");
    EXPECT_TRUE(backend.shut);
    session.reset();
  }
}

TEST_F(End, AHalfClosedSessionLivesWhileItIsUsed) {
  open();
  end_client();
  for (int i = 0; i < 10; ++i) {
    pass(4s);
    from_backend(server_frame(Opcode::kText, "x"));
  }
  EXPECT_EQ(session->phase(), Phase::kHalfClosed);
  pass(10s);
  EXPECT_TRUE(client.shut);
  pass(5s);
  EXPECT_TRUE(over());
}

TEST_F(End, ALostClientEndsTheBackendsTcp) {
  open();
  reset_client();
  EXPECT_EQ(session->reason(), CloseReason::kClientReset);
  EXPECT_EQ(backend_got(), "") << "1006 at the backend, as without us";
  EXPECT_TRUE(backend.shut);
  end_backend();
  EXPECT_TRUE(over());
}

// TCP_USER_TIMEOUT and TCP keepalive break a connection too; nobody has reset anything then.
TEST_F(End, WhatTheKernelGaveUpIsNoReset) {
  for (const int error :
       {ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENONET, ECONNREFUSED, ENOPROTOOPT, EACCES}) {
    open();
    client.read_error = error;
    ready(LegName::kClient, {.readable = true});
    EXPECT_EQ(session->reason(), CloseReason::kNetworkDead);
    session.reset();
    client = backend = Wire();
    open();
    backend.write_error = error;  // the write uses the error up; the read sees an end
    backend.ended = true;
    from_client(client_frame(Opcode::kText, "into the void"));
    EXPECT_EQ(session->reason(), CloseReason::kBackendUnresponsive);
    EXPECT_EQ(client_got(), "close(1011 backend unresponsive)");
    session.reset();
    client = backend = Wire();
  }
}

TEST_F(End, ALostClientHasTheCodeThatIsConfigured) {
  config.relay.on_client_lost = 1001;
  open();
  reset_client();
  EXPECT_EQ(backend_got(), "~close(1001 client lost)");
  session.reset();
  client = backend = Wire();
  open();
  from_client(client_frame(Opcode::kText, "frag", Fin::kNo));
  reset_client();
  EXPECT_EQ(backend_got(), "~text-(frag) ~close(1001 client lost)") << "between fragments it may";
  session.reset();
  client = backend = Wire();
  open();
  from_client({0x81, 0x85, 1, 2, 3, 4, 'h'});
  reset_client();
  EXPECT_EQ(backend_got(), "+7") << "not inside a frame";
  EXPECT_TRUE(backend.shut);
}

TEST_F(End, ALostBackendIsTold) {
  open();
  reset_backend();
  EXPECT_EQ(session->reason(), CloseReason::kBackendReset);
  EXPECT_EQ(client_got(), "close(1011 backend lost)");
  EXPECT_TRUE(client.shut);
  session.reset();
  client = backend = Wire();
  open();
  from_backend({0x81, 0x05, 'h'});
  reset_backend();
  EXPECT_EQ(client_got(), "+3");
  session.reset();
  client = backend = Wire();
  config.relay.on_backend_lost.reset();
  open();
  reset_backend();
  EXPECT_EQ(client_got(), "");
  EXPECT_TRUE(client.shut);
}

// A reset that came together with the last bytes makes no edge of its own; the next write finds it.
// A reset that comes in together with bytes makes no second event, and looks like any other news.
TEST_F(End, WhatTheBackendSaidBeforeItWasLostArrivesFirst) {
  open();
  backend.incoming = server_frame(Opcode::kText, "last words");
  reset_backend();
  EXPECT_EQ(client_got(), "text(last words)");
  ASSERT_TRUE(session->unconfirmed());
  session->confirm();
  settle();
  EXPECT_FALSE(session->unconfirmed());
  EXPECT_EQ(client_got(), "close(1011 backend lost)");
  EXPECT_EQ(session->reason(), CloseReason::kBackendReset);
}

TEST_F(End, NothingOfOursFollowsACloseOrAnIllegalFrame) {
  const auto expect_silence = [&](const Bytes& sent_by_client, const Bytes& sent_by_backend) {
    config.relay.on_client_lost = 1001;
    for (const bool client_is_lost : {true, false}) {
      client = backend = Wire();
      open();
      from_client(sent_by_client);
      from_backend(sent_by_backend);
      if (client_is_lost) reset_client();
      if (!client_is_lost) reset_backend();
      EXPECT_EQ(client.take(), sent_by_backend);
      EXPECT_EQ(backend.take(), sent_by_client);
      session->cut();
      EXPECT_EQ(client_got() + backend_got(), "");
      session.reset();
    }
  };
  expect_silence(close_of_client(1000), {});
  expect_silence({}, close_of_backend(1000));
  expect_silence(close_of_client(1000), close_of_backend(1000));
  expect_silence(server_frame(Opcode::kText, "not masked"), {});
  expect_silence({}, client_frame(Opcode::kText, "masked"));
}

TEST_F(End, AnIllegalFrameEndsWith1002WhenNobodyElseEndsIt) {
  open();
  from_client(server_frame(Opcode::kText, "not masked"));
  EXPECT_EQ(session->phase(), Phase::kBroken);
  pass(5s - 1ns);
  EXPECT_EQ(client_got(), "");
  pass(1ns);
  EXPECT_EQ(client_got(), "close(1002 protocol error)");
  EXPECT_EQ(backend_got(), "text(not masked)") << "no Close of ours behind what is no frame";
  EXPECT_TRUE(client.shut && backend.shut);
  EXPECT_EQ(session->reason(), CloseReason::kProtocolError);
}

TEST_F(End, AnIllegalFrameOfTheBackendEndsWith1002ForIt) {
  open();
  from_backend(client_frame(Opcode::kText, "masked"));
  pass(5s);
  EXPECT_EQ(backend_got(), "~close(1002 protocol error)");
  EXPECT_EQ(client_got(), "~text(masked)");
}

TEST_F(End, TheFirstEventSetsTheLimit) {
  open();
  from_client(server_frame(Opcode::kText, "not masked"));
  pass(4s);
  from_backend(close_of_backend(1002));
  pass(1s);
  EXPECT_TRUE(client.shut && backend.shut);
}

TEST_F(End, APeerThatCaresAboutAnIllegalFrameClosesItself) {
  open();
  from_client(server_frame(Opcode::kText, "not masked"));
  from_backend(server_frame(Opcode::kClose, close_payload(1002)));
  EXPECT_EQ(client_got(), "close(1002)");
  EXPECT_EQ(session->reason(), CloseReason::kBackendClose);
  end_backend();
  end_client();
  EXPECT_TRUE(over());
}

TEST_F(End, NobodyIsPingedOrJudgedAnyMore) {
  config.keepalive.client.heartbeat.policy = keepalive::Policy::kStrict;
  open();
  pass(25s);
  end_client();
  client.take();
  for (int i = 0; i < 50; ++i) {
    pass(4s);
    from_backend(server_frame(Opcode::kText, ""));
  }
  EXPECT_EQ(session->phase(), Phase::kHalfClosed);
  EXPECT_EQ(client.take().size(), 50 * 2U) << "no ping among it";
}

TEST_F(End, EventsAfterTheEndDoNothing) {
  open();
  session->cut();
  client.take();
  from_client(client_frame(Opcode::kText, "x"));
  from_backend(server_frame(Opcode::kText, "x"));
  reset_client();
  end_backend();
  session->go_away();
  session->on_deadline();
  EXPECT_EQ(client_got() + backend_got(), "");
  EXPECT_TRUE(over());
}

}  // namespace
}  // namespace wskeep::relay
