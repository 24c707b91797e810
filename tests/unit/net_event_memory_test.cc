#include <event2/event.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <cstring>
#include <random>
#include <set>
#include <vector>

#include "proxy/net/event_memory.h"
#include "proxy/net/handles.h"

namespace wskeep::net {
namespace {

TEST(SmallBlocks, HandsOutDistinctAlignedBlocksUntilTheyAreUsedUp) {
  SmallBlocks blocks(3);
  std::set<void*> seen;
  for (int i = 0; i < 3; ++i) {
    void* const block = blocks.allocate(SmallBlocks::kSize);
    EXPECT_TRUE(blocks.owns(block));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignof(std::max_align_t), 0U);
    std::memset(block, 0xAB, SmallBlocks::kSize);
    EXPECT_TRUE(seen.insert(block).second);
  }
  void* const other = blocks.allocate(1);
  ASSERT_NE(other, nullptr);
  EXPECT_FALSE(blocks.owns(other));
  blocks.release(other);
  blocks.release(*seen.begin());
  EXPECT_EQ(blocks.allocate(1), *seen.begin());
}

TEST(SmallBlocks, LeavesWhatIsLargerToMalloc) {
  SmallBlocks blocks(1);
  void* const large = blocks.allocate(SmallBlocks::kSize + 1);
  EXPECT_FALSE(blocks.owns(large));
  EXPECT_FALSE(blocks.owns(nullptr));
  blocks.release(large);
  blocks.release(nullptr);
}

TEST(SmallBlocks, KeepsWhatWasWrittenThroughEveryResize) {
  SmallBlocks blocks(64);
  std::mt19937 random(11);
  struct Held {
    std::uint8_t* bytes;
    std::size_t size;
    std::uint8_t mark;
  };
  std::vector<Held> all(100, Held{nullptr, 0, 0});
  const auto intact = [](const Held& held, std::size_t size) {
    return std::all_of(held.bytes, held.bytes + size, [&](std::uint8_t byte) { return byte == held.mark; });
  };
  for (int step = 0; step < 20'000; ++step) {
    Held& held = all[random() % all.size()];
    if (held.bytes != nullptr && random() % 3 == 0) {
      ASSERT_TRUE(intact(held, held.size));
      blocks.release(held.bytes);
      held = {nullptr, 0, 0};
      continue;
    }
    const std::size_t size = random() % 48 + 1;
    const std::size_t kept = std::min(size, held.size);
    held.bytes = static_cast<std::uint8_t*>(blocks.resize(held.bytes, size));
    ASSERT_NE(held.bytes, nullptr);
    ASSERT_TRUE(intact(held, kept));
    held.mark = static_cast<std::uint8_t>(step);
    held.size = size;
    std::memset(held.bytes, held.mark, size);
  }
  for (const Held& held : all) blocks.release(held.bytes);
}

TEST(SmallBlocks, ServeLibevent) {
  separate_event_memory();
  separate_event_memory();
  const EventBase base(event_base_new());
  const FileDescriptor descriptor(eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC));
  bool came = false;
  const auto on_ready = [](int, short, void* flag) { *static_cast<bool*>(flag) = true; };
  const Event ready(event_new(base.get(), descriptor.get(), EV_READ, on_ready, &came));
  ASSERT_EQ(event_add(ready.get(), nullptr), 0);
  event_base_loop(base.get(), EVLOOP_ONCE);
  EXPECT_TRUE(came);
}

}  // namespace
}  // namespace wskeep::net
