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

// How far what was written has got, by the peer's TCP.
struct SendProgress {
  std::uint64_t acknowledged = 0;  // bytes, ever
  std::size_t unacknowledged = 0;  // bytes that the kernel still keeps, sent or not
  bool in_flight = false;          // some of these were sent: their acknowledgement is to come
  unsigned retries = 0;            // in a row: each was given its time, and nothing new was acknowledged
  std::chrono::microseconds retry_after{0};     // the kernel's wait before a first retry, by the round trip
  std::chrono::microseconds unanswered_for{0};  // at least, by the time that these retries were given
};

class Transport {
 public:
  virtual ~Transport() = default;

  [[nodiscard]] virtual IoResult read(std::span<std::uint8_t> into) noexcept = 0;
  // Writes the pieces in order; takes what fits. At most 1,024 pieces (IOV_MAX). Taking less than all
  // promises, as kBlocked does, an event when there is room again; the next write must then begin with what
  // was not taken and have no less of it, for TLS may have made a record of that.
  [[nodiscard]] virtual IoResult write(std::span<const iovec> pieces) noexcept = 0;
  // Nothing more will be written: the peer sees the end after what was written. False when there is no room
  // for the end itself: an event tells when to call again.
  [[nodiscard]] virtual bool shutdown_write() noexcept = 0;
  // The kernel's smoothed round trip time, where there is one.
  virtual std::optional<std::chrono::nanoseconds> round_trip_time() noexcept = 0;
  // Nothing where there is no TCP to ask. Two system calls: for when a timeout is due.
  virtual std::optional<SendProgress> send_progress() noexcept = 0;
  // The socket, where the stream is just what passes it: for who moves bytes without looking. Below 0: none.
  virtual int plain_socket() const noexcept { return -1; }
};

}  // namespace wskeep::net
