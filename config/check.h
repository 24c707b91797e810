// Faults that no single option has: what must hold between options.
#pragma once

#include "config/reader.h"

namespace wskeep::config {

// Adds to reading.faults what its options say against each other, each located where the later of the two
// was written. Options that already have a fault of their own are left out.
void check(Reading& reading);

}  // namespace wskeep::config
