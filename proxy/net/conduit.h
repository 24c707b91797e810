// Conduit moves bytes from one transport to another without showing them to anybody.
//
// It keeps nothing: what the one has given and the other won't take is handed back at once. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "proxy/net/transport.h"

namespace wskeep::net {

class Conduit {
 public:
  struct Moved {
    IoResult source;  // as a read's, but that `drained` is never told
    // Of these bytes the last so many stand at the front of `memory`: the sink takes them no more, and,
    // unless it has failed, promises an event as Transport::write does.
    std::size_t refused = 0;
    int sink_error = 0;  // errno of the sink's connection, when that is broken
  };

  virtual ~Conduit() = default;

  // Whether there is a way between the two that is cheaper than reading and writing.
  virtual bool joins(const Transport& source, const Transport& sink) const noexcept = 0;
  // Moves at most memory.size() bytes, at least one.
  [[nodiscard]] virtual Moved move(Transport& source, Transport& sink,
                                   std::span<std::uint8_t> memory) noexcept = 0;
};

}  // namespace wskeep::net
