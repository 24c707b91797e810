// The log lines about one connection: one at a session's end, one for a handshake that failed.
#pragma once

#include "proxy/relay/opening.h"
#include "proxy/relay/session.h"

namespace wskeep::relay {

// A session that is ending or over. Its reason must be known.
void report_ended_session(const Session& session, TimePoint now);

// How a handshake, or a request, has failed. A client that left without a word is worth a debug line only:
// that is how load balancers probe a port. Without memory the line is lost.
void report_failure(const Caller& caller, const Opening::Outcome& outcome) noexcept;

}  // namespace wskeep::relay
