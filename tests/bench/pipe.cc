// The dumb pipe: what any proxy is measured against. It accepts, connects to the backend, and copies bytes
// both ways without looking at them.
//
//   pipe PORT BACKEND_PORT [BUFFER_KIB]    listens on 127.0.0.1 (port 0 lets the kernel choose), prints
//                                          "listening 127.0.0.1:PORT", and goes on until it is killed
//
// It is no proxy: no timeouts, no limits, no fairness between connections. It makes the fewest system calls
// that copying through user space allows: edge-triggered epoll registered once, one buffer (64 KiB unless
// told), a short read means drained, no memory for an idle connection but two small structs.
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <system_error>
#include <vector>

#include "proxy/net/address.h"
#include "proxy/net/handles.h"
#include "proxy/net/listener.h"
#include "proxy/net/socket.h"

namespace wskeep::bench {
namespace {

struct Connection;

// One socket of a connection, and what could not be written to it yet.
struct End {
  net::FileDescriptor descriptor;
  Connection* connection = nullptr;
  std::vector<std::uint8_t> waiting;
  bool ended = false;  // nothing more comes from it
};

struct Connection {
  std::array<End, 2> ends;
  bool over = false;

  End& other(const End& end) { return &end == &ends[0] ? ends[1] : ends[0]; }
};

class Pipe {
 public:
  Pipe(std::uint16_t port, std::uint16_t backend_port, std::size_t buffer_size)
      : backend_(net::resolve("127.0.0.1", backend_port).front()),
        listener_(net::listen_on(net::resolve("127.0.0.1", port).front())),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        buffer_(buffer_size) {
    if (!epoll_) throw std::system_error(errno, std::generic_category(), "epoll_create1");
    // Level-triggered: one accept4 a connection, and none that only learns that there is no other.
    watch(listener_.get(), EPOLLIN, nullptr);
  }

  void run();
  std::string address() const { return net::local_address(listener_.get()).text(); }

 private:
  void watch(int descriptor, std::uint32_t events, End* end);
  void accept();
  void on_ready(End& end, std::uint32_t events);
  void copy(End& from, End& to, bool ending);
  bool write(End& to, std::size_t size);
  bool flush(End& to);
  void pass_end(End& to);
  void retire(Connection& connection);

  net::SocketAddress backend_;
  net::FileDescriptor listener_;
  net::FileDescriptor epoll_;
  std::vector<std::uint8_t> buffer_;
  std::vector<std::unique_ptr<Connection>> retired_;  // other events of this turn may still name them
};

void Pipe::watch(int descriptor, std::uint32_t events, End* end) {
  epoll_event event{.events = events, .data = {.ptr = end}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
}

void Pipe::run() {
  std::array<epoll_event, 1024> events;
  for (;;) {
    const int ready = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < ready; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.ptr == nullptr) {
        accept();
      } else {
        on_ready(*static_cast<End*>(event.data.ptr), event.events);
      }
    }
    retired_.clear();
  }
}

void Pipe::accept() {
  net::Accepted accepted = net::accept_one(listener_.get());
  if (accepted.error == EAGAIN || accepted.error == ECONNABORTED) return;
  if (accepted.error != 0) throw std::system_error(accepted.error, std::generic_category(), "accept4");
  net::Connecting connecting = net::connect_to(backend_);
  if (connecting.error != 0) throw std::system_error(connecting.error, std::generic_category(), "connect");
  auto connection = std::make_unique<Connection>();
  connection->ends[0].descriptor = std::move(accepted.descriptor);
  connection->ends[1].descriptor = std::move(connecting.descriptor);
  for (End& end : connection->ends) {
    end.connection = connection.get();
    net::prepare_connection(end.descriptor.get(), {});
    watch(end.descriptor.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, &end);
  }
  (void)connection.release();  // owned by its events; see retire
}

void Pipe::on_ready(End& end, std::uint32_t events) {
  Connection& connection = *end.connection;
  if (connection.over) return;
  End& other = connection.other(end);
  // What was held back because this end took no bytes can go on; no event will say so for the other end.
  if ((events & EPOLLOUT) != 0 && !end.waiting.empty()) {
    if (!flush(end)) return retire(connection);
    if (end.waiting.empty()) copy(other, end, true);
  }
  if (!connection.over && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    copy(end, other, (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
  }
}

// Reads until nothing is left or `to` takes no more. A short read means that nothing is left, unless the
// stream may be `ending`: then only the read that returns its end says so.
void Pipe::copy(End& from, End& to, bool ending) {
  while (!from.ended && to.waiting.empty()) {
    const ssize_t size = recv(from.descriptor.get(), buffer_.data(), buffer_.size(), 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size < 0) return retire(*from.connection);
    if (size == 0) {
      from.ended = true;
      return pass_end(to);
    }
    if (!write(to, static_cast<std::size_t>(size))) return retire(*from.connection);
    if (static_cast<std::size_t>(size) < buffer_.size() && !ending) return;
  }
}

// Writes the buffer's first bytes, and keeps what the socket refuses. False when the connection is broken.
bool Pipe::write(End& to, std::size_t size) {
  const ssize_t sent = send(to.descriptor.get(), buffer_.data(), size, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) return false;
  const std::size_t done = sent < 0 ? 0 : static_cast<std::size_t>(sent);
  if (done < size) {
    to.waiting.assign(buffer_.begin() + static_cast<std::ptrdiff_t>(done),
                      buffer_.begin() + static_cast<std::ptrdiff_t>(size));
  }
  return true;
}

bool Pipe::flush(End& to) {
  const ssize_t sent = send(to.descriptor.get(), to.waiting.data(), to.waiting.size(), MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN;
  if (static_cast<std::size_t>(sent) == to.waiting.size()) {
    to.waiting = {};
  } else {
    to.waiting.erase(to.waiting.begin(), to.waiting.begin() + sent);
  }
  return true;
}

// Only called with nothing waiting for `to`.
void Pipe::pass_end(End& to) {
  (void)shutdown(to.descriptor.get(), SHUT_WR);
  if (to.ended) retire(*to.connection);
}

void Pipe::retire(Connection& connection) {
  if (connection.over) return;
  connection.over = true;
  for (End& end : connection.ends) end.descriptor.reset();
  retired_.emplace_back(&connection);
}

template <class Number>
Number number(const char* text) {
  Number value{};
  const char* const end = text + std::strlen(text);
  const auto [at, error] = std::from_chars(text, end, value);
  if (error != std::errc() || at != end) throw std::invalid_argument(text);
  return value;
}

}  // namespace
}  // namespace wskeep::bench

int main(int argc, char** argv) {
  using wskeep::bench::number;
  try {
    if (argc < 3 || argc > 4) throw std::invalid_argument("usage: pipe PORT BACKEND_PORT [BUFFER_KIB]");
    const std::size_t buffer_kib = argc == 4 ? number<std::size_t>(argv[3]) : 64;
    if (buffer_kib == 0) throw std::invalid_argument("a buffer of nothing");
    wskeep::bench::Pipe pipe(number<std::uint16_t>(argv[1]), number<std::uint16_t>(argv[2]),
                             buffer_kib * 1024);
    std::printf("listening %s\n", pipe.address().c_str());
    std::fflush(stdout);
    pipe.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "pipe: %s\n", error.what());
    return 1;
  }
}
