// How lists of whom and what to let pass are written: address ranges, web origins, protocols.
//
// Syntaxes like those in values.h, over values of the rooms that use them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/values.h"
#include "proxy/http/protocol_name.h"
#include "proxy/net/ip_range.h"
#include "proxy/websocket/origin.h"

namespace wskeep::config {

// IP addresses and CIDR ranges with commas between them, or none. `unix` stands for all peers of unix
// sockets.
struct IpRanges {
  std::size_t max;  // how many

  [[nodiscard]] Why read(std::string_view text, std::vector<net::IpRange>& value) const;
  std::string write(const std::vector<net::IpRange>& value) const;
  std::string expected() const;
};

// Web origins with commas between them (websocket/origin.h), or any, which is an empty list.
struct Origins {
  std::size_t max;  // how many

  [[nodiscard]] Why read(std::string_view text, std::vector<websocket::OriginPattern>& value) const;
  std::string write(const std::vector<websocket::OriginPattern>& value) const;
  std::string expected() const;
};

// Names of protocols with commas between them (http/protocol_name.h), or none.
struct Protocols {
  std::size_t max;  // how many

  [[nodiscard]] Why read(std::string_view text, std::vector<http::ProtocolName>& value) const;
  std::string write(const std::vector<http::ProtocolName>& value) const;
  std::string expected() const;
};

}  // namespace wskeep::config
