#include "tests/bench/load/connection.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "proxy/net/socket.h"
#include "proxy/websocket/control_frame.h"

namespace wskeep::bench {
namespace {

using websocket::FrameScanner;
using websocket::Opcode;

// What a browser sends, in kind and in size; the key is the one of RFC 6455 section 1.3, and so is its
// answer.
constexpr std::string_view kRequest =
    "GET /load HTTP/1.1\r\n"
    "Host: bench.example\r\n"
    "Connection: Upgrade\r\n"
    "Upgrade: websocket\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 "
    "Safari/537.36\r\n"
    "Origin: https://bench.example\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "Accept-Language: en-GB,en;q=0.9\r\n"
    "Cache-Control: no-cache\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "\r\n";
constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

constexpr int kPatienceMs = 10'000;
constexpr std::size_t kHeadLimit = 16 * 1024;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what);
}
[[noreturn]] void fail_with_errno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void wait_for(int descriptor, short events, const char* what) {
  pollfd poll_for{.fd = descriptor, .events = events, .revents = 0};
  int ready;
  do {
    ready = poll(&poll_for, 1, kPatienceMs);
  } while (ready < 0 && errno == EINTR);
  if (ready < 0) fail_with_errno("poll");
  if (ready == 0) fail(std::string(what) + " did not come within 10 s");
}

}  // namespace

Connection::Connection(const net::SocketAddress& server, const Message& message, std::uint64_t check_every)
    : message_(&message), check_every_(check_every) {
  net::Connecting connecting = net::connect_to(server);
  if (connecting.error != 0) throw std::system_error(connecting.error, std::generic_category(), "connect");
  descriptor_ = std::move(connecting.descriptor);
  net::prepare_connection(descriptor(), {});
  wait_for(descriptor(), POLLOUT, "a connection");
  if (const int error = net::pending_error(descriptor()); error != 0) {
    throw std::system_error(error, std::generic_category(), "connect");
  }
  shake_hands();
}

