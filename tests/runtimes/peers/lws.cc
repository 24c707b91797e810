// libwebsockets, as client and as server. Its heartbeat is its validity check (lws_retry_bo_t), in whole
// seconds.
#include <libwebsockets.h>

#include <cstring>
#include <deque>

#include "contract.h"

namespace {

struct Output {
  bool is_ping;
  std::string text;
};

// What a connection has yet to send, oldest first.
struct Connection {
  std::deque<Output> waiting;
};

void enqueue(lws* wsi, Connection& connection, Output output) {
  connection.waiting.push_back(std::move(output));
  lws_callback_on_writable(wsi);
}

// One write a callback, as the library asks for.
int write_next(lws* wsi, Connection& connection) {
  if (connection.waiting.empty()) return 0;
  const Output output = std::move(connection.waiting.front());
  connection.waiting.pop_front();
  std::string buffer(LWS_PRE, '\0');
  buffer += output.text;
  auto* start = reinterpret_cast<unsigned char*>(buffer.data()) + LWS_PRE;
  if (lws_write(wsi, start, output.text.size(), output.is_ping ? LWS_WRITE_PING : LWS_WRITE_TEXT) < 0)
    return -1;
  if (!connection.waiting.empty()) lws_callback_on_writable(wsi);
  return 0;
}

int on_event(lws* wsi, lws_callback_reasons reason, void* user, void* in, size_t length) {
  auto* slot = static_cast<Connection**>(user);
  switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
    case LWS_CALLBACK_CLIENT_ESTABLISHED: *slot = new Connection; return 0;
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_CLIENT_CLOSED: delete *slot; return 0;
    case LWS_CALLBACK_RECEIVE:
    case LWS_CALLBACK_CLIENT_RECEIVE:
      obey(
          std::string(static_cast<char*>(in), length), "libwebsockets " LWS_LIBRARY_VERSION,
          [&](const std::string& text) {
            enqueue(wsi, **slot, {false, text});
          },
          [&] {
            enqueue(wsi, **slot, {true, kOwn});
          });
      return 0;
    case LWS_CALLBACK_RECEIVE_PONG:
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
      if (std::string(static_cast<char*>(in), length) == kOwn) enqueue(wsi, **slot, {false, "pong"});
      return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
    case LWS_CALLBACK_CLIENT_WRITEABLE: return write_next(wsi, **slot);
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
      std::cerr << "no connection: " << (in ? static_cast<char*>(in) : "?") << '\n';
      std::exit(1);
    default: return 0;
  }
}

}  // namespace

int main(int, char** arguments) {
  leave_with_the_test();
  lws_set_log_level(LLL_ERR, nullptr);
  const std::string role = arguments[1], target = arguments[2];
  const lws_protocols protocols[] = {{"", on_event, sizeof(Connection*), 4096, 0, nullptr, 0},
                                     {nullptr, nullptr, 0, 0, 0, nullptr, 0}};
  lws_retry_bo_t heartbeat{};
  heartbeat.secs_since_valid_ping = 1;
  heartbeat.secs_since_valid_hangup = 3;
  lws_context_creation_info info{};
  info.port = role == "server" ? 0 : CONTEXT_PORT_NO_LISTEN;
  info.iface = "127.0.0.1";
  info.protocols = protocols;
  info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
  info.retry_and_idle_policy = target == "heartbeat" ? &heartbeat : nullptr;
  lws_context* context = lws_create_context(&info);
  lws_vhost* vhost = context ? lws_create_vhost(context, &info) : nullptr;
  if (!vhost) return 1;
  if (role == "server") {
    listening(static_cast<std::uint16_t>(lws_get_vhost_listen_port(vhost)));
  } else {
    const Target to(target);
    lws_client_connect_info connect{};
    connect.context = context;
    connect.vhost = vhost;
    connect.address = connect.host = connect.origin = to.host.c_str();
    connect.port = std::stoi(to.port);
    connect.path = to.path.c_str();
    connect.local_protocol_name = "";
    if (!lws_client_connect_via_info(&connect)) return 1;
  }
  while (lws_service(context, 0) >= 0) {
  }
}
