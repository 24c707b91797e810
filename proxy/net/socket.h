// TCP and unix stream sockets: accepting, connecting, and the Transport over a connected one (listener.h:
// listening).
//
// Every descriptor made here is non-blocking and close-on-exec. Functions that set up throw
// std::system_error; functions on the data path return codes.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "proxy/net/address.h"
#include "proxy/net/handles.h"
#include "proxy/net/transport.h"

namespace wskeep::net {

// What the kernel shall do about a peer that doesn't answer. Zero leaves a thing to the kernel's default,
// and a zero keepalive_idle turns TCP keepalive off. Keepalive times are whole seconds.
struct TcpOptions {
  std::chrono::milliseconds user_timeout{0};
  std::chrono::seconds keepalive_idle{0};
  std::chrono::seconds keepalive_interval{0};
  int keepalive_count = 0;
};

// The address that a socket is bound to.
SocketAddress local_address(int descriptor);

// Takes one connection off a listener's queue. `error` is 0, or why there is none (EAGAIN: the queue is
// empty).
struct Accepted {
  FileDescriptor descriptor;
  SocketAddress peer;
  int error = 0;
  std::uint32_t listener = 0;  // the place of its listener in the configuration, once that is known
};
Accepted accept_one(int listener) noexcept;

// Begins to connect, from the source's address (its port doesn't count) or else from where the kernel
// chooses. `error` is 0 when connected or on the way (a writable event and `pending_error` tell);
// EADDRNOTAVAIL when all ports of the source are taken for this address, or this host has no such source;
// EAGAIN when the queue of a unix listener is full.
struct Connecting {
  FileDescriptor descriptor;
  int error = 0;
};
Connecting connect_to(const SocketAddress& address, const SocketAddress* source = nullptr) noexcept;
// Whether connections may come from that address of this host: 0, or the error.
int try_source(const SocketAddress& source) noexcept;
// The error that a socket has to tell, once: how a connect that was on its way ended, or why a connection
// broke. 0 for none.
int pending_error(int descriptor) noexcept;

// Small messages leave at once, and a dead peer is noticed. For TCP sockets; a unix socket needs none of it.
// Failures are harmless and ignored.
void prepare_connection(int descriptor, const TcpOptions& options) noexcept;

// The bytes that a read would bring, which stay there for it. kEnd when the stream has ended before any.
[[nodiscard]] IoResult peek(int descriptor, std::span<std::uint8_t> into) noexcept;
// Takes off as many bytes, which have been peeked at.
void skip(int descriptor, std::span<std::uint8_t> into) noexcept;

class SocketTransport final : public Transport {
 public:
  SocketTransport() noexcept = default;  // over none, until one is moved in
  explicit SocketTransport(FileDescriptor descriptor) noexcept : descriptor_(std::move(descriptor)) {}

  int descriptor() const noexcept { return descriptor_.get(); }
  // Gives the socket away, and is over none then.
  [[nodiscard]] FileDescriptor release() noexcept { return std::move(descriptor_); }

  [[nodiscard]] IoResult read(std::span<std::uint8_t> into) noexcept override;
  [[nodiscard]] IoResult write(std::span<const iovec> pieces) noexcept override;
  [[nodiscard]] bool shutdown_write() noexcept override;
  std::optional<std::chrono::nanoseconds> round_trip_time() noexcept override;
  std::optional<SendProgress> send_progress() noexcept override;
  int plain_socket() const noexcept override { return descriptor_.get(); }

 private:
  FileDescriptor descriptor_;
};

}  // namespace wskeep::net
