// Sessions that end though both peers are well: nobody has said anything for long, or they are old.
#include "proxy/relay/snapshot.h"
#include "tests/unit/session_fixture.h"

namespace wskeep::relay {
namespace {

using Phase = Session::Phase;

const Bytes kPing = client_frame(Opcode::kPing, "p");
const Bytes kText = server_frame(Opcode::kText, "hi");
const Bytes kGiantFrame{0x82, 0x7F, 0, 0, 0, 1, 0, 0, 0, 0, 'x'};  // its beginning

class Life : public SessionTest {
 protected:
  keepalive::LifetimeSettings& settings() { return config.relay.lifetime; }
  void open_with_idle_timeout(std::chrono::milliseconds timeout) {
    settings().idle_timeout = timeout;
    open();
  }
  void client_echoes() { from_client(client_frame(Opcode::kClose, close_payload(1001))); }
};

TEST_F(Life, AsksForNothingWhileBothAreOff) {
  open();
  EXPECT_EQ(session->deadline(), TimePoint::max());
  pass(1000h);
  EXPECT_EQ(session->phase(), Phase::kOpen);
}

TEST_F(Life, AnIdleSessionIsEndedPolitely) {
  open_with_idle_timeout(10s);
  pass(10s - 1ns);
  EXPECT_EQ(client_got(), "");
  pass(1ns);
  EXPECT_EQ(client_got(), "close(1001 idle)");
  from_backend(kText);
  EXPECT_EQ(client_got(), "");
  client_echoes();
  EXPECT_EQ(backend_got(), "~close(1001)") << "the client's answer tells the backend";
  from_backend(server_frame(Opcode::kClose, close_payload(1001)));
  end_client();
  end_backend();
  EXPECT_TRUE(over());
  EXPECT_EQ(session->reason(), CloseReason::kIdle);
}

TEST_F(Life, DataOfEitherSideCountAndNothingElseDoes) {
  struct Row {
    const char* what;
    Bytes from_client, from_backend;
    bool counts;
  };
  const Row rows[] = {
      {"text of the client", client_frame(Opcode::kText, "x"), {}, true},
      {"text of the backend", {}, kText, true},
      {"an empty message", client_frame(Opcode::kBinary, ""), {}, true},
      {"a fragment", {}, server_frame(Opcode::kText, "x", Fin::kNo), true},
      {"the first byte of a frame", {0x81}, {}, true},
      {"data behind a ping", join(kPing, client_frame(Opcode::kText, "x")), {}, true},
      {"a ping that we answer", kPing, {}, false},
      {"a ping of the backend", {}, server_frame(Opcode::kPing, "p"), false},
      {"a foreign pong", client_frame(Opcode::kPong, "p"), {}, false},
      {"a pong of the backend", {}, server_frame(Opcode::kPong, "p"), false},
      {"the first byte of a ping", {0x89}, {}, false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    client = backend = Wire();
    open_with_idle_timeout(10s);
    const TimePoint start = clock.time;
    pass(4s);
    if (!row.from_client.empty()) from_client(row.from_client);
    if (!row.from_backend.empty()) from_backend(row.from_backend);
    EXPECT_EQ(session->last_data_at(), row.counts ? start + 4s : start);
    client.take();
    pass(10s - 1ns);
    EXPECT_EQ(client_got(), row.counts ? "" : "close(1001 idle)");
    session.reset();
  }
}

TEST_F(Life, OurOwnBeatsDoNotCount) {
  config.keepalive.client.heartbeat = {.policy = keepalive::Policy::kKeepalive, .ping_interval = 1s};
  config.keepalive.backend.heartbeat = config.keepalive.client.heartbeat;
  open_with_idle_timeout(10s);
  std::string got;
  for (int second = 0; second < 10; ++second) {
    pass(1s);
    std::span<const std::uint8_t> in(client.received);
    for (const test::Decoded& one : test::decode(in)) {
      if (one.opcode == 9) from_client(client_frame(Opcode::kPong, one.payload));
    }
    got = client_got();
  }
  EXPECT_GE(session->latency().count(), 8U);
  EXPECT_TRUE(got.ends_with("close(1001 idle)")) << got;
  EXPECT_EQ(session->last_data_at(), session->started_at());
}

TEST_F(Life, DataThatAreStillUnreadCount) {
  open_with_idle_timeout(10s);
  backend.incoming = kText;  // no event has told so yet
  pass(10s);
  EXPECT_EQ(client_got(), "text(hi)");
  EXPECT_EQ(session->phase(), Phase::kOpen);
  pass(10s);
  EXPECT_EQ(client_got(), "close(1001 idle)");
}

TEST_F(Life, DataThatASlowPeerHasYetToTakeCount) {
  config.relay.write_stall_timeout = 1h;
  open_with_idle_timeout(10s);
  client.window = 2;
  from_backend(kText);
  const TimePoint came = clock.time;
  pass(35s);
  EXPECT_EQ(session->phase(), Phase::kOpen);
  EXPECT_FALSE(session->client().wants_close());
  client_takes(100);
  pass(5s);
  EXPECT_EQ(client_got(), "text(hi) close(1001 idle)");
  EXPECT_EQ(session->last_data_at(), came);
}

TEST_F(Life, TheCloseWaitsForABoundary) {
  struct Row {
    const char* what;
    Bytes before, after;
    Bytes got;  // in the end
  };
  const Bytes part = server_frame(Opcode::kText, "he", Fin::kNo);
  const Bytes rest = server_frame(Opcode::kContinuation, "llo");
  const Bytes text = server_frame(Opcode::kText, "hello");
  const auto cut = text.begin() + 4;
  const Bytes close = server_frame(Opcode::kClose, close_payload(1001, "max age"));
  for (const Row& row :
       {Row{"between messages", text, {}, join(text, close)},
        Row{"inside a message", part, join(rest, text), join(part, rest, close)},
        Row{"inside a frame", {text.begin(), cut}, join(Bytes(cut, text.end()), text), join(text, close)}}) {
    SCOPED_TRACE(row.what);
    client = backend = Wire();
    settings().max_age = 1h;
    settings().max_age_jitter_percent = 0;
    open();
    from_backend(row.before);
    pass(1h);
    if (!row.after.empty()) {
      EXPECT_EQ(client.received, row.before);
      EXPECT_EQ(session->reason(), std::nullopt) << "it may still end otherwise";
      EXPECT_EQ(session->deadline(), clock.time + 5s) << "the hold is to wait for";
      from_backend(row.after);
    }
    EXPECT_EQ(client.take(), row.got);
    EXPECT_EQ(session->reason(), CloseReason::kMaxAge);
    session.reset();
  }
}

TEST_F(Life, TheHoldOfAnyFrameOfOursHoldsForTheClose) {
  open_with_idle_timeout(10s);
  from_backend(server_frame(Opcode::kText, "he", Fin::kNo));
  pass(15s - 1ns);
  EXPECT_EQ(client_got(), "text-(he)");
  pass(1ns);
  EXPECT_EQ(client_got(), "close(1001 idle)");
}

// A backend that has stopped inside a frame leaves no place for the Close, and would keep the session for
// ever.
TEST_F(Life, AFrameThatStandsStillHoldsTheCloseNoLongerThanItsTime) {
  open_with_idle_timeout(10s);
  from_backend(kGiantFrame);
  pass(10s + 5s + 5s - 1ns);
  EXPECT_EQ(session->phase(), Phase::kOpen) << "inject_hold and close_timeout";
  pass(1ns);
  EXPECT_EQ(session->phase(), Phase::kEnding);
  EXPECT_EQ(session->reason(), CloseReason::kIdle);
  EXPECT_EQ(client_got(), "+11") << "no Close inside a frame";
  EXPECT_TRUE(client.shut && backend.shut);
  EXPECT_EQ(backend_got(), "");
}

TEST_F(Life, AFrameThatMovesHoldsTheClose) {
  settings().max_age = 1h;
  settings().max_age_jitter_percent = 0;
  open();
  from_backend(kGiantFrame);
  pass(1h);
  for (int i = 0; i < 100; ++i) {
    pass(4s);
    from_backend({'x'});
    from_client(kPing);  // what the client says doesn't count
  }
  EXPECT_EQ(session->phase(), Phase::kOpen);
  for (int i = 0; i < 3; ++i) {
    pass(4s);
    from_client(kPing);
  }
  EXPECT_EQ(session->phase(), Phase::kEnding);
  EXPECT_EQ(session->reason(), CloseReason::kMaxAge);
}

// The backend is not read meanwhile, so its frame can't move.
TEST_F(Life, AFrameThatASlowClientHoldsUpHoldsTheClose) {
  config.relay.write_stall_timeout = 2h;
  config.relay.buffer_limit = 4096;
  settings().max_age = 1h;
  open();
  client.window = 100;
  from_backend(join(kGiantFrame, test::filler(5000)));
  pass(1h + 30min);
  EXPECT_EQ(session->phase(), Phase::kOpen);
  client_takes(test::kNoLimit);
  pass(11s);
  EXPECT_EQ(session->reason(), CloseReason::kMaxAge);
}

TEST_F(Life, AnEndThatComesWhileTheCloseWaitsHasItsOwnReason) {
  open_with_idle_timeout(10s);
  from_backend({0x81, 0x05, 'h', 'e'});
  pass(15s);
  from_client(client_frame(Opcode::kClose, close_payload(1000)));
  EXPECT_EQ(session->reason(), CloseReason::kClientClose);
  EXPECT_EQ(client_got(), "+4");
}

TEST_F(Life, NothingIsDueInAClosingSession) {
  open_with_idle_timeout(1s);
  from_client(client_frame(Opcode::kClose, close_payload(1000)));
  pass(4s);
  EXPECT_EQ(client_got(), "");
  EXPECT_EQ(session->phase(), Phase::kClosing);
}

TEST_F(Life, MaxAgeIsDrawnOncePerSession) {
  settings().max_age = 100h;
  std::vector<TimePoint> ends;
  for (int i = 0; i < 3; ++i) {
    client = backend = Wire();
    open();
    const TimePoint start = clock.time;
    const TimePoint end = session->deadline();
    EXPECT_GT(end, start + 90h);
    EXPECT_LE(end, start + 100h);
    for (int hours = 0; hours < 89; ++hours) {
      pass(1h);
      from_backend(kText);
      EXPECT_EQ(session->deadline(), end);
    }
    client.take();
    pass(end - clock.time);
    EXPECT_EQ(client_got(), "close(1001 max age)");
    session.reset();
    ends.push_back(TimePoint(end - start));
  }
  EXPECT_TRUE(ends[0] != ends[1] && ends[1] != ends[2]) << "and each session draws its own";
}

TEST_F(Life, TheSnapshotTellsWhenDataCame) {
  open();
  pass(7s);
  from_backend(kText);
  pass(2s);
  const std::chrono::system_clock::time_point wall{1'700'000'000s};
  const observe::ConnectionSnapshot snapshot = snapshot_of(*session, {clock.time, wall});
  EXPECT_EQ(snapshot.started_at, 1'699'999'991'000'000'000);
  EXPECT_EQ(snapshot.last_data_at, 1'699'999'998'000'000'000);
}

}  // namespace
}  // namespace wskeep::relay
