// Gather collects the pieces of one read that pass on, so that they leave in one write. Neighbouring pieces
// melt into one, so that a read without gaps is one plain send. The pieces are views; flush before they go.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "proxy/relay/outlet.h"

namespace wskeep::relay {

class Gather {
 public:
  explicit Gather(Outlet& outlet) noexcept : outlet_(outlet) {}

  void add(std::span<const std::uint8_t> piece) noexcept {
    if (piece.empty()) return;
    if (size_ != 0) {
      iovec& last = pieces_[size_ - 1];
      if (static_cast<const std::uint8_t*>(last.iov_base) + last.iov_len == piece.data()) {
        last.iov_len += piece.size();
        return;
      }
      if (size_ == pieces_.size()) flush();
    }
    pieces_[size_++] = {const_cast<std::uint8_t*>(piece.data()), piece.size()};
  }

  void flush() noexcept {
    if (size_ != 0) outlet_.send({pieces_.data(), size_});
    size_ = 0;
  }

 private:
  Outlet& outlet_;
  std::size_t size_ = 0;
  std::array<iovec, 64> pieces_;
};

}  // namespace wskeep::relay
