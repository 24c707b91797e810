// HeadScanner walks over the bytes of one HTTP/1 head and finds its end (RFC 9112 sections 2 to 5). It
// refuses what cannot become a head at the first byte that shows it: a TLS ClientHello dies on its first
// byte, an HTTP/2 preface on its "2".
//
// It knows bytes and lines only; what the fields mean is judged by MessageReader. It stores no bytes. One
// byte costs a table look-up inside of names, values and targets, and a state elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/http/head.h"

namespace wskeep::http {

class HeadScanner {
 public:
  enum class Kind : std::uint8_t { kRequest, kAnswer };

  HeadScanner(Kind kind, std::size_t most_fields) noexcept
      : most_fields_(most_fields), at_(kind == Kind::kRequest ? At::kStart : At::kVersion), kind_(kind) {}

  // Takes the next bytes, up to the end of the head or to the first that can't belong to one; both count as
  // used. Not to be called again after anything but kIncomplete.
  Fed scan(Bytes bytes) noexcept;

  // Static text after kBad and kTooLarge, otherwise empty.
  [[nodiscard]] std::string_view reason() const noexcept { return reason_; }
  // Whether kTooLarge was for them.
  [[nodiscard]] bool too_many_fields() const noexcept { return fields_ > most_fields_; }

 private:
  enum class At : std::uint8_t {
    kStart,        // before a request
    kEmptyLineLf,  // behind the CR of an empty line before a request
    kMethod,
    kTarget,
    kVersion,        // in "HTTP/1.x"
    kRequestLineCr,  // behind the version of a request
    kStatus,         // behind the version of an answer, in " ddd "
    kLineStart,
    kName,
    kText,    // in a field value or a reason phrase
    kLineLf,  // behind the CR of a line
    kHeadLf,  // behind the CR of the last, empty line
  };

  std::size_t run_length(Bytes bytes) const noexcept;
  Progress step(std::uint8_t byte) noexcept;
  Progress step_line_start(std::uint8_t byte) noexcept;
  Progress stay() noexcept;
  Progress move_to(At at) noexcept;
  Progress fail(std::string_view reason) noexcept;

  std::string_view reason_;
  std::size_t seen_ = 0;    // bytes of the present element, a method or a version for one; not in runs
  std::size_t fields_ = 0;  // header fields begun
  std::size_t most_fields_;
  At at_;
  Kind kind_;
};

}  // namespace wskeep::http
