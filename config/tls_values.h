// How the values of TLS are written: files, header names, host names. See values.h for what a syntax is.
#pragma once

#include <string>
#include <string_view>

#include "config/values.h"

namespace wskeep::config {

// The name of a file, relative to the working directory or absolute. Whether it is there shows at the start.
struct FileName {
  [[nodiscard]] Why read(std::string_view text, std::string& value) const;
  std::string write(const std::string& value) const { return value; }
  std::string expected() const { return "a file"; }
};

// The name of a header field (RFC 9110 section 5.1) that isn't one of HTTP's own framing or of the handshake.
struct FieldName {
  [[nodiscard]] Why read(std::string_view text, std::string& value) const;
  std::string write(const std::string& value) const { return value; }
  std::string expected() const { return "a header name"; }
};

// A host name or an IP address without brackets, as a certificate has it.
struct ServerName {
  [[nodiscard]] Why read(std::string_view text, std::string& value) const;
  std::string write(const std::string& value) const { return value; }
  std::string expected() const { return "a host name or an IP address"; }
};

}  // namespace wskeep::config
