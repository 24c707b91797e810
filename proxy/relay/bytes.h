// Text as bytes of a stream.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace wskeep::relay {

inline std::span<const std::uint8_t> bytes_of(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace wskeep::relay
