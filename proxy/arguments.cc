#include "proxy/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>
#include <utility>

#include "config/fault.h"
#include "config/print.h"
#include "config/warnings.h"
#include "proxy/version.h"

namespace wskeep {
namespace {

constexpr int kExitBadUsage = 2;
constexpr std::string_view kPrefix = "WSKEEP_";
constexpr std::string_view kFileVariable = "WSKEEP_CONFIG";

constexpr char kDescription[] =
    "wskeep: a WebSocket keepalive sidecar. Stands in front of a WebSocket server, pings its clients, ends\n"
    "dead connections and exports their latency.";
constexpr char kFooter[] =
    "Every option of the file can also be set by --set keepalive.client.ping_interval=10s or by the "
    "variable\n"
    "WSKEEP_KEEPALIVE_CLIENT_PING_INTERVAL. Flags beat variables, which beat the file, which beats the\n"
    "defaults. --print-config shows all options with their ranges.";

enum class Task : std::uint8_t { kRun, kCheck, kPrint };

Invocation exit_with(int code, std::string out, std::string err) {
  Invocation invocation;
  invocation.exit_code = code;
  invocation.out = std::move(out);
  invocation.err = std::move(err);
  return invocation;
}

// Adds WSKEEP_* to `sources`; the file's name goes where a flag would have put it.
void take_environment(const char* const* environment, config::Sources& sources) {
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    if (!entry.starts_with(kPrefix)) continue;
    const std::string_view name = entry.substr(0, entry.find('='));
    const std::string_view value = entry.substr(std::min(entry.size(), name.size() + 1));
    if (name == kFileVariable) {
      if (!sources.file) sources.file = value;
    } else {
      sources.environment.push_back({std::string(name), std::string(value)});
    }
  }
}

Invocation carry_out(Task task, config::Sources sources) {
  Invocation invocation;
  try {
    invocation.config = config::load(sources);
  } catch (const config::ConfigError& error) {
    return exit_with(kExitBadUsage, "", std::string(error.what()) + "\n");
  }
  switch (task) {
    case Task::kCheck: {
      std::string err;
      for (const std::string& warning : config::warnings(invocation.config))
        err += "warning: " + warning + "\n";
      return exit_with(0, "configuration ok\n", std::move(err));
    }
    case Task::kPrint: return exit_with(0, config::print(invocation.config), "");
    case Task::kRun: break;
  }
  invocation.action = Invocation::Action::kRun;
  invocation.sources = std::move(sources);
  return invocation;
}

}  // namespace

Invocation parse_arguments(int argc, const char* const* argv, const char* const* environment) {
  CLI::App app(kDescription, "wskeep");
  app.footer(kFooter);
  app.get_formatter()->column_width(28);
  config::Sources sources;
  app.add_option("--config", sources.file, "Configuration file (YAML); also WSKEEP_CONFIG")
      ->type_name("FILE");
  app.add_option("--listen", sources.listen, "Accept clients here; repeat for more addresses")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
  app.add_option("--backend", sources.backend, "The server behind")->type_name("ADDRESS");
  app.add_option("--set", sources.set, "Set any option, e.g. log.level=debug; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  bool check = false;
  bool print = false;
  CLI::Option* check_flag =
      app.add_flag("--check-config", check, "Report all faults of the configuration and exit");
  app.add_flag("--print-config", print, "Write the effective configuration as YAML and exit")
      ->excludes(check_flag);
  app.set_version_flag("--version", std::string("wskeep ") + kVersion + " (" + kCommit + ")");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return exit_with(0, app.help(), "");
  } catch (const CLI::CallForVersion& version) {
    return exit_with(0, std::string(version.what()) + "\n", "");
  } catch (const CLI::ParseError& error) {
    return exit_with(kExitBadUsage, "", std::string("wskeep: ") + error.what() + "\nTry wskeep --help.\n");
  }
  take_environment(environment, sources);
  const Task task = check ? Task::kCheck : print ? Task::kPrint : Task::kRun;
  return carry_out(task, std::move(sources));
}

}  // namespace wskeep
