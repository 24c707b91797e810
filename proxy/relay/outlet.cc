#include "proxy/relay/outlet.h"

#include <cassert>
#include <cerrno>

namespace wskeep::relay {

using net::IoResult;

void Outlet::send(std::span<const std::uint8_t> bytes) noexcept {
  // iovec has no const; write never writes through it.
  const iovec piece{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  send({&piece, 1});
}

void Outlet::send(std::span<const iovec> pieces) noexcept {
  if (state_ != State::kOpen) return;
  if (!queue_.empty()) return store_after(pieces, 0);
  const IoResult result = transport_.write(pieces);
  switch (result.status) {
    case IoResult::Status::kOk:
      passed_ += result.bytes;
      if (pieces.size() == 1 && result.bytes == pieces[0].iov_len) return;
      return store_after(pieces, result.bytes);
    case IoResult::Status::kBlocked: return store_after(pieces, 0);
    case IoResult::Status::kEnd:
    case IoResult::Status::kFailed: return fail(result.error);
  }
}

IoResult Outlet::pass(net::Transport& source, net::Conduit& conduit,
                      std::span<std::uint8_t> memory) noexcept {
  assert(state_ == State::kOpen && queue_.empty());
  const net::Conduit::Moved moved = conduit.move(source, transport_, memory);
  passed_ += moved.source.bytes - moved.refused;
  if (moved.sink_error != 0) {
    fail(moved.sink_error);
  } else if (moved.refused != 0) {
    const iovec piece{memory.data(), moved.refused};
    store_after({&piece, 1}, 0);
  }
  return moved.source;
}

void Outlet::store_after(std::span<const iovec> pieces, std::size_t written) noexcept {
  for (const iovec& piece : pieces) {
    if (written >= piece.iov_len) {
      written -= piece.iov_len;
      continue;
    }
    const bool first = queue_.empty();
    const auto* const bytes = static_cast<const std::uint8_t*>(piece.iov_base);
    if (!queue_.append({bytes + written, piece.iov_len - written})) return fail(ENOMEM);
    if (first) restart_stall();
    written = 0;
  }
}

void Outlet::flush() noexcept {
  while (!queue_.empty()) {
    const std::span<const std::uint8_t> front = queue_.front();
    const iovec piece{const_cast<std::uint8_t*>(front.data()), front.size()};
    const IoResult result = transport_.write({&piece, 1});
    if (result.status == IoResult::Status::kBlocked) return;
    if (result.status != IoResult::Status::kOk) return fail(result.error);
    passed_ += result.bytes;
    queue_.consume(result.bytes);
    restart_stall();
  }
  if (state_ == State::kFinishing) finish();
}

void Outlet::finish() noexcept {
  if (done()) return;
  const bool shut = queue_.empty() && transport_.shutdown_write();
  state_ = shut ? State::kShut : State::kFinishing;
}

void Outlet::abandon() noexcept {
  if (!done()) fail(0);
}

void Outlet::fail(int error) noexcept {
  queue_.clear();
  error_ = error;
  state_ = State::kFailed;
}

}  // namespace wskeep::relay
