#include "proxy/keepalive/pong_ledger.h"

#include <algorithm>
#include <cstring>

namespace wskeep::keepalive {

PongLedger::Payload PongLedger::next_payload(std::uint32_t fresh) noexcept {
  waiting_ = fresh;
  Payload payload;
  std::memcpy(payload.data(), &mark_, sizeof mark_);
  std::memcpy(payload.data() + sizeof mark_, &fresh, sizeof fresh);
  return payload;
}

void PongLedger::left(TimePoint now) noexcept {
  if (timed_ == kTimed) return;
  fresh_[timed_] = waiting_;
  left_at_[timed_] = now;
  ++timed_;
}

Pong PongLedger::received(std::span<const std::uint8_t> payload, TimePoint now) noexcept {
  if (payload.size() != sizeof(Payload) || std::memcmp(payload.data(), &mark_, sizeof mark_) != 0) {
    return {Pong::Result::kForeign};
  }
  std::uint32_t fresh;
  std::memcpy(&fresh, payload.data() + sizeof mark_, sizeof fresh);
  const auto index =
      static_cast<std::size_t>(std::find(fresh_.begin(), fresh_.begin() + timed_, fresh) - fresh_.begin());
  if (index == timed_) return {Pong::Result::kLate};
  const Pong pong{Pong::Result::kMatched, now - left_at_[index], static_cast<std::uint32_t>(index)};
  drop_first(index + 1);
  return pong;
}

std::uint32_t PongLedger::give_up(TimePoint now, nanoseconds timeout) noexcept {
  std::size_t count = 0;
  while (count < timed_ && now - left_at_[count] >= timeout) ++count;
  drop_first(count);
  return static_cast<std::uint32_t>(count);
}

void PongLedger::drop_first(std::size_t count) noexcept {
  std::copy(fresh_.begin() + count, fresh_.begin() + timed_, fresh_.begin());
  std::copy(left_at_.begin() + count, left_at_.begin() + timed_, left_at_.begin());
  timed_ = static_cast<std::uint8_t>(timed_ - count);
}

}  // namespace wskeep::keepalive
