// What the kernel's TCP tells about a connection (TCP_INFO, SIOCOUTQ). Nothing if the descriptor is no TCP
// socket.
//
// A room of its own, for the header with the whole of tcp_info clashes with <netinet/tcp.h>.
#pragma once

#include <chrono>
#include <optional>

#include "proxy/net/transport.h"

namespace wskeep::net {

// The smoothed round trip time; nothing before the first measurement.
std::optional<std::chrono::nanoseconds> tcp_round_trip_time(int descriptor) noexcept;

std::optional<SendProgress> tcp_send_progress(int descriptor) noexcept;

}  // namespace wskeep::net
