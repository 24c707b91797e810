// What must hold between the options of TLS.
#pragma once

#include <string>
#include <vector>

#include "config/reader.h"

namespace wskeep::config {

// Adds faults, as check() does.
void check_tls(Reading& reading);

// Adds what is allowed but hardly meant, as warnings() does.
void warn_of_tls(const Config& config, std::vector<std::string>& found);

}  // namespace wskeep::config
