#include "config/warnings.h"

#include <fmt/format.h>

#include <string_view>

#include "config/check_tls.h"
#include "config/describe.h"

namespace wskeep::config {
namespace {

// How many intervals a path may be silent when one ping is lost. A quiet beat is skipped when the client was
// heard since the one before, if only just after it: two intervals pass without any loss.
int intervals_of_silence(const keepalive::Settings& heartbeat) {
  switch (heartbeat.ping_when) {
    case keepalive::PingWhen::kAlways: return 2;
    case keepalive::PingWhen::kQuiet: break;
  }
  return 3;
}

void check_path(const ClientKeepalive& client, std::vector<std::string>& found) {
  const milliseconds limit = client.path_idle_timeout;
  if (limit == milliseconds::zero()) return;
  if (client.heartbeat.policy == keepalive::Policy::kOff) {
    found.push_back(
        fmt::format("keepalive.client.policy is off, so nothing keeps quiet sessions open on paths that cut "
                    "what is silent for {} (keepalive.client.path_idle_timeout; 0 if there are none)",
                    kBeat.write(limit)));
    return;
  }
  const int intervals = intervals_of_silence(client.heartbeat);
  const milliseconds interval = client.heartbeat.ping_interval;
  if (intervals * interval < limit) return;
  const milliseconds bound = (limit + milliseconds{intervals - 1}) / intervals;  // rounded up
  found.push_back(fmt::format(
      "keepalive.client.ping_interval is {}, but paths that cut what is silent for {} "
      "(keepalive.client.path_idle_timeout) need it below {}{}: one lost ping would cut the connection",
      kBeat.write(interval), kBeat.write(limit), kBeat.write(bound),
      intervals == 2 ? "" : " while ping_when is quiet, which may skip a beat"));
}

// TCP_USER_TIMEOUT counts while a window is closed too, and then knows no better word.
void check_stall(std::string_view leg, std::string_view reason, const TcpGuard& tcp, milliseconds stall,
                 std::vector<std::string>& found) {
  if (tcp.user_timeout == milliseconds::zero() || tcp.user_timeout > stall) return;
  found.push_back(fmt::format(
      "relay.write_stall_timeout is {}, but the kernel ends a connection whose peer takes nothing after {} "
      "(keepalive.{}.tcp_user_timeout), which then counts as {}: raise that, or 0 leaves it to "
      "write_stall_timeout",
      kBeat.write(stall), kBeat.write(tcp.user_timeout), leg, reason));
}

}  // namespace

std::vector<std::string> warnings(const Config& config) {
  std::vector<std::string> found;
  const milliseconds stall = config.relay.write_stall_timeout;
  check_path(config.keepalive.client, found);
  check_stall("client", "network_dead", config.keepalive.client.tcp, stall, found);
  check_stall("backend", "backend_unresponsive", config.keepalive.backend.tcp, stall, found);
  warn_of_tls(config, found);
  return found;
}

}  // namespace wskeep::config
