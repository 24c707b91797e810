#include "tests/simulation/oracle.h"

#include <algorithm>

namespace wskeep::simulation {

using observe::Leg;
using Fate = Passage::Fate;

namespace {

constexpr std::string_view kAnswers = "answers: each ping of a client's once, in order, at once";
constexpr std::string_view kHold = "hold: between two fragments only after inject_hold";
constexpr std::string_view kPayload = "payload: a ping of wskeep's carries eight bytes that no other has";

constexpr Leg other(Leg leg) {
  return leg == Leg::kClient ? Leg::kBackend : Leg::kClient;
}

const keepalive::Settings& heartbeat_of(const config::Config& config, Leg leg) {
  return leg == Leg::kClient ? config.keepalive.client.heartbeat : config.keepalive.backend.heartbeat;
}

}  // namespace

Oracle::Side::Side(Leg leg, const config::Config& config, bool deflate, Timeline& timeline, Judge& judge,
                   Verdict& verdict)
    : from(leg, deflate, config.limits.max_frame, judge, verdict),
      pings(heartbeat_of(config, leg)),
      beats(leg, heartbeat_of(config, leg), config.relay.inject_hold, timeline.now(), verdict),
      silence(leg, heartbeat_of(config, leg), config.relay.write_stall_timeout, verdict) {}

Oracle::Oracle(Timeline& timeline, const config::Config& config, bool deflate, std::size_t read_buffer,
               std::array<Link*, observe::kLegs> links, Trace& trace, Verdict& verdict)
    : timeline_(timeline),
      config_(config),
      links_(links),
      trace_(trace),
      verdict_(verdict),
      sides_{Side(Leg::kClient, config, deflate, timeline, *this, verdict),
             Side(Leg::kBackend, config, deflate, timeline, *this, verdict)},
      ending_(config, timeline.now(), verdict),
      last_read_{timeline.now(), timeline.now()},
      most_at_once_(std::min(read_buffer, config.relay.buffer_limit)) {}

void Oracle::begins_with(const Bytes& answer, const Bytes& from_client, const Bytes& from_backend) {
  answer_size_ = answer.size() + from_client.size() + from_backend.size();
  if (!answer.empty()) side(Leg::kBackend).from.expect_first(answer);
  if (!from_backend.empty()) has_read(Leg::kBackend, from_backend);
  const bool over = side(Leg::kBackend).from.refused();  // before the client's words are looked at
  cut_short_ = cut_short_ || over;
  if (!from_client.empty() && !over) has_read(Leg::kClient, from_client);
}

void Oracle::loop_sleeps(TimePoint until) {
  if (sleep_.until < timeline_.now()) sleep_.from = timeline_.now();
  sleep_.until = std::max(sleep_.until, until);
  for (Side& side : sides_) side.beats.wakes_at(sleep_.until);
  trace_.note([&] { return "the loop sleeps for " + seconds(until - timeline_.now()); });
}

void Oracle::has_read(Leg leg, std::span<const std::uint8_t> bytes) {
  const TimePoint now = timeline_.now();
  trace_.note([&] {
    return "wskeep reads " + std::to_string(bytes.size()) + " bytes from the " + std::string(to_string(leg));
  });
  last_read_[static_cast<std::size_t>(leg)] = now;
  side(leg).beats.heard(now);
  side(leg).silence.heard();
  using Input = relay::Leg::Input;
  const Input input = this->leg(leg).input;
  if (input == Input::kDiscard || input == Input::kEnded || input == Input::kRefused) {
    cut_short_ = true;
    return;
  }
  tally_.of(leg).bytes += bytes.size();
  Passage& passage = side(leg).from;
  passage.note_time(now);
  const bool was_closed = passage.closed();
  const bool was_refused = passage.refused();
  const bool was_inside = !passage.at_frame_boundary();
  const std::uint64_t frames_before = data_frames(leg);
  passage.entered(bytes);
  const bool data = was_inside || !passage.at_frame_boundary() || data_frames(leg) != frames_before;
  ending_.read(leg, data, now);
  if (passage.closed() && !was_closed) ending_.closed(leg);
  if (passage.illegal()) ending_.illegal();
  if (passage.refused() && !was_refused) {
    const bool leaving = !open() || session_->client().wants_close();
    ending_.refused(leg, flood_ && leg == Leg::kClient, leaving, now);
  }
}

void Oracle::has_seen_end(Leg leg, net::IoResult::Status how) {
  trace_.note([&] {
    return "wskeep sees the " + std::string(to_string(leg)) +
           (how == net::IoResult::Status::kEnd ? "'s end of stream" : "'s connection broken");
  });
  const Link& link = *links_[static_cast<std::size_t>(leg)];
  using Input = relay::Leg::Input;
  const bool passes = this->leg(leg).input == Input::kFrames || this->leg(leg).input == Input::kRaw;
  if (passes && !link.broken()) side(leg).from.end();
  // A write that failed has used up the error: then a reset reads as an end.
  ending_.ended(leg, !link.broken()     ? Ending::Loss::kEnd
                     : link.timed_out() ? Ending::Loss::kTimeout
                                        : Ending::Loss::kReset);
}

void Oracle::has_written(Leg leg, std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  trace_.note([&] {
    return "wskeep hands " + std::to_string(bytes.size()) + " bytes for the " + std::string(to_string(leg)) +
           " to its kernel: " + test::show(Bytes(bytes.begin(), bytes.end()));
  });
  ending_.wrote(leg, bytes.size(), timeline_.now());
  side(other(leg)).from.left(bytes);
}

void Oracle::has_shut(Leg leg) {
  trace_.note([&] { return "wskeep ends its stream to the " + std::string(to_string(leg)); });
}

Fate Oracle::on_frame_read(Leg from, const Frame& frame) {
  ++tally_.of(from).frames[frame.opcode];
  if (floods(from, frame)) {
    flood_ = true;
    return Fate::kIsRefused;
  }
  switch (frame.opcode) {
    case kPingOpcode: return fate_of_ping(from, frame);
    case kPongOpcode: return fate_of_pong(from, frame);
    default: return Fate::kPasses;
  }
}

// Tokens flow in at whole fractions of a second, up to as many as flow in within one.
bool Oracle::floods(Leg from, const Frame& frame) {
  const std::uint64_t rate = config_.limits.control_frames_per_second;
  if (rate == 0 || from == Leg::kBackend || !frame.is_control() || frame.opcode == kCloseOpcode) return false;
  const auto now = static_cast<std::uint64_t>(timeline_.now().time_since_epoch().count());
  const std::uint64_t flowed = now / 1'000'000'000 * rate + now % 1'000'000'000 * rate / 1'000'000'000;
  tokens_used_ -= std::min(tokens_used_, flowed - tokens_at_);
  tokens_at_ = flowed;
  return tokens_used_++ == rate;
}

std::uint64_t Oracle::data_frames(Leg leg) {
  const auto& frames = tally_.of(leg).frames;
  return frames[0] + frames[1] + frames[2];
}

Fate Oracle::fate_of_ping(Leg from, const Frame& frame) {
  using config::AnswerPings;
  const AnswerPings who = config_.keepalive.client.answer_pings;
  const bool taken = from == Leg::kClient && open() && who != AnswerPings::kNever &&
                     !(who == AnswerPings::kWhileBackendAlive && session_->backend().unresponsive);
  if (taken) {
    owed_.push_back({frame.payload, timeline_.now()});
    if (owed_.size() > relay::OwedPongs::kMost + may_give_way_) ++may_give_way_;
    return Fate::kVanishes;
  }
  if (open() && heartbeat_of(config_, other(from)).policy != keepalive::Policy::kOff) {
    side(other(from)).pings.announced();
    ++tally_.of(other(from)).foreign_pings;
  }
  return Fate::kPasses;
}

Fate Oracle::fate_of_pong(Leg from, const Frame& frame) {
  const TimePoint now = timeline_.now();
  const PingBook::Meaning meaning = side(from).pings.pong(frame.payload, open(), now);
  for (const Bytes& payload : meaning.repaid) side(from).from.expect_repayment(payload, meaning.surely);
  if (meaning.perhaps) side(from).silence.answered(meaning.answers && meaning.surely);
  Tally::Seen& seen = tally_.of(from);
  ++seen.pongs;
  seen.unsure = seen.unsure || !meaning.surely;
  const nanoseconds timeout = heartbeat_of(config_, from).pong_timeout;
  const bool in_time = meaning.surely && meaning.latency && *meaning.latency < timeout;
  if (meaning.first_time) ++seen.maybe_matched;
  if (meaning.ours && in_time) ++seen.surely_matched;
  if (meaning.asks_for_probe) {
    side(from).beats.probe_allowed(now);
    if (in_time) side(from).beats.probe_wanted(now, *meaning.latency);
  }
  return meaning.fate;
}

void Oracle::on_control_passed(Leg from, const Frame& frame) {
  if (frame.opcode == kPongOpcode) ++tally_.of(from).passed;
  const Leg to = other(from);
  if (frame.opcode != kPingOpcode || !open()) return;
  if (heartbeat_of(config_, to).policy == keepalive::Policy::kOff) return;
  const TimePoint now = timeline_.now();
  side(to).pings.left(frame.payload, false, now);
  side(to).beats.foreign_left(now);
  side(to).silence.ping_left(now, side(other(to)).from.position());
}

void Oracle::on_repaid(Leg to, const Bytes&) {
  ++tally_.of(other(to)).repaid;
}

void Oracle::on_own_frame(Leg to, const Frame& frame, bool inside_message) {
  const TimePoint since = side(other(to)).from.message_since();
  const bool repays = frame.opcode == kPongOpcode && side(other(to)).pings.may_repay(frame.payload);
  if (inside_message && !repays && frame.opcode != kCloseOpcode && !side(to).from.refused() &&
      timeline_.now() - since < config_.relay.inject_hold) {
    verdict_.broken(kHold, "a frame of wskeep's " + seconds(timeline_.now() - since) +
                               " into a message to the " + std::string(to_string(to)));
  }
  switch (frame.opcode) {
    case kPingOpcode: return own_ping(to, frame);
    case kPongOpcode: return own_pong(to, frame);
    default: {
      const std::uint16_t code =
          frame.payload.size() < 2 ? 0 : static_cast<std::uint16_t>(frame.payload[0] << 8 | frame.payload[1]);
      cut_short_ = true;
      close_codes_[static_cast<std::size_t>(to)] = code;
    }
  }
}

void Oracle::own_ping(Leg to, const Frame& frame) {
  const TimePoint now = timeline_.now();
  const bool fresh = frame.payload.size() == 8 && !side(to).pings.is_out(frame.payload);
  verdict_.require(fresh, kPayload, "a ping to the " + std::string(to_string(to)) + " that is not so");
  ++tally_.of(to).own_pings;
  side(to).pings.left(frame.payload, true, now);
  side(to).beats.own_left(now);
  side(to).silence.ping_left(now, side(other(to)).from.position());
}

void Oracle::own_pong(Leg to, const Frame& frame) {
  const auto it = std::ranges::find(owed_, frame.payload, &Owed::payload);
  if (it == owed_.end() && side(other(to)).pings.may_repay(frame.payload))
    return on_repaid(to, frame.payload);
  if (to == Leg::kBackend || it == owed_.end())
    return verdict_.broken(kAnswers,
                           "a pong to the " + std::string(to_string(to)) + " that it has not asked for");
  const auto skipped = static_cast<std::size_t>(it - owed_.begin());
  verdict_.require(skipped <= may_give_way_, kAnswers, "an earlier ping of the client's was passed over");
  may_give_way_ -= std::min(skipped, may_give_way_);
  owed_.erase(owed_.begin(), it + 1);
  last_answer_ = frame.payload;
  ++tally_.of(to).answers;
}

}  // namespace wskeep::simulation
