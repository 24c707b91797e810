// TlsSocket is the socket under a TLS connection, as OpenSSL works on it: no bytes are kept in between.
//
// Unlike OpenSSL's own it never raises SIGPIPE, and it remembers what TLS itself doesn't tell: that a read
// has emptied the socket, the error of a broken connection, and that a client speaks no TLS. One thread.
#pragma once

#include "proxy/net/handles.h"
#include "proxy/net/openssl_handles.h"

namespace wskeep::net {

struct TlsSocket {
  FileDescriptor descriptor;
  int error = 0;         // errno of what broke the connection
  bool drained = false;  // the last read found less than it asked for: an event will tell of more
  bool ended = false;    // the peer's end of stream was read
  bool begun = false;    // bytes were read
  bool not_tls = false;  // the first of them begins no handshake (RFC 8446 section 5.1)
};

// Reads and writes the socket, which must outlive it. Throws std::bad_alloc.
Bio make_bio(TlsSocket& socket);

}  // namespace wskeep::net
