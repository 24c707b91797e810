// Dialer connects a worker to a backend: to which of its addresses, and from which of ours.
//
// Each connection begins with the next of the backend's addresses, so that all get their share; one that
// could not be connected to comes last for kAvoid. (So does nginx; Envoy shares likewise.)
//
// One of our addresses has one port for each connection to one of the backend's, some 28,000 by Linux'
// defaults. With several, connections come from them in turn, and one without a port left is passed over.
// To find that out costs the kernel a look at each port, a millisecond or so. One thread, its worker's.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "proxy/net/socket.h"
#include "proxy/relay/backend_addresses.h"
#include "proxy/relay/environment.h"

namespace wskeep::relay {

class Dialer {
 public:
  static constexpr std::chrono::seconds kAvoid{10};

  // One try of each address of the set that was current when it began.
  struct Round {
    std::shared_ptr<const AddressSet> set;
    std::size_t first = 0;
    std::uint64_t tried = 0;  // one bit for each target

    std::size_t size() const noexcept { return set ? set->targets.size() : 0; }
    std::size_t left() const noexcept;
  };

  explicit Dialer(BackendAddresses& backend) noexcept : backend_(backend) {}  // which must outlive it

  Round begin_round() noexcept;
  // The index of the target to try next; call while some are left.
  std::size_t next_target(Round& round, TimePoint now) noexcept;
  // As net::connect_to, from the next source that has a port. When none has one the error is EADDRNOTAVAIL,
  // and the log says what to do, once a second at most.
  net::Connecting connect(const Round& round, std::size_t target) noexcept;
  // How connecting to a target has ended.
  void succeeded(const Round& round, std::size_t target) noexcept;
  void failed(const Round& round, std::size_t target, TimePoint now) noexcept;
  // None of the addresses is of use: the name is to be looked up again.
  void ask_again() noexcept { backend_.ask_again(); }

 private:
  static_assert(AddressSet::kMostTargets <= 64, "Round::tried has a bit for each");

  net::Connecting connect_in_turn(const AddressSet& set, const net::SocketAddress& target) noexcept;
  void tell_of_ports(const net::SocketAddress& target) noexcept;

  BackendAddresses& backend_;
  std::shared_ptr<const AddressSet> set_;                          // what the next two are about
  std::array<TimePoint, AddressSet::kMostTargets> avoid_until_{};  // by target
  std::size_t next_first_ = 0;
  std::size_t next_source_ = 0;
  std::chrono::steady_clock::time_point last_told_{};
};

}  // namespace wskeep::relay
