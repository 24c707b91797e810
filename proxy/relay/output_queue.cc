#include "proxy/relay/output_queue.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>

namespace wskeep::relay {

bool OutputQueue::append(std::span<const std::uint8_t> bytes) noexcept {
  if (bytes.empty()) return true;
  if (capacity_ - end_ < bytes.size() && !make_room(bytes.size())) return false;
  std::memcpy(bytes_.get() + end_, bytes.data(), bytes.size());
  end_ += bytes.size();
  return true;
}

void OutputQueue::consume(std::size_t count) noexcept {
  assert(count <= size());
  begin_ += count;
  if (begin_ != end_) return;
  bytes_.reset();
  capacity_ = begin_ = end_ = 0;
}

bool OutputQueue::make_room(std::size_t count) noexcept {
  // Moving the rest to the front pays only when at least as much room is won as is moved; otherwise a slow
  // reader's queue would be moved once per read.
  if (begin_ >= size() && capacity_ - size() >= count) {
    std::memmove(bytes_.get(), bytes_.get() + begin_, size());
  } else {
    const std::size_t wanted = std::max(size() + count, capacity_ + capacity_ / 2);
    std::unique_ptr<std::uint8_t[]> larger(new (std::nothrow) std::uint8_t[wanted]);
    if (!larger) return false;
    if (!empty()) std::memcpy(larger.get(), bytes_.get() + begin_, size());
    bytes_ = std::move(larger);
    capacity_ = wanted;
  }
  end_ = size();
  begin_ = 0;
  return true;
}

}  // namespace wskeep::relay
