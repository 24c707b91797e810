// Descriptors that a service manager passes to a program it starts: systemd's socket activation, by the
// variables LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES (sd_listen_fds(3)), without its library.
//
// They come as numbers from 3 on. Setup only; everything here may throw std::runtime_error with a message for
// the operator.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/net/handles.h"

namespace wskeep::net {

struct PassedVariables {
  std::optional<std::string_view> pid;    // LISTEN_PID
  std::optional<std::string_view> count;  // LISTEN_FDS
  std::optional<std::string_view> names;  // LISTEN_FDNAMES
};

// The names of what is passed to the process `self`, one a descriptor in their order; empty for one without a
// name, which the manager may call "unknown". None when the variables are not set, or meant for another
// process: a child inherits them. Throws when they contradict themselves.
std::vector<std::string> passed_names(const PassedVariables& variables, pid_t self);

struct PassedDescriptor {
  FileDescriptor descriptor;
  std::string name;
};

// Takes what is passed to this process, by its environment. To be called once, before any other descriptor is
// made. Throws when one of them isn't open.
std::vector<PassedDescriptor> take_passed_descriptors();

}  // namespace wskeep::net
