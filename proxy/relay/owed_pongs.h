// OwedPongs is the slot of fixed size where answers to a peer's pings wait for a boundary. When a seventeenth
// comes, the oldest gives way (RFC 6455 section 5.5.3 asks for the latest only). Owns no memory while empty.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "proxy/websocket/control_frame.h"

namespace wskeep::relay {

class OwedPongs {
 public:
  static constexpr std::size_t kMost = 16;

  bool empty() const noexcept { return !ring_; }

  // False when there is no memory; then the pong is not owed.
  [[nodiscard]] bool add(const websocket::ControlPayload& payload) noexcept {
    if (!ring_) ring_.reset(new (std::nothrow) Ring);
    if (!ring_) return false;
    ring_->slots[(ring_->first + ring_->size) % kMost] = payload;
    if (ring_->size < kMost) {
      ++ring_->size;
    } else {
      ring_->first = (ring_->first + 1) % kMost;
    }
    return true;
  }

  // Hands every payload to `take`, oldest first, and is empty then.
  template <class Take>
  void take_all(Take take) {
    const std::unique_ptr<Ring> ring = std::move(ring_);
    if (!ring) return;
    for (std::size_t i = 0; i < ring->size; ++i) take(ring->slots[(ring->first + i) % kMost]);
  }

  void clear() noexcept { ring_.reset(); }

 private:
  struct Ring {
    std::array<websocket::ControlPayload, kMost> slots;
    std::size_t first = 0;
    std::size_t size = 0;
  };
  std::unique_ptr<Ring> ring_;
};

}  // namespace wskeep::relay
