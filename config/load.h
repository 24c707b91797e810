// Makes a Config from everything that says something about it.
//
// Flags beat the environment, which beats the file, which beats the defaults. Loading is strict: what
// isn't understood is a fault, and all faults of all sources are thrown at once. It reads at most one
// file and nothing else, so the same Sources can be loaded again on a reload.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/fault.h"

namespace wskeep::config {

struct Variable {
  std::string name;
  std::string value;
};

// Where a configuration comes from. All of it is the operator's text, unchecked.
struct Sources {
  std::optional<std::string> file;     // path; none: defaults
  std::vector<Variable> environment;   // only names that begin with WSKEEP_ are looked at
  std::vector<std::string> listen;     // --listen A:P; any of them replace the whole list
  std::optional<std::string> backend;  // --backend A:P
  std::vector<std::string> set;        // --set key.path=value, in order, after the two above
};

// Reads sources.file and applies the rest. Throws ConfigError.
Config load(const Sources& sources);

// The same with `text` in place of the file; `file_name` is what faults call it. Throws ConfigError.
Config load_text(std::string_view text, std::string_view file_name, const Sources& sources = {});

}  // namespace wskeep::config
