// OutputQueue keeps, in order, the bytes that a socket has refused, and what its owner has to remember while
// there are any: a time, and places among them. It is empty and owns no memory while the socket keeps up,
// which is nearly always. Its owner bounds it; one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>

#include "proxy/keepalive/pong_ledger.h"

namespace wskeep::relay {

using keepalive::TimePoint;

class OutputQueue {
 public:
  bool empty() const noexcept { return !block_; }
  std::size_t size() const noexcept { return block_ ? block_->end - block_->begin : 0; }

  // Copies `bytes` behind what waits. False when there is no memory; then nothing was added.
  [[nodiscard]] bool append(std::span<const std::uint8_t> bytes) noexcept;

  // All that waits, in one piece; valid until the next call that is not const.
  std::span<const std::uint8_t> front() const noexcept {
    if (!block_) return {};
    return {block_->bytes() + block_->begin, size()};
  }

  // Takes `count` bytes off the front, at most size(). The last one frees the memory.
  void consume(std::size_t count) noexcept;

  void clear() noexcept { block_.reset(); }

  // The time, unless the queue is empty.
  void set_time(TimePoint time) noexcept {
    if (block_) block_->time = time;
  }
  TimePoint time() const noexcept { return block_ ? block_->time : TimePoint(); }

  // A place behind which all stands that comes after `set_mark`.
  enum class Mark : std::uint8_t {
    kPongs,   // the last of our pongs ends here
    kTimeUp,  // what waited when the time to close was up ends here
  };
  void set_mark(Mark mark) noexcept {
    if (block_) block_->mark(mark) = block_->end;
  }
  // How many bytes before the mark still wait; 0 when it was never set.
  std::size_t before(Mark mark) const noexcept {
    return block_ && block_->mark(mark) > block_->begin ? block_->mark(mark) - block_->begin : 0;
  }

 private:
  // The head of one allocation, with the bytes behind it: an empty queue is a pointer.
  struct Block {
    std::uint8_t* bytes() noexcept { return reinterpret_cast<std::uint8_t*>(this + 1); }
    std::size_t& mark(Mark mark) noexcept { return marks[static_cast<std::size_t>(mark)]; }

    std::size_t capacity;
    std::size_t begin;
    std::size_t end;
    std::array<std::size_t, 2> marks;
    TimePoint time;
  };
  struct Free {
    void operator()(Block* block) const noexcept { ::operator delete(block); }
  };

  [[nodiscard]] bool make_room(std::size_t count) noexcept;

  std::unique_ptr<Block, Free> block_;  // none while empty
};

}  // namespace wskeep::relay
