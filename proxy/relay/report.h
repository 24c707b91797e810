// The log lines about one connection: one at a session's end, one for a handshake that failed.
#pragma once

#include "proxy/relay/opening.h"
#include "proxy/relay/session.h"

namespace wskeep::relay {

// A session that is ending or over. Its reason must be known.
void report_ended_session(const Session& session, TimePoint now);

// A handshake whose outcome is known. A client that left without a word is worth a debug line only: that is
// how load balancers probe a port. Without memory the line is lost.
void report_failed_handshake(const Opening& opening) noexcept;

}  // namespace wskeep::relay
