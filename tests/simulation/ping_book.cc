#include "tests/simulation/ping_book.h"

#include <algorithm>
#include <utility>

namespace wskeep::simulation {

namespace {

constexpr std::size_t kRemembered = 7;  // eight, of which one may wait unseen for the socket

}  // namespace

void PingBook::left(const Bytes& payload, bool own, TimePoint now) {
  if (own) {
    own_.push_back({payload, false});
  } else {
    foreign_.push_back(payload);
    if (announced_ != 0) --announced_;
  }
  forget_old(now);
  pings_.push_back({payload, own, Ping::State::kOut, now});
  if (pings_.size() + announced_ > kRemembered) lost_count_ = true;
}

// Old pings of wskeep's with no foreign one before them can acknowledge nothing; old repayments are history.
void PingBook::forget_old(TimePoint now) {
  const nanoseconds old = settings_.pong_timeout + settings_.ping_interval + std::chrono::milliseconds(10);
  bool debts = false;
  std::erase_if(pings_, [&](const Ping& ping) {
    const bool is_old = now - ping.at > old;
    if (ping.state == Ping::State::kRepaid) return is_old;
    debts = debts || !ping.own;
    return ping.own && is_old && !debts;
  });
}

bool PingBook::may_repay(const Bytes& payload) const noexcept {
  return lost_count_ && std::ranges::find(foreign_, payload) != foreign_.end();
}

bool PingBook::is_out(const Bytes& payload) const noexcept {
  return std::ranges::any_of(pings_, [&](const Ping& ping) { return ping.own && ping.payload == payload; });
}

// Our pongs are known by their first half: one that came back damaged may be taken for ours.
bool PingBook::has_our_mark(const Bytes& payload) const noexcept {
  return payload.size() == 8 && !own_.empty() &&
         std::equal(payload.begin(), payload.begin() + 4, own_.front().payload.begin());
}

bool PingBook::awaits_foreign() const noexcept {
  return std::ranges::any_of(pings_,
                             [](const Ping& ping) { return !ping.own && ping.state == Ping::State::kOut; });
}

PingBook::Meaning PingBook::pong(const Bytes& payload, bool open, TimePoint now) {
  using Fate = Passage::Fate;
  using State = Ping::State;
  forget_old(now);
  Meaning meaning;
  meaning.surely = !lost_count_;
  if (const auto own = std::ranges::find(own_, payload, &Own::payload); own != own_.end()) {
    meaning.ours = true;
    meaning.first_time = !std::exchange(own->answered, true);
  }
  const auto find = [&](State state) {
    return std::ranges::find_if(
        pings_, [&](const Ping& ping) { return ping.state == state && ping.payload == payload; });
  };
  if (const auto ping = find(State::kOut); ping != pings_.end()) {
    meaning.answers = meaning.perhaps = true;
    if (ping->own) meaning.latency = now - ping->at;
    if (ping->own) meaning.fate = Fate::kVanishes;
    if (!ping->own && lost_count_) meaning.fate = Fate::kMayVanish;
    const auto index = static_cast<std::size_t>(ping - pings_.begin());
    settle_before(index, open, now, meaning);
    if (!meaning.ours && find(State::kOut) != pings_.end()) meaning.latency = nanoseconds::zero();
  } else if (meaning.ours) {
    meaning.answers = meaning.perhaps = true;
    meaning.fate = Fate::kVanishes;
  } else if (const auto repaid = find(State::kRepaid); repaid != pings_.end()) {
    meaning.perhaps = true;
    const bool fresh = now - repaid->at < settings_.pong_timeout;
    meaning.answers = fresh;
    meaning.fate = fresh && !lost_count_ ? Fate::kVanishes : Fate::kMayVanish;
    pings_.erase(repaid);
  } else if (has_our_mark(payload)) {
    meaning.perhaps = true;
    meaning.fate = Fate::kMayVanish;
  } else {
    meaning.perhaps = lost_count_;
    if (lost_count_) meaning.fate = Fate::kMayVanish;
  }
  const bool in_doubt = meaning.ours || meaning.latency || (meaning.perhaps && lost_count_);
  // What the ledger had no room for, it has not seen settled either.
  meaning.asks_for_probe = open && in_doubt && (awaits_foreign() || lost_count_);
  return meaning;
}

// The ping at `index` is answered; all before it are acknowledged.
void PingBook::settle_before(std::size_t index, bool open, TimePoint now, Meaning& meaning) {
  std::vector<Ping> kept;
  for (std::size_t i = 0; i < pings_.size(); ++i) {
    Ping& ping = pings_[i];
    if (i == index) continue;
    if (i < index && ping.state == Ping::State::kOut) {
      if (ping.own || !open) continue;
      meaning.repaid.push_back(ping.payload);
      ping.state = Ping::State::kRepaid;
      ping.at = now;
    }
    kept.push_back(std::move(ping));
  }
  pings_ = std::move(kept);
}

}  // namespace wskeep::simulation
