// A scripted peer for a leg: what it sends, how much it takes, and what it got. Clock and randomness that a
// test commands.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>

#include "proxy/net/transport.h"
#include "proxy/relay/environment.h"
#include "tests/unit/frames.h"

namespace wskeep::test {

inline constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

// The far end of a leg. The test owns it and changes it between calls; it outlives the transport.
struct Wire {
  // From the peer. Bytes first, then the error or the end.
  Bytes incoming;
  std::size_t most_per_read = kNoLimit;
  bool ended = false;
  int read_error = 0;
  bool drained_is_told = true;  // some transports can't tell that a read was the last

  // To the peer.
  Bytes received;
  std::size_t window = kNoLimit;  // bytes that it still takes
  int write_error = 0;
  bool end_blocked = false;  // it has no room for the end of the stream
  bool shut = false;

  std::optional<std::chrono::nanoseconds> round_trip_time;
  std::optional<net::SendProgress> send_progress;  // what the kernel's TCP would say
  int reads = 0;
  int writes = 0;

  // What the peer got since the last call.
  Bytes take() {
    Bytes taken;
    taken.swap(received);
    return taken;
  }
};

class FakeTransport final : public net::Transport {
 public:
  explicit FakeTransport(Wire& wire) : wire_(wire) {}

  net::IoResult read(std::span<std::uint8_t> into) noexcept override {
    using Status = net::IoResult::Status;
    ++wire_.reads;
    const std::size_t size = std::min({into.size(), wire_.incoming.size(), wire_.most_per_read});
    if (size == 0) {
      if (wire_.read_error != 0) return {.status = Status::kFailed, .error = wire_.read_error};
      return {.status = wire_.ended ? Status::kEnd : Status::kBlocked};
    }
    const auto end = wire_.incoming.begin() + static_cast<std::ptrdiff_t>(size);
    std::copy(wire_.incoming.begin(), end, into.begin());
    wire_.incoming.erase(wire_.incoming.begin(), end);
    return {.status = Status::kOk, .drained = wire_.drained_is_told && wire_.incoming.empty(), .bytes = size};
  }

  net::IoResult write(std::span<const iovec> pieces) noexcept override {
    using Status = net::IoResult::Status;
    ++wire_.writes;
    if (wire_.write_error != 0) return {.status = Status::kFailed, .error = wire_.write_error};
    std::size_t taken = 0;
    for (const iovec& piece : pieces) {
      const std::size_t size = std::min(piece.iov_len, wire_.window);
      const auto* const bytes = static_cast<const std::uint8_t*>(piece.iov_base);
      wire_.received.insert(wire_.received.end(), bytes, bytes + size);
      taken += size;
      if (wire_.window != kNoLimit) wire_.window -= size;
    }
    return taken == 0 ? net::IoResult{.status = Status::kBlocked}
                      : net::IoResult{.status = Status::kOk, .bytes = taken};
  }

  bool shutdown_write() noexcept override {
    wire_.shut = !wire_.end_blocked;
    return wire_.shut;
  }

  std::optional<std::chrono::nanoseconds> round_trip_time() noexcept override {
    return wire_.round_trip_time;
  }

  std::optional<net::SendProgress> send_progress() noexcept override { return wire_.send_progress; }

 private:
  Wire& wire_;
};

class FakeClock final : public relay::Clock {
 public:
  relay::TimePoint now() noexcept override { return time; }

  relay::TimePoint time{std::chrono::hours{1000}};
};

// Random numbers that come again with every run.
class FakeRandom final : public relay::Random {
 public:
  std::uint64_t next() noexcept override { return engine_(); }

 private:
  std::mt19937_64 engine_{1};
};

}  // namespace wskeep::test
