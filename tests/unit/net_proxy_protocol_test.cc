// PROXY headers: exact bytes in and out, every cut, and everything that must be refused.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "proxy/net/crc32c.h"
#include "proxy/net/proxy_protocol.h"

namespace wskeep::net {
namespace {

using namespace std::string_literals;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;
const std::string kIpv4Block =
    "\xC0\x00\x02\x01\xC6\x33\x64\x02\x04\xD2\x01\xBB"s;  // 192.0.2.1:1234, 198.51.100.2:443
const std::string kIpv4Text = "192.0.2.1:1234 > 198.51.100.2:443";

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string size_bytes(std::size_t size) {
  return {static_cast<char>(size >> 8), static_cast<char>(size & 0xff)};
}

// A header of version 2: command, family and transport, and what follows them.
std::string binary(char command, char family, const std::string& behind) {
  return kSignature + command + family + size_bytes(behind.size()) + behind;
}

std::string tlv(char type, const std::string& value) {
  return type + size_bytes(value.size()) + value;
}

std::string with_tlvs(const std::string& tlvs) {
  return binary(0x21, 0x11, kIpv4Block + tlvs);
}

// Everything that a header says, on one line.
std::string told(const ProxyHeader& header) {
  std::string text = "nobody";
  if (header.endpoints) text = header.endpoints->source.text() + " > " + header.endpoints->destination.text();
  if (header.tls) text += " tls";
  if (!header.alpn.empty()) text += " alpn=" + std::string(header.alpn);
  if (!header.authority.empty()) text += " authority=" + std::string(header.authority);
  if (!header.unique_id.empty()) text += " id=" + std::string(header.unique_id);
  return text;
}

struct Good {
  std::string bytes;
  std::string told;
};

const std::vector<Good>& good_headers() {
  static const std::string kIpv6Block = "\x20\x01\x0D\xB8"s + std::string(11, '\0') + "\x01" +  //
                                        "\x20\x01\x0D\xB8"s + std::string(11, '\0') + "\x02" +  //
                                        "\xFF\xFF\x00\x50"s;
  static const std::string kSsl = tlv(0x20, "\x01\0\0\0\0"s + tlv(0x21, "TLSv1.3") + tlv(0x22, "client"));
  static const std::vector<Good> kGood{
      {"PROXY TCP4 192.0.2.1 198.51.100.2 1234 443\r\n", kIpv4Text},
      {"PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n", "255.255.255.255:65535 > 0.0.0.0:0"},
      {"PROXY TCP6 2001:db8::1 2001:DB8::2 1234 443\r\n", "[2001:db8::1]:1234 > [2001:db8::2]:443"},
      {"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", "192.0.2.1:1 > [::1]:2"},
      {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 "
       "65535\r\n",
       "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535 > [ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
      {"PROXY UNKNOWN\r\n", "nobody"},
      {"PROXY UNKNOWN \r\n", "nobody"},
      {"PROXY UNKNOWN " + std::string(91, 'f') + "\r\n", "nobody"},  // 107 bytes
      {binary(0x21, 0x11, kIpv4Block), kIpv4Text},
      {binary(0x21, 0x12, kIpv4Block), kIpv4Text},  // the client came over QUIC
      {binary(0x21, 0x21, kIpv6Block), "[2001:db8::1]:65535 > [2001:db8::2]:80"},
      {binary(0x21, 0x31, std::string(216, 'p')), "nobody"},
      {binary(0x21, 0x31, std::string(216, 'p') + tlv(0x05, "7")), "nobody id=7"},
      {binary(0x21, 0x10, kIpv4Block), "nobody"},  // no transport
      {binary(0x21, 0x00, ""), "nobody"},
      {binary(0x21, 0x00, tlv(0x02, "a.example")), "nobody authority=a.example"},
      {binary(0x20, 0x00, ""), "nobody"},
      {binary(0x20, 0x11, kIpv4Block + kSsl), "nobody"},  // LOCAL: all of it is ignored
      {binary(0x20, '\xff', "garbage"), "nobody"},
      {with_tlvs(tlv(0x01, "http/1.1") + tlv(0x02, "a.example") + tlv(0x05, "id-1")),
       kIpv4Text + " alpn=http/1.1 authority=a.example id=id-1"},
      {with_tlvs(kSsl), kIpv4Text + " tls"},
      {with_tlvs(tlv(0x20, "\x01\0\0\0\x01"s)), kIpv4Text + " tls"},
      {with_tlvs(tlv(0x20, "\x02\0\0\0\0"s)), kIpv4Text},
      {with_tlvs(tlv(0x04, "") + tlv(0x04, std::string(300, '\0')) + tlv(0x30, "net") + tlv('\xE0', "own")),
       kIpv4Text},
      {with_tlvs(tlv(0x05, std::string(128, 'x'))), kIpv4Text + " id=" + std::string(128, 'x')},
      {with_tlvs(tlv(0x03, "\x3F\x39\x34\x85")), kIpv4Text},
      {with_tlvs(tlv(0x04, std::string(kLongestProxyHeader - 16 - 12 - 3, '\0'))), kIpv4Text},
  };
  return kGood;
}

TEST(ReadProxyHeader, TellsWhoTheClientIs) {
  for (const Good& good : good_headers()) {
    for (const char* behind : {"", "G", "\x16\x03\x01", "PROXY UNKNOWN\r\n", "\r\n\r\n"}) {
      const std::string bytes = good.bytes + behind;
      const ProxyReading reading = read_proxy_header(bytes_of(bytes));
      EXPECT_EQ(reading.result, ProxyRead::kComplete) << reading.why;
      EXPECT_EQ(reading.size, good.bytes.size());
      EXPECT_EQ(told(reading.header), good.told);
      EXPECT_EQ(reading.why, "");
    }
  }
}

TEST(ReadProxyHeader, WaitsAtEveryCut) {
  for (const Good& good : good_headers()) {
    for (std::size_t size = 0; size < good.bytes.size(); ++size) {
      const std::string begun = good.bytes.substr(0, size);
      EXPECT_EQ(read_proxy_header(bytes_of(begun)).result, ProxyRead::kIncomplete)
          << good.told << " cut at " << size;
    }
  }
}

struct Bad {
  std::string bytes;
  const char* why;
};

void expect_refused(const std::vector<Bad>& cases) {
  for (const Bad& c : cases) {
    const ProxyReading reading = read_proxy_header(bytes_of(c.bytes));
    EXPECT_EQ(reading.result, ProxyRead::kBad) << testing::PrintToString(c.bytes);
    EXPECT_EQ(reading.why, c.why) << testing::PrintToString(c.bytes);
    EXPECT_EQ(told(reading.header), "nobody");
  }
}

TEST(ReadProxyHeader, RefusesWhatIsNoneAtItsFirstByte) {
  constexpr const char* kNone = "there is no PROXY header";
  expect_refused({{"G", kNone},
                  {"\x16", kNone},
                  {"PO", kNone},
                  {"PROXY\r\n", kNone},
                  {"proxy TCP4 ", kNone},
                  {" PROXY ", kNone},
                  {"\r\n\r\nG", kNone},
                  {"\r\n\r\n\0\r\nQUIT\r"s, kNone},
                  {"\n", kNone}});
}

TEST(ReadProxyHeader, RefusesBadLines) {
  constexpr const char* kAddresses = "the PROXY line does not have two addresses and two ports";
  constexpr const char* kProtocol = "the PROXY line names no protocol that exists";
  constexpr const char* kEnd = "the PROXY line does not end with CRLF";
  constexpr const char* kLong = "the PROXY line is longer than 107 bytes";
  expect_refused({
      {"PROXY \r\n", kProtocol},
      {"PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n", kProtocol},
      {"PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n", kProtocol},
      {"PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n", kProtocol},
      {"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", kProtocol},
      {"PROXY UNKNOWNS\r\n", kProtocol},
      {"PROXY UNKNOWN\n", kEnd},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n", kEnd},
      {"PROXY TCP4\n192.0.2.1 192.0.2.2 1 2\r\n", kEnd},
      {"PROXY TCP4\r\n", kAddresses},
      {"PROXY TCP4 \r\n", kAddresses},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", kAddresses},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 1 \r\n", kAddresses},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n", kAddresses},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n", kAddresses},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\r\n", kAddresses},
      {"PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n", kAddresses},
      {"PROXY TCP4 192.0.2.1\t192.0.2.2 1 2\r\n", kAddresses},
      {"PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n", kAddresses},
      {"PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n", kAddresses},
      {"PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n", kAddresses},
      {"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", kAddresses},
      {"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", kAddresses},
      {"PROXY TCP6 [::1] ::1 1 2\r\n", kAddresses},
      {"PROXY TCP6 ::1 ::1%1 1 2\r\n", kAddresses},
      {"PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n"s, kAddresses},
      {"PROXY TCP4 localhost 192.0.2.2 1 2\r\n", kAddresses},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n", kAddresses},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n", kAddresses},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n", kAddresses},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 1 +2\r\n", kAddresses},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 1 0x2\r\n", kAddresses},
      {"PROXY UNKNOWN " + std::string(93, 'f'), kLong},
      {"PROXY UNKNOWN " + std::string(92, 'f') + "\r\n", kLong},
      {"PROXY TCP4 " + std::string(200, '1'), kLong},
  });
}

