// A session between two peers that do everything legal at random: whatever they do, what comes out is what
// went in and our own control frames at boundaries between it.
#include <deque>
#include <random>

#include "tests/unit/session_fixture.h"

namespace wskeep::relay {
namespace {

constexpr int kRuns = 3'000;
constexpr int kSteps = 60;
constexpr std::uint8_t kPing = 9;
constexpr std::uint8_t kPong = 10;

class RandomTraffic : public SessionTest {
 protected:
  // One end: what it says next, what of it must come out on the other side, and what it has got so far.
  struct Peer {
    LegName leg;
    Wire* wire;
    bool masks;
    Bytes saying{};                 // frames that are not sent yet
    std::deque<Bytes> must_pass{};  // whole frames, in order
    std::deque<Bytes> pinged{};     // payloads of pings that wskeep answers
    std::deque<Bytes> asked{};      // payloads of pings that pass, and that wskeep may repay
    Bytes got{};                    // not yet understood
    std::deque<Bytes> to_answer{};  // payloads of wskeep's pings
    bool mid_message = false;       // of what it says
    bool getting_message = false;   // of what it gets
  };

  unsigned below(unsigned bound) { return static_cast<unsigned>(engine_() % bound); }
  bool chance(unsigned percent) { return below(100) < percent; }
  Peer& other(Peer& peer) { return &peer == &client_peer_ ? backend_peer_ : client_peer_; }

  void open_at_random() {
    config.keepalive.client.answer_pings =
        chance(80) ? config::AnswerPings::kAlways : config::AnswerPings::kNever;
    for (keepalive::Settings* settings :
         {&config.keepalive.client.heartbeat, &config.keepalive.backend.heartbeat}) {
      settings->policy = chance(80) ? keepalive::Policy::kKeepalive : keepalive::Policy::kOff;
      settings->ping_interval = std::chrono::milliseconds(100 + below(2000));
      settings->pong_timeout = std::chrono::milliseconds(100 + below(2000));
    }
    config.relay.buffer_limit = 200 + below(3000);
    holds_ = chance(50);
    config.relay.inject_hold = holds_ ? std::chrono::milliseconds(1h) : std::chrono::milliseconds(300);
    config.relay.write_stall_timeout = std::chrono::milliseconds(24h);
    for (Peer* peer : {&client_peer_, &backend_peer_}) {
      *peer->wire = Wire();
      *peer = Peer{.leg = peer->leg, .wire = peer->wire, .masks = peer->masks};
    }
    open();
  }

  // Never of 8 bytes, as wskeep's own payloads are.
  Bytes unique(std::size_t size) {
    Bytes payload = bytes_of("number " + std::to_string(++serial_) + ":");
    payload.resize(payload.size() + size, 'x');
    return payload;
  }
  void say(Peer& peer, Opcode opcode, const Bytes& payload, Fin fin = Fin::kYes) {
    const Bytes frame = peer.masks ? client_frame(opcode, payload, fin) : server_frame(opcode, payload, fin);
    peer.saying = join(peer.saying, frame);
    const bool answered = peer.masks && opcode == Opcode::kPing &&
                          config.keepalive.client.answer_pings == config::AnswerPings::kAlways;
    const bool swallowed = opcode == Opcode::kPong && payload.size() == 8;
    if (answered) peer.pinged.push_back(payload);
    if (!answered && !swallowed) peer.must_pass.push_back(frame);
    if (!answered && opcode == Opcode::kPing) peer.asked.push_back(payload);
  }
  void say_something(Peer& peer) {
    if (!peer.to_answer.empty() && chance(50)) {
      say(peer, Opcode::kPong, peer.to_answer.front());
      peer.to_answer.pop_front();
    } else if (chance(30)) {
      say(peer, chance(70) ? Opcode::kPing : Opcode::kPong, unique(below(100)));
    } else {
      const Fin fin = chance(60) ? Fin::kYes : Fin::kNo;
      say(peer, peer.mid_message ? Opcode::kContinuation : Opcode::kText,
          unique(chance(10) ? below(2000) : below(30)), fin);
      peer.mid_message = fin == Fin::kNo;
    }
  }
  void send(Peer& peer, std::size_t size) {
    const auto cut = peer.saying.begin() + static_cast<std::ptrdiff_t>(std::min(size, peer.saying.size()));
    peer.wire->incoming.insert(peer.wire->incoming.end(), peer.saying.begin(), cut);
    peer.saying.erase(peer.saying.begin(), cut);
    ready(peer.leg, {.readable = true});
  }
  void open_window(Peer& peer, std::size_t size) {
    peer.wire->window = size;
    ready(peer.leg, {.writable = true});
  }

