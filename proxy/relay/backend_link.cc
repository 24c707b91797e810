#include "proxy/relay/backend_link.h"

#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "proxy/relay/tcp_options.h"

namespace wskeep::relay {

using http::Status;
using observe::HandshakeResult;

namespace {

// Whether what stands behind the error may be gone in a moment: a backend that isn't there yet, a full queue,
// a network that is being built. Not a port of ours that is missing, nor a forbidden way.
bool passes(int error) {
  switch (error) {
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case ENOENT:  // the file of a unix socket
    case EAGAIN:  // its queue is full
    case ETIMEDOUT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH: return true;
    default: return false;
  }
}

}  // namespace

BackendLink::BackendLink(Environment& environment, std::shared_ptr<const config::Site> site,
                         std::shared_ptr<const net::TlsClient> tls, Dialer& dialer, Watcher& watcher) noexcept
    : environment_(environment),
      site_(std::move(site)),
      tls_(std::move(tls)),
      dialer_(dialer),
      watcher_(watcher) {}

BackendLink::~BackendLink() {
  drop();
}

void BackendLink::connect(std::string preface) noexcept {
  state_ = State::kConnecting;
  preface_ = std::move(preface);
  backoff_ = {};
  give_up_at_ = environment_.clock.now() + site_->backend.connect_timeout;
  begin_round();
}

void BackendLink::begin_round() noexcept {
  round_ = dialer_.begin_round();
  may_pass_ = round_.size() == 0;
  last_error_ = 0;
  try_next();
}

void BackendLink::try_next() noexcept {
  while (round_.left() != 0) {
    const TimePoint now = environment_.clock.now();
    const auto share = (give_up_at_ - now) / static_cast<int>(round_.left());
    target_ = dialer_.next_target(round_, now);
    net::Connecting connecting = dialer_.connect(round_, target_);
    if (connecting.error == EMFILE || connecting.error == ENFILE) {
      environment_.counters.limits_hit[observe::Limit::kDescriptors].add();
      return fail(
          {HandshakeResult::kUnavailable, Status::kServiceUnavailable, "out of file descriptors", {}});
    }
    if (connecting.error == 0) {
      const int descriptor = connecting.descriptor.get();
      stream_ = net::Stream(std::move(connecting.descriptor));
      deadline_ = now + share;
      if (watcher_.watch_backend(descriptor)) return;
      connecting.error = ENOMEM;
    }
    note_failure(connecting.error);
  }
  dialer_.ask_again();
  if (!may_pass_) return give_up();
  pause();
}

// Of the address that is being tried.
void BackendLink::note_failure(int error) noexcept {
  close();
  last_error_ = error;
  may_pass_ = may_pass_ || passes(error);
  dialer_.failed(round_, target_, environment_.clock.now());
}

void BackendLink::pause() noexcept {
  deadline_ = environment_.clock.now() + backoff_.next(environment_.random.next());
  if (deadline_ >= give_up_at_) give_up();
}

// A connect that has failed makes its socket readable too.
void BackendLink::on_ready(Session::Readiness ready) noexcept {
  if (state_ != State::kConnecting || stream_.descriptor() < 0) return;
  if (stream_.tls() != nullptr) return shake_hands();
  if (!ready.writable && !ready.hung_up) return;
  const bool news = ready.readable || ready.hung_up;
  if (const int error = news ? net::pending_error(stream_.descriptor()) : 0; error != 0) {
    note_failure(error);
    return try_next();
  }
  connected();
}

void BackendLink::connected() noexcept {
  if (site_->backend.address.kind == config::Endpoint::Kind::kTcp) {
    net::prepare_connection(stream_.descriptor(), tcp_options(site_->keepalive.backend.tcp));
  }
  if (const int error = send_preface(); error != 0) {
    note_failure(error);
    return try_next();
  }
  dialer_.succeeded(round_, target_);
  round_ = {};
  if (!tls_) return be_ready();
  try {
    net::FileDescriptor descriptor = stream_.release();
    stream_ = net::Stream(net::TlsTransport(std::move(descriptor), *tls_));
  } catch (const std::bad_alloc&) {
    return fail({HandshakeResult::kUnavailable, Status::kServiceUnavailable, "out of memory", {}});
  }
  deadline_ = environment_.clock.now() + site_->backend.handshake_timeout;
  shake_hands();
}

void BackendLink::shake_hands() noexcept {
  switch (stream_.tls()->handshake()) {
    case net::TlsTransport::Handshake::kUnderWay: return;
    case net::TlsTransport::Handshake::kDone: return be_ready();
    case net::TlsTransport::Handshake::kNotTls:
    case net::TlsTransport::Handshake::kFailed: break;
  }
  try {
    tls_failure_ = stream_.tls()->failure();
  } catch (const std::bad_alloc&) {
    tls_failure_.clear();
  }
  fail({HandshakeResult::kBackendTlsFailed, Status::kBadGateway, "no TLS with the backend", tls_failure_});
}

void BackendLink::be_ready() noexcept {
  out_.emplace(stream_.transport(), environment_);
  deadline_ = TimePoint::max();
  state_ = State::kReady;
}

// All that is said on the connection comes behind it. What has just connected takes that much at once.
int BackendLink::send_preface() noexcept {
  if (preface_.empty()) return 0;
  const iovec all{preface_.data(), preface_.size()};
  const net::IoResult sent = stream_.transport().write({&all, 1});
  if (sent.status == net::IoResult::Status::kFailed) return sent.error;
  return sent.bytes == preface_.size() ? 0 : ENOBUFS;
}

void BackendLink::on_deadline() noexcept {
  if (state_ != State::kConnecting || environment_.clock.now() < deadline_) return;
  if (stream_.descriptor() < 0) return begin_round();
  if (stream_.tls() != nullptr) {
    return fail({HandshakeResult::kBackendTimeout,
                 Status::kGatewayTimeout,
                 "backend did not shake hands in time",
                 {}});
  }
  note_failure(ETIMEDOUT);
  if (environment_.clock.now() >= give_up_at_) return give_up();
  try_next();
}

void BackendLink::give_up() noexcept {
  if (last_error_ == ETIMEDOUT) {
    return fail(
        {HandshakeResult::kBackendTimeout, Status::kGatewayTimeout, "backend did not accept in time", {}});
  }
  fail({HandshakeResult::kBackendUnreachable, Status::kBadGateway, "backend unreachable",
        last_error_ == 0 ? "its name is not resolved" : std::strerror(last_error_)});
}

void BackendLink::fail(const Failure& failure) noexcept {
  close();
  failure_ = failure;
  deadline_ = TimePoint::max();
  state_ = State::kFailed;
}

bool BackendLink::stays_idle() noexcept {
  if (state_ != State::kReady) return false;
  if (stream_.transport().read(environment_.read_buffer).status == net::IoResult::Status::kBlocked)
    return true;
  drop();
  return false;
}

void BackendLink::drop() noexcept {
  close();
  deadline_ = TimePoint::max();
  state_ = State::kNone;
}

void BackendLink::close() noexcept {
  if (stream_.descriptor() < 0) return;
  (void)watcher_.watch_backend(-1);
  out_.reset();
  stream_ = net::Stream();
}

net::Stream BackendLink::take() noexcept {
  out_.reset();
  state_ = State::kNone;
  return std::move(stream_);
}

}  // namespace wskeep::relay
