// OutputQueue keeps, in order, the bytes that a socket has refused. It is empty and owns no memory while the
// socket keeps up, which is nearly always. Its owner bounds it; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace wskeep::relay {

class OutputQueue {
 public:
  bool empty() const noexcept { return begin_ == end_; }
  std::size_t size() const noexcept { return end_ - begin_; }

  // Copies `bytes` behind what waits. False when there is no memory; then nothing was added.
  [[nodiscard]] bool append(std::span<const std::uint8_t> bytes) noexcept;

  // All that waits, in one piece; valid until the next call that is not const.
  std::span<const std::uint8_t> front() const noexcept { return {bytes_.get() + begin_, size()}; }

  // Takes `count` bytes off the front, at most size(). The last one frees the memory.
  void consume(std::size_t count) noexcept;

  void clear() noexcept { consume(size()); }

 private:
  [[nodiscard]] bool make_room(std::size_t count) noexcept;

  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace wskeep::relay
