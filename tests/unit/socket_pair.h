// Two connected transports, over loopback unless told otherwise.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <optional>

#include "proxy/net/listener.h"
#include "proxy/net/socket.h"

namespace wskeep::net {

inline void wait_for(int descriptor, short events) {
  pollfd entry{.fd = descriptor, .events = events, .revents = 0};
  ASSERT_EQ(poll(&entry, 1, 10'000), 1);
}

struct Pair {
  explicit Pair(const SocketAddress& address = resolve("127.0.0.1", 0).front())
      : listener(listen_on(address)) {
    Connecting connecting = connect_to(local_address(listener.get()));
    EXPECT_EQ(connecting.error, 0);
    wait_for(listener.get(), POLLIN);
    Accepted accepted = accept_one(listener.get());
    EXPECT_EQ(accepted.error, 0);
    wait_for(connecting.descriptor.get(), POLLOUT);
    EXPECT_EQ(pending_error(connecting.descriptor.get()), 0);
    EXPECT_EQ(accepted.peer.text(), local_address(connecting.descriptor.get()).text());
    near.emplace(std::move(connecting.descriptor));
    far.emplace(std::move(accepted.descriptor));
  }

  FileDescriptor listener;
  std::optional<SocketTransport> near;
  std::optional<SocketTransport> far;
};

}  // namespace wskeep::net
