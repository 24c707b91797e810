#include "proxy/net/tcp_info.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>

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
  // Each retry waits twice as long as the one before, so the wait under way tells of those that are over. The
  // age of the last acknowledgement would not do: a peer that hears nothing of us sends its last bytes again
  // and again, and each time acknowledges the same as before.
  const std::uint32_t retries = std::min<std::uint32_t>(info->tcpi_retransmits, 31);
  return SendProgress{
      .acknowledged = info->tcpi_bytes_acked,
      .unacknowledged = static_cast<std::size_t>(queued),
      .in_flight = info->tcpi_unacked != 0,
      .retries = retries,
      .retry_after = std::chrono::microseconds(info->tcpi_rto >> retries),
      .unanswered_for = std::chrono::microseconds(info->tcpi_rto - (info->tcpi_rto >> retries))};
}

}  // namespace wskeep::net
