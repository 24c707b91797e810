// TlsTransport is the Transport over a connected socket that speaks TLS, on either side of it.
//
// First comes the handshake, of which the owner calls a step at each event; only behind it may the stream be
// read and written. What the peer sent together with its last words of the handshake is inside already, so
// that the first read must not wait for an event.
//
// A message that is written with one call, and has at most 16 KiB, is one record. The end of our stream is
// close_notify and then TCP's; the peer's may be either (RFC 8446 section 6.1), and what came with it is read
// first. New keys and tickets are dealt with in passing.
//
// Two pointers here, and what OpenSSL needs, which is about ten KiB, on the heap; while nothing is under way
// it holds no buffer. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/net/handles.h"
#include "proxy/net/tls_context.h"
#include "proxy/net/transport.h"

namespace wskeep::net {

class TlsTransport final : public Transport {
 public:
  // Over a connected socket, which waits for the peer to begin, or begins. What the context was made of stays
  // for as long as this needs it. Throws std::bad_alloc.
  TlsTransport(FileDescriptor descriptor, const TlsServer& server);
  TlsTransport(FileDescriptor descriptor, const TlsClient& client);
  TlsTransport(TlsTransport&&) noexcept;
  TlsTransport& operator=(TlsTransport&&) noexcept;
  ~TlsTransport() override;

  enum class Handshake : std::uint8_t {
    kUnderWay,  // the next event will go on with it
    kDone,      // the stream may be used
    kNotTls,    // a client's first byte begins no TLS; it has got nothing
    kFailed,    // the peer has been told why, if the socket took it
  };
  // Goes as far as the socket lets it.
  [[nodiscard]] Handshake handshake() noexcept;
  // Why it failed, in OpenSSL's words.
  std::string failure() const;

  // After the handshake. The subject of the certificate that the client showed (RFC 4514), in ASCII; nothing
  // when it showed none.
  std::optional<std::string> client_subject() const;
  // The name that was asked for, or empty; views live as long as this.
  std::string_view server_name() const noexcept;
  // The protocol that ALPN has chosen, or empty.
  std::string_view alpn() const noexcept;
  std::string_view version() const noexcept;  // "TLSv1.3"
  std::string_view cipher() const noexcept;
  bool resumed() const noexcept;

  int descriptor() const noexcept;
  // Takes the socket out, past TLS: nothing else may be called then.
  [[nodiscard]] FileDescriptor release() noexcept;

  [[nodiscard]] IoResult read(std::span<std::uint8_t> into) noexcept override;
  [[nodiscard]] IoResult write(std::span<const iovec> pieces) noexcept override;
  [[nodiscard]] bool shutdown_write() noexcept override;
  std::optional<std::chrono::nanoseconds> round_trip_time() noexcept override;
  std::optional<SendProgress> send_progress() noexcept override;

 private:
  struct State;

  TlsTransport(FileDescriptor descriptor, SSL_CTX* context);
  IoResult outcome(int result) noexcept;

  std::unique_ptr<State> state_;
};

}  // namespace wskeep::net
