// BackendAddresses knows where a backend is, and which of our own addresses connections to it come from.
//
// A literal or a unix socket is there at once and stays. A name is looked up by the resolver's thread: until
// that has found something the set is empty, and once it has, a lookup that fails changes nothing. One for
// each backend, shared by all workers; sets are immutable, and whoever uses one keeps it.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "proxy/net/address.h"
#include "proxy/net/resolver.h"

namespace wskeep::relay {

struct AddressSet {
  static constexpr std::size_t kMostTargets = 64;  // what a name has beyond these isn't used

  std::vector<net::SocketAddress> targets;  // none while a name isn't resolved
  // None: the kernel chooses; else each target has one of its family.
  std::vector<net::SocketAddress> sources;
};

class BackendAddresses {
 public:
  // Addresses without a counterpart of their family are left out, which is logged. Throws std::runtime_error
  // when a source is no address of this host, or none is of a literal backend's family. The resolver must be
  // destroyed before this.
  BackendAddresses(const config::Backend& backend, net::Resolver& resolver);
  // Of addresses that are known already, which never change.
  explicit BackendAddresses(AddressSet addresses);
  BackendAddresses(const BackendAddresses&) = delete;
  BackendAddresses& operator=(const BackendAddresses&) = delete;

  // From any thread, never null. A lock, for the copying of a pointer: once for each connection.
  std::shared_ptr<const AddressSet> current() const noexcept;
  // None of these could be connected to: look the name up again, soon. From any thread.
  void ask_again() noexcept;

 private:
  void publish(AddressSet addresses);
  void take_answer(net::Resolver::Addresses&& found, std::string_view fault) noexcept;

  const std::string name_;  // as the operator wrote it
  const std::vector<net::SocketAddress> sources_;
  mutable std::mutex mutex_;
  std::shared_ptr<const AddressSet> current_;
  net::Resolver* resolver_ = nullptr;  // of a name
  net::Resolver::Name followed_ = 0;
  // The resolver's thread's.
  std::vector<net::SocketAddress> found_;  // by the last lookup that found something
  bool told_of_fault_ = false;
};

}  // namespace wskeep::relay
