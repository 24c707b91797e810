// The admin server over real loopback sockets: its pages, and clients that are slow, rude or many.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "proxy/net/listener.h"
#include "proxy/observe/admin_server.h"
#include "proxy/observe/metrics.h"
#include "tests/unit/observe_promtool.h"

namespace wskeep::observe {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

net::SocketAddress loopback(std::uint16_t port = 0) {
  return net::resolve("127.0.0.1", port).front();
}

// A blocking client that gives up after 5 s.
class Client {
 public:
  explicit Client(std::uint16_t port) : Client(loopback(port)) {}
  explicit Client(const net::SocketAddress& address) : socket_(::socket(address.family(), SOCK_STREAM, 0)) {
    const timeval patience{5, 0};
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(socket_.get(), address.get(), address.size()) != 0) throw std::runtime_error("connect");
  }

  void send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  // Everything until the server closes; "timeout" behind it if it doesn't.
  std::string receive_all() {
    std::string all;
    std::array<char, 4096> buffer;
    for (;;) {
      const ssize_t read = recv(socket_.get(), buffer.data(), buffer.size(), 0);
      if (read < 0 && errno == EAGAIN) return all + "timeout";
      if (read <= 0) return all;
      all.append(buffer.data(), static_cast<std::size_t>(read));
    }
  }

 private:
  net::FileDescriptor socket_;
};

class FakeConnections final : public ConnectionSource {
 public:
  Answer worst_connections(std::size_t most, std::chrono::milliseconds) override {
    asked_for = most;
    if (fail) throw std::runtime_error("no workers");
    ConnectionSnapshot snapshot;
    snapshot.id = 0xF00;
    return most == 0 ? Answer{{}, 3} : Answer{{snapshot}, 2};
  }

  std::atomic<std::size_t> asked_for{99};
  std::atomic<bool> fail{false};
};

class AdminServerTest : public ::testing::Test {
 protected:
  void start(std::uint32_t max_connections = 10, const net::SocketAddress& address = loopback()) {
    std::vector<net::FileDescriptor> listeners;
    listeners.push_back(net::listen_on(address));
    start(max_connections, std::move(listeners));
  }
  void start(std::uint32_t max_connections, std::vector<net::FileDescriptor> listeners) {
    port_ = net::local_address(listeners.front().get()).port();
    server_ = std::make_unique<AdminServer>(
        std::move(listeners),
        AdminServer::Sources{metrics_, connections_, max_connections, [this] { return live_.load(); },
                             [this] { return ready_.load(); }});
  }

  std::string ask(const std::string& request) {
    Client client(port_);
    client.send(request);
    return client.receive_all();
  }
  std::string get(const std::string& path) { return ask("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n"); }

  static std::string body(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }

  WorkerCounters worker_;
  Metrics metrics_{{&worker_}};
  FakeConnections connections_;
  std::atomic<bool> live_{true};
  std::atomic<bool> ready_{true};
  std::uint16_t port_ = 0;
  std::unique_ptr<AdminServer> server_;
};

TEST_F(AdminServerTest, ServesMetrics) {
  start();
  worker_.connections_opened.add(5);
  const std::string answer = get("/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: " + std::to_string(body(answer).size()) + "\r\n"));
  EXPECT_THAT(answer, HasSubstr("\nwskeep_connections_opened_total 5\n"));
  EXPECT_THAT(answer, HasSubstr("\nwskeep_connection_alive{conn=\"0000000000000f00\"} 1\n"));
  EXPECT_THAT(answer, EndsWith("\nwskeep_connections_not_exported 2\n"));
  EXPECT_EQ(connections_.asked_for, 10U);
  if (has_promtool()) {
    EXPECT_EQ(promtool_verdict(body(answer)), "");
  }
}

TEST_F(AdminServerTest, WithoutSeriesOfTheirOwnConnectionsAreCountedStill) {
  start(0);
  const std::string answer = get("/metrics?query=ignored");
  EXPECT_THAT(answer, EndsWith("\nwskeep_connections_not_exported 3\n"));
  EXPECT_THAT(answer, Not(HasSubstr("conn=")));
}

