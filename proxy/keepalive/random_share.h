// A random part of a time span: how everything here that must not happen together is spread.
#pragma once

#include <cstdint>

#include "proxy/keepalive/pong_ledger.h"

namespace wskeep::keepalive {

// A share of `span`, uniform in [0, span): 32 random bits resolve 24 h to 20 us, 30 days to 0.6 ms.
inline nanoseconds random_share(nanoseconds span, std::uint64_t random) noexcept {
  const auto bits = static_cast<std::uint32_t>(random);
  return nanoseconds{static_cast<std::int64_t>(static_cast<double>(span.count()) * (bits * 0x1p-32))};
}

}  // namespace wskeep::keepalive
