// A conduit made of reads and writes: between any two transports, and it shows a test how it is used.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "proxy/net/conduit.h"

namespace wskeep::test {

class FakeConduit final : public net::Conduit {
 public:
  bool joins(const net::Transport&, const net::Transport&) const noexcept override { return joined; }

  [[nodiscard]] Moved move(net::Transport& source, net::Transport& sink,
                           std::span<std::uint8_t> memory) noexcept override {
    using Status = net::IoResult::Status;
    Moved moved{.source = source.read(memory.first(std::min(memory.size(), most)))};
    moved.source.drained = false;
    if (moved.source.status != Status::kOk) return moved;
    ++moves;
    bytes += moved.source.bytes;
    std::span<std::uint8_t> left = memory.first(moved.source.bytes);
    while (!left.empty()) {
      const iovec piece{left.data(), left.size()};
      const net::IoResult written = sink.write({&piece, 1});
      if (written.status == Status::kFailed) moved.sink_error = written.error;
      if (written.status != Status::kOk) break;
      left = left.subspan(written.bytes);
    }
    std::copy(left.begin(), left.end(), memory.begin());
    moved.refused = left.size();
    return moved;
  }

  bool joined = true;
  std::size_t most = static_cast<std::size_t>(-1);  // that it moves at once
  int moves = 0;
  std::size_t bytes = 0;
};

}  // namespace wskeep::test
