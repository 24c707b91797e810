#include "proxy/relay/output_queue.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace wskeep::relay {

bool OutputQueue::append(std::span<const std::uint8_t> bytes) noexcept {
  if (bytes.empty()) return true;
  const bool fits = block_ && block_->capacity - block_->end >= bytes.size();
  if (!fits && !make_room(bytes.size())) return false;
  std::memcpy(block_->bytes() + block_->end, bytes.data(), bytes.size());
  block_->end += bytes.size();
  return true;
}

void OutputQueue::consume(std::size_t count) noexcept {
  assert(count <= size());
  if (count == size()) return clear();
  block_->begin += count;
}

bool OutputQueue::make_room(std::size_t count) noexcept {
  const std::size_t capacity = block_ ? block_->capacity : 0;
  const std::size_t begin = block_ ? block_->begin : 0;
  const std::size_t kept = size();
  // Moving the rest to the front pays only when at least as much room is won as is moved; otherwise a slow
  // reader's queue would be moved once per read.
  if (begin >= kept && capacity - kept >= count) {
    block_->marks = {before(Mark::kPongs), before(Mark::kTimeUp)};
    std::memmove(block_->bytes(), block_->bytes() + begin, kept);
    block_->begin = 0;
    block_->end = kept;
    return true;
  }
  const std::size_t wanted = std::max(kept + count, capacity + capacity / 2);
  void* const memory = ::operator new(sizeof(Block) + wanted, std::nothrow);
  if (memory == nullptr) return false;
  std::unique_ptr<Block, Free> larger(
      new (memory) Block{wanted, 0, kept, {before(Mark::kPongs), before(Mark::kTimeUp)}, time()});
  if (kept != 0) std::memcpy(larger->bytes(), block_->bytes() + begin, kept);
  block_ = std::move(larger);
  return true;
}

}  // namespace wskeep::relay
