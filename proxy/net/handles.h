// Owners for what C hands out: libevent's objects and file descriptors.
//
// Each frees on destruction and does nothing else. An event or a connection must go before its base, so
// declare the base first. Not thread-safe, like what they own.
#pragma once

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <unistd.h>

#include <memory>
#include <utility>

namespace wskeep::net {

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* handle) const noexcept {
    Free(handle);
  }
};

using EventConfig = std::unique_ptr<event_config, FreeWith<event_config_free>>;
using EventBase = std::unique_ptr<event_base, FreeWith<event_base_free>>;
using Event = std::unique_ptr<event, FreeWith<event_free>>;
using EventBuffer = std::unique_ptr<evbuffer, FreeWith<evbuffer_free>>;
using EventHttp = std::unique_ptr<evhttp, FreeWith<evhttp_free>>;
using EventListener = std::unique_ptr<evconnlistener, FreeWith<evconnlistener_free>>;
// One reference among others; the last one frees.
using BufferEventReference = std::unique_ptr<bufferevent, FreeWith<bufferevent_decref>>;

// Owns one file descriptor, or none.
class FileDescriptor {
 public:
  FileDescriptor() noexcept = default;
  explicit FileDescriptor(int descriptor) noexcept : descriptor_(descriptor) {}  // below 0: none
  FileDescriptor(FileDescriptor&& other) noexcept : descriptor_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~FileDescriptor() { reset(); }

  int get() const noexcept { return descriptor_; }
  explicit operator bool() const noexcept { return descriptor_ >= 0; }

  // Gives the descriptor away: the caller closes it.
  [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }

  // Closes what is owned and owns `descriptor` instead. Never retried after EINTR: Linux has closed by then.
  void reset(int descriptor = -1) noexcept {
    const int old = std::exchange(descriptor_, descriptor);
    if (old >= 0) ::close(old);
  }

 private:
  int descriptor_ = -1;
};

}  // namespace wskeep::net
