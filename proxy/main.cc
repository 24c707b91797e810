// wskeep: arguments, configuration, server, exit code.
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

#include "config/warnings.h"
#include "proxy/arguments.h"
#include "proxy/net/event_memory.h"
#include "proxy/observe/log.h"
#include "proxy/relay/server.h"

namespace {

constexpr int kStartFailed = 1;

int serve(wskeep::config::Config config) {
  const auto snapshot = std::make_shared<const wskeep::config::Config>(std::move(config));
  wskeep::observe::log::start(snapshot->log);
  for (const std::string& warning : wskeep::config::warnings(*snapshot)) {
    wskeep::observe::log::warning("questionable configuration", {{"why", warning}});
  }
  int exit_code = kStartFailed;
  try {
    wskeep::net::separate_event_memory();
    exit_code = wskeep::relay::Server(snapshot).run();
  } catch (const std::exception& error) {
    wskeep::observe::log::error("start failed", {{"why", std::string_view(error.what())}});
  }
  wskeep::observe::log::stop();
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  wskeep::Invocation invocation = wskeep::parse_arguments(argc, argv, environ);
  std::fputs(invocation.out.c_str(), stdout);
  std::fputs(invocation.err.c_str(), stderr);
  if (invocation.action == wskeep::Invocation::Action::kExit) return invocation.exit_code;
  return serve(std::move(invocation.config));
}
