// Runs the simulation for a range of seeds, or for one with its story.
//
//   simulation --first 0 --count 25000
//   simulation --seed 1234 --trace
#include <CLI/CLI.hpp>
#include <cstdio>

#include "tests/simulation/world.h"

namespace {

using wskeep::simulation::Outcome;
using wskeep::simulation::World;

constexpr std::size_t kShortStory = 40;  // lines of a trace that usually tell why

void print_trace(const Outcome& outcome, std::size_t most) {
  const std::size_t size = outcome.trace.size();
  const std::size_t first = size - std::min(size, most);
  if (first != 0) std::printf("  ... %zu lines before\n", first);
  for (std::size_t i = first; i < size; ++i) std::printf("  %s\n", outcome.trace[i].c_str());
}

// Runs a failed seed once more, for its story.
void report(std::uint64_t seed, std::size_t most_lines) {
  const Outcome outcome = World(seed, true).run();
  print_trace(outcome, most_lines);
  std::printf("seed %llu breaks a rule: %s\n  %s\n  again: simulation --seed %llu --trace\n",
              static_cast<unsigned long long>(seed), outcome.verdict.rule().c_str(),
              outcome.verdict.how().c_str(), static_cast<unsigned long long>(seed));
}

int run_one(std::uint64_t seed, bool trace) {
  const Outcome outcome = World(seed, trace).run();
  if (!outcome.verdict.good()) {
    report(seed, trace ? outcome.trace.size() : kShortStory);
    return 1;
  }
  print_trace(outcome, outcome.trace.size());
  std::printf("seed %llu keeps every rule: %zu events in %s\n", static_cast<unsigned long long>(seed),
              outcome.events, wskeep::simulation::seconds(outcome.lasted).c_str());
  return 0;
}

int run_many(std::uint64_t first, std::uint64_t count, std::uint64_t most_failures) {
  std::uint64_t failures = 0;
  std::size_t events = 0;
  std::array<std::uint64_t, wskeep::observe::kCloseReasons> reasons{};
  for (std::uint64_t seed = first; seed != first + count; ++seed) {
    const Outcome outcome = World(seed, false).run();
    events += outcome.events;
    if (outcome.reason) ++reasons[static_cast<std::size_t>(*outcome.reason)];
    if (outcome.verdict.good()) continue;
    report(seed, kShortStory);
    if (++failures == most_failures) return 1;
  }
  std::printf("%llu seeds from %llu: %zu events, %llu broken\n", static_cast<unsigned long long>(count),
              static_cast<unsigned long long>(first), events, static_cast<unsigned long long>(failures));
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    const auto reason = static_cast<wskeep::observe::CloseReason>(i);
    std::printf("  %-24s %llu\n", std::string(to_string(reason)).c_str(),
                static_cast<unsigned long long>(reasons[i]));
  }
  return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Deterministic simulation of wskeep sessions");
  std::uint64_t seed = 0;
  std::uint64_t first = 0;
  std::uint64_t count = 1000;
  std::uint64_t most_failures = 1;
  bool trace = false;
  CLI::Option* const one = app.add_option("--seed", seed, "run this seed only");
  app.add_flag("--trace", trace, "with --seed: tell all that happens");
  app.add_option("--first", first, "the first of many seeds");
  app.add_option("--count", count, "how many");
  app.add_option("--failures", most_failures, "stop after so many that fail");
  CLI11_PARSE(app, argc, argv);
  return *one ? run_one(seed, trace) : run_many(first, count, most_failures);
}
