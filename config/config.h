// Config is everything an operator may set, as typed values that have passed every check.
//
// It is built once by the loader (load.h), then shared as shared_ptr<const Config> and never changed:
// a reload makes a new one. A default-constructed Config is the documented default of every key;
// reference.yaml shows the same values and a test holds the two together. Nothing here reads a clock,
// a file or the network, and names stay unresolved strings.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/http/protocol_name.h"
#include "proxy/keepalive/settings.h"
#include "proxy/net/ip_range.h"
#include "proxy/net/tls_settings.h"
#include "proxy/websocket/origin.h"

namespace wskeep::config {

using std::chrono::milliseconds;

// Where to listen, or what to connect to, as the operator wrote it.
struct Endpoint {
  enum class Kind : std::uint8_t {
    kTcp,      // host:port; an IPv6 host is written in brackets and kept without them
    kUnix,     // unix:/path, or unix:@name for a socket that has no file
    kSystemd,  // systemd:NAME, sockets that listen already and are passed by name (to listen only)
  };

  std::string host;        // kUnix: the path, or @name; kSystemd: NAME, which may be empty
  std::uint16_t port = 0;  // kTcp; 0 lets the kernel choose (to listen only)
  Kind kind = Kind::kTcp;

  bool operator==(const Endpoint&) const = default;
};

// TLS toward clients, where there are certificates.
struct ListenerTls {
  net::TlsServerSettings server;
  // The header that tells the backend whose certificate the client has shown; none: it isn't told.
  std::optional<std::string> client_subject_header;

  bool operator==(const ListenerTls&) const = default;
};

// Whether clients of a listener come through a proxy that tells who they are (the PROXY protocol).
enum class AcceptProxy : std::uint8_t { kOff, kRequire };
// Whether the backend wants to be told so.
enum class SendProxy : std::uint8_t { kOff, kV1, kV2 };

struct Listener {
  Endpoint address{"0.0.0.0", 8880};
  AcceptProxy proxy_protocol = AcceptProxy::kOff;
  ListenerTls tls{};

  bool operator==(const Listener&) const = default;
};

struct Backend {
  Endpoint address{"127.0.0.1", 3000};
  milliseconds dns_refresh{30'000};     // of the name in the address; 0: only when it is of no use any more
  milliseconds connect_timeout{5'000};  // over all addresses, again and again; then 502 or 504
  milliseconds handshake_timeout{10'000};  // from the request sent to the whole answer head; then 504
  milliseconds answer_timeout{60'000};     // silence in answering an ordinary request; then 504, or cut
  // IP addresses of this host that connections come from in turn; none: the kernel chooses one.
  std::vector<std::string> source_addresses{};
  SendProxy proxy_protocol = SendProxy::kOff;
  net::TlsClientSettings tls{};

  bool operator==(const Backend&) const = default;
};

// What the kernel does about a dead peer below the heartbeat, under every policy.
struct TcpGuard {
  milliseconds user_timeout{90'000};        // TCP_USER_TIMEOUT; 0 leaves it to the kernel
  milliseconds keepalive_idle{60'000};      // TCP_KEEPIDLE; 0 turns TCP keepalive off. Whole seconds
  milliseconds keepalive_interval{15'000};  // TCP_KEEPINTVL. Whole seconds
  std::uint32_t keepalive_count = 4;        // TCP_KEEPCNT

  bool operator==(const TcpGuard&) const = default;
};

// Who answers a client's ping.
enum class AnswerPings : std::uint8_t {
  kWhileBackendAlive,  // wskeep, but pings pass on to a backend that is known to be unresponsive
  kAlways,             // wskeep
  kNever,              // the backend: pings pass
};

struct ClientKeepalive {
  keepalive::Settings heartbeat;
  AnswerPings answer_pings = AnswerPings::kWhileBackendAlive;
  milliseconds path_idle_timeout{60'000};  // of what lies between the clients and us; 0: not known
  TcpGuard tcp;

  bool operator==(const ClientKeepalive&) const = default;
};

struct BackendKeepalive {
  keepalive::Settings heartbeat{.policy = keepalive::Policy::kKeepalive,
                                .ping_when = keepalive::PingWhen::kQuiet};
  TcpGuard tcp;

  bool operator==(const BackendKeepalive&) const = default;
};

struct Keepalive {
  ClientKeepalive client;
  BackendKeepalive backend;

  bool operator==(const Keepalive&) const = default;
};

struct Relay {
  // Bytes that may wait for one leg before the other is no longer read.
  std::size_t buffer_limit = std::size_t{256} * 1024;
  milliseconds inject_hold{5'000};  // how long a control frame of ours waits for a message boundary
  milliseconds write_stall_timeout{60'000};
  milliseconds close_timeout{5'000};
  keepalive::LifetimeSettings lifetime;
  std::optional<std::uint16_t> on_client_lost;          // close code for the backend; none: TCP just ends
  std::optional<std::uint16_t> on_backend_lost = 1011;  // close code for the client; none: TCP just ends

  bool operator==(const Relay&) const = default;
};

struct Limits {
  std::uint32_t sessions = 0;             // of all clients; beyond it 503. 0: any
  std::uint32_t sessions_per_client = 0;  // of one address, or one /64 of IPv6; beyond it 429. 0: any
  // One request or answer head; beyond either 431 (502 for an answer).
  std::size_t header_bytes = std::size_t{16} * 1024;
  std::uint32_t header_fields = 100;
  milliseconds handshake_timeout{10'000};  // from accept to the whole request head; then 408
  std::size_t max_frame = 0;               // payload bytes of one data frame, either way; then 1009. 0: any
  // Pings and pongs of one client, and as many at once; then 1008. 0: any.
  std::uint32_t control_frames_per_second = 0;
  std::uint32_t accepts_per_wakeup = 64;   // connections that a listener hands over before the loop goes on
  milliseconds body_timeout{30'000};       // silence in sending the body of a request; then 408
  milliseconds keepalive_timeout{60'000};  // from an answer to the next request; then the connection ends

  bool operator==(const Limits&) const = default;
};

struct Metrics {
  std::uint32_t max_connections = 1'000;  // sessions with series of their own, the worst first

  bool operator==(const Metrics&) const = default;
};

struct Admin {
  std::optional<Endpoint> address = Endpoint{"127.0.0.1", 9797};  // none: no admin server

  bool operator==(const Admin&) const = default;
};

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };
enum class LogFormat : std::uint8_t { kLogfmt, kJson };

struct Log {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kLogfmt;

  bool operator==(const Log&) const = default;
};

// How a request is served, once it is known which. A session keeps the one that it began with.
struct Site {
  Backend backend;
  Keepalive keepalive;
  Relay relay;
  Limits limits;

  bool operator==(const Site&) const = default;
};

struct Config : Site {
  std::vector<Listener> listeners{Listener{}};  // at least one
  std::optional<std::uint32_t> workers;         // none is "auto": the CPU quota of the cgroup, rounded up
  std::vector<net::IpRange> trusted_proxies;    // whose word about the client is taken
  std::vector<websocket::OriginPattern> allowed_origins;  // whose web pages may open sessions; empty: all
  std::vector<http::ProtocolName> tunnel_upgrades;        // what passes unseen behind an upgrade
  Metrics metrics;
  Admin admin;
  Log log;

  bool operator==(const Config&) const = default;
};

}  // namespace wskeep::config