  // Every whole frame that came out is the next that went in, or ours and in its place.
  void understand(Peer& peer) {
    peer.got = join(peer.got, peer.wire->take());
    Peer& from = other(peer);
    std::span<const std::uint8_t> rest(peer.got);
    for (test::Decoded& one : test::decode(rest)) {
      ASSERT_EQ(one.masked, from.masks);
      if (!from.must_pass.empty() && one.raw == from.must_pass.front()) {
        from.must_pass.pop_front();
        if (one.opcode < 8) peer.getting_message = !one.fin;
        continue;
      }
      const auto repaid = std::ranges::find(peer.asked, one.payload);
      if (one.opcode == kPong && repaid != peer.asked.end()) {
        peer.asked.erase(peer.asked.begin(), repaid + 1);  // in order, each once
        continue;
      }
      if (holds_) {
        ASSERT_FALSE(peer.getting_message) << "ours wait for the end of the message";
      }
      if (one.opcode == kPing) {
        ASSERT_EQ(one.payload.size(), 8U) << "out of order";
        peer.to_answer.push_back(one.payload);
        continue;
      }
      ASSERT_EQ(one.opcode, kPong) << "neither ours nor theirs";
      while (!peer.pinged.empty() && peer.pinged.front() != one.payload) peer.pinged.pop_front();
      ASSERT_FALSE(peer.pinged.empty()) << "an answer to nothing, or out of order";
      peer.pinged.pop_front();
    }
    peer.got.assign(rest.begin(), rest.end());
  }

  void step() {
    Peer& peer = chance(50) ? client_peer_ : backend_peer_;
    switch (below(5)) {
      case 0:
      case 1:
        say_something(peer);
        send(peer, chance(50) ? peer.saying.size() : below(200));
        break;
      case 2: open_window(peer, chance(30) ? test::kNoLimit : below(400)); break;
      case 3: pass(std::chrono::milliseconds(below(500))); break;
      case 4: peer.wire->most_per_read = chance(30) ? test::kNoLimit : 1 + below(100); break;
    }
    understand(client_peer_);
    understand(backend_peer_);
    const std::size_t own = 3'000;  // at most the pongs for one read, 16 that waited, a ping
    ASSERT_LE(session->client().outlet.waiting(), config.relay.buffer_limit + own);
    ASSERT_LE(session->backend().outlet.waiting(), config.relay.buffer_limit + own);
  }

  void end_all() {
    for (Peer* peer : {&client_peer_, &backend_peer_}) {
      if (peer->mid_message) say(*peer, Opcode::kContinuation, unique(0));
      open_window(*peer, test::kNoLimit);
    }
    for (Peer* peer : {&client_peer_, &backend_peer_}) send(*peer, test::kNoLimit);
    ready(LegName::kClient, {.readable = true, .writable = true});
    ready(LegName::kBackend, {.readable = true, .writable = true});
    for (Peer* peer : {&client_peer_, &backend_peer_}) {
      understand(*peer);
      EXPECT_TRUE(peer->wire->incoming.empty()) << "all is read";
      EXPECT_TRUE(other(*peer).must_pass.empty()) << "all is delivered";
      EXPECT_TRUE(peer->got.empty()) << "no part of a frame is left";
      EXPECT_TRUE(peer->pinged.empty()) << "the last ping is always answered";
    }
    EXPECT_EQ(session->phase(), Session::Phase::kOpen);
    from_client(client_frame(Opcode::kClose, close_payload(1000)));
    from_backend(server_frame(Opcode::kClose, close_payload(1000)));
    EXPECT_EQ(client_got(), "close(1000)");
    EXPECT_EQ(backend_got(), "~close(1000)");
    end_client();
    end_backend();
    EXPECT_TRUE(over());
    session.reset();
  }

  std::mt19937 engine_{20'250};

 private:
  unsigned serial_ = 0;
  bool holds_ = false;
  Peer client_peer_{.leg = LegName::kClient, .wire = &client, .masks = true};
  Peer backend_peer_{.leg = LegName::kBackend, .wire = &backend, .masks = false};
};

TEST_F(RandomTraffic, ComesOutAsItWentIn) {
  for (unsigned run = 0; run < kRuns && !HasFailure(); ++run) {
    SCOPED_TRACE("run " + std::to_string(run));
    engine_.seed(run);
    open_at_random();
    for (int i = 0; i < kSteps && !HasFailure(); ++i) step();
    if (!HasFailure()) end_all();
  }
}

}  // namespace
}  // namespace wskeep::relay
