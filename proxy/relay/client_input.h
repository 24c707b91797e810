// ClientInput is what a client sends before the 101: read when it is asked for, and kept when it came too
// early, behind the end of a message.
//
// It keeps no more than one read brought. One thread; the stream must outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "proxy/net/socket.h"
#include "proxy/net/stream.h"

namespace wskeep::relay {

class ClientInput {
 public:
  using Bytes = std::span<const std::uint8_t>;

  explicit ClientInput(net::Stream& stream) noexcept : stream_(stream) {}

  struct Read {
    net::IoResult::Status status;
    Bytes bytes;  // with kOk, at least one; valid until the next call
  };
  // The next bytes: those that were kept, or else a read into `buffer`.
  [[nodiscard]] Read read(std::span<std::uint8_t> buffer) noexcept {
    if (begin_ < kept_.size()) {
      const Bytes bytes = kept();
      begin_ = kept_.size();
      return {net::IoResult::Status::kOk, bytes};
    }
    const net::IoResult result = stream_.transport().read(buffer);
    drained_ = result.status == net::IoResult::Status::kOk ? result.drained : false;
    return {result.status, Bytes(buffer).first(result.bytes)};
  }

  // Keeps the unused end of what was read last for the next call. Throws std::bad_alloc.
  void keep(Bytes rest) {
    if (begin_ == kept_.size() && begin_ != 0 && rest.data() >= kept_.data() &&
        rest.data() + rest.size() == kept_.data() + kept_.size()) {
      begin_ -= rest.size();
    } else {
      kept_.assign(rest.begin(), rest.end());
      begin_ = 0;
    }
  }

  Bytes kept() const noexcept { return Bytes(kept_).subspan(begin_); }

  // Whether all has been read, and nothing has come since: an event will tell.
  bool drained() const noexcept { return drained_ && !ends_; }
  // Something has come that was not read.
  void note_news() noexcept { drained_ = false; }
  // The client has ended its stream. No other event will tell, and a read that stops before the end looks as
  // if it had read all.
  void note_end() noexcept { ends_ = true; }
  // As net::pending_error: why the connection broke, told once; 0 while it hasn't.
  int pending_error() const noexcept { return net::pending_error(stream_.descriptor()); }

 private:
  net::Stream& stream_;
  std::vector<std::uint8_t> kept_;
  std::size_t begin_ = 0;  // of what of kept_ is still to be shown
  bool drained_ = false;
  bool ends_ = false;
};

}  // namespace wskeep::relay
