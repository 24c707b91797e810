// How a request's connection ends before it became a session: answers of our own, and what is counted.
#include "proxy/http/error_page.h"
#include "proxy/relay/bytes.h"
#include "proxy/relay/opening.h"

namespace wskeep::relay {

using http::Status;
using net::IoResult;
using observe::HandshakeResult;

namespace {

constexpr std::chrono::milliseconds kLingerTime{2'000};
constexpr std::chrono::seconds kRetryAfter{1};
constexpr int kReadsPerTurn = 4;

}  // namespace

// Between two requests that is how a connection ends.
void Opening::end_of_client() {
  if (first_ || begun_) return client_gone();
  link_.drop();
  linger();
}

void Opening::linger_read() noexcept {
  const bool refused = entrance_.state() == Entrance::State::kRefused;
  net::Transport& left = refused ? entrance_.remains() : entrance_.stream().transport();
  for (int reads = 0; reads < kReadsPerTurn; ++reads) {
    const IoResult result = left.read(environment_.read_buffer);
    if (result.status == IoResult::Status::kBlocked) return;
    if (result.status == IoResult::Status::kOk) continue;
    if (to_client_.done() || result.status == IoResult::Status::kFailed) step_ = Step::kOver;
    return;
  }
  has_more_ = true;
}

// Answers the client ourselves. `words` go to the client, `detail` behind them to the log only.
void Opening::fail(HandshakeResult result, Status status, std::string_view words, std::string_view detail) {
  std::string reason(words);
  if (!detail.empty()) reason.append(": ").append(detail);
  decide(result, static_cast<int>(status), std::move(reason));
  std::optional<std::chrono::seconds> retry_after;
  const bool later = status == Status::kServiceUnavailable || status == Status::kTooManyRequests;
  if (later) retry_after = kRetryAfter;
  to_client_.send(bytes_of(http::error_answer(status, words, retry_after)));
  linger();
}

void Opening::client_gone() {
  decide(HandshakeResult::kClientGone, 0, "client left during the handshake");
  link_.drop();
  step_ = Step::kOver;
}

// What becomes of an ordinary request is counted by its status, of which 0 is none.
void Opening::decide(HandshakeResult result, int status, std::string reason) noexcept {
  const bool plain = exchange_ && exchange_->wish() != Exchange::Wish::kWebsocket;
  outcome_ = Outcome{plain ? "request failed" : "handshake failed", result, status, std::move(reason)};
  if (plain) return count_answer(status);
  environment_.counters.handshakes[result].add();
}

void Opening::count_answer(int status) noexcept {
  environment_.counters.http_requests[observe::status_class(status)].add();
}

void Opening::be_counted_as(observe::ConnectionState state) noexcept {
  environment_.counters.connections_open[counted_as_].add(-1);
  environment_.counters.connections_open[state].add(1);
  counted_as_ = state;
}

// Closing at once could make the kernel reset the connection, and the client would never read its answer.
void Opening::linger() noexcept {
  link_.drop();
  place_ = {};
  to_client_.finish();
  step_ = Step::kLingering;
  wait(kLingerTime);
  linger_read();
}

// A client that reads slowly may have its time for what is on its way, as in a session.
void Opening::give_time_or_end() noexcept {
  const auto stalled = environment_.clock.now() - to_client_.stalled_since();
  if (to_client_.waiting() != 0 && stalled < config_->relay.write_stall_timeout) return wait(kLingerTime);
  step_ = Step::kOver;
}

}  // namespace wskeep::relay
