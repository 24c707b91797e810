// Certificates made for a test, in a directory that goes with it, and TLS connections over loopback with what
// is read from and written to them.
#pragma once

#include <filesystem>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "proxy/net/openssl_handles.h"
#include "proxy/net/tls_transport.h"
#include "tests/unit/socket_pair.h"

namespace wskeep::net {

class CertificateOffice {
 public:
  enum class Kind : std::uint8_t { kEcdsa, kRsa };
  struct Order {
    std::string subject = "localhost";  // common name
    std::vector<std::string> names{};   // DNS names
    std::string address{};              // IP address
    long valid_for = 3'600;             // seconds from now; below 0: over
    Kind kind = Kind::kEcdsa;
    bool authority = false;
    const X509* issuer = nullptr;  // none: the office's root
    EVP_PKEY* issuer_key = nullptr;
  };
  struct Issued {
    Certificate certificate;
    PrivateKey key;
    std::string certificate_file;
    std::string key_file;

    TlsCertificate files() const { return {.certificate = certificate_file, .key = key_file}; }
  };

  CertificateOffice();
  ~CertificateOffice();
  CertificateOffice(const CertificateOffice&) = delete;
  CertificateOffice& operator=(const CertificateOffice&) = delete;

  Issued issue(const std::string& file, const Order& order);
  const std::string& root_file() const { return root_.certificate_file; }
  std::string write(const std::string& file, const std::string& text) const;
  // An OCSP response that calls it good until so many seconds from now.
  std::string ocsp_response(const std::string& file, const Issued& about, long good_for) const;

 private:
  std::filesystem::path directory_;
  Issued root_;
  long next_serial_ = 1;
};

std::string pem_of(const X509* certificate);

// Both sides of one connection.
struct TlsPair {
  TlsPair(const TlsServer& server, const TlsClient& client)
      : near(FileDescriptor(dup(sockets.near->descriptor())), client),
        far(FileDescriptor(dup(sockets.far->descriptor())), server) {
    sockets.near.reset();
    sockets.far.reset();
  }

  // Until both have done or one has failed.
  void shake_hands();
  bool shaken() const {
    return near_state == TlsTransport::Handshake::kDone && far_state == TlsTransport::Handshake::kDone;
  }

  Pair sockets;
  TlsTransport near;
  TlsTransport far;
  TlsTransport::Handshake near_state = TlsTransport::Handshake::kUnderWay;
  TlsTransport::Handshake far_state = TlsTransport::Handshake::kUnderWay;
};

using Handshake = TlsTransport::Handshake;
using Status = IoResult::Status;
using Bytes = std::vector<std::uint8_t>;

inline Bytes counting(std::size_t size) {
  Bytes bytes(size);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  return bytes;
}

inline IoResult write(Transport& to, std::span<const std::uint8_t> bytes) {
  const iovec piece{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  return to.write({&piece, 1});
}

// All that comes until nothing more does, and how the last read ended.
struct Got {
  Bytes bytes;
  Status status = Status::kOk;
  int error = 0;
};

inline Got read_all(Transport& from, std::size_t at_once = 65'536) {
  Got got;
  Bytes buffer(at_once);
  while (true) {
    const IoResult result = from.read(buffer);
    got.status = result.status;
    got.error = result.error;
    if (result.status != Status::kOk) return got;
    EXPECT_NE(result.bytes, 0U);
    got.bytes.insert(got.bytes.end(), buffer.begin(),
                     buffer.begin() + static_cast<std::ptrdiff_t>(result.bytes));
    if (result.drained) return got;
  }
}

class Tls : public testing::Test {
 protected:
  Tls()
      : issued(office.issue("host", {.names = {"host.test"}})),
        server({.certificates = {issued.files()}}),
        client({.on = true, .ca = office.root_file()}, "host.test") {}

  // With the tickets read that come behind the handshake.
  std::unique_ptr<TlsPair> open() {
    auto pair = std::make_unique<TlsPair>(server, client);
    pair->shake_hands();
    EXPECT_TRUE(pair->shaken());
    EXPECT_EQ(read_all(pair->near).status, Status::kBlocked);
    return pair;
  }

  CertificateOffice office;
  CertificateOffice::Issued issued;
  TlsServer server;
  TlsClient client;
};

}  // namespace wskeep::net
