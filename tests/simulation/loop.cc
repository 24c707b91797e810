#include "tests/simulation/loop.h"

#include <type_traits>
#include <utility>

namespace wskeep::simulation {

using namespace std::chrono_literals;
using observe::Leg;

void Loop::run(relay::Session& session, const Timeline::Action& start) {
  session_ = &session;
  drive([&](relay::Session&) { start(); });
}

template <class Call>
void Loop::drive(Call call) {
  if (over_) return;
  observer_.before_call();
  bool changed = true;
  if constexpr (std::is_void_v<std::invoke_result_t<Call, relay::Session&>>) {
    call(*session_);
  } else {
    changed = call(*session_);
  }
  observer_.after_call();
  if (changed) settle();
}

// What Connection::settle_session does.
void Loop::settle() {
  if (session_->phase() == relay::Session::Phase::kOver) {
    over_ = true;
    return;
  }
  const TimePoint now = timeline_.now();
  if (session_->has_more()) {
    resuming_ = true;
    wake_at(now);
  }
  if (session_->unconfirmed()) wake_at(tick_ + 1s);
  if (session_->deadline() >= timer_) return;
  timer_ = session_->deadline();
  wake_at(timer_ + dice_.time(0us, kLateness));
}

void Loop::on_news(Leg leg) {
  news_[static_cast<std::size_t>(leg)] = true;
  if (session_ != nullptr) wake_at(timeline_.now() + dice_.time(0us, kLateness / 4));
}

void Loop::sleep(nanoseconds time) {
  asleep_until_ = std::max(asleep_until_, timeline_.now() + time);
  wake_at(asleep_until_);
}

void Loop::go_away() {
  drive([](relay::Session& session) { session.go_away(); });
}

void Loop::cut() {
  drive([](relay::Session& session) { session.cut(); });
}

void Loop::wake_at(TimePoint when) {
  when = std::max({when, asleep_until_, timeline_.now()});
  if (when >= next_turn_ || over_) return;
  next_turn_ = when;
  timeline_.at(when, [this, when] {
    if (next_turn_ != when || over_) return;  // another turn came first
    next_turn_ = TimePoint::max();
    if (timeline_.now() < asleep_until_) return wake_at(asleep_until_);
    turn();
  });
}

void Loop::turn() {
  const bool timers_first = asleep_until_ == timeline_.now() && dice_.chance(50);
  if (timers_first) fire_timer();
  for (const std::size_t leg : dice_.chance(50) ? std::array{0U, 1U} : std::array{1U, 0U}) {
    if (!std::exchange(news_[leg], false)) continue;
    drive([&](relay::Session& session) {
      return session.on_ready(static_cast<Leg>(leg), links_[leg]->readiness());
    });
  }
  fire_timer();
  if (std::exchange(resuming_, false)) drive([](relay::Session& session) { session.resume(); });
  tick();
  if (over_) return;
  observer_.after_turn();
  if (timer_ != TimePoint::max()) wake_at(timer_ + dice_.time(0us, kLateness));
  if (news_[0] || news_[1]) wake_at(timeline_.now());
  if (session_->unconfirmed()) wake_at(tick_ + 1s);
}

void Loop::fire_timer() {
  if (over_ || timeline_.now() < timer_) return;
  timer_ = TimePoint::max();
  drive([](relay::Session& session) { session.on_deadline(); });
}

void Loop::tick() {
  if (over_ || timeline_.now() - tick_ < 1s) return;
  tick_ = timeline_.now() - (timeline_.now() - tick_) % 1s;
  drive([](relay::Session& session) { session.confirm(); });
}

}  // namespace wskeep::simulation
