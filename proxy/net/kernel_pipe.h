// KernelPipe is the Conduit between two TCP sockets: splice(2) hands their pages on, and nothing is copied.
//
// Two system calls for what a read and a write would do, and two descriptors. The pipe is empty between
// calls, so one serves all connections of a thread. splice can't ask for an error instead of SIGPIPE: the
// process must ignore that, or its thread block it.
#pragma once

#include "proxy/net/conduit.h"
#include "proxy/net/handles.h"

namespace wskeep::net {

class KernelPipe final : public Conduit {
 public:
  // Without descriptors for it the pipe joins nothing.
  KernelPipe() noexcept;

  bool joins(const Transport& source, const Transport& sink) const noexcept override;
  [[nodiscard]] Moved move(Transport& source, Transport& sink,
                           std::span<std::uint8_t> memory) noexcept override;

 private:
  FileDescriptor read_end_;
  FileDescriptor write_end_;
};

}  // namespace wskeep::net