TEST_F(AdminServerTest, ProbesFollowTheirFunctions) {
  start();
  EXPECT_THAT(get("/livez"), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(body(get("/livez")), "ok\n");
  EXPECT_EQ(body(get("/readyz")), "ok\n");
  ready_ = false;
  EXPECT_THAT(get("/readyz"), StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_THAT(get("/livez"), StartsWith("HTTP/1.1 200 OK\r\n"));
  live_ = false;
  EXPECT_THAT(get("/livez"), StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
}

TEST_F(AdminServerTest, HeadGetsTheHeadAlone) {
  start();
  const std::string answer = ask("HEAD /livez HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 3\r\n"));
  EXPECT_EQ(body(answer), "");
}

TEST_F(AdminServerTest, RefusesWhatItDoesNotServe) {
  struct Case {
    std::string request;
    std::string status;
  };
  const Case cases[] = {
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found"},
      {"GET /metrics/ HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found"},
      {"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "404 Not Found"},
      {"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "405 Method Not Allowed"},
      {"DELETE /livez HTTP/1.1\r\nHost: a\r\n\r\n", "405 Method Not Allowed"},
      {"BREW /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "501 Not Implemented"},
      {"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000000\r\n\r\n", "413 "},
      {"nonsense and nothing else\r\n\r\n", "400 Bad Request"},
      {"GET /livez HTTP/1.1\r\nX: " + std::string(AdminServer::kMaxHeadBytes, 'x') + "\r\n\r\n",
       "400 Bad Request"},
      {"GET /" + std::string(AdminServer::kMaxHeadBytes, 'x') + " HTTP/1.1\r\n\r\n", "400 Bad Request"},
  };
  for (const Case& each : cases) {
    start();
    const std::string answer = ask(each.request);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + each.status)) << each.request.substr(0, 40);
    EXPECT_THAT(answer, Not(HasSubstr("timeout")));
    EXPECT_EQ(answer.find("\r\nAllow: GET, HEAD\r\n") != std::string::npos, each.status.starts_with("405"));
  }
}

TEST_F(AdminServerTest, AConnectionIsForOneRequest) {
  start();
  const std::string answer =
      ask("GET /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_EQ(body(answer), "ok\n");
}

TEST_F(AdminServerTest, Http10GetsAnAnswerToo) {
  start();
  EXPECT_THAT(ask("GET /livez HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.0 200 OK\r\n"));
  EXPECT_EQ(body(ask("GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")), "ok\n");
}

TEST_F(AdminServerTest, AHalfRequestHoldsUpNobody) {
  start();
  Client slow(port_);
  slow.send("GET /livez HTT");
  EXPECT_EQ(body(get("/livez")), "ok\n");
  slow.send("P/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(body(slow.receive_all()), "ok\n");
}

TEST_F(AdminServerTest, AFailingSourceCostsOnePage) {
  start();
  connections_.fail = true;
  EXPECT_THAT(get("/metrics"), StartsWith("HTTP/1.1 500 "));
  connections_.fail = false;
  EXPECT_THAT(get("/metrics"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(AdminServerTest, TheOldestGivesWayWhenThereAreTooMany) {
  start();
  std::vector<std::unique_ptr<Client>> idle;
  for (std::size_t i = 0; i < AdminServer::kMaxConnections + 3; ++i) {
    idle.push_back(std::make_unique<Client>(port_));
  }
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(idle[i]->receive_all(), "");
  EXPECT_EQ(body(get("/livez")), "ok\n");  // one more, so the fourth is gone now
  EXPECT_EQ(idle[3]->receive_all(), "");
  idle.back()->send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(body(idle.back()->receive_all()), "ok\n");
}

TEST_F(AdminServerTest, ManyConnectionsOneAfterTheOther) {
  start();
  for (std::size_t i = 0; i < 5 * AdminServer::kMaxConnections; ++i) ASSERT_EQ(body(get("/livez")), "ok\n");
}

TEST_F(AdminServerTest, ItsEndIsTheEndOfItsConnections) {
  start();
  Client idle(port_);
  Client half(port_);
  half.send("GET /metrics HTTP/1.1\r\nHo");
  ASSERT_EQ(body(get("/livez")), "ok\n");  // accepted in order, so both others are by now
  server_.reset();
  EXPECT_EQ(idle.receive_all(), "");
  EXPECT_EQ(half.receive_all(), "");
}

TEST_F(AdminServerTest, ServesUnixSocketsToo) {
  const net::SocketAddress address =
      net::SocketAddress::unix_socket("@wskeep-test-" + std::to_string(getpid()));
  start(10, address);
  Client client(address);
  client.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(body(client.receive_all()), "ok\n");
}

TEST_F(AdminServerTest, ServesAllItsSockets) {
  std::vector<net::FileDescriptor> listeners;
  listeners.push_back(net::listen_on(loopback()));
  listeners.push_back(net::listen_on(loopback()));
  const std::uint16_t second = net::local_address(listeners.back().get()).port();
  start(10, std::move(listeners));
  EXPECT_EQ(body(get("/readyz")), "ok\n");
  port_ = second;
  EXPECT_EQ(body(get("/readyz")), "ok\n");
}

}  // namespace
}  // namespace wskeep::observe