TEST(ReadProxyHeader, RefusesBadBinaryHeaders) {
  constexpr const char* kCommand = "the PROXY header has an unknown version or command";
  constexpr const char* kFamily = "the PROXY header has an unknown address family or transport";
  constexpr const char* kShort = "the PROXY header is too short for its addresses";
  constexpr const char* kInside = "the PROXY header ends inside a field";
  constexpr const char* kLong = "the PROXY header is longer than 16 KiB";
  constexpr const char* kWrong = "the PROXY header's checksum is wrong";
  constexpr const char* kChecksumSize = "the PROXY header's checksum does not have 4 bytes";
  constexpr const char* kSslShort = "the PROXY header's SSL field is too short";
  expect_refused({
      {kSignature + '\x11', kCommand},
      {kSignature + '\x22', kCommand},
      {kSignature + '\x2f', kCommand},
      {kSignature + '\x31', kCommand},
      {kSignature + '\0', kCommand},
      {binary(0x21, 0x41, std::string(300, 'x')), kFamily},
      {binary(0x21, 0x13, kIpv4Block), kFamily},
      {binary(0x21, '\xf0', ""), kFamily},
      {binary(0x21, 0x11, kIpv4Block.substr(1)), kShort},
      {binary(0x21, 0x11, ""), kShort},
      {binary(0x21, 0x21, std::string(35, 'x')), kShort},
      {binary(0x21, 0x31, std::string(215, 'x')), kShort},
      {with_tlvs("\x04"), kInside},
      {with_tlvs("\x04\0"s), kInside},
      {with_tlvs("\x04\0\1"s), kInside},
      {with_tlvs(tlv(0x04, "x") + "\x05\0\x03xx"s), kInside},
      {with_tlvs("\x04\xff\xffxx"s), kInside},
      {kSignature + "\x21\x11"s + size_bytes(kLongestProxyHeader - 15), kLong},
      {kSignature + "\x20\x11\xff\xff"s, kLong},
      {with_tlvs(tlv(0x03, "\x3F\x39\x34\x84")), kWrong},
      {with_tlvs(tlv(0x03, "\0\0\0\0"s)), kWrong},
      {with_tlvs(tlv(0x03, "\x3F\x39\x34\x85") + tlv(0x04, "")), kWrong},
      {with_tlvs(tlv(0x03, "\x3F\x39\x34")), kChecksumSize},
      {with_tlvs(tlv(0x03, "\x3F\x39\x34\x85\0"s)), kChecksumSize},
      {with_tlvs(tlv(0x20, "\x01\0\0\0"s)), kSslShort},
      {with_tlvs(tlv(0x20, "")), kSslShort},
      {with_tlvs(tlv(0x05, std::string(129, 'x'))), "the PROXY header's unique id is longer than 128 bytes"},
  });
}

