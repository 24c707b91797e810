#include "proxy/net/proxy_protocol.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "proxy/net/crc32c.h"

namespace wskeep::net {
namespace {

using Bytes = std::span<const std::uint8_t>;
using namespace std::string_view_literals;

// What both versions' headers begin with. Neither can begin a request of HTTP or a TLS record.
constexpr std::string_view kLineStart = "PROXY ";
constexpr std::string_view kBinaryStart = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::size_t kLongestLine = 107;  // with its CRLF (section 2.1)
constexpr std::size_t kBinaryFixed = 16;   // the bytes before the addresses (section 2.2)

constexpr std::uint8_t kLocal = 0x20;  // version and command
constexpr std::uint8_t kProxy = 0x21;
constexpr unsigned kLastFamily = 3;
constexpr unsigned kLastTransport = 2;
constexpr std::uint8_t kTcpOverIpv4 = 0x11;
constexpr std::uint8_t kTcpOverIpv6 = 0x21;
// In the order of the families: unspecified, IPv4, IPv6, unix.
constexpr std::array<std::size_t, kLastFamily + 1> kAddressSizes{0, 12, 36, 216};

enum Tlv : std::uint8_t {
  kAlpn = 0x01,
  kAuthority = 0x02,
  kCrc32c = 0x03,
  kUniqueId = 0x05,
  kSsl = 0x20,
};
constexpr std::size_t kTlvHead = 3;
constexpr std::size_t kSslFixed = 5;  // flags and the outcome of verifying
constexpr std::uint8_t kClientSsl = 0x01;
constexpr std::size_t kLongestName = 255;  // of a protocol in ALPN, and of a host in SNI
constexpr std::size_t kLongestUniqueId = 128;

std::string_view text_of(Bytes bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::size_t size_at(Bytes bytes, std::size_t index) noexcept {
  return std::size_t{bytes[index]} << 8 | bytes[index + 1];
}

ProxyReading bad(std::string_view why) noexcept {
  ProxyReading reading;
  reading.result = ProxyRead::kBad;
  reading.why = why;
  return reading;
}

SocketAddress ipv4(const void* address, std::uint16_t network_port) noexcept {
  sockaddr_in socket{};
  socket.sin_family = AF_INET;
  socket.sin_port = network_port;
  std::memcpy(&socket.sin_addr, address, sizeof socket.sin_addr);
  return {reinterpret_cast<const sockaddr*>(&socket), sizeof socket};
}

SocketAddress ipv6(const void* address, std::uint16_t network_port) noexcept {
  sockaddr_in6 socket{};
  socket.sin6_family = AF_INET6;
  socket.sin6_port = network_port;
  std::memcpy(&socket.sin6_addr, address, sizeof socket.sin6_addr);
  return {reinterpret_cast<const sockaddr*>(&socket), sizeof socket};
}

// --- version 1: a line

// Cuts the text up to the next space off the line, or all of it.
std::string_view pop_word(std::string_view& line) noexcept {
  const std::size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  return word;
}

std::optional<std::uint16_t> read_port(std::string_view digits) noexcept {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  const bool leading_zero = digits.size() > 1 && digits.front() == '0';
  if (error != std::errc{} || end != digits.data() + digits.size() || leading_zero) return std::nullopt;
  return port;
}

std::optional<SocketAddress> read_address(int family, std::string_view ip, std::string_view port) noexcept {
  const std::optional<std::uint16_t> number = read_port(port);
  if (!number) return std::nullopt;
  const std::optional<SocketAddress> address = literal_address(ip, *number);
  return address && address->family() == family ? address : std::nullopt;
}

ProxyReading read_line(Bytes bytes) noexcept {
  const std::string_view text = text_of(bytes).substr(0, kLongestLine);
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) {
    return text.size() == kLongestLine ? bad("the PROXY line is longer than 107 bytes") : ProxyReading{};
  }
  std::string_view line = text.substr(0, end);
  if (!line.ends_with('\r')) return bad("the PROXY line does not end with CRLF");
  line.remove_suffix(1);
  line.remove_prefix(kLineStart.size());

  ProxyReading reading{.result = ProxyRead::kComplete, .size = end + 1, .header = {}, .why = {}};
  const std::string_view protocol = pop_word(line);
  if (protocol == "UNKNOWN") return reading;
  if (protocol != "TCP4" && protocol != "TCP6") return bad("the PROXY line names no protocol that exists");
  const int family = protocol == "TCP4" ? AF_INET : AF_INET6;
  const std::string_view source = pop_word(line);
  const std::string_view destination = pop_word(line);
  const std::string_view source_port = pop_word(line);
  const std::optional<SocketAddress> from = read_address(family, source, source_port);
  const std::optional<SocketAddress> to = read_address(family, destination, line);
  if (!from || !to) return bad("the PROXY line does not have two addresses and two ports");
  reading.header.endpoints = ProxyHeader::Endpoints{*from, *to};
  return reading;
}

// --- version 2: binary

ProxyHeader::Endpoints endpoints_in(Bytes addresses, bool is_ipv4) noexcept {
  const std::size_t size = is_ipv4 ? sizeof(in_addr) : sizeof(in6_addr);
  const auto port_at = [&](std::size_t index) {
    return htons(static_cast<std::uint16_t>(size_at(addresses, index)));
  };
  const auto make = is_ipv4 ? ipv4 : ipv6;
  return {make(&addresses[0], port_at(2 * size)), make(&addresses[size], port_at(2 * size + 2))};
}

// Of a header whose checksum stands at `index`: whether it is right when those four bytes count as zero.
bool checksum_is_right(Bytes header, std::size_t index) noexcept {
  constexpr std::array<std::uint8_t, 4> kZeros{};
  Crc32c crc;
  crc.add(header.first(index));
  crc.add(kZeros);
  crc.add(header.subspan(index + kZeros.size()));
  const std::uint32_t written =
      static_cast<std::uint32_t>(size_at(header, index) << 16 | size_at(header, index + 2));
  return crc.value() == written;
}

// Reads one TLV's value, which stands at `index` of the header. Returns why it is bad, or nothing.
std::string_view take_value(Bytes header, std::uint8_t type, std::size_t index, std::size_t size,
                            ProxyHeader& into) noexcept {
  const Bytes value = header.subspan(index, size);
  switch (type) {
    case kAlpn: into.alpn = text_of(value); break;
    case kAuthority: into.authority = text_of(value); break;
    case kUniqueId:
      if (size > kLongestUniqueId) return "the PROXY header's unique id is longer than 128 bytes";
      into.unique_id = text_of(value);
      break;
    case kSsl:
      if (size < kSslFixed) return "the PROXY header's SSL field is too short";
      into.tls = (value[0] & kClientSsl) != 0;
      break;
    case kCrc32c:
      if (size != sizeof(std::uint32_t)) return "the PROXY header's checksum does not have 4 bytes";
      if (!checksum_is_right(header, index)) return "the PROXY header's checksum is wrong";
      break;
    default: break;
  }
  return {};
}

std::string_view take_tlvs(Bytes header, std::size_t index, ProxyHeader& into) noexcept {
  while (index < header.size()) {
    if (header.size() - index < kTlvHead) return "the PROXY header ends inside a field";
    const std::uint8_t type = header[index];
    const std::size_t size = size_at(header, index + 1);
    index += kTlvHead;
    if (header.size() - index < size) return "the PROXY header ends inside a field";
    if (const std::string_view why = take_value(header, type, index, size, into); !why.empty()) return why;
    index += size;
  }
  return {};
}

ProxyReading read_binary(Bytes bytes) noexcept {
  const std::size_t command_at = kBinaryStart.size();
  if (bytes.size() > command_at && bytes[command_at] != kLocal && bytes[command_at] != kProxy) {
    return bad("the PROXY header has an unknown version or command");
  }
  if (bytes.size() < kBinaryFixed) return {};
  const std::size_t size = kBinaryFixed + size_at(bytes, kBinaryFixed - 2);
  if (size > kLongestProxyHeader) return bad("the PROXY header is longer than 16 KiB");
  if (bytes.size() < size) return {};

  ProxyReading reading{.result = ProxyRead::kComplete, .size = size, .header = {}, .why = {}};
  if (bytes[command_at] == kLocal) return reading;
  const unsigned family = bytes[command_at + 1] >> 4;
  const unsigned transport = bytes[command_at + 1] & 0x0f;
  if (family > kLastFamily || transport > kLastTransport) {
    return bad("the PROXY header has an unknown address family or transport");
  }
  const std::size_t addresses = kAddressSizes[family];
  if (size - kBinaryFixed < addresses) return bad("the PROXY header is too short for its addresses");
  if (transport != 0 && (family == 1 || family == 2)) {
    reading.header.endpoints = endpoints_in(bytes.subspan(kBinaryFixed, addresses), family == 1);
  }
  const std::string_view why = take_tlvs(bytes.first(size), kBinaryFixed + addresses, reading.header);
  return why.empty() ? reading : bad(why);
}

// Whether what has come so far may go on to become `start`, or has.
bool may_begin(std::string_view text, std::string_view start) noexcept {
  const std::size_t size = std::min(text.size(), start.size());
  return text.substr(0, size) == start.substr(0, size);
}

// --- writing

bool is_ipv4(const SocketAddress& address) noexcept {
  return address.family() == AF_INET ||
         (address.family() == AF_INET6 &&
          IN6_IS_ADDR_V4MAPPED(&reinterpret_cast<const sockaddr_in6*>(address.get())->sin6_addr));
}

bool is_ip(const SocketAddress& address) noexcept {
  return address.family() == AF_INET || address.family() == AF_INET6;
}

// The address as 4 bytes for IPv4, or else 16, IPv4 mapped.
std::string address_bytes(const SocketAddress& address, bool as_ipv4) {
  const auto* const v4 = reinterpret_cast<const sockaddr_in*>(address.get());
  const auto* const v6 = reinterpret_cast<const sockaddr_in6*>(address.get());
  std::string bytes("\0\0\0\0\0\0\0\0\0\0\xff\xff"sv);
  if (address.family() == AF_INET) {
    bytes.append(reinterpret_cast<const char*>(&v4->sin_addr), sizeof v4->sin_addr);
  } else {
    bytes.assign(reinterpret_cast<const char*>(&v6->sin6_addr), sizeof v6->sin6_addr);
  }
  return as_ipv4 ? bytes.substr(bytes.size() - sizeof(in_addr)) : bytes;
}

void append_size(std::string& out, std::size_t size) {
  out.push_back(static_cast<char>(size >> 8 & 0xff));
  out.push_back(static_cast<char>(size & 0xff));
}

void append_tlv(std::string& out, Tlv type, std::string_view value, std::size_t longest) {
  if (value.empty() || value.size() > longest) return;
  out.push_back(static_cast<char>(type));
  append_size(out, value.size());
  out.append(value);
}

// The endpoints, if both are of IP; version 2 has room for paths, but nobody to whom they say anything.
std::optional<ProxyHeader::Endpoints> ip_endpoints(const ProxyHeader& header) noexcept {
  if (!header.endpoints || !is_ip(header.endpoints->source) || !is_ip(header.endpoints->destination)) {
    return std::nullopt;
  }
  return header.endpoints;
}

}  // namespace

ProxyReading read_proxy_header(std::span<const std::uint8_t> bytes) noexcept {
  const std::string_view text = text_of(bytes);
  if (may_begin(text, kBinaryStart)) return read_binary(bytes);
  if (!may_begin(text, kLineStart)) return bad("there is no PROXY header");
  return text.size() < kLineStart.size() ? ProxyReading{} : read_line(bytes);
}

std::string proxy_header_v1(const ProxyHeader& header) {
  const auto endpoints = ip_endpoints(header);
  if (!endpoints) return "PROXY UNKNOWN\r\n";
  const auto& [source, destination] = *endpoints;
  const bool both_ipv4 = is_ipv4(source) && is_ipv4(destination);
  const auto address_text = [both_ipv4](const SocketAddress& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(both_ipv4 ? AF_INET : AF_INET6, address_bytes(address, both_ipv4).data(), text.data(),
              text.size());
    return std::string(text.data());
  };
  std::string line(kLineStart);
  line.append(both_ipv4 ? "TCP4 " : "TCP6 ");
  line.append(address_text(source)).append(" ").append(address_text(destination)).append(" ");
  line.append(std::to_string(source.port())).append(" ").append(std::to_string(destination.port()));
  return line.append("\r\n");
}

std::string proxy_header_v2(const ProxyHeader& header) {
  std::string behind;  // the addresses and TLVs
  std::uint8_t family = 0;
  if (const auto endpoints = ip_endpoints(header)) {
    const auto& [source, destination] = *endpoints;
    const bool both_ipv4 = is_ipv4(source) && is_ipv4(destination);
    family = both_ipv4 ? kTcpOverIpv4 : kTcpOverIpv6;
    behind = address_bytes(source, both_ipv4) + address_bytes(destination, both_ipv4);
    append_size(behind, source.port());
    append_size(behind, destination.port());
  }
  append_tlv(behind, kAlpn, header.alpn, kLongestName);
  append_tlv(behind, kAuthority, header.authority, kLongestName);
  append_tlv(behind, kUniqueId, header.unique_id, kLongestUniqueId);
  // The four bytes behind the flag say that no certificate of the client was verified (section 2.2.6).
  if (header.tls) append_tlv(behind, kSsl, "\x01\0\0\0\x01"sv, kSslFixed);

  std::string out(kBinaryStart);
  out.push_back(static_cast<char>(kProxy));
  out.push_back(static_cast<char>(family));
  append_size(out, behind.size());
  return out.append(behind);
}

}  // namespace wskeep::net
