// Transport is one leg's byte stream as the relay sees it: read, write, end.
//
// Never blocks and never raises SIGPIPE. The relay doesn't know whether a socket, TLS or a simulated network
// is behind it. One thread; lives as long as its leg.
#pragma once

#include <sys/uio.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace wskeep::net {

struct IoResult {
  enum class Status : std::uint8_t {
    kOk,       // `bytes` were moved, at least one
    kBlocked,  // nothing now; an edge-triggered event will tell when
    kEnd,      // the peer has ended its stream (reads only)
    kFailed,   // the connection is broken; `error` is its errno
  };
  Status status;
  bool drained = false;  // reads: nothing is left behind for now
  std::size_t bytes = 0;
  int error = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;

  [[nodiscard]] virtual IoResult read(std::span<std::uint8_t> into) noexcept = 0;
  // Writes the pieces in order; takes what fits. At most 1,024 pieces (IOV_MAX). Taking less than all
  // promises, as kBlocked does, an event when there is room again.
  [[nodiscard]] virtual IoResult write(std::span<const iovec> pieces) noexcept = 0;
  // Nothing more will be written: the peer sees the end after what was written.
  virtual void shutdown_write() noexcept = 0;
  // The kernel's smoothed round trip time, where there is one.
  virtual std::optional<std::chrono::nanoseconds> round_trip_time() noexcept = 0;
};

}  // namespace wskeep::net
