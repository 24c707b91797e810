// Acceptor takes clients from listening sockets and gives them away.
//
// Mostly one client a turn of its loop: to look for another and find none costs as much as accepting does.
// But when many wait, many are taken, so that a busy loop, whose turns are long, doesn't keep them waiting.
// When the kernel has no resources for one more it rests, and says so once a second at most. One thread, its
// loop's; destruction closes the listeners.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "proxy/net/embedded_event.h"
#include "proxy/net/handles.h"
#include "proxy/net/socket.h"
#include "proxy/observe/counters.h"

namespace wskeep::relay {

// A socket that listens, and the place of its listener in the configuration: a listener may have several.
struct Door {
  net::FileDescriptor socket;
  std::uint32_t listener = 0;
};

class Acceptor {
 public:
  // What to do with a client. May throw when there is no memory.
  using Take = std::function<void(net::Accepted&&)>;

  // Takes at most so many clients from one listener before others have their turn, at least 1. Throws
  // std::bad_alloc when the listeners can't be watched. `counters` belong to the loop's thread.
  Acceptor(event_base* base, std::vector<Door> doors, std::uint32_t most_per_turn,
           observe::WorkerCounters& counters, Take take);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

 private:
  struct Listener {
    Acceptor* acceptor;
    Door door;
    net::EmbeddedEvent event;
    unsigned turns = 0;
    bool crowded = false;  // the last look for a second client found one
  };

  void accept_from(Listener& listener) noexcept;
  bool accept_one_from(const Listener& listener) noexcept;
  void pause(int error) noexcept;
  void resume() noexcept;

  const std::uint32_t most_per_turn_;
  observe::WorkerCounters& counters_;
  const Take take_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  net::EmbeddedEvent resume_event_;
  std::chrono::steady_clock::time_point last_pause_logged_{};
};

}  // namespace wskeep::relay
