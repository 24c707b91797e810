// load: the clients of the benchmark. See --help; prints one JSON object, or a fault and exit 1.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "tests/bench/load/load.h"

namespace wskeep::bench {
namespace {

using std::chrono::duration;
using std::chrono::duration_cast;
using std::chrono::nanoseconds;

enum class Mode { kEcho, kUpgrade, kUpgradeAndClose, kClose, kPings };

struct Options {
  std::uint16_t port = 0;
  Mode mode = Mode::kEcho;
  Shape shape;
  Plan plan;
  double seconds = 1;
  double warm_up = 0.1;
  double share = 1;
  std::uint32_t beats = 1;
  bool controlled = false;
};

void declare(CLI::App& app, Options& options) {
  app.description(
      "Sends masked WebSocket messages to an echo server on 127.0.0.1, checks every echo, and prints the "
      "round "
      "trips and their latencies as one JSON object.");
  const std::map<std::string, Mode> modes{{"echo", Mode::kEcho},
                                          {"upgrade", Mode::kUpgrade},
                                          {"upgrade-close", Mode::kUpgradeAndClose},
                                          {"close", Mode::kClose},
                                          {"pings", Mode::kPings}};
  app.add_option("--port", options.port, "where the server listens")->required();
  app.add_option(
         "--mode", options.mode,
         "echo; or upgrade: only opens its connections, with one echo on each; upgrade-close closes each; "
         "close: closes some of those that are open; pings: only looks when the server's pings come")
      ->transform(CLI::CheckedTransformer(modes));
  app.add_option("--connections", options.shape.connections)->check(CLI::PositiveNumber);
  app.add_option("--size", options.shape.size, "bytes of a message")->check(CLI::Range(0, 1 << 30));
  app.add_option("--fragments", options.shape.fragments, "frames of a message")->check(CLI::PositiveNumber);
  app.add_option("--depth", options.shape.depth, "messages of a connection in flight")
      ->check(CLI::PositiveNumber);
  app.add_option("--check-every", options.shape.check_every, "one echo in so many is compared byte for byte")
      ->check(CLI::PositiveNumber);
  app.add_option("--seconds", options.seconds, "for how long")->check(CLI::PositiveNumber);
  app.add_option("--messages", options.plan.messages, "on each connection; instead of --seconds");
  app.add_option("--rate", options.plan.rate,
                 "messages a second in all, each due at its time; else a closed loop")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--active", options.plan.active, "with --messages: so many connections at once");
  app.add_option("--share", options.share, "with close: so many, at random")->check(CLI::Range(0.0, 1.0));
  app.add_option("--beats", options.beats,
                 "with pings: how many gaps of each session make the mean; in --seconds all must have them")
      ->check(CLI::PositiveNumber);
  app.add_option("--warm-up", options.warm_up, "seconds before it is measured")
      ->check(CLI::NonNegativeNumber);
  app.add_flag(
      "--controlled", options.controlled,
      "prints \"ready\" and waits for a line before it measures; keeps its connections after that, until "
      "standard input ends");
}

double microseconds(nanoseconds time) {
  return duration<double, std::micro>(time).count();
}

// The latencies are those of all runs so far: few in one run say little about the slowest.
void print(const Result& result, const Latencies& all, std::uint64_t pings) {
  fmt::print(
      R"({{"round_trips": {}, "seconds": {:.6f}, "pings": {}, "latency_us": {{"p50": {:.2f}, "p90": {:.2f}, )"
      R"("p99": {:.2f}, "p99.9": {:.2f}, "max": {:.2f}}}}})"
      "\n",
      result.round_trips, duration<double>(result.elapsed).count(), pings, microseconds(all.percentile(0.5)),
      microseconds(all.percentile(0.9)), microseconds(all.percentile(0.99)),
      microseconds(all.percentile(0.999)), microseconds(all.max()));
  std::fflush(stdout);
}

void print(const PingBook& book) {
  fmt::print(
      R"({{"pings": {}, "gaps": {}, "longest_gap_ms": {:.3f}, "mean_gap_ms": {:.4f}, "largest_tick": {}, "mean_tick": {:.2f}}})"
      "\n",
      book.pings(), book.mean_of(), book.longest_gap().count(), book.mean_gap().count(), book.largest_tick(),
      book.mean_tick());
  std::fflush(stdout);
}

void warm_up(Load& load, const Options& options) {
  const auto time = duration_cast<nanoseconds>(duration<double>(options.warm_up));
  switch (options.mode) {
    case Mode::kPings: load.note_pings(options.beats); return load.open();
    case Mode::kClose: return load.open();
    case Mode::kEcho:
      load.open();
      if (time.count() != 0) (void)load.run({.time = time});
      return;
    case Mode::kUpgrade:
    case Mode::kUpgradeAndClose:
      if (time.count() != 0) (void)load.open_and_echo(options.shape.connections / 10, true);
  }
}

Result measure(Load& load, const Options& options) {
  switch (options.mode) {
    case Mode::kUpgrade:
    case Mode::kUpgradeAndClose:
      return load.open_and_echo(options.shape.connections, options.mode == Mode::kUpgradeAndClose);
    case Mode::kClose: return load.close_some(options.share);
    case Mode::kEcho:
    case Mode::kPings: break;
  }
  return load.run(options.plan);
}

void run(Options& options) {
  Load load(net::resolve("127.0.0.1", options.port).front(), options.shape);
  options.plan.time = duration_cast<nanoseconds>(duration<double>(options.seconds));
  warm_up(load, options);
  if (options.controlled) {
    std::puts("ready");
    std::fflush(stdout);
  }
  Latencies all;
  while (!options.controlled || load.wait_for_line()) {
    if (options.mode == Mode::kPings) {
      print(load.watch_pings(options.plan.time));
    } else {
      const Result result = measure(load, options);
      all.add(result.latencies);
      print(result, all, load.pings());
    }
    if (!options.controlled) return;
  }
}

}  // namespace
}  // namespace wskeep::bench

int main(int argc, char** argv) {
  wskeep::bench::Options options;
  CLI::App app;
  wskeep::bench::declare(app, options);
  CLI11_PARSE(app, argc, argv);
  try {
    wskeep::bench::run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "load: {}\n", error.what());
    return 1;
  }
  return 0;
}
