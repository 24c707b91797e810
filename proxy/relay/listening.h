// Listening opens what the configuration says to listen on: TCP ports, unix sockets, and sockets that a
// service manager has opened already.
//
// It owns the files of unix sockets; the sockets themselves go to whoever accepts. For the start, on the main
// thread; throws std::runtime_error or std::system_error with a message for the operator.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "config/config.h"
#include "proxy/net/handles.h"
#include "proxy/net/listener.h"
#include "proxy/net/passed_descriptors.h"

namespace wskeep::relay {

class Listening {
 public:
  // Takes the descriptors that were passed to this process.
  explicit Listening(const config::Config& config);

  // The sockets of one of the configuration's endpoints, at least one; each is logged as `what`. A name
  // listens on all its addresses, but for those of a family that this host doesn't have. [::] takes IPv4 too,
  // unless some IPv4 address of the configuration has the same port.
  std::vector<net::FileDescriptor> open(const config::Endpoint& endpoint, const net::TcpOptions& options,
                                        const char* what);
  // When all are open: logs those that were passed and that nobody asked for, and closes them.
  void close_unused();
  // Removes the files of unix sockets: who connects from now on finds nobody.
  void remove_files() noexcept { files_.clear(); }

 private:
  net::FileDescriptor open_one(const net::SocketAddress& address, const net::TcpOptions& options);
  std::vector<net::FileDescriptor> open_tcp(const config::Endpoint& endpoint, const net::TcpOptions& options);
  std::vector<net::FileDescriptor> take_passed(const config::Endpoint& endpoint,
                                               const net::TcpOptions& options);

  std::vector<net::PassedDescriptor> passed_;
  std::set<std::uint16_t> ipv4_ports_;
  std::vector<net::SocketFile> files_;
};

}  // namespace wskeep::relay
