// RequestReader and AnswerReader read one HTTP/1 message from a byte stream: its head as values, and how
// far its body reaches. They move no body bytes and know no sockets.
//
// Two layers judge a head. A scanner sees every byte once, as it comes: it refuses what is garbage at the
// first byte that shows it, and finds the end. Then Boost.Beast parses the finished head in one go, so a
// peer that trickles single bytes costs linear time. Beast alone is too kind in some places; what this
// room refuses beyond it, following RFC 9112 (an intermediary that guesses invites request smuggling):
//
//   - folded header lines, bare CR or LF, control characters anywhere (sections 2.2 and 5.2)
//   - request targets with #, ", <, > or non-ASCII bytes (no browser sends them raw; section 3.2)
//   - what rules.h says of Host, the request's target, lengths and encodings (sections 3.2 and 6)
//   - control characters in chunk extensions, folded trailers (section 7.1), and in requests trailers that
//     belong in the head (RFC 9110 section 6.5.1)
//
// One empty line before a request is skipped and belongs to no head (section 2.2): old clients send one
// after a body. It cannot be mistaken for anything else, so skipping it is safe; a second one is refused.
//
// A reader owns the raw bytes of its head, up to its limit, until next() or its destruction; the views in a
// head point there. It costs one allocation, the raw bytes and 32 bytes a field. Movable, views stay valid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "proxy/websocket/handshake.h"

namespace wskeep::http {

using Bytes = std::span<const std::uint8_t>;

inline constexpr std::size_t kMaxFields = 100;         // header fields in one head, unless told otherwise
inline constexpr std::size_t kMaxChunkFraming = 8192;  // bytes of one chunk header, or of all trailers

struct RequestHead {
  std::string_view method;
  std::string_view target;
  int version = 0;  // 10 or 11
  std::vector<websocket::HeaderField> fields;
};

struct AnswerHead {
  int status = 0;  // 100 to 999
  std::string_view reason;
  int version = 0;  // 10 or 11
  std::vector<websocket::HeaderField> fields;

  // An interim answer (RFC 9110 section 15.2): it has no body, and the head of another answer follows.
  // After 101 the stream belongs to another protocol.
  [[nodiscard]] bool interim() const noexcept { return status < 200 && status != 101; }
};

enum class Progress : std::uint8_t {
  kIncomplete,  // feed more
  kComplete,
  kTooLarge,  // over a limit of the head
  kBad,       // reason() says why
};

// kTooLarge and kBad are final: later calls return them again and use nothing.
struct [[nodiscard]] Fed {
  Progress progress = Progress::kIncomplete;
  std::size_t used = 0;  // how many of the bytes given were read; never one behind the end of the message

  bool operator==(const Fed&) const = default;
};

// How the end of a body is known (RFC 9112 section 6.3).
enum class Framing : std::uint8_t { kNone, kSized, kChunked, kUntilEof };

// Whether the next answer has the body that its head announces: one to a HEAD request never does.
enum class BodyRule : std::uint8_t { kAsFramed, kNone };

// How large a head may be.
struct HeadLimits {
  HeadLimits(std::size_t most_bytes, std::size_t most_fields = kMaxFields) noexcept
      : bytes(most_bytes), fields(most_fields) {}

  std::size_t bytes;  // its empty last line included
  std::size_t fields;
};

template <typename Head>
class MessageReader {
 public:
  explicit MessageReader(HeadLimits limits, BodyRule rule = BodyRule::kAsFramed);
  MessageReader(MessageReader&&) noexcept;
  MessageReader& operator=(MessageReader&&) noexcept;
  ~MessageReader();

  // Reads head bytes. On kComplete `used` ends exactly behind the head; the rest is the caller's (body,
  // next message, frames). On kBad and kTooLarge it ends behind the byte that showed it. The outcome
  // doesn't depend on how the stream was cut.
  Fed feed(Bytes bytes);

  // The head and its bytes as they came. Only after feed() returned kComplete.
  [[nodiscard]] const Head& head() const noexcept;
  [[nodiscard]] std::string_view raw() const noexcept;

  // Only after feed() returned kComplete. An empty body of known size is kNone.
  [[nodiscard]] Framing framing() const noexcept;

  // Counts body bytes, chunk framing and trailers included, only after feed() returned kComplete. All used
  // bytes belong to the message and may be passed on as they are. kComplete: the message ends there. With
  // Framing::kNone it is complete at once and uses nothing.
  Fed feed_body(Bytes bytes);

  // Says that no more bytes will come. kComplete when the message was complete or its body ends with the
  // stream, otherwise kBad.
  [[nodiscard]] Progress end_of_input();

  // Static text for kBad and kTooLarge, otherwise empty.
  [[nodiscard]] std::string_view reason() const noexcept;
  // After kTooLarge: whether of fields, and not of bytes.
  [[nodiscard]] bool too_many_fields() const noexcept;

  // Forgets everything and starts on the head of the next message: after an interim answer, or on a
  // connection that is kept alive. Views into the old head die.
  void next(BodyRule rule = BodyRule::kAsFramed);

 private:
  class Impl;
  HeadLimits limits_;
  std::unique_ptr<Impl> impl_;
};

extern template class MessageReader<RequestHead>;
extern template class MessageReader<AnswerHead>;

using RequestReader = MessageReader<RequestHead>;
using AnswerReader = MessageReader<AnswerHead>;

}  // namespace wskeep::http
