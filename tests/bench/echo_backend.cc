// A WebSocket echo server: the backend of the quickstart and of the benchmarks.
//
//   echo_backend [PORT]      listens on 127.0.0.1 (port 0, the default, lets the kernel choose) and prints
//                            "listening 127.0.0.1:PORT"; ends on SIGTERM or SIGINT.
//
// Frames come back as they came, unmasked, so fragments stay fragments. It answers pings and Closes like any
// server, sends no pings of its own and knows no extensions. Level-triggered, one thread, and as simple as a
// server can be that must not be the slowest part of a benchmark.
#include <event2/event.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "proxy/http/head.h"
#include "proxy/net/embedded_event.h"
#include "proxy/net/listener.h"
#include "proxy/net/socket.h"
#include "proxy/websocket/frame_scanner.h"
#include "proxy/websocket/handshake.h"

namespace wskeep::bench {
namespace {

using websocket::FrameScanner;
using websocket::Opcode;
using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kHeadLimit = 16 * 1024;

class EchoBackend;

class Client {
 public:
  Client(EchoBackend& backend, net::FileDescriptor descriptor);

  void on_ready(short what);
  bool over() const { return over_; }

 private:
  void read();
  void open(Bytes bytes);
  void echo(Bytes bytes);
  void begin_frame();
  void add_payload(Bytes payload);
  void write();
  bool closed() const { return closing_ && !in_payload_; }  // the Close has been echoed whole

  EchoBackend& backend_;
  net::SocketTransport socket_;
  std::unique_ptr<http::RequestReader> request_;  // until the handshake is done
  FrameScanner scanner_{websocket::Sender::kClient, websocket::ExtensionRules::kNone};
  std::vector<std::uint8_t> header_;  // of the frame at hand, while it is incomplete
  std::vector<std::uint8_t> out_;
  std::uint64_t payload_offset_ = 0;
  bool in_payload_ = false;
  bool closing_ = false;
  bool over_ = false;
  net::EmbeddedEvent read_event_;
  net::EmbeddedEvent write_event_;
};

class EchoBackend {
 public:
  explicit EchoBackend(std::uint16_t port);
  void run() { event_base_dispatch(base_.get()); }

  event_base* base() { return base_.get(); }
  std::span<std::uint8_t> buffer() { return buffer_; }
  void settle(Client& client) {
    if (client.over()) clients_.erase(&client);
  }

 private:
  void accept();

