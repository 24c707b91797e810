#include "proxy/relay/opening.h"

#include <exception>

#include "proxy/observe/user_agent.h"
#include "proxy/relay/bytes.h"
#include "proxy/relay/head_limits.h"
#include "proxy/websocket/handshake.h"

namespace wskeep::relay {

using http::Progress;
using http::Status;
using net::IoResult;
using observe::HandshakeResult;
using observe::Limit;

namespace {

constexpr std::size_t kLoggedOrigin = 200;  // bytes of it
constexpr std::size_t kHeadRead = 16'384;   // bytes of requests at once, of which some may be kept for later

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

// The protocol that the request asks for, if it is one of `allowed`.
const http::ProtocolName* tunnelled_protocol(const http::RequestHead& head,
                                             std::span<const http::ProtocolName> allowed) {
  if (head.version < 11 || !websocket::has_token(head.fields, "Connection", "Upgrade")) return nullptr;
  for (const http::ProtocolName& protocol : allowed) {
    if (websocket::has_token(head.fields, "Upgrade", protocol.text())) return &protocol;
  }
  return nullptr;
}

}  // namespace

Opening::Opening(Environment& environment, std::shared_ptr<const config::Config> config,
                 const TlsContexts& tls, Dialer& dialer, Admission& admission, BackendLink::Watcher& watcher,
                 net::Accepted&& client)
    : environment_(environment),
      config_(std::move(config)),
      admission_(admission),
      entrance_(std::move(client), *config_, tls.listener(client.listener), environment.random.next()),
      to_client_(entrance_.stream().transport(), environment),
      client_(entrance_.stream()),
      link_(environment, config_, tls.backend(), dialer, watcher),
      request_(head_limits(config_->limits)) {
  environment_.counters.connections_open[counted_as_].add(1);
  wait(config_->limits.handshake_timeout);
}

Opening::~Opening() {
  environment_.counters.connections_open[counted_as_].add(-1);
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
  if (step_ == Step::kEntering) enter(ready.hung_up);
  switch (step_) {
    case Step::kEntering: return;
    case Step::kReadingRequest:
      to_client_.flush();
      if (to_client_.state() == Outlet::State::kFailed) return client_gone();
      if (ready.hung_up) client_.note_end();
      if (to_client_.waiting() == 0) read_request();
      return;
    case Step::kExchanging: exchange_->on_client_ready(ready); return follow_exchange();
    case Step::kTunnelling: tunnel_->on_ready(observe::Leg::kClient, ready); return follow_tunnel();
    case Step::kLingering: to_client_.flush(); return linger_read();
    case Step::kOpened:
    case Step::kOver: return;
  }
}

void Opening::on_backend_ready(Session::Readiness ready) {
  switch (step_) {
    case Step::kExchanging: exchange_->on_backend_ready(ready); return follow_exchange();
    case Step::kTunnelling: tunnel_->on_ready(observe::Leg::kBackend, ready); return follow_tunnel();
    case Step::kReadingRequest: (void)link_.stays_idle(); return;
    case Step::kEntering:
    case Step::kLingering:
    case Step::kOpened:
    case Step::kOver: return;
  }
}

void Opening::resume() noexcept {
  has_more_ = false;
  guard([this] {
    if (step_ == Step::kTunnelling) {
      tunnel_->resume();
      return follow_tunnel();
    }
    if (step_ != Step::kExchanging) return on_client_ready({.readable = true});
    exchange_->resume();
    follow_exchange();
  });
}

void Opening::on_deadline() noexcept {
  if (environment_.clock.now() < deadline()) return;
  guard([this] { time_out(); });
}

void Opening::time_out() {
  switch (step_) {
    case Step::kEntering:
      environment_.counters.limits_hit[Limit::kHandshakeTimeout].add();
      entrance_.time_out();
      return enter(false);
    case Step::kReadingRequest:
      if (!first_ && !begun_) {
        environment_.counters.limits_hit[Limit::kKeepaliveTimeout].add();
        return linger();
      }
      environment_.counters.limits_hit[Limit::kHandshakeTimeout].add();
      return fail(HandshakeResult::kRequestTimeout, Status::kRequestTimeout, "no whole request in time");
    case Step::kExchanging: exchange_->on_deadline(); return follow_exchange();
    case Step::kTunnelling: tunnel_->on_deadline(); return follow_tunnel();
    case Step::kLingering: return give_time_or_end();
    case Step::kOpened:
    case Step::kOver: return;
  }
}

void Opening::go_away() noexcept {
  guard([this] {
    switch (step_) {
      case Step::kEntering:
        if (entrance_.state() == Entrance::State::kReady) break;
        decide(HandshakeResult::kUnavailable, 0, "shutting down");
        step_ = Step::kOver;
        return;
      case Step::kReadingRequest:
        if (!first_ && !begun_) return linger();
        break;
      case Step::kExchanging:
        exchange_->be_last();
        if (exchange_->wish() != Exchange::Wish::kWebsocket || exchange_->answering()) return;
        break;
      case Step::kTunnelling: step_ = Step::kOver; return;
      case Step::kLingering:
      case Step::kOpened:
      case Step::kOver: return;
    }
    fail(HandshakeResult::kUnavailable, Status::kServiceUnavailable, "shutting down");
  });
}

// Who is refused before its first byte of TLS or HTTP speaks something that we don't know, so there is no
// answer that it could read.
void Opening::enter(bool hung_up) {
  entrance_.go_on(environment_.read_buffer, hung_up);
  switch (entrance_.state()) {
    case Entrance::State::kProxyHeader:
    case Entrance::State::kHandshake: return;
    case Entrance::State::kReady: step_ = Step::kReadingRequest; return;
    case Entrance::State::kGone: return client_gone();
    case Entrance::State::kRefused: break;
  }
  const Entrance::Refusal& refusal = entrance_.refusal();
  decide(refusal.result, refusal.status, refusal.reason);
  to_client_.abandon();
  if (entrance_.remains().descriptor() >= 0) return linger();
  step_ = Step::kOver;
}

void Opening::read_request() {
  while (step_ == Step::kReadingRequest && to_client_.waiting() == 0) {
    const ClientInput::Read read = client_.read(environment_.read_buffer.first(kHeadRead));
    if (read.status == IoResult::Status::kBlocked) return;
    if (read.status != IoResult::Status::kOk) return end_of_client();
    if (!begun_ && !first_) wait(config_->limits.handshake_timeout);
    begun_ = true;
    const http::Fed fed = request_.feed(read.bytes);
    client_.keep(read.bytes.subspan(fed.used));
    switch (fed.progress) {
      case Progress::kIncomplete: break;
      case Progress::kComplete: judge_request(); break;
      case Progress::kTooLarge:
        environment_.counters.limits_hit[limit_met_by(request_)].add();
        return fail(HandshakeResult::kHeadTooLarge, Status::kHeaderFieldsTooLarge, request_.reason());
      case Progress::kBad: return fail(HandshakeResult::kBadRequest, Status::kBadRequest, request_.reason());
    }
  }
}

void Opening::judge_request() {
  const http::RequestHead& head = request_.head();
  entrance_.hear(head.fields);
  const websocket::RequestVerdict verdict = websocket::judge_request(head.method, head.version, head.fields);
  const http::ProtocolName* protocol = nullptr;
  switch (verdict.kind) {
    case websocket::RequestKind::kNotWebsocket:
      if (head.method == "CONNECT") {
        return fail(HandshakeResult::kUnsupportedMethod, Status::kNotImplemented, "CONNECT is not supported");
      }
      protocol = tunnelled_protocol(head, config_->tunnel_upgrades);
      if (protocol != nullptr && request_.framing() == http::Framing::kNone) {
        return begin_exchange(Exchange::Wish::kTunnel, protocol->text());
      }
      return begin_exchange(Exchange::Wish::kAnswer);
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
  if (is_admitted()) begin_exchange(Exchange::Wish::kWebsocket);
}

// Whether one more session may begin; else the client has been told.
bool Opening::is_admitted() {
  Admission::Answer answer = admission_.ask(caller().client, config_->limits);
  switch (answer.verdict) {
    case Admission::Verdict::kAdmitted: place_ = std::move(answer.place); return true;
    case Admission::Verdict::kFull:
      environment_.counters.limits_hit[Limit::kSessions].add();
      fail(HandshakeResult::kTooMany, Status::kServiceUnavailable, "too many sessions");
      return false;
    case Admission::Verdict::kFullOfClient:
      environment_.counters.limits_hit[Limit::kSessionsPerClient].add();
      fail(HandshakeResult::kTooManyOfClient, Status::kTooManyRequests, "too many sessions of this client");
      return false;
  }
  return false;
}

void Opening::begin_exchange(Exchange::Wish wish, std::string_view protocol) {
  const bool plain = wish != Exchange::Wish::kWebsocket;
  be_counted_as(plain ? observe::ConnectionState::kHttp : observe::ConnectionState::kHandshake);
  if (config_->backend.proxy_protocol != config::SendProxy::kOff) entrance_.find_local();
  step_ = Step::kExchanging;
  exchange_.emplace(Exchange::Parties{environment_, *config_, config_->listeners, caller(), request_, client_,
                                      to_client_, link_},
                    wish, protocol);
  exchange_->start();
  follow_exchange();
}

// Draws the consequences of the state that the exchange is in.
void Opening::follow_exchange() {
  has_more_ = exchange_->has_more() && !exchange_->over();
  switch (exchange_->step()) {
    case Exchange::Step::kConnecting:
    case Exchange::Step::kAsking:
    case Exchange::Step::kAnswering:
    case Exchange::Step::kFinishing: return;
    case Exchange::Step::kDone: return end_exchange();
    case Exchange::Step::kSwitched:
      if (exchange_->wish() == Exchange::Wish::kTunnel) return begin_tunnel();
      decide(HandshakeResult::kAccepted, 101, {});
      step_ = Step::kOpened;
      return;
    case Exchange::Step::kFailed: {
      const Exchange::Failure& failure = exchange_->failure();
      return fail(failure.result, failure.status, failure.words, failure.detail);
    }
    case Exchange::Step::kCut:
      count_answer(0);
      step_ = Step::kOver;
      return;
    case Exchange::Step::kClientGone: return client_gone();
  }
}

void Opening::begin_tunnel() {
  count_answer(101);
  to_client_.send(bytes_of(exchange_->answer_head_bytes()));
  step_ = Step::kTunnelling;
  tunnel_.emplace(environment_, to_client_, link_.out(), config_->relay.write_stall_timeout);
  tunnel_->start(client_.kept(), exchange_->from_backend());
  follow_tunnel();
}

void Opening::follow_tunnel() noexcept {
  has_more_ = tunnel_->has_more();
  if (tunnel_->over()) step_ = Step::kOver;
}

void Opening::end_exchange() {
  const int status = exchange_->answer().status;
  if (exchange_->wish() == Exchange::Wish::kWebsocket) {
    decide(HandshakeResult::kRefused, status, "backend refused the upgrade");
  } else {
    count_answer(status);
  }
  if (!exchange_->client_persists()) return linger();
  exchange_.reset();
  place_ = {};
  request_.next();
  first_ = begun_ = false;
  step_ = Step::kReadingRequest;
  wait(config_->limits.keepalive_timeout);
  if (!client_.kept().empty() || !client_.drained()) read_request();
}

Opening::Opened Opening::take() {
  const http::RequestHead& request = request_.head();
  const http::AnswerHead& answer = exchange_->answer();
  const std::string client = shown(caller().client);
  const Session::Drained drained{.client = client_.drained(), .backend = exchange_->backend_drained()};
  SessionIdentity identity(
      caller().id,
      {.client = client,
       .path = path_of(request.target),
       .subprotocol = websocket::selected_protocol(answer.fields),
       .user_agent_family = observe::user_agent_family(field_or_empty(request.fields, "User-Agent"))});
  return {std::move(identity),
          std::move(entrance_.stream()),
          link_.take(),
          websocket::extension_rules(answer.fields),
          bytes_of(exchange_->answer_head_bytes()),
          client_.kept(),
          exchange_->from_backend(),
          drained,
          std::move(place_)};
}

}  // namespace wskeep::relay
