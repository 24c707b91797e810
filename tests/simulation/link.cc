#include "tests/simulation/link.h"

#include <utility>

namespace wskeep::simulation {

using net::IoResult;

class Link::Socket final : public net::Transport {
 public:
  Socket(Link& link, Witness& witness) : link_(link), witness_(witness) {}
  ~Socket() override { link_.drop(link_.in_.unread() != 0); }

  IoResult read(std::span<std::uint8_t> into) noexcept override {
    const std::size_t size = link_.in_.read(into);
    if (size != 0) {
      witness_.has_read(link_.name_, into.first(size));
      return {.status = IoResult::Status::kOk, .drained = size < into.size(), .bytes = size};
    }
    if (const int error = std::exchange(link_.error_, 0); error != 0) {
      witness_.has_seen_end(link_.name_, IoResult::Status::kFailed);
      return {.status = IoResult::Status::kFailed, .error = error};
    }
    if (!link_.broken_ && !link_.in_.ended()) return {IoResult::Status::kBlocked};
    witness_.has_seen_end(link_.name_, IoResult::Status::kEnd);
    return {IoResult::Status::kEnd};
  }

  IoResult write(std::span<const iovec> pieces) noexcept override {
    if (const int error = std::exchange(link_.error_, 0); error != 0)
      return {.status = IoResult::Status::kFailed, .error = error};
    if (link_.broken_) return {.status = IoResult::Status::kFailed, .error = EPIPE};
    std::size_t taken = 0;
    for (const iovec& piece : pieces) {
      const std::span bytes(static_cast<const std::uint8_t*>(piece.iov_base), piece.iov_len);
      const std::size_t size = link_.out_.write(bytes);
      witness_.has_written(link_.name_, bytes.first(size));
      taken += size;
      if (size < bytes.size()) break;
    }
    if (taken == 0) return {IoResult::Status::kBlocked};
    return {.status = IoResult::Status::kOk, .bytes = taken};
  }

  bool shutdown_write() noexcept override {
    witness_.has_shut(link_.name_);
    if (!link_.broken_) link_.out_.finish();
    return true;
  }
  std::optional<nanoseconds> round_trip_time() noexcept override { return std::nullopt; }
  std::optional<net::SendProgress> send_progress() noexcept override {
    if (!link_.nature_.tells_progress) return std::nullopt;
    return link_.out_.progress();
  }

 private:
  Link& link_;
  Witness& witness_;
};

Link::Link(Timeline& timeline, Dice& dice, observe::Leg name, const Nature& nature, Timeline::Action news,
           Timeline::Action peer_news)
    : name_(name),
      nature_(nature),
      news_(std::move(news)),
      peer_news_(std::move(peer_news)),
      to_wskeep_(timeline, dice, nature.to_wskeep),
      to_peer_(timeline, dice, nature.to_peer),
      in_(timeline, dice, to_wskeep_, to_peer_, nature.to_wskeep_sizes, news_, [] {}),
      out_(timeline, dice, to_peer_, to_wskeep_, nature.to_peer_sizes, peer_news_, news_) {}

std::unique_ptr<net::Transport> Link::socket(Witness& witness) {
  return std::make_unique<Socket>(*this, witness);
}

// What epoll and libevent would say: a reset looks like any other news.
relay::Session::Readiness Link::readiness() const noexcept {
  if (broken_) return {.readable = true, .writable = true};
  return {.readable = in_.unread() != 0 || in_.ended(), .writable = out_.roomy(), .hung_up = in_.ended()};
}

void Link::reset() {
  if (std::exchange(lost_, true)) return;
  to_wskeep_.carry([this] { break_with(ECONNRESET); });
}

void Link::break_with(int error) {
  if (std::exchange(broken_, true)) return;
  in_.close();
  out_.close();
  error_ = error;
  timed_out_ = error == ETIMEDOUT;
  news_();
}

// wskeep's end is closed.
void Link::drop(bool with_reset) {
  if (std::exchange(broken_, true)) return;
  if (!with_reset) return out_.finish();
  to_peer_.carry([this] {
    lost_ = true;
    peer_news_();
  });
}

void Link::stall(nanoseconds time) {
  to_wskeep_.stall(time);
  to_peer_.stall(time);
}

void Link::stall_one_way(nanoseconds time) {
  to_wskeep_.stall(time);
}

void Link::cut() {
  to_wskeep_.cut();
  to_peer_.cut();
}

void Link::time_out() {
  break_with(ETIMEDOUT);
}

}  // namespace wskeep::simulation
