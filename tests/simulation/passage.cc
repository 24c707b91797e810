#include "tests/simulation/passage.h"

#include <algorithm>

namespace wskeep::simulation {

using observe::Leg;

namespace {

constexpr std::string_view kTransparency = "transparency: what goes in comes out, byte for byte";
constexpr std::string_view kPlacement = "placement: own frames only between frames and before the end";

}  // namespace

Passage::Passage(Leg from, bool deflate, std::uint64_t max_frame, Judge& judge, Verdict& verdict)
    : from_(from),
      to_(from == Leg::kClient ? Leg::kBackend : Leg::kClient),
      judge_(judge),
      verdict_(verdict),
      cutter_(from == Leg::kClient, deflate, max_frame) {}

void Passage::expect_repayment(const Bytes& payload, bool surely) {
  expected_.push_back({surely ? Piece::Kind::kRepayment : Piece::Kind::kMaybeRepayment, payload, {}});
}

void Passage::entered(std::span<const std::uint8_t> bytes) {
  if (refused()) return;
  if (closed_ || cutter_.illegal()) {
    raw_.insert(raw_.end(), bytes.begin(), bytes.end());
    return;
  }
  if (!cutter_.inside_message()) message_since_ = now_;
  cutter_.add(bytes);
  while (auto frame = cutter_.next()) {
    const Fate fate = judge_.on_frame_read(from_, *frame);
    if (fate == Fate::kIsRefused) return cutter_.refuse();
    closed_ = frame->opcode == kCloseOpcode;
    if (fate != Fate::kVanishes) {
      const auto kind = fate == Fate::kPasses ? Piece::Kind::kMust : Piece::Kind::kMay;
      expected_.push_back({kind, frame->raw, {}, message_since_});
      if (frame->is_control()) expected_.back().control = std::move(*frame);
    }
    if (!cutter_.inside_message()) message_since_ = now_;
    if (closed_) break;
  }
  if (closed_ || cutter_.illegal()) raw_ = cutter_.rest();
}

void Passage::left(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  if (own_close_) return verdict_.broken(kPlacement, "bytes behind wskeep's own Close");
  out_.insert(out_.end(), bytes.begin(), bytes.end());
  while (!out_.empty() && verdict_.good()) {
    const Match next = match_next();
    if (next == Match::kWhole) continue;
    if (next == Match::kBeginning) return;
    const Own own = own_frame();
    if (own.match == Match::kBeginning) return;
    if (own.match == Match::kNot) {
      return verdict_.broken(
          kTransparency,
          "bytes to the " + std::string(to_string(to_)) +
              " that are neither the next of its peer nor a frame of wskeep's: " + test::show(out_));
    }
    take_own(own);
  }
}

// Takes the next thing that was read off the front of what has come out. A repayment that may not have
// happened looks like the pong that it may have replaced, so it is tried when nothing else fits.
Passage::Match Passage::match_next() {
  if (raw_left_ != 0) return match_rest();
  Match match = match_expected(&Piece::is_certain);
  if (match == Match::kNot && !expects()) match = match_rest();
  return match == Match::kNot ? match_expected(&Piece::is_uncertain) : match;
}

// The first of what is expected that fits, of that `kind` and with nothing passed over that must come.
Passage::Match Passage::match_expected(bool (Piece::*kind)() const) {
  for (std::size_t i = 0; i < expected_.size(); ++i) {
    if ((expected_[i].*kind)()) {
      Own own{Match::kNot, {}};
      const Match match = match_piece(expected_[i], own);
      if (match == Match::kWhole) take_piece(i, own);
      if (match != Match::kNot) return match;
    }
    if (!expected_[i].optional()) break;
  }
  return Match::kNot;
}

Passage::Match Passage::match_piece(const Piece& piece, Own& own) const {
  if (piece.kind == Piece::Kind::kRepayment || piece.kind == Piece::Kind::kMaybeRepayment) {
    own = own_frame();
    if (own.match == Match::kBeginning) return (out_[0] & 0xF) == kPongOpcode ? own.match : Match::kNot;
    const bool is_it =
        own.match == Match::kWhole && own.frame.opcode == kPongOpcode && own.frame.payload == piece.bytes;
    return is_it ? Match::kWhole : Match::kNot;
  }
  const std::size_t common = std::min(out_.size(), piece.bytes.size());
  if (!std::equal(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(common), piece.bytes.begin()))
    return Match::kNot;
  return common == piece.bytes.size() ? Match::kWhole : Match::kBeginning;
}

void Passage::take_piece(std::size_t index, const Own& own) {
  const Piece piece = std::move(expected_[index]);
  // A repayment that may have happened looks like this pong, and may have been taken for it: it may yet come.
  const bool pong = piece.control && piece.control->opcode == kPongOpcode;
  const auto end = expected_.begin() + static_cast<std::ptrdiff_t>(index) + 1;
  expected_.erase(std::remove_if(expected_.begin(), end,
                                 [&](const Piece& passed) { return !pong || passed.is_certain(); }),
                  end);
  if (own.match == Match::kWhole) {
    drop(own.size);
    return judge_.on_repaid(to_, piece.bytes);
  }
  if (!piece.control && piece.kind != Piece::Kind::kHead) {
    message_open_ = (piece.bytes[0] & 0x80) == 0;
    out_message_since_ = piece.message_since;
  }
  drop(piece.bytes.size());
  if (!piece.control) return;
  close_left_ = close_left_ || piece.control->opcode == kCloseOpcode;
  judge_.on_control_passed(from_, *piece.control);
}

// Behind all whole frames: the frame at hand, or whatever follows the end of framing.
Passage::Match Passage::match_rest() {
  if (raw()) {
    const std::size_t common = std::min(out_.size(), raw_.size() - raw_left_);
    const auto from = raw_.begin() + static_cast<std::ptrdiff_t>(raw_left_);
    if (common == 0 || !std::equal(from, from + static_cast<std::ptrdiff_t>(common), out_.begin()))
      return Match::kNot;
    // One byte may yet be the first of a frame of ours that waits before the illegal one.
    if (raw_left_ == 0 && out_.size() < 2 && raw_.size() > 1) return Match::kBeginning;
    raw_left_ += common;
    drop(common);
    return Match::kWhole;
  }
  const Bytes& rest = cutter_.rest();
  if (out_.size() > rest.size()) return Match::kNot;
  return std::equal(out_.begin(), out_.end(), rest.begin()) ? Match::kBeginning : Match::kNot;
}

Passage::Own Passage::own_frame() const {
  const bool masked = to_ == Leg::kBackend;
  const unsigned first = out_[0];
  if (first != (0x80U | kCloseOpcode) && first != (0x80U | kPingOpcode) && first != (0x80U | kPongOpcode))
    return {Match::kNot, {}};
  if (out_.size() < 2) return {Match::kBeginning, {}};
  const std::size_t length = out_[1] & 0x7F;
  if (((out_[1] & 0x80) != 0) != masked || length > 125) return {Match::kNot, {}};
  const std::size_t head = masked ? 6 : 2;
  if (out_.size() < head + length) return {Match::kBeginning, {}};
  Own own{Match::kWhole, {.opcode = static_cast<std::uint8_t>(first & 0xF), .fin = true}, head + length};
  const auto payload = out_.begin() + static_cast<std::ptrdiff_t>(head);
  own.frame.payload.assign(payload, payload + static_cast<std::ptrdiff_t>(length));
  for (std::size_t i = 0; masked && i < length; ++i) own.frame.payload[i] ^= out_[2 + i % 4];
  return own;
}

void Passage::take_own(const Own& own) {
  if (close_left_) return verdict_.broken(kPlacement, "a frame of wskeep's behind a Close");
  if (raw_left_ != 0) return verdict_.broken(kPlacement, "a frame of wskeep's behind an illegal frame");
  own_close_ = own.frame.opcode == kCloseOpcode;
  drop(own.size);
  judge_.on_own_frame(to_, own.frame, message_open_);
}

void Passage::drop(std::size_t size) {
  position_ += size;
  out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(size));
}

bool Passage::expects() const noexcept {
  return !std::ranges::all_of(expected_, &Piece::optional);
}

bool Passage::complete() const noexcept {
  if (own_close_) return true;
  if (expects()) return false;
  if (raw()) return raw_left_ == raw_.size();
  return (cutter_.rest_may_vanish() && !ended_) || out_.size() == cutter_.rest().size();
}

}  // namespace wskeep::simulation
