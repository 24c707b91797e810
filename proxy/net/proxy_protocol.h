// The PROXY protocol, versions 1 and 2: the few bytes that a proxy sends ahead of a client's own, to tell who
// that client is (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt; sections below are its).
//
// A pure codec: it keeps nothing, and reads and writes no sockets. A header is read from all the bytes that
// have come so far, so a caller that peeks at its socket holds no buffer and takes no byte that belongs to
// TLS or HTTP. Whether a header may be believed is the caller's to know: anyone can send one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/net/address.h"

namespace wskeep::net {

// The longest header that is read. Version 2 could reach 64 KiB; certificates in it take a few.
inline constexpr std::size_t kLongestProxyHeader = 16 * 1024;

// What a header says. Views point into what was read.
struct ProxyHeader {
  struct Endpoints {
    SocketAddress source;       // the client
    SocketAddress destination;  // where it connected to
  };
  // None when the proxy speaks for itself (LOCAL: a health check), doesn't know (UNKNOWN, UNSPEC), or the
  // client came over a unix socket, whose name tells nothing about it.
  std::optional<Endpoints> endpoints;
  bool tls = false;            // the client spoke TLS to the proxy (PP2_CLIENT_SSL)
  std::string_view alpn;       // the application protocol that was negotiated there: http/1.1
  std::string_view authority;  // the host name that the client asked for (SNI)
  std::string_view unique_id;  // the proxy's name for the connection; up to 128 bytes of any kind
};

enum class ProxyRead : std::uint8_t {
  kIncomplete,  // the bytes may be the beginning of a header
  kComplete,
  kBad,  // `why` says what is wrong; final
};

struct [[nodiscard]] ProxyReading {
  ProxyRead result = ProxyRead::kIncomplete;
  std::size_t size = 0;  // of a complete header; what follows belongs to the client
  ProxyHeader header;
  std::string_view why;  // static text; empty unless kBad
};

// Reads the header that `bytes` begin with, of either version. Garbage is refused at the first byte that
// shows it. A checksum is checked when there is one (section 2.2.3); TLVs that aren't in ProxyHeader are
// skipped.
ProxyReading read_proxy_header(std::span<const std::uint8_t> bytes) noexcept;

// Writes a header of version 1, which has room for the endpoints alone: UNKNOWN without them.
[[nodiscard]] std::string proxy_header_v1(const ProxyHeader& header);

// Writes a header of version 2 with a TLV for each of tls, alpn, authority and unique_id that there is; alpn
// and authority up to 255 bytes, unique_id up to 128, or they are left out. UNSPEC without endpoints.
[[nodiscard]] std::string proxy_header_v2(const ProxyHeader& header);

}  // namespace wskeep::net
