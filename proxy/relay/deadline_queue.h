// DeadlineQueue knows which of many is due first: a heap of deadlines, each of whose owners knows its place.
//
// One owner has at most one deadline. Setting and taking cost about log4 of their number; looking at the
// next costs nothing. It is 16 bytes an owner, and no allocation happens after `reserve`. Knows no clock.
// One thread; an owner must leave before it goes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "proxy/keepalive/pong_ledger.h"

namespace wskeep::relay {

using keepalive::TimePoint;

// Where an owner's deadline stands; a member of the owner, named by the queue's second argument.
using DeadlinePlace = std::uint32_t;
inline constexpr DeadlinePlace kNoDeadline = std::numeric_limits<DeadlinePlace>::max();

template <class Owner, DeadlinePlace Owner::*Place>
class DeadlineQueue {
 public:
  // Makes room for that many owners. Throws std::bad_alloc, and has changed nothing then.
  void reserve(std::size_t owners) {
    if (owners > slots_.capacity()) slots_.reserve(std::max(owners, 2 * slots_.capacity()));
  }

  // Sets or moves the owner's deadline. There must be room for all owners.
  void set(Owner& owner, TimePoint at) noexcept {
    if (owner.*Place == kNoDeadline) {
      owner.*Place = static_cast<DeadlinePlace>(slots_.size());
      slots_.push_back({at, &owner});
      return rise(owner.*Place);
    }
    const std::size_t place = owner.*Place;
    const bool sooner = at < slots_[place].at;
    slots_[place].at = at;
    sooner ? rise(place) : sink(place);
  }

  // Forgets the owner's deadline, if it has one.
  void remove(Owner& owner) noexcept {
    const std::size_t place = owner.*Place;
    if (place == kNoDeadline) return;
    owner.*Place = kNoDeadline;
    const Slot last = slots_.back();
    slots_.pop_back();
    if (place == slots_.size()) return;
    put(place, last);
    rise(place);
    sink(last.owner->*Place);
  }

  // The owner's deadline; TimePoint::max() when it has none.
  TimePoint at(const Owner& owner) const noexcept {
    return owner.*Place == kNoDeadline ? TimePoint::max() : slots_[owner.*Place].at;
  }
  // The first deadline of all; TimePoint::max() when there is none.
  TimePoint next() const noexcept { return slots_.empty() ? TimePoint::max() : slots_.front().at; }

  // Takes an owner whose deadline is not after `now` off the queue, the most overdue first; or nullptr.
  Owner* take_due(TimePoint now) noexcept {
    if (slots_.empty() || slots_.front().at > now) return nullptr;
    Owner* const owner = slots_.front().owner;
    remove(*owner);
    return owner;
  }

  std::size_t size() const noexcept { return slots_.size(); }

 private:
  struct Slot {
    TimePoint at;
    Owner* owner;
  };
  static constexpr std::size_t kArity = 4;  // four children share a cache line

  void put(std::size_t place, const Slot& slot) noexcept {
    slots_[place] = slot;
    slot.owner->*Place = static_cast<DeadlinePlace>(place);
  }

  void rise(std::size_t place) noexcept {
    const Slot slot = slots_[place];
    while (place != 0) {
      const std::size_t parent = (place - 1) / kArity;
      if (slots_[parent].at <= slot.at) break;
      put(place, slots_[parent]);
      place = parent;
    }
    put(place, slot);
  }

  void sink(std::size_t place) noexcept {
    const Slot slot = slots_[place];
    for (;;) {
      const std::size_t first = place * kArity + 1;
      if (first >= slots_.size()) break;
      std::size_t least = first;
      const std::size_t end = std::min(first + kArity, slots_.size());
      for (std::size_t child = first + 1; child < end; ++child) {
        if (slots_[child].at < slots_[least].at) least = child;
      }
      if (slots_[least].at >= slot.at) break;
      put(place, slots_[least]);
      place = least;
    }
    put(place, slot);
  }

  std::vector<Slot> slots_;
};

}  // namespace wskeep::relay
