#include "proxy/relay/exchange.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "proxy/http/forward.h"
#include "proxy/relay/bytes.h"
#include "proxy/relay/head_limits.h"
#include "proxy/websocket/handshake.h"

namespace wskeep::relay {

using http::Progress;
using http::Status;
using net::IoResult;
using observe::HandshakeResult;

namespace {

constexpr int kReadsPerTurn = 4;
constexpr int kMostInterim = 32;           // answers before the final one; a server sends one or two
constexpr std::size_t kBodyRead = 65'536;  // bytes of a request at once: so much may be kept behind its end
constexpr std::chrono::milliseconds kLook{1'000};  // at a client that takes nothing

iovec piece_of(std::span<const std::uint8_t> bytes) {
  return {const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
}

// Those of RFC 9110 section 9.2.2: asking twice does no more than asking once.
bool is_idempotent(std::string_view method) {
  constexpr auto kMethods =
      std::to_array<std::string_view>({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"});
  return std::find(kMethods.begin(), kMethods.end(), method) != kMethods.end();
}

}  // namespace

Exchange::Exchange(const Parties& parties, Wish wish, std::string_view protocol)
    : environment_(parties.environment),
      site_(parties.site),
      listeners_(parties.listeners),
      caller_(parties.caller),
      request_(parties.request),
      client_(parties.client),
      to_client_(parties.to_client),
      link_(parties.link),
      answer_(head_limits(parties.site.limits), body_rule()),
      wish_(wish),
      protocol_(protocol) {
  if (request_.framing() == http::Framing::kNone) passing_ = Request::kPassed;
}

http::BodyRule Exchange::body_rule() const noexcept {
  return request_.head().method == "HEAD" ? http::BodyRule::kNone : http::BodyRule::kAsFramed;
}

void Exchange::start() {
  if (link_.stays_idle()) {
    reused_ = true;
    return ask();
  }
  link_.connect(proxy_preface(caller_, site_.backend.proxy_protocol));
  go_on_connecting(false);
}

void Exchange::on_client_ready(Session::Readiness ready) {
  if (ready.writable) to_client_.flush();
  if (ready.readable) client_.note_news();
  if (ready.hung_up) client_.note_end();
  // A client may end its stream behind its request and wait for the answer, but not for a WebSocket.
  const bool left = ready.hung_up && wish_ == Wish::kWebsocket;
  if (left || to_client_.state() == Outlet::State::kFailed ||
      (ready.readable && client_.pending_error() != 0)) {
    return client_left();
  }
  if (step_ == Step::kConnecting) return;
  if (ready.readable) pass_request();
  if (!ready.writable || over()) return;
  if (step_ == Step::kAnswering && to_client_.waiting() == 0) wait(site_.backend.answer_timeout);
  pass_answer();
}

void Exchange::on_backend_ready(Session::Readiness ready) {
  const bool news = ready.readable || ready.hung_up;
  if (step_ == Step::kConnecting) {
    link_.on_ready(ready);
    return go_on_connecting(news);
  }
  if (ready.hung_up) backend_hung_up_ = true;
  if (ready.writable) {
    link_.out().flush();
    if (step_ != Step::kAnswering) wait_for_backend();
    pass_request();
  }
  if (news) pass_answer();
}

void Exchange::resume() {
  has_more_ = false;
  if (step_ == Step::kConnecting) return;
  pass_request();
  pass_answer();
}

void Exchange::go_on_connecting(bool news) {
  switch (link_.state()) {
    case BackendLink::State::kNone:
    case BackendLink::State::kConnecting: return;
    case BackendLink::State::kFailed:
      failure_ = link_.failure();
      step_ = Step::kFailed;
      return;
    case BackendLink::State::kReady: break;
  }
  backend_hung_up_ = false;
  ask();
  if (news) pass_answer();
}

void Exchange::ask() {
  step_ = Step::kAsking;
  wait_for_backend();
  const std::string ip = ip_text(caller_.peer);
  http::ClientSide client{.address = ip, .scheme = caller_.scheme, .trusted = caller_.trusted};
  std::vector<std::string_view> certificate_fields;
  for (const config::Listener& listener : listeners_) {
    if (listener.tls.client_subject_header) certificate_fields.push_back(*listener.tls.client_subject_header);
  }
  client.certificate_fields = certificate_fields;
  if (const auto& field = listeners_[caller_.listener].tls.client_subject_header) {
    client.certificate_field = *field;
    client.certificate_subject = caller_.certificate_subject;
  }
  const http::RequestHead& head = request_.head();
  link_.out().send(bytes_of(wish_ != Wish::kAnswer ? http::upgrade_head(head, client, protocol_)
                                                   : http::request_head(head, client)));
  pass_request();
}

TimePoint Exchange::deadline() const noexcept {
  return step_ == Step::kConnecting ? link_.deadline() : deadline_;
}

// Counts the backend's time from now, or the client's while its request is still to come.
void Exchange::wait_for_backend() noexcept {
  if (wish_ == Wish::kWebsocket) return wait(site_.backend.handshake_timeout);
  if (passing_ == Request::kPassing && link_.out().waiting() == 0) return wait(site_.limits.body_timeout);
  wait(site_.backend.answer_timeout);
}

void Exchange::on_deadline() {
  if (environment_.clock.now() < deadline()) return;
  switch (step_) {
    case Step::kConnecting: link_.on_deadline(); return go_on_connecting(false);
    case Step::kAsking:
      if (passing_ == Request::kPassing && link_.out().waiting() == 0) {
        environment_.counters.limits_hit[observe::Limit::kBodyTimeout].add();
        return fail(HandshakeResult::kRequestTimeout, Status::kRequestTimeout, "no whole request in time");
      }
      return fail(HandshakeResult::kBackendTimeout, Status::kGatewayTimeout,
                  "backend did not answer in time");
    case Step::kAnswering:
      // A slow client has its time for what is on its way, and the backend isn't read meanwhile.
      if (to_client_.waiting() != 0 &&
          environment_.clock.now() - to_client_.stalled_since() < site_.relay.write_stall_timeout) {
        return wait(kLook);
      }
      return cut();
    case Step::kFinishing: return end_early();
    case Step::kDone:
    case Step::kSwitched:
    case Step::kFailed:
    case Step::kCut:
    case Step::kClientGone: return;
  }
}

void Exchange::pass_request() {
  pass_body();
  if (step_ != Step::kFinishing) return;
  if (request_passed()) {
    step_ = Step::kDone;
  } else if (passing_ == Request::kDropped) {
    end_early();
  }
}

void Exchange::pass_body() {
  for (int reads = 0; !over() && passing_ == Request::kPassing; ++reads) {
    if (!link_.out().open()) {
      // It may have answered and closed without waiting for the rest: the answer counts.
      passing_ = Request::kDropped;
      return wait_for_backend();
    }
    if (link_.out().waiting() != 0) return;
    if (reads == kReadsPerTurn) {
      has_more_ = true;
      return;
    }
    const ClientInput::Read read = client_.read(environment_.read_buffer.first(kBodyRead));
    if (read.status == IoResult::Status::kBlocked) return;
    if (read.status != IoResult::Status::kOk) return client_left();
    const http::Fed fed = request_.feed_body(read.bytes);
    client_.keep(read.bytes.subspan(fed.used));
    if (fed.progress != Progress::kIncomplete && fed.progress != Progress::kComplete) {
      return fail(HandshakeResult::kBadRequest, Status::kBadRequest, request_.reason());
    }
    link_.out().send(read.bytes.first(fed.used));
    if (fed.progress == Progress::kComplete) passing_ = Request::kPassed;
    if (step_ != Step::kAnswering) wait_for_backend();
  }
}

bool Exchange::request_passed() noexcept {
  return passing_ == Request::kPassed && link_.out().waiting() == 0;
}

// The client has its answer, but of its request no more can be passed on.
void Exchange::end_early() noexcept {
  client_persists_ = false;
  link_.drop();
  step_ = Step::kDone;
}

void Exchange::pass_answer() {
  // Behind the answer nothing is to come, neither another one nor the end.
  if (step_ == Step::kFinishing && !link_.stays_idle()) return end_early();
  for (int reads = 0; step_ == Step::kAsking || step_ == Step::kAnswering; ++reads) {
    if (to_client_.waiting() != 0) return;  // the client's turn
    if (reads == kReadsPerTurn) {
      has_more_ = true;
      return;
    }
    const IoResult result = link_.stream().read(environment_.read_buffer);
    switch (result.status) {
      case IoResult::Status::kOk:
        backend_drained_ = result.drained && !backend_hung_up_;
        answered_ = true;
        take_answer(environment_.read_buffer.first(result.bytes));
        break;
      case IoResult::Status::kBlocked: return;
      case IoResult::Status::kEnd:
      case IoResult::Status::kFailed: return backend_ended(result);
    }
  }
}

void Exchange::take_answer(Bytes bytes) {
  while (step_ == Step::kAsking && !bytes.empty()) {
    const http::Fed fed = answer_.feed(bytes);
    bytes = bytes.subspan(fed.used);
    switch (fed.progress) {
      case Progress::kIncomplete: return;
      case Progress::kComplete:
        judge_head(bytes);
        if (step_ != Step::kAsking) return;
        break;
      case Progress::kTooLarge:
        environment_.counters.limits_hit[limit_met_by(answer_)].add();
        [[fallthrough]];
      case Progress::kBad: return bad_answer(answer_.reason());
    }
  }
  if (step_ != Step::kAnswering) return;
  wait(site_.backend.answer_timeout);
  const http::Fed fed = answer_.feed_body(bytes);
  to_client_.send(bytes.first(fed.used));
  if (to_client_.state() == Outlet::State::kFailed) return client_left();
  if (fed.progress == Progress::kComplete) return end_answer(bytes.subspan(fed.used));
  if (fed.progress != Progress::kIncomplete) cut();
}

// `rest` is what came behind the head.
void Exchange::judge_head(Bytes rest) {
  const http::AnswerHead& head = answer_.head();
  if (head.status == 101) return judge_switch(rest);
  if (!head.interim()) return begin_answer(rest);
  if (++interim_ > kMostInterim) return bad_answer("too many interim answers");
  // One who waits for a 101 has no use for another, and one of HTTP/1.0 doesn't know them.
  if (wish_ == Wish::kAnswer && request_.head().version >= 11) {
    to_client_.send(bytes_of(http::answer_head(head, http::Then::kKeep)));
  }
  answer_.next(body_rule());
}

void Exchange::judge_switch(Bytes rest) {
  if (const std::string_view fault = fault_of_switch(); !fault.empty()) return bad_answer(fault);
  if (link_.out().waiting() != 0) return bad_answer("it came before the request was sent");
  from_backend_.assign(rest.begin(), rest.end());
  step_ = Step::kSwitched;
}

// What keeps a 101 from switching; empty when it may.
std::string_view Exchange::fault_of_switch() const {
  const websocket::Fields fields = answer_.head().fields;
  switch (wish_) {
    case Wish::kAnswer: return "a 101 that nobody asked for";
    case Wish::kWebsocket: return websocket::judge_answer(101, fields, request_.head().fields).reason;
    case Wish::kTunnel: break;
  }
  const auto* const upgrade = websocket::find_field(fields, "Upgrade");
  const bool right = upgrade != nullptr && websocket::count_fields(fields, "Upgrade") == 1 &&
                     websocket::equal_ignoring_case(upgrade->value, protocol_) &&
                     websocket::has_token(fields, "Connection", "Upgrade");
  return right ? std::string_view{} : "a 101 for another protocol than was asked for";
}

void Exchange::begin_answer(Bytes rest) {
  const http::AnswerHead& head = answer_.head();
  const http::RequestHead& request = request_.head();
  const bool old = request.version < 11;
  const http::Framing framing = answer_.framing();
  if (old && framing == http::Framing::kChunked) return bad_answer("a chunked answer to HTTP/1.0");
  const bool ends_itself = framing != http::Framing::kUntilEof;
  backend_persists_ = ends_itself && http::persists(head.version, head.fields);
  // Whoever closes before it has read the whole request makes both connections end.
  const bool takes_all = request_passed() || (backend_persists_ && passing_ == Request::kPassing);
  client_persists_ = ends_itself && takes_all && !last_ && http::persists(request.version, request.fields);
  const http::Then then = !client_persists_ ? http::Then::kClose
                          : old             ? http::Then::kKeepOld
                                            : http::Then::kKeep;
  const std::string bytes = http::answer_head(head, then);
  step_ = Step::kAnswering;
  wait(site_.backend.answer_timeout);
  const http::Fed fed = answer_.feed_body(rest);
  const std::array<iovec, 2> pieces{piece_of(bytes_of(bytes)), piece_of(rest.first(fed.used))};
  to_client_.send(std::span(pieces).first(fed.used == 0 ? 1 : 2));
  if (to_client_.state() == Outlet::State::kFailed) return client_left();
  if (fed.progress == Progress::kComplete) return end_answer(rest.subspan(fed.used));
  if (fed.progress != Progress::kIncomplete) cut();
}

// What stands behind the end of an answer is none that anybody asked for.
void Exchange::end_answer(Bytes surplus) {
  if (!surplus.empty()) backend_persists_ = false;
  if (!request_passed()) {
    if (client_persists_ && backend_persists_ && passing_ != Request::kDropped) {
      step_ = Step::kFinishing;
      return wait_for_backend();
    }
    return end_early();
  }
  if (!backend_persists_) link_.drop();
  step_ = Step::kDone;
}

void Exchange::backend_ended(const IoResult& result) {
  if (step_ == Step::kAnswering) {
    const bool whole =
        result.status == IoResult::Status::kEnd && answer_.end_of_input() == Progress::kComplete;
    return whole ? end_answer({}) : cut();
  }
  if (may_ask_again()) {
    link_.drop();
    reused_ = false;
    step_ = Step::kConnecting;
    link_.connect(proxy_preface(caller_, site_.backend.proxy_protocol));
    return go_on_connecting(false);
  }
  fail(HandshakeResult::kBackendUnreachable, Status::kBadGateway, "backend closed before answering",
       result.error == 0 ? "" : std::strerror(result.error));
}

// An idle connection may end just as it is used (RFC 9112 section 9.3.1).
bool Exchange::may_ask_again() const noexcept {
  return reused_ && !answered_ && request_.framing() == http::Framing::kNone &&
         is_idempotent(request_.head().method);
}

void Exchange::bad_answer(std::string_view detail) noexcept {
  fail(HandshakeResult::kBackendBadAnswer, Status::kBadGateway, "bad answer from backend", detail);
}

void Exchange::fail(HandshakeResult result, Status status, std::string_view words,
                    std::string_view detail) noexcept {
  if (step_ == Step::kAnswering) return cut();
  if (step_ == Step::kFinishing) return end_early();
  link_.drop();
  failure_ = {result, status, words, detail};
  step_ = Step::kFailed;
}

void Exchange::cut() noexcept {
  link_.drop();
  step_ = Step::kCut;
}

void Exchange::client_left() noexcept {
  if (step_ == Step::kFinishing) return end_early();
  link_.drop();
  step_ = Step::kClientGone;
}

}  // namespace wskeep::relay
