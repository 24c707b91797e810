#include "proxy/relay/report.h"

#include <fmt/format.h>

#include <exception>

#include "proxy/observe/log.h"

namespace wskeep::relay {

namespace log = observe::log;

namespace {

double seconds(keepalive::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

std::uint64_t code(const Leg& leg) {
  return leg.close_code.value_or(0);
}

}  // namespace

void report_ended_session(const Session& session, TimePoint now) {
  if (!log::enabled(log::LogLevel::kInfo)) return;
  const SessionIdentity& who = session.identity();
  const Leg& client = session.client();
  const Leg& backend = session.backend();
  const LatencySummary& latency = session.latency();
  const observe::CloseReason reason = session.reason().value_or(observe::CloseReason::kInternalError);
  log::info("session ended", {{"id", id_text(who.id())},
                              {"client", who.client()},
                              {"path", who.path()},
                              {"duration", seconds(now - session.started_at())},
                              {"initiator", to_string(observe::initiator_of(reason))},
                              {"reason", to_string(reason)},
                              {"client_close", code(client)},
                              {"backend_close", code(backend)},
                              {"bytes_to_backend", client.bytes_received},
                              {"bytes_to_client", backend.bytes_received},
                              {"frames_to_backend", client.frames_received},
                              {"frames_to_client", backend.frames_received},
                              {"pings_sent", client.pings_sent},
                              {"pongs_received", latency.count()},
                              {"latency_min", seconds(latency.least())},
                              {"latency_mean", seconds(latency.mean())},
                              {"latency_max", seconds(latency.most())},
                              {"never_ponged", client.never_ponged},
                              {"idle", seconds(now - session.last_data_at())}});
}

void report_failure(const Caller& caller, const Opening::Outcome& outcome) noexcept try {
  const auto level =
      outcome.result == observe::HandshakeResult::kClientGone ? log::LogLevel::kDebug : log::LogLevel::kInfo;
  if (!log::enabled(level)) return;
  const std::string client = shown(caller.client);
  const std::initializer_list<log::Field> fields = {{"client", client},
                                                    {"result", to_string(outcome.result)},
                                                    {"status", outcome.status},
                                                    {"reason", outcome.reason}};
  log::write(level, outcome.what, fields);
} catch (const std::exception&) {
}

}  // namespace wskeep::relay
