// The clients of the timeliness benchmark: many sessions that do nothing but answer pings and note when the
// kernel got each, beside a few that send a message each kEchoPeriod, or as soon as its echo has come when
// that is later.
//
//   timeliness_clients PORT SESSIONS ECHOES SECONDS
//
// Connects them all to 127.0.0.1:PORT, prints "ready" a moment later, and after SECONDS one line of JSON: how
// many pings came, the longest gap between two pings of one session, and the round trips of the echoes. Exit
// 1 when a session could not be opened or was ended.
#include <event2/event.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "proxy/net/embedded_event.h"
#include "proxy/net/socket.h"
#include "proxy/websocket/control_frame.h"
#include "proxy/websocket/frame_scanner.h"

namespace wskeep::bench {
namespace {

using std::chrono::system_clock;  // the kernel's stamps are of its real time
using websocket::FrameScanner;
using websocket::Opcode;
using Bytes = std::span<const std::uint8_t>;

constexpr std::string_view kRequest =
    "GET /timeliness HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
constexpr websocket::MaskKey kKey{1, 2, 3, 4};
constexpr std::size_t kEchoSize = 120;  // a control frame's builder makes the message too
// A load beside, not a saturated machine: then the kernel's scheduler would be what is measured.
constexpr std::chrono::milliseconds kEchoPeriod{2};
// Handshakes under way at once, and the time from the last one on for what is left of them: a backlog is no
// part of what is measured.
constexpr std::size_t kOpeningAtOnce = 100;
constexpr std::chrono::seconds kCalm{2};

class Swarm;

// What is there, and when the kernel got the last of it: how late this process looks is no part of a gap.
// Nothing when the peer has gone or the kernel gave no time; an empty span when there is nothing to read.
struct Stamped {
  Bytes bytes;
  system_clock::time_point came;
};

std::optional<Stamped> read_stamped(int descriptor, std::span<std::uint8_t> into) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(timespec))> control{};
  iovec piece{into.data(), into.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = recvmsg(descriptor, &message, MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return Stamped{};
  const cmsghdr* const stamp = CMSG_FIRSTHDR(&message);
  if (size <= 0 || stamp == nullptr || stamp->cmsg_type != SCM_TIMESTAMPNS) return std::nullopt;
  timespec time{};
  std::memcpy(&time, CMSG_DATA(stamp), sizeof time);
  const auto since_epoch = std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  return Stamped{into.first(static_cast<std::size_t>(size)), system_clock::time_point(since_epoch)};
}

class Client {
 public:
  Client(Swarm& swarm, std::uint16_t port);

  // Sends a message, unless the last one's echo is still to come.
  void echo();

 private:
  void on_ready(short what);
  void take(Stamped in);
  void take_frame(Stamped frame);
  void send(Bytes bytes);

  Swarm& swarm_;
  std::unique_ptr<net::SocketTransport> socket_;
  std::string head_;
  FrameScanner scanner_{websocket::Sender::kServer, websocket::ExtensionRules::kNone};
  std::vector<std::uint8_t> held_;  // the beginning of a frame
  system_clock::time_point last_ping_{};
  bool open_ = false;
  bool echoing_ = false;
  net::EmbeddedEvent event_;
};

class Swarm {
 public:
  Swarm(std::uint16_t port, std::size_t sessions, std::size_t echoes, std::chrono::seconds time)
      : base_(event_base_new()), port_(port), sessions_(sessions), echoes_(echoes), time_(time) {
    begin_.make_timer(
        base(), [](int, short, void* self) { static_cast<Swarm*>(self)->begin(); }, this);
    end_.make_timer(
        base(), [](int, short, void* base) { event_base_loopbreak(static_cast<event_base*>(base)); }, base());
    tick_.make_timer(
        base(), [](int, short, void* self) { static_cast<Swarm*>(self)->tick(); }, this);
  }
  void run();

  event_base* base() { return base_.get(); }
  std::span<std::uint8_t> buffer() { return buffer_; }

  void opened();
  void lost() {
    ++lost_;
    event_base_loopbreak(base());
  }
  void pinged(system_clock::duration gap) {
    ++pings_;
    longest_gap_ = std::max(longest_gap_, gap);
  }
  void echoed() { ++round_trips_; }
  bool measuring() const { return measuring_; }

 private:
  void open_more();
  void begin();
  void tick();

  net::EventBase base_;
  net::EmbeddedEvent begin_;
  net::EmbeddedEvent end_;
  net::EmbeddedEvent tick_;
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(64 * 1024);
  std::vector<std::unique_ptr<Client>> clients_;
  std::uint16_t port_;
  std::size_t sessions_;
  std::size_t echoes_;
  std::chrono::seconds time_;
  std::size_t open_ = 0;
  std::size_t lost_ = 0;
  std::uint64_t pings_ = 0;
  std::uint64_t round_trips_ = 0;
  system_clock::duration longest_gap_{0};
  bool measuring_ = false;
};

Client::Client(Swarm& swarm, std::uint16_t port) : swarm_(swarm) {
  net::Connecting connecting = net::connect_to(net::resolve("127.0.0.1", port).front());
  if (connecting.error != 0) throw std::runtime_error(std::strerror(connecting.error));
  socket_ = std::make_unique<net::SocketTransport>(std::move(connecting.descriptor));
  net::prepare_connection(socket_->descriptor(), {});
  constexpr int kOn = 1;
  if (setsockopt(socket_->descriptor(), SOL_SOCKET, SO_TIMESTAMPNS, &kOn, sizeof kOn) != 0) {
    throw std::system_error(errno, std::generic_category(), "SO_TIMESTAMPNS");
  }
  const auto on_ready = [](int, short what, void* self) { static_cast<Client*>(self)->on_ready(what); };
  if (!event_.watch(swarm.base(), socket_->descriptor(), EV_WRITE, on_ready, this)) throw std::bad_alloc();
}

void Client::on_ready(short what) {
  if ((what & EV_WRITE) != 0) {
    const auto on_ready = [](int, short news, void* self) { static_cast<Client*>(self)->on_ready(news); };
    send({reinterpret_cast<const std::uint8_t*>(kRequest.data()), kRequest.size()});
    if (!event_.watch(swarm_.base(), socket_->descriptor(), EV_READ | EV_PERSIST, on_ready, this))
      swarm_.lost();
    return;
  }
  std::optional<Stamped> in = read_stamped(socket_->descriptor(), swarm_.buffer());
  if (!in) return swarm_.lost();
  if (!open_) {
    const std::size_t before = head_.size();
    head_.append(in->bytes.begin(), in->bytes.end());
    const std::size_t end = head_.find("\r\n\r\n");
    if (end == std::string::npos) return;
    if (!head_.starts_with("HTTP/1.1 101 ")) return swarm_.lost();
    in->bytes = in->bytes.subspan(end + 4 - before);
    head_ = {};
    open_ = true;
    swarm_.opened();
  }
  take(*in);
}

void Client::take(Stamped in) {
  while (!in.bytes.empty()) {
    const FrameScanner::Step step = scanner_.next(in.bytes);
    if (step.verdict == FrameScanner::Verdict::kBroken) return swarm_.lost();
    const Bytes piece = in.bytes.first(step.size);
    in.bytes = in.bytes.subspan(step.size);
    if (step.verdict == FrameScanner::Verdict::kFrameEnd && held_.empty()) {
      take_frame({piece, in.came});
      continue;
    }
    held_.insert(held_.end(), piece.begin(), piece.end());
    if (step.verdict != FrameScanner::Verdict::kFrameEnd) return;
    take_frame({held_, in.came});
    held_.clear();
  }
}

void Client::take_frame(Stamped frame) {
  switch (scanner_.header().opcode) {
    case Opcode::kPing: {
      const websocket::ControlPayload payload(scanner_.header(), frame.bytes);
      send(websocket::ControlFrame(Opcode::kPong, payload.bytes(), kKey).bytes());
      // The first gap of a session is none, and those that began before all were open don't count.
      if (swarm_.measuring() && last_ping_ != system_clock::time_point{})
        swarm_.pinged(frame.came - last_ping_);
      last_ping_ = frame.came;
      return;
    }
    case Opcode::kBinary: echoing_ = false; return swarm_.echoed();
    default: return swarm_.lost();
  }
}

void Client::echo() {
  if (echoing_) return;
  echoing_ = true;
  static constexpr std::array<std::uint8_t, kEchoSize> kMessage{};
  send(websocket::ControlFrame(Opcode::kBinary, kMessage, kKey).bytes());
}

// What these clients send is far smaller than a socket's buffer.
void Client::send(Bytes bytes) {
  const iovec piece{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  const net::IoResult result = socket_->write({&piece, 1});
  if (result.status != net::IoResult::Status::kOk || result.bytes != bytes.size()) swarm_.lost();
}

void Swarm::open_more() {
  while (clients_.size() < sessions_ + echoes_ && clients_.size() < open_ + kOpeningAtOnce) {
    clients_.push_back(std::make_unique<Client>(*this, port_));
  }
}

void Swarm::opened() {
  if (++open_ < sessions_ + echoes_) return open_more();
  begin_.run_after(kCalm);
  tick();
}

void Swarm::begin() {
  std::puts("ready");
  std::fflush(stdout);
  measuring_ = true;
  end_.run_after(time_);
}

void Swarm::tick() {
  tick_.run_after(kEchoPeriod);
  for (std::size_t i = sessions_; i < clients_.size(); ++i) clients_[i]->echo();
}

void Swarm::run() {
  open_more();
  event_base_dispatch(base());
  if (lost_ != 0) throw std::runtime_error("a session was refused or ended");
  const double longest = std::chrono::duration<double, std::milli>(longest_gap_).count();
  std::puts(fmt::format(R"({{"pings": {}, "longest_gap_ms": {:.3f}, "round_trips": {}}})", pings_, longest,
                        round_trips_)
                .c_str());
}

template <class Number>
Number number(const char* text) {
  Number value{};
  const char* const end = text + std::strlen(text);
  const auto [at, error] = std::from_chars(text, end, value);
  if (error != std::errc() || at != end) throw std::invalid_argument(std::string("not a number: ") + text);
  return value;
}

}  // namespace
}  // namespace wskeep::bench

int main(int argc, char** argv) {
  using wskeep::bench::number;
  if (argc != 5) {
    std::fprintf(stderr, "usage: %s PORT SESSIONS ECHOES SECONDS\n", argv[0]);
    return 2;
  }
  try {
    wskeep::bench::Swarm(number<std::uint16_t>(argv[1]), number<std::size_t>(argv[2]),
                         number<std::size_t>(argv[3]), std::chrono::seconds(number<int>(argv[4])))
        .run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "timeliness_clients: %s\n", error.what());
    return 1;
  }
  return 0;
}
