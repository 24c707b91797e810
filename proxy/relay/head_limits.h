// How large the operator lets heads be, and which of these limits a reader has met.
#pragma once

#include "config/config.h"
#include "proxy/http/head.h"
#include "proxy/observe/words.h"

namespace wskeep::relay {

inline http::HeadLimits head_limits(const config::Limits& limits) noexcept {
  return {limits.header_bytes, limits.header_fields};
}

// After kTooLarge.
template <class Reader>
observe::Limit limit_met_by(const Reader& reader) noexcept {
  return reader.too_many_fields() ? observe::Limit::kHeaderFields : observe::Limit::kHeaderBytes;
}

}  // namespace wskeep::relay
