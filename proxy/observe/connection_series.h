// The series of single connections, as Prometheus text (exposition format 0.0.4).
//
// Written by hand because there may be a hundred thousand of them: one growing string, integer arithmetic, no
// object a series. Client and path stand only in `_info`, so the others stay short; times are timestamps, not
// ages, so that an unchanged series compresses to nothing.
#pragma once

#include <string>
#include <string_view>

#include "proxy/observe/connection_snapshot.h"

namespace wskeep::observe {

// Bytes of a label value before escaping.
inline constexpr std::size_t kMaxLabelBytes = 128;

// Appends every family with its HELP and TYPE. A series whose value doesn't exist yet (no pong so far) is
// absent; wskeep_connections_not_exported is always there. Throws only std::bad_alloc.
void append_connection_series(const ConnectionSource::Answer& answer, std::string& out);

// Appends `value` as it may stand between the quotes of a label: valid UTF-8 without control characters,
// cut between characters at kMaxLabelBytes, with \ " and newline escaped.
void append_label_value(std::string_view value, std::string& out);

}  // namespace wskeep::observe
