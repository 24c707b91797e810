// Boost.Beast, as client and as server. Its heartbeat is the timeout option: an idle time, with
// keep_alive_pings at half of it.
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/version.hpp>
#include <boost/beast/websocket.hpp>
#include <chrono>
#include <deque>
#include <memory>

#include "contract.h"

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using asio::ip::tcp;

constexpr const char* kVersion = "Boost.Beast (Boost " BOOST_LIB_VERSION ")";

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  explicit Connection(tcp::socket&& socket) : stream_(std::move(socket)) {
    stream_.control_callback([this](websocket::frame_type kind, beast::string_view payload) {
      if (kind == websocket::frame_type::pong && payload == kOwn) send("pong");
    });
  }

  void connect(const Target& to) {
    stream_.set_option(websocket::stream_base::timeout::suggested(beast::role_type::client));
    stream_.handshake(to.host + ":" + to.port, to.path);
    read();
  }

  void accept(bool heartbeat) {
    auto timeout = websocket::stream_base::timeout::suggested(beast::role_type::server);
    if (heartbeat) {
      timeout.idle_timeout = std::chrono::seconds(2);
      timeout.keep_alive_pings = true;
    }
    stream_.set_option(timeout);
    stream_.async_accept([self = shared_from_this()](beast::error_code error) {
      if (!error) self->read();
    });
  }

 private:
  void read() {
    stream_.async_read(buffer_, [self = shared_from_this()](beast::error_code error, std::size_t) {
      if (error) return;
      const std::string text = beast::buffers_to_string(self->buffer_.data());
      self->buffer_.clear();
      obey(
          text, kVersion, [&](const std::string& reply) { self->send(reply); },
          [&] { self->stream_.async_ping(kOwn, [self](beast::error_code) {}); });
      self->read();
    });
  }

  void send(const std::string& text) {
    waiting_.push_back(text);
    if (waiting_.size() == 1) write();
  }

  void write() {
    stream_.async_write(asio::buffer(waiting_.front()),
                        [self = shared_from_this()](beast::error_code error, std::size_t) {
                          if (error) return;
                          self->waiting_.pop_front();
                          if (!self->waiting_.empty()) self->write();
                        });
  }

  websocket::stream<beast::tcp_stream> stream_;
  beast::flat_buffer buffer_;
  std::deque<std::string> waiting_;
};

void accept_next(tcp::acceptor& acceptor, bool heartbeat) {
  acceptor.async_accept([&acceptor, heartbeat](beast::error_code error, tcp::socket socket) {
    if (!error) std::make_shared<Connection>(std::move(socket))->accept(heartbeat);
    accept_next(acceptor, heartbeat);
  });
}

}  // namespace

int main(int, char** arguments) {
  leave_with_the_test();
  const std::string role = arguments[1], target = arguments[2];
  asio::io_context context(1);
  tcp::acceptor acceptor(context);
  if (role == "client") {
    const Target to(target);
    tcp::socket socket(context);
    asio::connect(socket, tcp::resolver(context).resolve(to.host, to.port));
    std::make_shared<Connection>(std::move(socket))->connect(to);
  } else {
    acceptor = tcp::acceptor(context, {asio::ip::make_address("127.0.0.1"), 0});
    listening(acceptor.local_endpoint().port());
    accept_next(acceptor, target == "heartbeat");
  }
  context.run();
}
