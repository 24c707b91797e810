// Text as the bytes that the http room reads.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/http/head.h"

namespace wskeep::http {

inline Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace wskeep::http
