// What the pure rooms cost by themselves, in nanoseconds: `ninja bench_rooms`, then tests/bench/bench_rooms.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <span>

#include "proxy/keepalive/heartbeat.h"
#include "proxy/websocket/frame_scanner.h"
#include "tests/bench/load/message.h"

namespace wskeep::bench {
namespace {

using keepalive::Heartbeat;
using websocket::FrameScanner;

constexpr websocket::Sender kClient = websocket::Sender::kClient;
constexpr std::size_t kReadSize = 64 * 1024;

// Reads as they come from a busy client: many small frames each, or pieces of large ones.
void scan_frames(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const Message message(size, 1, kReadSize / (size + websocket::kMaxHeaderSize) + 1, 0);
  FrameScanner scanner(kClient, websocket::ExtensionRules::kNone);
  std::int64_t frames = 0;
  for ([[maybe_unused]] const auto _ : state) {
    for (auto left = message.wire(); !left.empty();) {
      const auto read = left.first(std::min(left.size(), kReadSize));
      left = left.subspan(read.size());
      for (auto in = read; !in.empty();) {
        const FrameScanner::Step step = scanner.next(in);
        if (step.verdict == FrameScanner::Verdict::kBroken)
          return state.SkipWithError("a legal frame was refused");
        if (step.verdict == FrameScanner::Verdict::kFrameEnd) ++frames;
        in = in.subspan(step.size);
      }
    }
  }
  state.SetItemsProcessed(frames);
  state.counters["per_frame"] = benchmark::Counter(static_cast<double>(frames),
                                                   benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(scan_frames)->Arg(0)->Arg(100)->Arg(128)->Arg(1024)->Arg(65'536)->Arg(1 << 20);

// A look at a heartbeat that has nothing to do.
void poll_idle(benchmark::State& state) {
  const keepalive::Settings settings;
  const keepalive::TimePoint start(std::chrono::hours(1));
  Heartbeat heartbeat(settings, start, ~std::uint64_t{0});
  for ([[maybe_unused]] const auto _ : state) {
    benchmark::DoNotOptimize(&heartbeat);
    benchmark::DoNotOptimize(heartbeat.poll(start, 0));
  }
}
BENCHMARK(poll_idle);

// A whole beat: due, sent, left, answered, and the next one scheduled.
void beat(benchmark::State& state) {
  const keepalive::Settings settings;
  keepalive::TimePoint now(std::chrono::hours(1));
  Heartbeat heartbeat(settings, now, 0);
  std::uint64_t random = 1;
  std::uint64_t position = 0;
  for ([[maybe_unused]] const auto _ : state) {
    random = random * 6364136223846793005U + 1442695040888963407U;
    now = heartbeat.deadline();
    if (heartbeat.poll(now, random) != Heartbeat::Due::kPing) return state.SkipWithError("no ping was due");
    const auto fresh = static_cast<std::uint32_t>(random >> 32);
    const auto payload = heartbeat.payload(fresh);
    heartbeat.ping_sent(fresh, {position, position + 10});
    position += 10;
    benchmark::DoNotOptimize(heartbeat.passed(position, now));
    heartbeat.heard();
    if (heartbeat.pong(payload, now + std::chrono::milliseconds(30)).result !=
        keepalive::Pong::Result::kMatched) {
      return state.SkipWithError("a pong did not match");
    }
  }
}
BENCHMARK(beat);

}  // namespace
}  // namespace wskeep::bench

BENCHMARK_MAIN();
