// Listening sockets, and the files that unix sockets leave behind.
//
// For the start: everything here may throw std::system_error with a message for the operator. Not for the
// data path. What is made is non-blocking and close-on-exec.
#pragma once

#include <sys/types.h>

#include <string>

#include "proxy/net/address.h"
#include "proxy/net/handles.h"
#include "proxy/net/socket.h"

namespace wskeep::net {

// Whether a socket on [::] takes IPv4 clients too (IPV6_V6ONLY, RFC 3493 section 5.3). It is always said to
// the kernel, whose own default is a sysctl.
enum class Ipv6 : std::uint8_t { kWithIpv4, kOnly };

// Listens on the address; port 0 lets the kernel choose. What is accepted at a TCP port has the options, as
// prepare_connection sets them, for Linux hands them down: none costs a call again.
//
// The file of a unix socket on which nobody listens any more is replaced; what else stands in its place is
// left alone, and the error is EADDRINUSE. The umask decides who may connect.
FileDescriptor listen_on(const SocketAddress& address, const TcpOptions& options = {},
                         Ipv6 ipv6 = Ipv6::kWithIpv4);

// The same for a socket that somebody else made. Throws when it is no stream socket that listens: `what` is
// how the message calls it.
void adopt_listener(int descriptor, const TcpOptions& options, const std::string& what);

// Owns the file of a unix socket: removes it when destroyed, unless another stands in its place by then.
// Owns none for other addresses. One thread.
class SocketFile {
 public:
  explicit SocketFile(const SocketAddress& bound) noexcept;  // to be made behind listen_on
  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&&) = delete;
  ~SocketFile();

 private:
  std::string path_;  // empty: none
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace wskeep::net
