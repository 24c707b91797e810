#include "proxy/keepalive/pong_ledger.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>

namespace wskeep::keepalive {

PongLedger::~PongLedger() = default;

PongLedger::Payload PongLedger::payload(std::uint32_t fresh) const noexcept {
  Payload payload;
  std::memcpy(payload.data(), &mark_, sizeof mark_);
  std::memcpy(payload.data() + sizeof mark_, &fresh, sizeof fresh);
  return payload;
}

void PongLedger::sent_own(std::uint32_t fresh, std::uint64_t end) noexcept {
  Link ping(new (std::nothrow) Ping);
  if (!ping) return;
  ping->fresh = fresh;
  append(std::move(ping), end);
}

void PongLedger::sent_foreign(std::span<const std::uint8_t> payload, std::uint64_t end) noexcept {
  std::unique_ptr<Foreign> foreign(new (std::nothrow) Foreign);
  if (!foreign) return;
  assert(payload.size() <= foreign->data.size());
  std::copy(payload.begin(), payload.end(), foreign->data.begin());
  foreign->size = static_cast<std::uint8_t>(payload.size());
  Link ping(new (std::nothrow) Ping);
  if (!ping) return;
  ping->foreign = std::move(foreign);
  append(std::move(ping), end);
}

void PongLedger::append(Link ping, std::uint64_t end) noexcept {
  if (size_ == kMost && !make_room()) return;
  ping->end = end;
  Link* link = &first_;
  while (*link) link = &(*link)->next;
  *link = std::move(ping);
  ++size_;
  ++unsent_;
}

// The oldest that nobody waits for gives way. One that is still timed does not: where pings are always more
// than there is room for, none would ever be answered in time.
bool PongLedger::make_room() noexcept {
  for (Link* link = &first_; *link; link = &(*link)->next) {
    if ((*link)->state != Ping::State::kRepaid && (*link)->state != Ping::State::kMissed) continue;
    erase(*link);
    return true;
  }
  return false;
}

void PongLedger::erase(Link& link) noexcept {
  link = std::move(link->next);
  --size_;
}

bool PongLedger::passed(std::uint64_t position, TimePoint now) noexcept {
  bool any = false;
  for (Ping* ping = first_.get(); ping != nullptr && unsent_ != 0; ping = ping->next.get()) {
    if (ping->state != Ping::State::kUnsent) continue;
    if (ping->end > position) break;
    ping->state = Ping::State::kTimed;
    ping->at = now;
    --unsent_;
    any = true;
  }
  return any;
}

bool PongLedger::is_ours(std::span<const std::uint8_t> payload) const noexcept {
  return payload.size() == sizeof(Payload) && std::memcmp(payload.data(), &mark_, sizeof mark_) == 0;
}

// The oldest ping that has left with this payload.
const PongLedger::Ping* PongLedger::find(std::span<const std::uint8_t> payload) const noexcept {
  const bool ours = is_ours(payload);
  std::uint32_t fresh = 0;
  if (ours) std::memcpy(&fresh, payload.data() + sizeof mark_, sizeof fresh);
  for (const Ping* ping = first_.get(); ping != nullptr; ping = ping->next.get()) {
    if (!ping->out() || ours == (ping->foreign != nullptr)) continue;
    if (ours ? ping->fresh == fresh : std::ranges::equal(ping->foreign->bytes(), payload)) return ping;
  }
  return nullptr;
}

Pong PongLedger::received(std::span<const std::uint8_t> payload, TimePoint now) noexcept {
  const Ping* const ping = find(payload);
  if (ping == nullptr) {
    if (!is_ours(payload) && !was_repaid(payload)) return {.result = Pong::Result::kForeign, .latency = {}};
    return {.result = Pong::Result::kLate, .answers = true, .latency = {}};
  }
  if (!ping->foreign) {
    const bool timed = ping->state == Ping::State::kTimed;
    return answered(*ping, timed ? Pong::Result::kMatched : Pong::Result::kLate, now);
  }
  Pong pong = answered(*ping, Pong::Result::kForeign, now);
  if (find(payload) != nullptr) {
    pong.doubtful = true;
    pong.latency.reset();
  }
  return pong;
}

// Settles `answer` and, since the peer reads its stream in order, all that stand before it.
Pong PongLedger::answered(const Ping& answer, Pong::Result result, TimePoint now) noexcept {
  Pong pong{.result = result, .answers = true, .doubtful = !answer.foreign, .latency = {}};
  if (answer.state == Ping::State::kTimed) pong.latency = now - answer.at;
  for (Link* link = &first_;;) {
    Ping& ping = **link;
    const bool last = &ping == &answer;
    if (!last && ping.state == Ping::State::kTimed) ++pong.missed;
    if (!last && ping.foreign) {
      if (ping.out()) ping.state = Ping::State::kOwed;
      link = &ping.next;
    } else {
      erase(*link);
    }
    if (last) return pong;
  }
}

bool PongLedger::was_repaid(std::span<const std::uint8_t> payload) noexcept {
  for (Link* link = &first_; *link; link = &(*link)->next) {
    if ((*link)->state != Ping::State::kRepaid) continue;
    if (!std::ranges::equal((*link)->foreign->bytes(), payload)) continue;
    erase(*link);
    return true;
  }
  return false;
}

bool PongLedger::awaits_foreign() const noexcept {
  for (const Ping* ping = first_.get(); ping != nullptr; ping = ping->next.get()) {
    if (ping->foreign && ping->out()) return true;
  }
  return false;
}

std::uint32_t PongLedger::give_up(TimePoint now, nanoseconds timeout) noexcept {
  std::uint32_t count = 0;
  bool debts = false;  // a foreign ping stands before, which a late pong of ours would acknowledge
  for (Link* link = &first_; *link;) {
    Ping& ping = **link;
    const bool old = now - ping.at >= timeout;
    if (old && ping.state == Ping::State::kTimed) {
      ping.state = Ping::State::kMissed;
      ++count;
    }
    const bool useless = ping.foreign ? old && ping.state == Ping::State::kRepaid
                                      : !debts && ping.state == Ping::State::kMissed;
    if (useless) {
      erase(*link);
      continue;
    }
    debts = debts || (ping.foreign && ping.out());
    link = &ping.next;
  }
  return count;
}

}  // namespace wskeep::keepalive