ProxyHeader between(const char* source, const char* destination) {
  ProxyHeader header;
  header.endpoints =
      ProxyHeader::Endpoints{*literal_address(source, 1234), *literal_address(destination, 443)};
  return header;
}

TEST(ProxyHeaderV1, IsALine) {
  EXPECT_EQ(proxy_header_v1({}), "PROXY UNKNOWN\r\n");
  EXPECT_EQ(proxy_header_v1(between("192.0.2.1", "198.51.100.2")),
            "PROXY TCP4 192.0.2.1 198.51.100.2 1234 443\r\n");
  EXPECT_EQ(proxy_header_v1(between("2001:db8::1", "::1")), "PROXY TCP6 2001:db8::1 ::1 1234 443\r\n");
  EXPECT_EQ(proxy_header_v1(between("::ffff:192.0.2.1", "::ffff:10.0.0.1")),
            "PROXY TCP4 192.0.2.1 10.0.0.1 1234 443\r\n");
  EXPECT_EQ(proxy_header_v1(between("2001:db8::1", "10.0.0.1")),
            "PROXY TCP6 2001:db8::1 ::ffff:10.0.0.1 1234 443\r\n");
}

TEST(ProxyHeaderV2, IsBinary) {
  EXPECT_EQ(proxy_header_v2({}), binary(0x21, 0x00, ""));
  EXPECT_EQ(proxy_header_v2(between("192.0.2.1", "198.51.100.2")), binary(0x21, 0x11, kIpv4Block));
  EXPECT_EQ(proxy_header_v2(between("::ffff:192.0.2.1", "198.51.100.2")), binary(0x21, 0x11, kIpv4Block));
  EXPECT_EQ(proxy_header_v2(between("::1", "192.0.2.1")),
            binary(0x21, 0x21,
                   std::string(15, '\0') + "\x01" + std::string(10, '\0') +
                       "\xFF\xFF\xC0\x00\x02\x01\x04\xD2\x01\xBB"s));
  ProxyHeader header = between("192.0.2.1", "198.51.100.2");
  header.tls = true;
  header.alpn = "http/1.1";
  header.authority = "a.example";
  header.unique_id = "0123456789abcdef";
  EXPECT_EQ(proxy_header_v2(header), with_tlvs(tlv(0x01, "http/1.1") + tlv(0x02, "a.example") +
                                               tlv(0x05, "0123456789abcdef") + tlv(0x20, "\x01\0\0\0\x01"s)));
}