  net::EventBase base_;
  net::FileDescriptor listener_;
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(256 * 1024);
  std::unordered_map<Client*, std::unique_ptr<Client>> clients_;
  net::EmbeddedEvent accept_event_;
  net::EmbeddedEvent terminate_event_;
  net::EmbeddedEvent interrupt_event_;
};

EchoBackend::EchoBackend(std::uint16_t port) : base_(event_base_new()) {
  listener_ = net::listen_on(net::resolve("127.0.0.1", port).front());
  const auto on_accept = [](int, short, void* self) { static_cast<EchoBackend*>(self)->accept(); };
  const auto on_signal = [](int, short, void* self) {
    event_base_loopbreak(static_cast<EchoBackend*>(self)->base());
  };
  if (!accept_event_.watch(base(), listener_.get(), EV_READ | EV_PERSIST, on_accept, this) ||
      !terminate_event_.watch(base(), SIGTERM, EV_SIGNAL | EV_PERSIST, on_signal, this) ||
      !interrupt_event_.watch(base(), SIGINT, EV_SIGNAL | EV_PERSIST, on_signal, this)) {
    throw std::bad_alloc();
  }
  std::printf("listening %s\n", net::local_address(listener_.get()).text().c_str());
  std::fflush(stdout);
}

void EchoBackend::accept() {
  for (;;) {
    net::Accepted accepted = net::accept_one(listener_.get());
    if (accepted.error != 0) return;
    auto client = std::make_unique<Client>(*this, std::move(accepted.descriptor));
    Client* const key = client.get();
    clients_.emplace(key, std::move(client));
  }
}

Client::Client(EchoBackend& backend, net::FileDescriptor descriptor)
    : backend_(backend),
      socket_(std::move(descriptor)),
      request_(std::make_unique<http::RequestReader>(kHeadLimit)) {
  net::prepare_connection(socket_.descriptor(), {});
  const auto on_ready = [](int, short what, void* self) { static_cast<Client*>(self)->on_ready(what); };
  over_ = !read_event_.watch(backend.base(), socket_.descriptor(), EV_READ | EV_PERSIST, on_ready, this) ||
          !write_event_.watch(backend.base(), socket_.descriptor(), EV_WRITE | EV_PERSIST, on_ready, this);
}

void Client::on_ready(short what) {
  if ((what & EV_WRITE) != 0) write();
  if ((what & EV_READ) != 0 && !over_) read();
  backend_.settle(*this);
}

void Client::read() {
  const net::IoResult result = socket_.read(backend_.buffer());
  if (result.status == net::IoResult::Status::kBlocked) return;
  if (result.status != net::IoResult::Status::kOk) {
    over_ = true;
    return;
  }
  const Bytes bytes = backend_.buffer().first(result.bytes);
  request_ ? open(bytes) : echo(bytes);
  if (!over_) write();
}

void Client::open(Bytes bytes) {
  const http::Fed fed = request_->feed(bytes);
  if (fed.progress == http::Progress::kIncomplete) return;
  const auto& head = request_->head();
  if (fed.progress != http::Progress::kComplete ||
      websocket::judge_request(head.method, head.version, head.fields).kind !=
          websocket::RequestKind::kUpgrade) {
    over_ = true;
    return;
  }
  const std::string key(websocket::find_field(head.fields, "Sec-WebSocket-Key")->value);
  const std::string answer =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      websocket::accept_key(key) + "\r\n\r\n";
  out_.assign(answer.begin(), answer.end());
  request_.reset();
  if (fed.used < bytes.size()) echo(bytes.subspan(fed.used));
}

void Client::echo(Bytes bytes) {
  while (!bytes.empty() && !closed()) {
    const FrameScanner::Step step = scanner_.next(bytes);
    if (step.verdict == FrameScanner::Verdict::kBroken) {
      over_ = true;
      return;
    }
    Bytes piece = bytes.first(step.size);
    bytes = bytes.subspan(step.size);
    const bool ended = step.verdict == FrameScanner::Verdict::kFrameEnd;
    if (!in_payload_) {
      if (!ended && !scanner_.in_payload()) {
        header_.insert(header_.end(), piece.begin(), piece.end());
        continue;
      }
      piece = piece.subspan(scanner_.header().size - header_.size());
      header_.clear();
      begin_frame();
    }
    add_payload(piece);
    if (ended) in_payload_ = false;
  }
}

// The header of the frame at hand without its mask; a ping becomes a pong.
void Client::begin_frame() {
  const websocket::FrameHeader header = scanner_.header();
  const Opcode opcode = header.opcode == Opcode::kPing ? Opcode::kPong : header.opcode;
  closing_ = opcode == Opcode::kClose;
  in_payload_ = true;
  payload_offset_ = 0;
  out_.push_back(static_cast<std::uint8_t>((header.fin ? 0x80U : 0U) | static_cast<std::uint8_t>(opcode)));
  const std::uint64_t size = header.payload_size;
  const std::size_t length_bytes = size < 126 ? 0 : size <= 0xFFFF ? 2 : 8;
  out_.push_back(static_cast<std::uint8_t>(length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127));
  for (std::size_t i = length_bytes; i-- > 0;) out_.push_back(static_cast<std::uint8_t>(size >> (8 * i)));
}

void Client::add_payload(Bytes payload) {
  // Four bytes of mask at the payload's offset, eight bytes at a time.
  std::array<std::uint8_t, 8> mask;
  for (std::size_t i = 0; i < mask.size(); ++i)
    mask[i] = scanner_.header().mask_key[(payload_offset_ + i) % 4];
  payload_offset_ += payload.size();
  const std::size_t start = out_.size();
  out_.resize(start + payload.size());
  std::uint64_t mask_word;
  std::memcpy(&mask_word, mask.data(), sizeof mask_word);
  std::size_t i = 0;
  for (; i + sizeof mask_word <= payload.size(); i += sizeof mask_word) {
    std::uint64_t word;
    std::memcpy(&word, payload.data() + i, sizeof word);
    word ^= mask_word;
    std::memcpy(out_.data() + start + i, &word, sizeof word);
  }
  for (; i < payload.size(); ++i) out_[start + i] = payload[i] ^ mask[i % 8];
}

void Client::write() {
  std::size_t written = 0;
  while (written < out_.size()) {
    const iovec piece{out_.data() + written, out_.size() - written};
    const net::IoResult result = socket_.write({&piece, 1});
    if (result.status == net::IoResult::Status::kBlocked) break;
    if (result.status != net::IoResult::Status::kOk) {
      over_ = true;
      return;
    }
    written += result.bytes;
  }
  out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(written));
  if (!out_.empty()) {
    // Not read while it doesn't take what it asked for.
    read_event_.pause();
    write_event_.resume();
    return;
  }
  if (closed()) {
    (void)socket_.shutdown_write();
    over_ = true;
    return;
  }
  write_event_.pause();
  read_event_.resume();
}

}  // namespace
}  // namespace wskeep::bench

int main(int argc, char** argv) {
  std::uint16_t port = 0;
  if (argc > 1) {
    const char* const end = argv[1] + std::strlen(argv[1]);
    if (const auto [at, error] = std::from_chars(argv[1], end, port); error != std::errc() || at != end) {
      std::fprintf(stderr, "usage: %s [PORT]\n", argv[0]);
      return 2;
    }
  }
  try {
    wskeep::bench::EchoBackend(port).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "echo_backend: %s\n", error.what());
    return 1;
  }
  return 0;
}
