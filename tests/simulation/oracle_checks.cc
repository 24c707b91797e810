// What the oracle checks after each call and each turn, and at the end.
#include <algorithm>

#include "tests/simulation/oracle.h"

namespace wskeep::simulation {

using observe::Leg;
using Phase = relay::Session::Phase;

namespace {

constexpr std::string_view kComplete = "complete: what was read for a peer has left for it";
constexpr std::string_view kBounded = "bounded: what waits for a socket has a limit";
constexpr std::string_view kAnswers = "answers: each ping of a client's once, in order, at once";
constexpr std::string_view kRead = "read: what has come in is read soon";
constexpr std::chrono::seconds kTick{1};
constexpr std::size_t kSlots = 16 + 8 + 2;  // owed pongs, repaid ones, a ping, a Close
constexpr std::size_t kLargestControl = 131;
constexpr std::array<Leg, observe::kLegs> kLegs = {Leg::kClient, Leg::kBackend};

constexpr Leg other(Leg leg) {
  return leg == Leg::kClient ? Leg::kBackend : Leg::kClient;
}

}  // namespace

LegView Oracle::view(Leg name) const {
  const relay::Leg& leg = this->leg(name);
  const Link& link = *links_[static_cast<std::size_t>(name)];
  const Passage& toward = side(other(name)).from;
  LegView view{.now = timeline_.now(),
               .open = open() && leg.outlet.open(),
               .readable = !leg.paused && !leg.owes_too_much(),
               .at_message_boundary = toward.at_message_boundary(),
               .at_frame_boundary = toward.at_frame_boundary(),
               .broken = link.broken(),
               .waiting = leg.outlet.waiting(),
               .unread = link.incoming().unread(),
               .progress = std::nullopt,
               .unanswered_since = link.outgoing().unanswered_since()};
  if (link.tells_progress()) view.progress = link.outgoing().progress();
  return view;
}

void Oracle::before_call() {
  for (const Leg name : kLegs) before_[static_cast<std::size_t>(name)] = view(name);
  ending_.before_call(before_);
}

void Oracle::after_call() {
  const Ending::Views now = {view(Leg::kClient), view(Leg::kBackend)};
  ending_.after_call(*session_, now);
  check_end_of_life();
  for (const Leg name : kLegs) {
    const LegView& leg = now[static_cast<std::size_t>(name)];
    check_bounds(leg, name);
    check_complete(leg, name);
    auto& code = close_codes_[static_cast<std::size_t>(name)];
    if (code) ending_.check_code(name, *code, *session_);
    code.reset();
  }
  check_answers(now[0]);
}

void Oracle::after_turn() {
  const Ending::Views now = {view(Leg::kClient), view(Leg::kBackend)};
  ending_.after_turn(*session_, now, sleep_.until);
  for (const Leg name : kLegs) {
    const LegView& leg = now[static_cast<std::size_t>(name)];
    Side& at = side(name);
    at.beats.check(leg, at.pings.awaits_foreign() && !at.pings.lost_count());
    at.silence.check(leg, sleep_);
    check_read(leg, name);
  }
}

// When the reason of the end has just become known.
void Oracle::check_end_of_life() {
  if (reason_known_ || !session_->reason()) return;
  reason_known_ = true;
  using observe::CloseReason;
  const CloseReason reason = *session_->reason();
  trace_.note([&] { return "the session ends: " + std::string(to_string(reason)); });
  // What comes behind our own Close is dropped.
  cut_short_ = cut_short_ || ending_.was_refused() || reason == CloseReason::kShutdown ||
               reason == CloseReason::kIdle || reason == CloseReason::kMaxAge;
  const auto unread = [&](Leg name) { return view(name).unread; };
  if (const auto silent = silent_leg(reason);
      silent && !links_[static_cast<std::size_t>(*silent)]->timed_out()) {
    side(*silent).silence.ended(before_[static_cast<std::size_t>(*silent)], reason, sleep_, unread(*silent));
  }
  for (const Leg name : kLegs) {
    const bool client = name == Leg::kClient;
    const bool of_it = reason == (client ? CloseReason::kClientEof : CloseReason::kBackendEof) ||
                       reason == (client ? CloseReason::kClientReset : CloseReason::kBackendReset);
    verdict_.require(!of_it || unread(name) == 0, kComplete,
                     "the end of the " + std::string(to_string(name)) + " was noticed before its last words");
  }
}

void Oracle::check_read(const LegView& leg, Leg name) {
  TimePoint& since = last_read_[static_cast<std::size_t>(name)];
  // A peer that was given up is not heard out.
  const bool given_up = session_->phase() == Phase::kEnding && !this->leg(name).outlet.open();
  if (leg.unread == 0 || !leg.readable || given_up) since = leg.now;
  // What a reset has brought along shows at the next tick.
  if (leg.now - std::max(since, sleep_.until) > kTick + 2 * Loop::kLateness)
    verdict_.broken(kRead, "bytes from the " + std::string(to_string(name)) + " are left unread");
}

void Oracle::check_bounds(const LegView& leg, Leg name) {
  const std::size_t most =
      config_.relay.buffer_limit + most_at_once_ + kSlots * kLargestControl + answer_size_;
  if (leg.waiting > most) {
    verdict_.broken(kBounded, std::to_string(leg.waiting) + " bytes wait for the " +
                                  std::string(to_string(name)) + ", " + std::to_string(most) + " may");
  }
}

void Oracle::check_complete(const LegView& leg, Leg name) {
  using State = relay::Outlet::State;
  if (this->leg(name).outlet.state() != State::kFailed) {
    const Passage& passage = side(other(name)).from;
    // Once both have closed, our stream has ended, and nothing can follow.
    const bool finished = this->leg(name).outlet.state() != State::kOpen && passage.closed();
    if (leg.waiting == 0 && !(finished ? passage.complete_to_close() : passage.complete()))
      verdict_.broken(kComplete,
                      "nothing waits, and yet not all has left for the " + std::string(to_string(name)));
    return;
  }
  intact_ = false;
  const auto silent = session_->reason() ? silent_leg(*session_->reason()) : std::nullopt;
  const bool lost =
      links_[static_cast<std::size_t>(name)]->broken() || ending_.stalled(name) || silent == name;
  verdict_.require(lost, kComplete,
                   "bytes for the " + std::string(to_string(name)) + " were dropped, and it was not lost");
}

void Oracle::check_answers(const LegView& client) {
  if (!client.open || owed_.empty() || client.waiting != 0) return;
  const auto due = [&](TimePoint since) {
    return client.at_message_boundary ||
           (client.at_frame_boundary &&
            client.now - since > config_.relay.inject_hold + 2 * Loop::kLateness &&
            client.now > sleep_.until);
  };
  if (owed_.size() > may_give_way_ && due(owed_[may_give_way_].since))
    return verdict_.broken(kAnswers, "a ping of the client's could be answered, and is not");
  if (!due(owed_.back().since)) return;
  verdict_.require(owed_.back().payload == last_answer_, kAnswers,
                   "the latest ping of the client's gave way");
  owed_.clear();  // which of several alike have given way can't be told before
  may_give_way_ = 0;
}

void Oracle::at_the_end() {
  for (const Leg name : kLegs) intact_ = intact_ && leg(name).outlet.waiting() == 0;
}

void Oracle::behind_the_end(const observe::WorkerCounters& counters) {
  tally_.check(counters, intact_, cut_short_, verdict_);
}

}  // namespace wskeep::simulation
