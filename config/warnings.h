// What is allowed and probably not meant: combinations of options that an operator should know about.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace wskeep::config {

// One sentence each, with the keys, the numbers and what to do. Empty when nothing is to be said. Pure: only
// looks at `config`.
std::vector<std::string> warnings(const Config& config);

}  // namespace wskeep::config
