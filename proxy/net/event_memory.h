// A place of its own for libevent's smallest allocations.
//
// libevent keeps 16 bytes for each descriptor number that it has ever watched, for as long as its base lives.
// Among the sessions on the heap they would hold nearly every page that a mass close frees, and no memory
// would go back to the system.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

namespace wskeep::net {

// Blocks of kSize bytes out of one range of addresses, so that a block is known by its address; whatever is
// larger, or finds the range used up, is left to malloc. A page of the range is used once its first block is,
// and never given back. Any thread.
class SmallBlocks {
 public:
  static constexpr std::size_t kSize = 16;

  // `count` blocks at most. Without address space for them there are none.
  explicit SmallBlocks(std::size_t count) noexcept;
  ~SmallBlocks();
  SmallBlocks(const SmallBlocks&) = delete;
  SmallBlocks& operator=(const SmallBlocks&) = delete;

  // As malloc, realloc and free, which may not be mixed with these.
  void* allocate(std::size_t size) noexcept;
  void* resize(void* old, std::size_t size) noexcept;
  void release(void* pointer) noexcept;

  bool owns(const void* pointer) const noexcept;

 private:
  struct Free {
    Free* next;
  };

  void* take() noexcept;

  std::size_t count_;
  std::uint8_t* begin_;
  std::mutex mutex_;
  std::size_t used_ = 0;  // blocks that were handed out once
  Free* free_ = nullptr;
};

// Makes libevent use one for the whole process. Before any other call of libevent; further calls do nothing.
void separate_event_memory();

}  // namespace wskeep::net
