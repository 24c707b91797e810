#include "proxy/relay/backend_link.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "proxy/relay/tcp_options.h"

namespace wskeep::relay {

using http::Status;
using observe::HandshakeResult;

BackendLink::BackendLink(Environment& environment, std::shared_ptr<const config::Site> site, Dialer& dialer,
                         Watcher& watcher) noexcept
    : environment_(environment), site_(std::move(site)), dialer_(dialer), watcher_(watcher) {}

BackendLink::~BackendLink() {
  drop();
}

void BackendLink::connect(std::string preface) noexcept {
  state_ = State::kConnecting;
  preface_ = std::move(preface);
  next_target_ = 0;
  deadline_ = environment_.clock.now() + site_->backend.connect_timeout;
  try_next(0);
}

// Tries the backend's addresses in order; `last_error` is how the one before ended.
void BackendLink::try_next(int last_error) noexcept {
  while (next_target_ < dialer_.targets()) {
    close();
    net::Connecting connecting = dialer_.connect(next_target_++);
    last_error = connecting.error;
    if (last_error == EMFILE || last_error == ENFILE) {
      environment_.counters.limits_hit[observe::Limit::kDescriptors].add();
      return fail(
          {HandshakeResult::kUnavailable, Status::kServiceUnavailable, "out of file descriptors", {}});
    }
    if (last_error != 0) continue;
    const int descriptor = connecting.descriptor.get();
    stream_.emplace(std::move(connecting.descriptor));
    out_.emplace(*stream_, environment_);
    if (watcher_.watch_backend(descriptor)) return;
    last_error = ENOMEM;
  }
  fail({HandshakeResult::kBackendUnreachable, Status::kBadGateway, "backend unreachable",
        std::strerror(last_error)});
}

// A connect that has failed makes its socket readable too.
void BackendLink::on_ready(Session::Readiness ready) noexcept {
  if (state_ != State::kConnecting || (!ready.writable && !ready.hung_up)) return;
  const bool news = ready.readable || ready.hung_up;
  if (const int error = news ? net::pending_error(stream_->descriptor()) : 0; error != 0) {
    return try_next(error);
  }
  connected();
}

void BackendLink::connected() noexcept {
  if (site_->backend.address.kind == config::Endpoint::Kind::kTcp) {
    net::prepare_connection(stream_->descriptor(), tcp_options(site_->keepalive.backend.tcp));
  }
  if (const int error = send_preface(); error != 0) return try_next(error);
  deadline_ = TimePoint::max();
  state_ = State::kReady;
}

// All that is said on the connection comes behind it. What has just connected takes that much at once.
int BackendLink::send_preface() noexcept {
  if (preface_.empty()) return 0;
  const iovec all{preface_.data(), preface_.size()};
  const net::IoResult sent = stream_->write({&all, 1});
  if (sent.status == net::IoResult::Status::kFailed) return sent.error;
  return sent.bytes == preface_.size() ? 0 : ENOBUFS;
}

void BackendLink::on_deadline() noexcept {
  if (state_ != State::kConnecting || environment_.clock.now() < deadline_) return;
  fail({HandshakeResult::kBackendTimeout, Status::kGatewayTimeout, "backend did not accept in time", {}});
}

void BackendLink::fail(const Failure& failure) noexcept {
  close();
  failure_ = failure;
  deadline_ = TimePoint::max();
  state_ = State::kFailed;
}

bool BackendLink::stays_idle() noexcept {
  if (state_ != State::kReady) return false;
  if (stream_->read(environment_.read_buffer).status == net::IoResult::Status::kBlocked) return true;
  drop();
  return false;
}

void BackendLink::drop() noexcept {
  close();
  deadline_ = TimePoint::max();
  state_ = State::kNone;
}

void BackendLink::close() noexcept {
  if (!stream_) return;
  (void)watcher_.watch_backend(-1);
  out_.reset();
  stream_.reset();
}

net::SocketTransport BackendLink::take() noexcept {
  net::SocketTransport stream = *std::move(stream_);
  out_.reset();
  stream_.reset();
  state_ = State::kNone;
  return stream;
}

}  // namespace wskeep::relay
