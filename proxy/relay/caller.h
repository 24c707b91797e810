// Caller is what is known of a client before it has said a word of HTTP.
#pragma once

#include <string_view>

#include "proxy/net/address.h"

namespace wskeep::relay {

struct Caller {
  net::SocketAddress peer;           // who has connected to us
  std::string_view scheme = "http";  // or "https": what the client speaks to us
};

}  // namespace wskeep::relay
