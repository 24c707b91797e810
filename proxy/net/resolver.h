// Resolver follows names: it looks them up on a thread of its own, again and again, and tells what it finds.
//
// getaddrinfo can block for as long as name servers are silent, so no other thread may call it once the
// program serves. One thread for all names: while one lookup hangs, the others wait. It begins with the first
// name that is followed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "proxy/net/address.h"

namespace wskeep::net {

class Resolver {
 public:
  using Addresses = std::vector<SocketAddress>;
  // Finds the addresses of a name, at least one, or throws std::exception.
  using Lookup = std::function<Addresses(const std::string& host, std::uint16_t port)>;
  // What a lookup has brought: addresses, or why there are none. Called on the resolver's thread, which it
  // must not ask for anything, and never after the resolver is destroyed.
  using Tell = std::function<void(Addresses&& found, std::string_view fault)>;
  using Name = std::size_t;

  explicit Resolver(Lookup lookup = resolve);
  // Waits for a call of a Tell, but not for a lookup that hangs: its thread ends by itself.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Looks the name up soon, and again `refresh` after each lookup; zero: only when asked. Not while others
  // call `ask_again`. Throws std::system_error when there is no thread to be had.
  Name follow(std::string host, std::uint16_t port, std::chrono::milliseconds refresh, Tell tell);
  // Looks the name up sooner, though not twice within a second (LookupSchedule). From any thread; cheap.
  void ask_again(Name name) noexcept;

 private:
  struct Shared;

  static void run(const std::shared_ptr<Shared>& shared) noexcept;

  const std::shared_ptr<Shared> shared_;  // with the thread, which may outlive us
  std::thread thread_;
};

}  // namespace wskeep::net
