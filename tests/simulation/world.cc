#include "tests/simulation/world.h"

namespace wskeep::simulation {

using namespace std::chrono_literals;
using observe::Leg;

namespace {

constexpr std::string_view kHeartbeat =
    "heartbeat: wskeep's pings cost a living client no pong to its backend";
constexpr std::string_view kRest = "rest: a session comes to rest";
constexpr std::size_t kMostEvents = 2'000'000;

}  // namespace

World::World(std::uint64_t seed, bool traced)
    : dice_(seed),
      session_dice_(~seed),
      trace_(timeline_, traced),
      scenario_(dice_),
      read_buffer_(scenario_.read_buffer),
      environment_{timeline_, session_dice_, *counters_, read_buffer_, *batch_, scenario_.bypass} {
  conduit_.most = scenario_.moved_at_once;
  if (conduit_.most != 0) environment_.bypass.conduit = &conduit_;
  for (const Leg leg : {Leg::kClient, Leg::kBackend}) {
    const auto i = static_cast<std::size_t>(leg);
    links_[i] = std::make_unique<Link>(
        timeline_, dice_, leg, scenario_.links[i], [this, leg] { loop_->on_news(leg); },
        [this, i] { peers_[i]->on_news(); });
    peers_[i] = std::make_unique<Peer>(timeline_, dice_, trace_, *links_[i], leg, scenario_.peers[i]);
  }
  const std::array links = {links_[0].get(), links_[1].get()};
  oracle_ = std::make_unique<Oracle>(timeline_, scenario_.config, scenario_.deflate, scenario_.read_buffer,
                                     links, trace_, verdict_);
  loop_ = std::make_unique<Loop>(timeline_, dice_, links, *oracle_);
}

World::~World() = default;

Outcome World::run() {
  const TimePoint begin = timeline_.now();
  for (const std::string& line : scenario_.description()) trace_.note([&] { return line; });
  open();
  for (const Misfortune& one : scenario_.misfortunes) timeline_.after(one.at, [this, one] { befall(one); });
  run_until(begin + scenario_.lasts);
  const bool terminated = peers_[1]->terminated_by_heartbeat();
  if (scenario_.heartbeat_must_hold)
    verdict_.require(!terminated, kHeartbeat, "the backend has ended a client that answers");
  if (verdict_.good()) bring_to_an_end();
  Outcome outcome{.verdict = {},
                  .trace = {},
                  .reason = session_->reason(),
                  .events = events_,
                  .lasted = timeline_.now() - begin};
  if (verdict_.good()) {
    verdict_.require(batch_->size == 0 && batch_->count == 0, kRest, "the batch of pongs is not empty");
    oracle_->at_the_end();
    session_.reset();
    oracle_->behind_the_end(*counters_);
  }
  outcome.verdict = verdict_;
  outcome.trace = trace_.lines();
  return outcome;
}

void World::open() {
  websocket::ExtensionRules rules = websocket::ExtensionRules::kNone;
  if (scenario_.deflate) rules = websocket::ExtensionRules::kPermessageDeflate;
  for (std::size_t leg = 0; leg < sockets_.size(); ++leg) sockets_[leg] = links_[leg]->socket(*oracle_);
  session_ =
      std::make_unique<relay::Session>(environment_, std::make_shared<const config::Config>(scenario_.config),
                                       relay::SessionIdentity{}, *sockets_[0], *sockets_[1], rules);
  oracle_->watch(*session_);
  const Bytes answer =
      dice_.chance(50) ? test::bytes_of("HTTP/1.1 101 Switching Protocols\r\n\r\n") : Bytes{};
  const Bytes from_client = peers_[0]->first_words();
  const Bytes from_backend = peers_[1]->first_words();
  peers_[0]->expect_head(answer.size());
  // As when the opening has read all, which is as likely as that it left something.
  const relay::Session::Drained drained{.client = answer.empty() && !links_[0]->readiness().readable,
                                        .backend = answer.empty() && !links_[1]->readiness().readable};
  for (const auto& peer : peers_) peer->start();
  loop_->run(*session_, [&] {
    oracle_->begins_with(answer, from_client, from_backend);
    session_->start(answer, from_client, from_backend, drained);
  });
}

void World::befall(const Misfortune& one) {
  using Kind = Misfortune::Kind;
  if (loop_->over()) return;
  Link& link = *links_[static_cast<std::size_t>(one.leg)];
  trace_.note([&] {
    constexpr std::array<const char*, 6> kWhat = {"sleep",         "stall of",   "stall of the way from",
                                                  "silent cut of", "timeout of", "go away"};
    return std::string(kWhat[static_cast<std::size_t>(one.kind)]) + " the " +
           std::string(to_string(one.leg)) + "'s link, " + seconds(one.lasts);
  });
  switch (one.kind) {
    case Kind::kSleep: loop_->sleep(one.lasts); return oracle_->loop_sleeps(loop_->asleep_until());
    case Kind::kStall: return link.stall(one.lasts);
    case Kind::kStallOneWay: return link.stall_one_way(one.lasts);
    case Kind::kCut: return link.cut();
    case Kind::kTimeOut: return link.time_out();
    case Kind::kGoAway:
      if (timeline_.now() < loop_->asleep_until()) return;
      oracle_->told_to_go_away();
      return loop_->go_away();
  }
}

void World::run_until(TimePoint end) {
  while (verdict_.good() && !loop_->over() && timeline_.has_next() && timeline_.next() <= end) {
    timeline_.step();
    if (++events_ > kMostEvents) verdict_.broken(kRest, "too many events: it never rests");
  }
}

// A session that lives on is told to go away, and must then end by itself, however its peers behave.
void World::bring_to_an_end() {
  const config::Relay& relay = scenario_.config.relay;
  if (!loop_->over() && timeline_.now() >= loop_->asleep_until()) {
    trace_.note([] { return "the world ends: go away"; });
    oracle_->told_to_go_away();
    loop_->go_away();
  }
  // A Close waits for the end of a message, at most for inject_hold and then the end of a frame.
  run_until(timeline_.now() + relay.inject_hold + 10 * relay.close_timeout + 2 * relay.write_stall_timeout +
            10s);
  if (loop_->over() || !verdict_.good()) return;
  trace_.note([] { return "the world ends: cut"; });
  oracle_->told_to_cut();
  loop_->cut();
  verdict_.require(loop_->over(), kRest, "cut, and not over");
}

}  // namespace wskeep::simulation