void Connection::shake_hands() {
  if (::send(descriptor(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(kRequest.size())) {
    fail("the handshake could not be sent");
  }
  std::string head;
  std::size_t end;
  while ((end = head.find("\r\n\r\n")) == std::string::npos) {
    wait_for(descriptor(), POLLIN, "the answer to a handshake");
    std::array<char, 4096> bytes;
    const ssize_t size = recv(descriptor(), bytes.data(), bytes.size(), 0);
    if (size < 0 && errno == EAGAIN) continue;
    if (size <= 0 || head.size() > kHeadLimit)
      fail("a handshake got no whole answer: " + head.substr(0, 200));
    head.append(bytes.data(), static_cast<std::size_t>(size));
  }
  end += 4;
  if (!head.starts_with("HTTP/1.1 101 ") || head.find(kAccept) > end)
    fail("no upgrade: " + head.substr(0, 200));
  take({reinterpret_cast<const std::uint8_t*>(head.data()) + end, head.size() - end});
}

void Connection::send(std::uint64_t messages) {
  const bool idle = to_send_ == 0;
  to_send_ += messages * message_->wire_size();
  sent_ += messages;
  if (idle) flush();
}

void Connection::flush() {
  while (to_send_ > 0 || !control_.empty()) {
    // A control frame goes between two messages (RFC 6455 section 5.4 would allow it between fragments too).
    const bool control = !control_.empty() && wire_at_ % message_->wire_size() == 0;
    Bytes bytes = control ? Bytes(control_) : message_->wire().subspan(wire_at_);
    if (!control) {
      const std::size_t message_left = message_->wire_size() - wire_at_ % message_->wire_size();
      bytes = bytes.first(std::min<std::uint64_t>(bytes.size(), control_.empty() ? to_send_ : message_left));
    }
    const ssize_t size = ::send(descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size < 0 && errno == EAGAIN) return;
    if (size < 0) fail_with_errno("send");
    if (control) {
      control_.erase(control_.begin(), control_.begin() + size);
    } else {
      to_send_ -= static_cast<std::size_t>(size);
      wire_at_ = (wire_at_ + static_cast<std::size_t>(size)) % message_->wire().size();
    }
  }
}

std::uint64_t Connection::on_readable(std::span<std::uint8_t> buffer) {
  const std::uint64_t before = echoed_;
  while (read_once(buffer)) {
  }
  return echoed_ - before;
}

void Connection::stamp_reads() {
  constexpr int kOn = 1;
  if (setsockopt(descriptor(), SOL_SOCKET, SO_TIMESTAMPNS, &kOn, sizeof kOn) != 0) {
    fail_with_errno("SO_TIMESTAMPNS");
  }
  stamped_ = true;
}

ssize_t Connection::receive_stamped(std::span<std::uint8_t> buffer) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(timespec))> control{};
  iovec piece{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = recvmsg(descriptor(), &message, 0);
  if (size <= 0) return size;
  const cmsghdr* const stamp = CMSG_FIRSTHDR(&message);
  timespec time{};
  // The kernel begins with it a moment after it was asked to.
  if (stamp != nullptr && stamp->cmsg_type == SCM_TIMESTAMPNS) {
    std::memcpy(&time, CMSG_DATA(stamp), sizeof time);
  }
  stamp_ = std::chrono::system_clock::time_point(std::chrono::seconds(time.tv_sec) +
                                                 std::chrono::nanoseconds(time.tv_nsec));
  return size;
}

// False when nothing is left for now.
bool Connection::read_once(std::span<std::uint8_t> buffer) {
  const ssize_t size =
      stamped_ ? receive_stamped(buffer) : recv(descriptor(), buffer.data(), buffer.size(), 0);
  if (size < 0 && errno == EAGAIN) return false;
  if (size < 0) fail_with_errno("recv");
  if (size == 0) fail("a session was ended from the other side");
  take(buffer.first(static_cast<std::size_t>(size)));
  return static_cast<std::size_t>(size) == buffer.size();
}

void Connection::await_echo(std::span<std::uint8_t> buffer) {
  while (echoed_ < sent_) {
    wait_for(descriptor(), static_cast<short>(to_send_ > 0 ? POLLIN | POLLOUT : POLLIN), "an echo");
    flush();
    on_readable(buffer);
  }
}

void Connection::close(std::span<std::uint8_t> buffer) {
  static constexpr std::array<std::uint8_t, 2> kNormal{0x03, 0xE8};  // 1000
  write_control(Opcode::kClose, kNormal);
  while (!closed_) {
    wait_for(descriptor(), POLLIN, "the answer to a Close");
    read_once(buffer);
  }
}

void Connection::take(Bytes in) {
  while (!in.empty()) {
    const FrameScanner::Step step = scanner_.next(in);
    if (step.verdict == FrameScanner::Verdict::kBroken) {
      fail("an illegal frame came: " + std::string(to_string(scanner_.error())));
    }
    const Bytes piece = in.first(step.size);
    in = in.subspan(step.size);
    const bool ended = step.verdict == FrameScanner::Verdict::kFrameEnd;
    const std::uint64_t before = frame_at_;
    frame_at_ += step.size;
    if (!ended && !scanner_.in_payload()) continue;
    const std::uint64_t header = scanner_.header().size;
    if (!std::exchange(begun_, true)) begin_frame();
    take_payload(piece.subspan(before < header ? header - before : 0));
    if (ended) end_frame();
  }
}

void Connection::begin_frame() {
  if (is_control(scanner_.header().opcode)) return control_payload_.clear();
  if (echoed_ == sent_) fail("an echo came that nothing was sent for");
  if (!message_->is_echo(scanner_.header(), fragment_)) {
    fail("an echo came with another frame than the one that was sent");
  }
}

// The frame's payload bytes at hand; those before them were taken.
void Connection::take_payload(Bytes payload) {
  if (is_control(scanner_.header().opcode)) {
    control_payload_.insert(control_payload_.end(), payload.begin(), payload.end());
    return;
  }
  if (echoed_ % check_every_ != 0 || payload.empty()) return;
  const std::size_t at = message_->offset_of(fragment_) +
                         static_cast<std::size_t>(frame_at_ - scanner_.header().size) - payload.size();
  if (std::memcmp(payload.data(), message_->payload().data() + at, payload.size()) != 0) {
    fail("an echo came with other bytes than those that were sent");
  }
}

void Connection::end_frame() {
  frame_at_ = 0;
  begun_ = false;
  switch (scanner_.header().opcode) {
    case Opcode::kPing: ++pings_; return write_control(Opcode::kPong, control_payload_);
    case Opcode::kPong: return;
    case Opcode::kClose: closed_ = true; return;
    default: break;
  }
  if (++fragment_ < message_->fragments()) return;
  fragment_ = 0;
  ++echoed_;
}

void Connection::write_control(Opcode opcode, Bytes payload) {
  const websocket::ControlFrame frame(opcode, payload, websocket::MaskKey{0x11, 0x22, 0x33, 0x44});
  control_.insert(control_.end(), frame.bytes().begin(), frame.bytes().end());
  flush();
}

}  // namespace wskeep::bench
