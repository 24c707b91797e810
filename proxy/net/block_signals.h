// Keeps signals away from a thread that isn't the main one.
#pragma once

#include <csignal>

namespace wskeep::net {

// Blocks every signal in the calling thread, so that the main thread alone gets them. This makes SIGPIPE
// harmless here too: libevent writes with writev, which can't ask for the error alone.
inline void block_signals() noexcept {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace wskeep::net
