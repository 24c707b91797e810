#include "proxy/net/event_memory.h"

#include <event2/event.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace wskeep::net {
namespace {

// As many descriptors as Linux allows a process by default (fs.nr_open): 16 MiB of addresses, no memory.
constexpr std::size_t kDescriptors = 1'048'576;

// Lives as long as libevent's memory may: to the end of the process, destructors included.
SmallBlocks& blocks() {
  static SmallBlocks& all = *new SmallBlocks(kDescriptors);
  return all;
}

}  // namespace

SmallBlocks::SmallBlocks(std::size_t count) noexcept : count_(count) {
  void* const range = mmap(nullptr, count * kSize, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  begin_ = range == MAP_FAILED ? nullptr : static_cast<std::uint8_t*>(range);
  if (begin_ == nullptr) count_ = 0;
}

SmallBlocks::~SmallBlocks() {
  if (begin_ != nullptr) (void)munmap(begin_, count_ * kSize);
}

bool SmallBlocks::owns(const void* pointer) const noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const auto begin = reinterpret_cast<std::uintptr_t>(begin_);
  return address - begin < count_ * kSize;
}

void* SmallBlocks::take() noexcept {
  const std::lock_guard lock(mutex_);
  if (free_ != nullptr) {
    Free* const block = free_;
    free_ = block->next;
    return block;
  }
  return used_ == count_ ? nullptr : begin_ + used_++ * kSize;
}

void* SmallBlocks::allocate(std::size_t size) noexcept {
  void* const block = size <= kSize ? take() : nullptr;
  return block != nullptr ? block : std::malloc(size);
}

void* SmallBlocks::resize(void* old, std::size_t size) noexcept {
  if (old == nullptr) return allocate(size);
  if (!owns(old)) return std::realloc(old, size);
  if (size <= kSize) return old;
  void* const larger = std::malloc(size);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, old, kSize);
  release(old);
  return larger;
}

void SmallBlocks::release(void* pointer) noexcept {
  if (!owns(pointer)) return std::free(pointer);
  const std::lock_guard lock(mutex_);
  free_ = new (pointer) Free{free_};
}

void separate_event_memory() {
  static const bool once = [] {
    event_set_mem_functions([](std::size_t size) { return blocks().allocate(size); },
                            [](void* old, std::size_t size) { return blocks().resize(old, size); },
                            [](void* pointer) { blocks().release(pointer); });
    return true;
  }();
  (void)once;
}

}  // namespace wskeep::net
