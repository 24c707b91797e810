// Caller is what is known of a client: who has connected, and from whom a request says it comes.
//
// One for each connection, until the 101. Values only.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "proxy/net/address.h"
#include "proxy/net/ip_range.h"
#include "proxy/websocket/handshake.h"

namespace wskeep::relay {

struct Caller {
  net::SocketAddress peer;           // who has connected to us
  net::SocketAddress client;         // from whom the last request came: the peer, or for whom that spoke
  std::string_view scheme = "http";  // or "https": what the client speaks to us
  bool trusted = false;              // the peer is a trusted proxy
};

// Learns from a request's fields for whom the peer speaks, if it is in `trusted`: the nearest hop that is not
// a trusted proxy itself, or the farthest one if all are. What lies behind a hop that no address names isn't
// believed, since nobody trusted has said it. Throws std::bad_alloc.
void hear(Caller& caller, websocket::Fields request, std::span<const net::IpRange> trusted);

// The IP address alone, as forwarding fields have it. Empty for a unix socket's.
std::string ip_text(const net::SocketAddress& address);

// For logs and labels: with the port, if there is one.
std::string shown(const net::SocketAddress& address);

}  // namespace wskeep::relay
