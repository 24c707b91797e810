// Writes a Config as YAML that loads back into an equal Config.
#pragma once

#include <string>

#include "config/config.h"

namespace wskeep::config {

// Every option in schema order, one a line, each with its range and its why as a comment.
std::string print(const Config& config);

}  // namespace wskeep::config
