// websocketpp, as client and as server. Its heartbeat is by hand: a timer that pings, and its pong timeout.
#include <websocketpp/client.hpp>
#include <websocketpp/config/asio_no_tls.hpp>
#include <websocketpp/config/asio_no_tls_client.hpp>
#include <websocketpp/server.hpp>
#include <websocketpp/version.hpp>

#include "contract.h"

namespace {

using websocketpp::connection_hdl;

// Milliseconds. Each ping starts the library's only pong timer anew, so a shorter interval would never let it
// end.
constexpr long kInterval = 1500, kPatience = 1000;

template <class Endpoint>
void beat(Endpoint& endpoint, connection_hdl handle) {
  websocketpp::lib::error_code error;
  endpoint.ping(handle, "beat", error);
  if (!error) endpoint.set_timer(kInterval, [&endpoint, handle](const auto&) { beat(endpoint, handle); });
}

template <class Endpoint>
void prepare(Endpoint& endpoint) {
  endpoint.clear_access_channels(websocketpp::log::alevel::all);
  endpoint.clear_error_channels(websocketpp::log::elevel::all);
  endpoint.init_asio();
  endpoint.set_message_handler([&endpoint](connection_hdl handle, const auto& message) {
    obey(
        message->get_payload(), websocketpp::user_agent,
        [&](const std::string& text) { endpoint.send(handle, text, message->get_opcode()); },
        [&] { endpoint.ping(handle, kOwn); });
  });
  endpoint.set_pong_handler([&endpoint](connection_hdl handle, const std::string& payload) {
    if (payload == kOwn) endpoint.send(handle, "pong", websocketpp::frame::opcode::text);
  });
}

void run_client(const std::string& url) {
  websocketpp::client<websocketpp::config::asio_client> client;
  prepare(client);
  websocketpp::lib::error_code error;
  client.connect(client.get_connection(url, error));
  client.run();
}

void run_server(bool heartbeat) {
  websocketpp::server<websocketpp::config::asio> server;
  prepare(server);
  if (heartbeat) {
    server.set_pong_timeout(kPatience);
    server.set_pong_timeout_handler([&server](connection_hdl handle, const std::string&) {
      websocketpp::lib::error_code error;
      server.close(handle, websocketpp::close::status::policy_violation, "no pong", error);
    });
    server.set_open_handler([&server](connection_hdl handle) { beat(server, handle); });
  }
  server.listen(
      websocketpp::lib::asio::ip::tcp::endpoint(websocketpp::lib::asio::ip::address_v4::loopback(), 0));
  server.start_accept();
  websocketpp::lib::asio::error_code error;
  listening(server.get_local_endpoint(error).port());
  server.run();
}

}  // namespace

int main(int, char** arguments) {
  leave_with_the_test();
  const std::string role = arguments[1], target = arguments[2];
  if (role == "client") {
    run_client(target);
  } else {
    run_server(target == "heartbeat");
  }
}
