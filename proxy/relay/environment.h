// What a session borrows from its worker: clock, randomness, counters and scratch memory. No session owns a
// buffer while it is idle, because these serve all sessions of a worker in turn. Outlives every session.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "proxy/keepalive/pong_ledger.h"
#include "proxy/net/conduit.h"
#include "proxy/observe/counters.h"

namespace wskeep::relay {

using keepalive::TimePoint;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() noexcept = 0;  // monotonic
  // A few milliseconds behind that at most, for a fraction of the cost.
  virtual TimePoint about_now() noexcept { return now(); }
};

class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() noexcept = 0;  // unpredictable: it makes mask keys and ping payloads
};

// Answers to the pings of one read, to leave in one write. Empty between calls.
struct PongBatch {
  std::array<std::uint8_t, 16'384> bytes;
  std::size_t size = 0;
  std::uint32_t count = 0;
};

// The way past user space, for the rest of large frames. Where such frames come, reads stop behind the next
// header, and the conduit moves what follows. That is more calls than a read and a write: over loopback these
// are cheaper for frames below 32 KiB, and cost a third more at 64 KiB.
struct Bypass {
  net::Conduit* conduit = nullptr;    // none: everything is read and written
  std::size_t large_frame = 49'152;   // bytes of payload
  std::size_t worth_moving = 16'384;  // bytes of it that are to come
  std::size_t header_read = 1'024;    // for the next header, with small frames that may stand before it
};

struct Environment {
  Clock& clock;
  Random& random;
  observe::WorkerCounters& counters;
  std::span<std::uint8_t> read_buffer;  // filled and emptied within one call
  PongBatch& pong_batch;
  Bypass bypass{};
};

}  // namespace wskeep::relay
