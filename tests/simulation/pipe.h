// Road and Pipe are the simulated network: one TCP stream from a writer's kernel to a reader's.
//
// The pipe keeps the books that a kernel keeps: what the writer has handed over, what was sent, what has
// arrived, what the reader has taken, and what the writer's side knows of that, for acknowledgements travel
// too. Nothing is sent beyond the window that the reader's side has last announced, so a reader that stops
// reading closes it, as in life. Nothing gets lost unless a road is cut: then all of it, for good.
#pragma once

#include <functional>
#include <optional>
#include <span>

#include "proxy/net/transport.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/timeline.h"
#include "tests/unit/frames.h"

namespace wskeep::simulation {

using test::Bytes;

// Carries packets one way: late, in order, or not at all.
class Road {
 public:
  struct Nature {
    nanoseconds latency;
    nanoseconds jitter;
  };
  Road(Timeline& timeline, Dice& dice, Nature nature) : timeline_(timeline), dice_(dice), nature_(nature) {}

  template <class Arrival>
  void carry(Arrival arrival) {
    last_ = std::max(last_, timeline_.now() + nature_.latency + dice_.time({}, nature_.jitter));
    timeline_.at(last_, [this, arrival = std::move(arrival)] {
      if (!cut_) arrival();
    });
  }
  // Whatever sets out from now on arrives after `time` at the earliest.
  void stall(nanoseconds time) { last_ = std::max(last_, timeline_.now() + time); }
  void cut() noexcept { cut_ = true; }
  bool is_cut() const noexcept { return cut_; }
  nanoseconds slowest() const noexcept { return nature_.latency + nature_.jitter; }

 private:
  Timeline& timeline_;
  Dice& dice_;
  Nature nature_;
  TimePoint last_{};
  bool cut_ = false;
};

class Pipe {
 public:
  struct Sizes {
    std::size_t send_buffer;
    std::size_t window;
  };
  // `reader_news`: bytes or the end have arrived. `writer_news`: there is room again for a writer that was
  // refused some.
  Pipe(Timeline& timeline, Dice& dice, Road& there, Road& back, Sizes sizes, Timeline::Action reader_news,
       Timeline::Action writer_news);

  // The writer's end. Takes what fits and says how much that was.
  std::size_t write(std::span<const std::uint8_t> bytes);
  void finish();
  std::size_t room() const noexcept;
  bool roomy() const noexcept { return room() * 3 >= sizes_.send_buffer; }  // as Linux calls it writable
  net::SendProgress progress() const noexcept;
  std::uint64_t written() const noexcept { return written_; }
  std::uint64_t acknowledged() const noexcept { return acknowledged_; }
  // When new bytes were last acknowledged, or sent with none under way: the kernel's retries count from
  // there.
  TimePoint unanswered_since() const noexcept { return unanswered_since_; }

  // The reader's end.
  std::size_t read(std::span<std::uint8_t> into);
  std::size_t unread() const noexcept { return static_cast<std::size_t>(arrived_ - read_); }
  bool ended() const noexcept { return ended_; }

  // The connection is gone: nothing more is sent or taken in. What has arrived can still be read.
  void close() noexcept { closed_ = true; }

 private:
  void transmit();
  void arrive(std::uint64_t end, TimePoint sent_at);
  void announce(std::optional<TimePoint> sent_at);
  void learn(std::uint64_t acknowledged, std::uint64_t limit);
  void measure(nanoseconds round_trip);

  Timeline& timeline_;
  Dice& dice_;
  Road& there_;
  Road& back_;
  Sizes sizes_;
  Timeline::Action reader_news_;
  Timeline::Action writer_news_;

  // Places in the stream. bytes_ starts at read_, less what was read from its front but not yet removed.
  Bytes bytes_;
  std::size_t taken_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t arrived_ = 0;
  std::uint64_t read_ = 0;
  std::uint64_t acknowledged_ = 0;  // as the writer's side knows
  std::uint64_t limit_;             // likewise: what may be sent
  std::uint64_t announced_;         // the limit that the reader's side has told last
  TimePoint unanswered_since_;
  nanoseconds round_trip_;  // smoothed, and how much it varies (RFC 6298)
  nanoseconds variation_;
  bool refused_ = false;
  bool finishing_ = false;
  bool end_sent_ = false;
  bool ended_ = false;
  bool closed_ = false;
};

}  // namespace wskeep::simulation
