#include "proxy/relay/opening.h"

#include <cerrno>
#include <cstring>
#include <exception>

#include "proxy/http/forward.h"
#include "proxy/observe/user_agent.h"
#include "proxy/websocket/handshake.h"

namespace wskeep::relay {

using http::Progress;
using http::Status;
using net::IoResult;
using observe::HandshakeResult;

namespace {

constexpr std::chrono::milliseconds kLingerTime{2'000};
constexpr std::chrono::seconds kRetryAfter{1};
constexpr int kReadsPerTurn = 4;
constexpr std::size_t kLoggedOrigin = 200;  // bytes of it

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// The path of a request target without its query; of an absolute URI only the part behind the authority.
std::string_view path_of(std::string_view target) {
  target = target.substr(0, target.find('?'));
  if (target.starts_with('/')) return target;
  const std::size_t authority = target.find("://");
  if (authority == std::string_view::npos) return target;
  const std::size_t path = target.find('/', authority + 3);
  return path == std::string_view::npos ? std::string_view{"/"} : target.substr(path);
}

std::string field_or_empty(websocket::Fields fields, std::string_view name) {
  const websocket::HeaderField* const field = websocket::find_field(fields, name);
  return field == nullptr ? std::string() : std::string(field->value);
}

}  // namespace

Opening::Opening(Environment& environment, std::shared_ptr<const config::Config> config, Dialer& dialer,
                 BackendLink::Watcher& watcher, net::Accepted&& client)
    : environment_(environment),
      config_(std::move(config)),
      entrance_(std::move(client)),
      to_client_(entrance_.stream(), environment),
      link_(environment, config_, dialer, watcher),
      request_(config_->limits.header_bytes),
      answer_(config_->limits.header_bytes) {
  environment_.counters.connections_open[observe::ConnectionState::kHandshake].add(1);
  wait(config_->limits.handshake_timeout);
}

Opening::~Opening() {
  environment_.counters.connections_open[observe::ConnectionState::kHandshake].add(-1);
}

// Strings grow here, so memory may run out, unlike on the data path behind the 101. Then this one connection
// ends, without words, for words need memory.
template <class Action>
void Opening::guard(Action action) noexcept {
  try {
    action();
  } catch (const std::exception&) {
    decide(HandshakeResult::kUnavailable, 0, "out of memory");
    link_.drop();
    step_ = Step::kOver;
  }
}

void Opening::on_ready(observe::Leg leg, Session::Readiness ready) noexcept {
  guard([&] { leg == observe::Leg::kClient ? on_client_ready(ready) : on_backend_ready(ready); });
}

void Opening::on_client_ready(Session::Readiness ready) {
  if (ready.writable) to_client_.flush();
  switch (step_) {
    case Step::kReadingRequest:
      read_request();
      if (ready.hung_up) drained_.client = false;
      return;
    case Step::kConnecting:
    case Step::kAwaitingAnswer:
      if (ready.readable) drained_.client = false;
      if (ready.hung_up || (ready.readable && net::pending_error(entrance_.stream().descriptor()) != 0))
        client_gone();
      return;
    case Step::kPassingRefusal:
      if (to_client_.state() == Outlet::State::kFailed) return client_gone();
      if (to_client_.waiting() == 0) read_answer();
      return;
    case Step::kLingering: return linger_read();
    case Step::kOpened:
    case Step::kOver: return;
  }
}

void Opening::on_backend_ready(Session::Readiness ready) {
  const bool news = ready.readable || ready.hung_up;
  if (ready.hung_up) backend_hung_up_ = true;
  switch (step_) {
    case Step::kConnecting:
      link_.on_ready(ready);
      ask_if_connected();
      if (news) read_answer();
      return;
    case Step::kAwaitingAnswer:
      link_.out().flush();
      if (news) read_answer();
      return;
    case Step::kPassingRefusal: return read_answer();
    case Step::kReadingRequest:
    case Step::kLingering:
    case Step::kOpened:
    case Step::kOver: return;
  }
}

void Opening::resume() noexcept {
  has_more_ = false;
  const bool backend = step_ == Step::kAwaitingAnswer || step_ == Step::kPassingRefusal;
  on_ready(backend ? observe::Leg::kBackend : observe::Leg::kClient, {.readable = true});
}

void Opening::on_deadline() noexcept {
  if (environment_.clock.now() < deadline()) return;
  guard([&] { time_out(); });
}

void Opening::time_out() {
  switch (step_) {
    case Step::kReadingRequest:
      return fail(HandshakeResult::kRequestTimeout, Status::kRequestTimeout, "no whole request in time");
    case Step::kConnecting: link_.on_deadline(); return ask_if_connected();
    case Step::kAwaitingAnswer:
      return fail(HandshakeResult::kBackendTimeout, Status::kGatewayTimeout,
                  "backend did not answer in time");
    case Step::kPassingRefusal:
    case Step::kLingering: return give_time_or_end();
    case Step::kOpened:
    case Step::kOver: return;
  }
}

// A client that reads slowly may have its time for what is on its way, as in a session.
void Opening::give_time_or_end() noexcept {
  const auto stalled = environment_.clock.now() - to_client_.stalled_since();
  if (to_client_.waiting() != 0 && stalled < config_->relay.write_stall_timeout) return wait(kLingerTime);
  step_ = Step::kOver;
}

void Opening::go_away() noexcept {
  if (outcome_ || step_ == Step::kOpened) return;
  guard([&] { fail(HandshakeResult::kUnavailable, Status::kServiceUnavailable, "shutting down"); });
}

void Opening::read_request() {
  while (step_ == Step::kReadingRequest) {
    const IoResult result = entrance_.stream().read(environment_.read_buffer);
    if (result.status == IoResult::Status::kBlocked) return;
    if (result.status != IoResult::Status::kOk) return client_gone();
    const Bytes bytes = environment_.read_buffer.first(result.bytes);
    drained_.client = result.drained;
    const http::Fed fed = request_.feed(bytes);
    switch (fed.progress) {
      case Progress::kIncomplete: break;
      case Progress::kComplete: return judge_request(bytes.subspan(fed.used));
      case Progress::kTooLarge:
        environment_.counters.limits_hit[observe::Limit::kHeaderBytes].add();
        return fail(HandshakeResult::kHeadTooLarge, Status::kHeaderFieldsTooLarge, request_.reason());
      case Progress::kBad: return fail(HandshakeResult::kBadRequest, Status::kBadRequest, request_.reason());
    }
  }
}

void Opening::judge_request(Bytes rest) {
  const http::RequestHead& head = request_.head();
  entrance_.hear(head.fields, config_->trusted_proxies);
  const websocket::RequestVerdict verdict = websocket::judge_request(head.method, head.version, head.fields);
  switch (verdict.kind) {
    case websocket::RequestKind::kNotWebsocket:
      return fail(HandshakeResult::kNotUpgrade, Status::kNotImplemented,
                  "only WebSocket upgrades are served here");
    case websocket::RequestKind::kBad:
      return fail(HandshakeResult::kBadRequest, Status::kBadRequest, verdict.reason);
    case websocket::RequestKind::kUnsupportedVersion:
      return fail(HandshakeResult::kUnsupportedVersion, Status::kUpgradeRequired, verdict.reason);
    case websocket::RequestKind::kUpgrade: break;
  }
  if (!websocket::origin_is_allowed(config_->allowed_origins, head.fields)) {
    return fail(HandshakeResult::kOriginRefused, Status::kForbidden, "this Origin is not allowed here",
                field_or_empty(head.fields, "Origin").substr(0, kLoggedOrigin));
  }
  from_client_.assign(rest.begin(), rest.end());
  step_ = Step::kConnecting;
  link_.connect();
  ask_if_connected();
}

void Opening::ask_if_connected() {
  if (link_.state() == BackendLink::State::kFailed) {
    const BackendLink::Failure& failure = link_.failure();
    return fail(failure.result, failure.status, failure.words, failure.detail);
  }
  if (link_.state() != BackendLink::State::kReady) return;
  step_ = Step::kAwaitingAnswer;
  wait(config_->backend.handshake_timeout);
  const std::string ip = ip_text(caller().peer);
  const http::ClientSide client{.address = ip, .scheme = caller().scheme, .trusted = caller().trusted};
  link_.out().send(bytes_of(http::upgrade_head(request_.head(), client)));
}

void Opening::read_answer() {
  for (int reads = 0; step_ == Step::kAwaitingAnswer || step_ == Step::kPassingRefusal; ++reads) {
    if (step_ == Step::kPassingRefusal && to_client_.waiting() != 0) return;  // the client's turn
    if (reads == kReadsPerTurn) {
      has_more_ = true;
      return;
    }
    const IoResult result = link_.stream().read(environment_.read_buffer);
    switch (result.status) {
      case IoResult::Status::kOk:
        drained_.backend = result.drained && !backend_hung_up_;
        feed_answer(environment_.read_buffer.first(result.bytes));
        break;
      case IoResult::Status::kBlocked: return;
      case IoResult::Status::kEnd:
      case IoResult::Status::kFailed:
        if (step_ == Step::kPassingRefusal) return linger();
        return fail(HandshakeResult::kBackendUnreachable, Status::kBadGateway,
                    "backend closed before answering", result.error == 0 ? "" : std::strerror(result.error));
    }
  }
}

void Opening::feed_answer(Bytes bytes) {
  if (step_ == Step::kPassingRefusal) return pass_refusal(bytes);
  while (step_ == Step::kAwaitingAnswer && !bytes.empty()) {
    const http::Fed fed = answer_.feed(bytes);
    bytes = bytes.subspan(fed.used);
    switch (fed.progress) {
      case Progress::kIncomplete: return;
      case Progress::kComplete:
        if (!answer_.head().interim()) return judge_answer(bytes);
        answer_.next();  // a client that waits for a 101 has no use for a 103
        break;
      case Progress::kTooLarge:
        environment_.counters.limits_hit[observe::Limit::kHeaderBytes].add();
        [[fallthrough]];
      case Progress::kBad:
        return fail(HandshakeResult::kBackendBadAnswer, Status::kBadGateway, "bad answer from backend",
                    answer_.reason());
    }
  }
}

void Opening::judge_answer(Bytes rest) {
  const http::AnswerHead& head = answer_.head();
  const websocket::AnswerVerdict verdict =
      websocket::judge_answer(head.status, head.fields, request_.head().fields);
  switch (verdict.kind) {
    case websocket::AnswerKind::kRefused: return begin_refusal(rest);
    case websocket::AnswerKind::kBad:
      return fail(HandshakeResult::kBackendBadAnswer, Status::kBadGateway, "bad answer from backend",
                  verdict.reason);
    case websocket::AnswerKind::kSwitched: break;
  }
  if (link_.out().waiting() != 0) {
    return fail(HandshakeResult::kBackendBadAnswer, Status::kBadGateway, "bad answer from backend",
                "it came before the request was sent");
  }
  from_backend_.assign(rest.begin(), rest.end());
  decide(HandshakeResult::kAccepted, 101, {});
  step_ = Step::kOpened;
}

void Opening::begin_refusal(Bytes rest) {
  decide(HandshakeResult::kRefused, answer_.head().status, "backend refused the upgrade");
  step_ = Step::kPassingRefusal;
  to_client_.send(bytes_of(http::refusal_head(answer_.head())));
  pass_refusal(rest);
}

void Opening::pass_refusal(Bytes body) {
  const http::Fed fed = answer_.feed_body(body);
  to_client_.send(body.first(fed.used));
  wait(config_->backend.handshake_timeout);
  if (to_client_.state() == Outlet::State::kFailed) return client_gone();
  if (fed.progress != Progress::kIncomplete) linger();
}

void Opening::linger_read() noexcept {
  for (int reads = 0; reads < kReadsPerTurn; ++reads) {
    const IoResult result = entrance_.stream().read(environment_.read_buffer);
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
  if (status == Status::kServiceUnavailable) retry_after = kRetryAfter;
  to_client_.send(bytes_of(http::error_answer(status, words, retry_after)));
  linger();
}

void Opening::client_gone() {
  decide(HandshakeResult::kClientGone, 0, "client left during the handshake");
  link_.drop();
  step_ = Step::kOver;
}

void Opening::decide(HandshakeResult result, int status, std::string reason) noexcept {
  if (outcome_) return;
  outcome_ = Outcome{result, status, std::move(reason)};
  environment_.counters.handshakes[result].add();
}

// Closing at once could make the kernel reset the connection, and the client would never read its answer.
void Opening::linger() noexcept {
  link_.drop();
  to_client_.finish();
  step_ = Step::kLingering;
  wait(kLingerTime);
  linger_read();
}

Opening::Opened Opening::take() {
  const http::RequestHead& request = request_.head();
  const http::AnswerHead& answer = answer_.head();
  const std::string client = shown(caller().client);
  SessionIdentity identity(
      environment_.random.next(),
      {.client = client,
       .path = path_of(request.target),
       .subprotocol = websocket::selected_protocol(answer.fields),
       .user_agent_family = observe::user_agent_family(field_or_empty(request.fields, "User-Agent"))});
  return {std::move(identity),
          std::move(entrance_.stream()),
          link_.take(),
          websocket::extension_rules(answer.fields),
          bytes_of(answer_.raw()),
          from_client_,
          from_backend_,
          drained_};
}

}  // namespace wskeep::relay
