// The schema: every option an operator may set, described exactly once.
//
// A description names the key, the member that holds it, how its value is written with its range, and in
// one line why it exists. Reading YAML, variables and flags, suggesting names for mistyped keys and
// printing the configuration are visitors of these functions; none of them names an option.
//
// To add an option: one member in config.h, one line here, one entry in reference.yaml. A visitor has
//   option(key, member, syntax, why)   a value; see values.h for the syntaxes
//   group(key, member, why)            a struct that has a describe() of its own
//   list(key, vector, count, why)      a list of such structs
// Key and why are literals, so visitors may keep views of them.
#pragma once

#include <chrono>
#include <cstddef>

#include "config/config.h"
#include "config/describe_tls.h"
#include "config/trust.h"
#include "config/values.h"

namespace wskeep::config {

inline constexpr milliseconds kDay = std::chrono::hours{24};
inline constexpr Duration kTimeout{.min = milliseconds{1}, .max = kDay};
inline constexpr Duration kBeat{.min = milliseconds{100}, .max = kDay};
inline constexpr Duration kBeatOrOff{.min = kBeat.min, .max = kBeat.max, .or_zero = true};
inline constexpr Duration kAgeOrOff{.min = kBeat.min, .max = 30 * kDay, .or_zero = true};
// Linux refuses more than 32,767 s, and 127 probes (MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL, MAX_TCP_KEEPCNT).
inline constexpr Duration kKernelSeconds{
    .min = std::chrono::seconds{1}, .max = std::chrono::hours{9}, .step = std::chrono::seconds{1}};
inline constexpr Duration kKernelSecondsOrOff{
    .min = kKernelSeconds.min, .max = kKernelSeconds.max, .or_zero = true, .step = kKernelSeconds.step};
inline constexpr std::size_t kKiB = std::size_t{1} << 10;
inline constexpr std::size_t kMiB = std::size_t{1} << 20;
inline constexpr std::size_t kGiB = std::size_t{1} << 30;
inline constexpr Address kListen{Address::Use::kListen};
inline constexpr Address kConnect{Address::Use::kConnect};

inline constexpr Words<keepalive::Policy, 4> kPolicies{{{{"off", keepalive::Policy::kOff},
                                                         {"keepalive", keepalive::Policy::kKeepalive},
                                                         {"auto", keepalive::Policy::kAuto},
                                                         {"strict", keepalive::Policy::kStrict}}}};
inline constexpr Words<keepalive::PingWhen, 2> kPingWhens{
    {{{"always", keepalive::PingWhen::kAlways}, {"quiet", keepalive::PingWhen::kQuiet}}}};
inline constexpr Words<AnswerPings, 3> kAnswerPings{
    {{{"while_backend_alive", AnswerPings::kWhileBackendAlive},
      {"always", AnswerPings::kAlways},
      {"never", AnswerPings::kNever}}}};
inline constexpr Words<AcceptProxy, 2> kAcceptProxies{
    {{{"off", AcceptProxy::kOff}, {"require", AcceptProxy::kRequire}}}};
inline constexpr Words<SendProxy, 3> kSendProxies{
    {{{"off", SendProxy::kOff}, {"v1", SendProxy::kV1}, {"v2", SendProxy::kV2}}}};
inline constexpr Words<LogLevel, 4> kLogLevels{{{{"debug", LogLevel::kDebug},
                                                 {"info", LogLevel::kInfo},
                                                 {"warning", LogLevel::kWarning},
                                                 {"error", LogLevel::kError}}}};
inline constexpr Words<LogFormat, 2> kLogFormats{
    {{{"logfmt", LogFormat::kLogfmt}, {"json", LogFormat::kJson}}}};

template <class Visitor>
void describe(Visitor& v, Listener& listener) {
  v.option("address", listener.address, kListen, "where clients connect");
  v.option("proxy_protocol", listener.proxy_protocol, kAcceptProxies,
           "require: a PROXY header of trusted_proxies says first who the client is");
  v.group("tls", listener.tls, "TLS toward clients");
}

template <class Visitor>
void describe(Visitor& v, Backend& backend) {
  v.option("address", backend.address, kConnect, "the WebSocket server that wskeep stands in front of");
  v.option("dns_refresh", backend.dns_refresh,
           Duration{.min = std::chrono::seconds{1}, .max = kDay, .or_zero = true},
           "how often the backend's name is looked up again; 0: only when no address can be connected to");
  v.option("connect_timeout", backend.connect_timeout, kTimeout,
           "how long connecting is tried, over all addresses and again; then 502 (refused) or 504");
  v.option("handshake_timeout", backend.handshake_timeout, kTimeout,
           "how long the backend may take to answer a handshake; then 504");
  v.option("answer_timeout", backend.answer_timeout, kTimeout,
           "how long the backend may be silent before or within its answer to any other request; then 504");
  v.option(
      "source_addresses", backend.source_addresses, IpAddresses{64},
      "where connections to the backend come from, in turn: each has some 28,000 ports; none: the kernel "
      "chooses");
  v.option("proxy_protocol", backend.proxy_protocol, kSendProxies,
           "tells the backend first who the client is, in a PROXY header of that version");
  v.group("tls", backend.tls, "TLS toward the backend");
}

template <class Visitor>
void describe_heartbeat(Visitor& v, keepalive::Settings& heartbeat) {
  v.option("policy", heartbeat.policy, kPolicies, "which sessions a missed pong may end");
  v.option("ping_interval", heartbeat.ping_interval, kBeat, "the longest gap between two pings");
  v.option("jitter", heartbeat.jitter_percent, Percent{0, 90},
           "shortens each interval by up to this much, so that connections don't beat together");
  v.option("pong_timeout", heartbeat.pong_timeout, kBeat,
           "how long a ping may stay unanswered before the peer is judged");
  v.option("ping_when", heartbeat.ping_when, kPingWhens,
           "quiet skips a ping when the peer proved itself alive since the last one");
}

template <class Visitor>
void describe_tcp_guard(Visitor& v, TcpGuard& tcp) {
  v.option(
      "tcp_user_timeout", tcp.user_timeout,
      Duration{.min = std::chrono::seconds{1}, .max = kDay, .or_zero = true},
      "TCP_USER_TIMEOUT: unacknowledged bytes older than this end the connection; 0 is the kernel's way");
  v.option("tcp_keepalive_idle", tcp.keepalive_idle, kKernelSecondsOrOff,
           "TCP_KEEPIDLE: silence before the kernel probes; 0 turns TCP keepalive off");
  v.option("tcp_keepalive_interval", tcp.keepalive_interval, kKernelSeconds,
           "TCP_KEEPINTVL: time between two probes");
  v.option("tcp_keepalive_count", tcp.keepalive_count, Integer{1, 127},
           "TCP_KEEPCNT: unanswered probes that end the connection");
}

template <class Visitor>
void describe(Visitor& v, ClientKeepalive& client) {
  describe_heartbeat(v, client.heartbeat);
  v.option("answer_pings", client.answer_pings, kAnswerPings,
           "whether wskeep answers clients' pings itself or passes them to the backend");
  v.option("path_idle_timeout", client.path_idle_timeout, kBeatOrOff,
           "silence after which load balancers before wskeep cut a connection, to check ping_interval "
           "against; 0 checks nothing");
  describe_tcp_guard(v, client.tcp);
}

template <class Visitor>
void describe(Visitor& v, BackendKeepalive& backend) {
  describe_heartbeat(v, backend.heartbeat);
  describe_tcp_guard(v, backend.tcp);
}

template <class Visitor>
void describe(Visitor& v, Keepalive& keepalive) {
  v.group("client", keepalive.client, "the heartbeat toward clients");
  v.group("backend", keepalive.backend, "the heartbeat toward the backend");
}

template <class Visitor>
void describe(Visitor& v, Relay& relay) {
  v.option("buffer_limit", relay.buffer_limit, Size{4 * kKiB, kGiB},
           "bytes that may wait for a slow peer before the other one is no longer read");
  v.option("inject_hold", relay.inject_hold, kTimeout,
           "how long a ping waits for the end of a message before it goes between two fragments");
  v.option("write_stall_timeout", relay.write_stall_timeout, kBeat,
           "a peer that takes no byte for this long while bytes wait ends the session");
  v.option("close_timeout", relay.close_timeout, kTimeout,
           "how long a closing session may wait for the other side's Close");
  v.option("idle_timeout", relay.lifetime.idle_timeout, kBeatOrOff,
           "ends a session that carries no data for so long; pings and pongs are no data; 0 is off");
  v.option("max_age", relay.lifetime.max_age, kAgeOrOff, "ends a session that is so old; 0 is off");
  v.option("max_age_jitter", relay.lifetime.max_age_jitter_percent, Percent{0, 90},
           "shortens max_age by up to this much, so that sessions don't end together");
  v.option("on_client_lost", relay.on_client_lost, WordOr<CloseCode>{"none", {}},
           "close code that the backend gets when its client vanished; none: its TCP connection just ends");
  v.option("on_backend_lost", relay.on_backend_lost, WordOr<CloseCode>{"none", {}},
           "close code that the client gets when the backend vanished; none: its TCP connection just ends");
}

template <class Visitor>
void describe(Visitor& v, Limits& limits) {
  v.option("sessions", limits.sessions, Integer{0, 10'000'000},
           "WebSocket sessions of all clients, handshakes included; beyond it 503; 0: any");
  v.option("sessions_per_client", limits.sessions_per_client, Integer{0, 10'000'000},
           "those of one IPv4 address or one /64 of IPv6; beyond it 429; 0: any");
  v.option("header_bytes", limits.header_bytes, Size{kKiB, kMiB},
           "the largest request or answer head; beyond it 431 (502 for an answer)");
  v.option("header_fields", limits.header_fields, Integer{10, 1'000},
           "the most header fields of a request or answer; beyond it 431 (502 for an answer)");
  v.option("handshake_timeout", limits.handshake_timeout, kTimeout,
           "how long a client may take to send its request head; then 408");
  v.option("max_frame", limits.max_frame, Size{0, kGiB},
           "the largest payload of one data frame, from either side; beyond it Close 1009; 0: any");
  v.option("control_frames_per_second", limits.control_frames_per_second, Integer{0, 1'000'000},
           "pings and pongs that a client may send in a second; beyond it Close 1008; 0: any");
  v.option("accepts_per_wakeup", limits.accepts_per_wakeup, Integer{1, 10'000},
           "connections that a listener hands over at once, before those that are there have their turn");
  v.option("body_timeout", limits.body_timeout, kTimeout,
           "how long a client may be silent within the body of its request; then 408");
  v.option("keepalive_timeout", limits.keepalive_timeout, kTimeout,
           "how long a connection may wait for another request before it ends");
}

template <class Visitor>
void describe(Visitor& v, Metrics& metrics) {
  v.option("max_connections", metrics.max_connections, Integer{0, 100'000},
           "connections with metrics of their own, the worst first");
}

template <class Visitor>
void describe(Visitor& v, Admin& admin) {
  v.option("address", admin.address, WordOr<Address>{"off", kListen},
           "where metrics and health checks are served");
}

template <class Visitor>
void describe(Visitor& v, Log& log) {
  v.option("level", log.level, kLogLevels, "the least important line that is still logged");
  v.option("format", log.format, kLogFormats, "how a line is written");
}

template <class Visitor>
void describe(Visitor& v, Config& config) {
  v.list("listeners", config.listeners, Count{1, 64}, "the addresses that clients connect to");
  v.group("backend", config.backend, "the server behind");
  v.option("workers", config.workers, WordOr<Integer>{"auto", {1, 256}},
           "threads that carry connections; auto: the CPU quota, rounded up");
  v.group("keepalive", config.keepalive, "pings, pongs and who counts as dead");
  v.group("relay", config.relay, "how bytes pass and how sessions end");
  v.group("limits", config.limits, "what a client may ask for");
  v.option("trusted_proxies", config.trusted_proxies, IpRanges{64},
           "peers whose word about the client is taken: X-Forwarded-For and the like");
  v.option("allowed_origins", config.allowed_origins, Origins{64},
           "whose web pages may open sessions; a request with another Origin gets 403");
  v.option("tunnel_upgrades", config.tunnel_upgrades, Protocols{16},
           "what a request may be upgraded to besides websocket; its bytes pass unseen");
  v.group("metrics", config.metrics, "what is exported");
  v.group("admin", config.admin, "the operator's own address");
  v.group("log", config.log, "what is logged");
}

}  // namespace wskeep::config
