// The command line: what a run of wskeep was asked to do, and with which configuration.
//
// Reads flags, the environment and at most one file; prints nothing and ends nothing, so that main()
// stays a few lines and tests can look at the outcome.
#pragma once

#include <cstdint>
#include <string>

#include "config/config.h"
#include "config/load.h"

namespace wskeep {

struct Invocation {
  enum class Action : std::uint8_t {
    kRun,   // start the proxy with `config`
    kExit,  // write `out` and `err`, then exit with `exit_code`
  };

  Action action = Action::kExit;
  config::Config config;    // for kRun
  config::Sources sources;  // what `config` was loaded from, to load it again on a reload
  int exit_code = 0;        // 0, or 2 for a fault in the flags or the configuration
  std::string out;          // for standard output
  std::string err;          // for standard error; with exit_code 0 warnings
};

// `environment` is a null-terminated array of "NAME=value", as main() gets it; null is an empty one. Of it
// only WSKEEP_* is read: WSKEEP_CONFIG is the file when --config isn't given, the others are options.
// Never throws ConfigError: faults are in `err`, one a line.
Invocation parse_arguments(int argc, const char* const* argv, const char* const* environment);

}  // namespace wskeep
