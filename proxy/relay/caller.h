// Caller is what is known of a client: who has connected, and from whom a request says it comes.
//
// One for each connection, until the 101. Values only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "config/config.h"
#include "proxy/net/address.h"
#include "proxy/net/ip_range.h"
#include "proxy/net/proxy_protocol.h"
#include "proxy/websocket/handshake.h"

namespace wskeep::relay {

struct Caller {
  std::uint64_t id = 0;              // random; the session's later
  net::SocketAddress peer{};         // who has connected: to us, or to the proxies that speak PROXY before us
  net::SocketAddress client{};       // from whom the last request came: the peer, or for whom that spoke
  net::SocketAddress local{};        // where the peer has connected to; empty until somebody needs it
  std::string_view scheme = "http";  // or "https": what the peer speaks
  bool trusted = false;              // the peer is a trusted proxy
  std::string alpn{};                // what TLS has negotiated, if it was spoken here or before us
  std::string server_name{};         // which name TLS was asked for (SNI)
  std::string unique_id{};           // the connection's name in the PROXY header, if that had one
  std::uint32_t listener = 0;        // where it came in, by its place in the configuration
  // Of the certificate that it has shown (RFC 4514); empty without one.
  std::string certificate_subject{};
};

// Believes a PROXY header. Where it tells of nobody, what is known of the socket stays. Throws
// std::bad_alloc.
void introduce(Caller& caller, const net::ProxyHeader& header);

// Learns from a request's fields for whom the peer speaks, if it is in `trusted`: the nearest hop that is not
// a trusted proxy itself, or the farthest one if all are. What lies behind a hop that no address names isn't
// believed, since nobody trusted has said it. Throws std::bad_alloc.
void hear(Caller& caller, websocket::Fields request, std::span<const net::IpRange> trusted);

// What a backend that speaks PROXY is sent first, or nothing. It is about the connection, so about the peer:
// from whom its requests come may change. `local` must be known. Throws std::bad_alloc.
std::string proxy_preface(const Caller& caller, config::SendProxy version);

// The id as logs show it: 16 hex digits.
std::string id_text(std::uint64_t id);

// The IP address alone, as forwarding fields have it. Empty for a unix socket's.
std::string ip_text(const net::SocketAddress& address);

// For logs and labels: with the port, if there is one.
std::string shown(const net::SocketAddress& address);

}  // namespace wskeep::relay
