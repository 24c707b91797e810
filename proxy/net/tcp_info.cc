#include "proxy/net/tcp_info.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace wskeep::net {
namespace {

std::optional<tcp_info> info_of(int descriptor) noexcept {
  tcp_info info{};  // what an older kernel doesn't fill stays zero
  socklen_t size = sizeof info;
  if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  return info;
}

}  // namespace

std::optional<std::chrono::nanoseconds> tcp_round_trip_time(int descriptor) noexcept {
  const std::optional<tcp_info> info = info_of(descriptor);
  if (!info || info->tcpi_rtt == 0) return std::nullopt;
  return std::chrono::microseconds(info->tcpi_rtt);
}

std::optional<SendProgress> tcp_send_progress(int descriptor) noexcept {
  const std::optional<tcp_info> info = info_of(descriptor);
  int queued = 0;
  if (!info || ioctl(descriptor, SIOCOUTQ, &queued) != 0) return std::nullopt;
  return SendProgress{.acknowledged = info->tcpi_bytes_acked,
                      .unacknowledged = static_cast<std::size_t>(queued),
                      .in_flight = info->tcpi_unacked != 0,
                      .since_last_ack = std::chrono::milliseconds(info->tcpi_last_ack_recv)};
}

}  // namespace wskeep::net