TEST(ProxyHeaderV2, LeavesOutWhatIsTooLong) {
  const std::string longest(255, 'a');
  const std::string longer(256, 'a');
  ProxyHeader header;
  header.alpn = header.authority = longest;
  header.unique_id = std::string_view(longest).substr(0, 128);
  EXPECT_EQ(proxy_header_v2(header).size(), 16u + 3 + 255 + 3 + 255 + 3 + 128);
  header.alpn = header.authority = longer;
  header.unique_id = std::string_view(longest).substr(0, 129);
  EXPECT_EQ(proxy_header_v2(header), binary(0x21, 0x00, ""));
}

TEST(ProxyHeader, IsReadBackAsWritten) {
  for (const Good& good : good_headers()) {
    const ProxyReading first = read_proxy_header(bytes_of(good.bytes));
    const std::string v2 = proxy_header_v2(first.header);
    EXPECT_EQ(told(read_proxy_header(bytes_of(v2)).header), good.told);
    const std::string v1 = proxy_header_v1(first.header);
    EXPECT_LE(v1.size(), 107u);
    const ProxyReading line = read_proxy_header(bytes_of(v1));
    EXPECT_EQ(line.size, v1.size());
    EXPECT_EQ(line.header.endpoints.has_value(), first.header.endpoints.has_value());
  }
}

TEST(Crc32c, IsWhatTheRfcShows) {
  const auto crc = [](const std::string& text) {
    Crc32c sum;
    sum.add(bytes_of(text).first(text.size() / 3));
    sum.add(bytes_of(text).subspan(text.size() / 3));
    return sum.value();
  };
  EXPECT_EQ(crc(""), 0u);
  EXPECT_EQ(crc("123456789"), 0xe3069283u);
  EXPECT_EQ(crc(std::string(32, '\0')), 0x8a9136aau);  // RFC 3720 appendix B.4, as are the next
  EXPECT_EQ(crc(std::string(32, '\xff')), 0x62a8ab43u);
}

}  // namespace
}  // namespace wskeep::net
