#include "tests/simulation/tally.h"

namespace wskeep::simulation {

using observe::FrameKind;
using observe::Leg;
using observe::PongKind;

namespace {

constexpr std::string_view kCounters = "counters: what is counted is what was seen";

struct KindOf {
  std::uint8_t opcode;
  FrameKind kind;
};
constexpr std::array<KindOf, 6> kKinds = {{{0, FrameKind::kContinuation},
                                           {1, FrameKind::kText},
                                           {2, FrameKind::kBinary},
                                           {kCloseOpcode, FrameKind::kClose},
                                           {kPingOpcode, FrameKind::kPing},
                                           {kPongOpcode, FrameKind::kPong}}};

std::uint64_t count_of(const keepalive::LatencyHistogram& histogram) {
  keepalive::LatencyHistogram::Buckets buckets{};
  std::uint64_t sum = 0;
  histogram.add_to(buckets, sum);
  std::uint64_t count = 0;
  for (const std::uint64_t bucket : buckets) count += bucket;
  return count;
}

}  // namespace

void Tally::check(const observe::WorkerCounters& counters, bool intact, bool cut_short, Verdict& verdict) {
  for (const Leg leg : {Leg::kClient, Leg::kBackend}) check_leg(counters, leg, intact, cut_short, verdict);
  for (std::size_t i = 0; i < observe::kConnectionStates; ++i) {
    const auto state = static_cast<observe::ConnectionState>(i);
    verdict.require(counters.connections_open[state].value() == 0, kCounters, "connections_open is not 0");
  }
  verdict.require(counters.connections_never_ponged.value() == 0, kCounters, "never_ponged is not 0");
  verdict.require(counters.backend_unresponsive.value() == 0, kCounters, "backend_unresponsive is not 0");
}

void Tally::check_leg(const observe::WorkerCounters& counters, Leg leg, bool intact, bool cut_short,
                      Verdict& verdict) {
  const Seen& seen = of(leg);
  const auto compare = [&](std::string_view what, std::uint64_t counted, std::uint64_t was, bool exact,
                           bool at_least) {
    const bool good = counted == was || (!exact && (at_least ? counted > was : counted < was));
    if (good) return;
    verdict.broken(kCounters, std::string(what) + " of the " + std::string(to_string(leg)) + ": counted " +
                                  std::to_string(counted) + ", seen " + std::to_string(was));
  };
  const auto direction = leg == Leg::kClient ? observe::Direction::kToBackend : observe::Direction::kToClient;
  compare("bytes", counters.bytes[direction].value(), seen.bytes, true, false);
  for (const auto [opcode, kind] : kKinds)
    compare("frames", counters.frames[direction][kind].value(), seen.frames[opcode], !cut_short, false);
  compare("pings_sent", counters.pings_sent[leg].value(), seen.own_pings, intact, true);
  compare("pings_answered", counters.pings_answered[leg].value(), seen.answers, intact, true);

  const auto& pongs = counters.pongs_received[leg];
  const std::uint64_t matched = pongs[PongKind::kMatched].value();
  const std::uint64_t foreign = pongs[PongKind::kForeign].value();
  compare("pongs", matched + pongs[PongKind::kLate].value() + foreign, seen.pongs, !cut_short, false);
  const std::uint64_t repaired = counters.pongs_repaired[leg].value();
  compare("foreign pongs and repaid ones", foreign + repaired, seen.passed + seen.repaid, intact, true);
  if (!seen.unsure) compare("repaid pongs", repaired, seen.repaid, intact, true);
  compare("matched pongs", matched, seen.maybe_matched, false, false);
  if (!cut_short) compare("matched pongs", matched, seen.surely_matched, false, true);
  const std::uint64_t missed = counters.pongs_missed[leg].value();
  const std::uint64_t latencies = count_of(counters.pong_latency[leg]);
  const std::uint64_t pings = counters.pings_sent[leg].value() + seen.foreign_pings;
  compare("answered or missed pings", missed + latencies, pings, false, false);
  verdict.require(latencies >= matched, kCounters, "a matched pong without a latency");
}

}  // namespace wskeep::simulation
