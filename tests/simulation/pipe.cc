#include "tests/simulation/pipe.h"

#include <algorithm>

namespace wskeep::simulation {

namespace {

constexpr std::chrono::milliseconds kLeastVariation{200};  // as Linux has it
constexpr std::chrono::seconds kLongestRetry{120};
constexpr std::size_t kMostCuts =
    4;  // of what is sent at once: enough to cut anywhere, few enough to be fast

}  // namespace

Pipe::Pipe(Timeline& timeline, Dice& dice, Road& there, Road& back, Sizes sizes, Timeline::Action reader_news,
           Timeline::Action writer_news)
    : timeline_(timeline),
      dice_(dice),
      there_(there),
      back_(back),
      sizes_(sizes),
      reader_news_(std::move(reader_news)),
      writer_news_(std::move(writer_news)),
      limit_(sizes.window),
      announced_(sizes.window),
      unanswered_since_(timeline.now()),
      round_trip_(there.slowest() + back.slowest()),
      variation_(round_trip_ / 2) {}

std::size_t Pipe::room() const noexcept {
  const auto kept = static_cast<std::size_t>(written_ - acknowledged_);
  return sizes_.send_buffer - std::min(sizes_.send_buffer, kept);
}

std::size_t Pipe::write(std::span<const std::uint8_t> bytes) {
  const std::size_t size = std::min(bytes.size(), room());
  refused_ = size < bytes.size();
  if (size == 0 || closed_) return size;
  if (taken_ == bytes_.size()) {
    bytes_.clear();
    taken_ = 0;
  }
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
  written_ += size;
  transmit();
  return size;
}

void Pipe::finish() {
  finishing_ = true;
  transmit();
}

void Pipe::transmit() {
  if (closed_) return;
  const std::uint64_t until = std::min(written_, limit_);
  if (sent_ == acknowledged_) unanswered_since_ = timeline_.now();
  for (std::size_t cuts = 0; sent_ < until; ++cuts) {
    const auto left = static_cast<std::size_t>(until - sent_);
    const bool cut = cuts < kMostCuts && dice_.chance(25);
    sent_ += cut ? dice_.size(1, std::min<std::size_t>(left, 1500)) : left;
    there_.carry([this, end = sent_, sent_at = timeline_.now()] { arrive(end, sent_at); });
  }
  if (!finishing_ || end_sent_ || sent_ != written_) return;
  end_sent_ = true;
  there_.carry([this] {
    if (closed_) return;
    ended_ = true;
    reader_news_();
  });
}

void Pipe::arrive(std::uint64_t end, TimePoint sent_at) {
  if (closed_) return;
  arrived_ = end;
  announce(sent_at);
  reader_news_();
}

// Acknowledges what has arrived, and tells how far the reader's buffer reaches.
void Pipe::announce(std::optional<TimePoint> sent_at) {
  announced_ = read_ + sizes_.window;
  back_.carry([this, acknowledged = arrived_, limit = announced_, sent_at] {
    if (sent_at) measure(timeline_.now() - *sent_at);
    learn(acknowledged, limit);
  });
}

void Pipe::learn(std::uint64_t acknowledged, std::uint64_t limit) {
  if (closed_) return;
  if (acknowledged != acknowledged_) unanswered_since_ = timeline_.now();
  acknowledged_ = acknowledged;
  limit_ = limit;
  transmit();
  if (!refused_ || !roomy()) return;
  refused_ = false;
  writer_news_();
}

std::size_t Pipe::read(std::span<std::uint8_t> into) {
  const std::size_t size = std::min(into.size(), unread());
  const auto from = bytes_.begin() + static_cast<std::ptrdiff_t>(taken_);
  std::copy(from, from + static_cast<std::ptrdiff_t>(size), into.begin());
  taken_ += size;
  read_ += size;
  // A window that opens is announced once that is worth a packet (RFC 9293 section 3.8.6.2.2).
  if (read_ + sizes_.window - announced_ >= (sizes_.window + 1) / 2) announce({});
  return size;
}

void Pipe::measure(nanoseconds round_trip) {
  const nanoseconds off = round_trip < round_trip_ ? round_trip_ - round_trip : round_trip - round_trip_;
  variation_ += (off - variation_) / 4;
  round_trip_ += (round_trip - round_trip_) / 8;
}

// Each retry waits twice as long as the one before. Here a retry brings nothing new, for the network loses
// nothing but everything; its kernel counts them all the same.
net::SendProgress Pipe::progress() const noexcept {
  const nanoseconds first = round_trip_ + std::max<nanoseconds>(4 * variation_, kLeastVariation);
  const bool in_flight = sent_ > acknowledged_;
  unsigned retries = 0;
  nanoseconds spent{};
  for (nanoseconds wait = first; in_flight; wait = std::min<nanoseconds>(2 * wait, kLongestRetry)) {
    if (timeline_.now() - unanswered_since_ < spent + wait) break;
    spent += wait;
    ++retries;
  }
  using std::chrono::microseconds;
  return {.acknowledged = acknowledged_,
          .unacknowledged = static_cast<std::size_t>(written_ - acknowledged_),
          .in_flight = in_flight,
          .retries = retries,
          .retry_after = std::chrono::duration_cast<microseconds>(first),
          .unanswered_for = std::chrono::duration_cast<microseconds>(spent)};
}

}  // namespace wskeep::simulation
