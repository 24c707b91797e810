#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "proxy/websocket/frame_scanner.h"
#include "tests/unit/frames.h"

namespace wskeep::websocket {
namespace {

using test::Bytes;
using test::Head;
using test::join;
using View = std::span<const std::uint8_t>;

// What a scanner says of a stream: the places behind its whole frames, their headers, and how it stands now.
struct Seen {
  std::vector<std::pair<std::size_t, FrameHeader>> frames;
  bool broken = false;
  bool data_frame_open = false;  // these two while not broken
  bool at_message_boundary = true;

  bool operator==(const Seen&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Seen& seen) {
  for (const auto& [end, header] : seen.frames) out << "frame ending at " << end << ", ";
  return out << "broken " << seen.broken << ", open " << seen.data_frame_open << ", boundary "
             << seen.at_message_boundary;
}

// Whether the beginning of a frame, `in`, cannot become legal. A plain list of RFC 6455 section 5.2's rules.
bool illegal(View in, Sender sender, ExtensionRules rules, bool message_open) {
  const std::uint8_t opcode = in[0] & 0xF;
  const bool known = opcode <= 2 || (opcode >= 8 && opcode <= 10);
  const bool rsv1_explained = rules == ExtensionRules::kPermessageDeflate && (opcode == 1 || opcode == 2);
  if (rules != ExtensionRules::kUnknown) {
    if (!known || (in[0] & 0x30) != 0) return true;
    if ((in[0] & 0x40) != 0 && !rsv1_explained) return true;
  }
  if (opcode >= 8 && (in[0] & 0x80) == 0) return true;
  const bool fragments_by_the_rfc = rules != ExtensionRules::kUnknown;
  if (fragments_by_the_rfc && opcode == 0 && !message_open) return true;
  if (fragments_by_the_rfc && (opcode == 1 || opcode == 2) && message_open) return true;
  if (in.size() < 2) return false;
  const int length = in[1] & 0x7F;
  if (((in[1] & 0x80) != 0) != (sender == Sender::kClient)) return true;
  if (opcode >= 8 && length > 125) return true;
  if (length == 126) return in.size() >= 4 && in[2] == 0 && in[3] < 126;
  if (length < 126 || in.size() < 3) return false;
  if (in[2] >= 0x80) return true;
  return in.size() >= 8 && std::all_of(in.begin() + 2, in.begin() + 8, [](int byte) { return byte == 0; });
}

// The reference: reads the whole beginning of a stream at once.
Seen reference(View in, Sender sender, ExtensionRules rules) {
  Seen seen;
  bool message_open = false;
  for (std::size_t at = 0; at < in.size();) {
    View rest = in.subspan(at);
    if (illegal(rest, sender, rules, message_open)) {
      return {.frames = std::move(seen.frames), .broken = true};
    }
    const std::uint8_t opcode = rest[0] & 0xF;
    FrameHeader header{.opcode = static_cast<Opcode>(opcode),
                       .fin = rest[0] >= 0x80,
                       .rsv = static_cast<std::uint8_t>(rest[0] >> 4 & 7),
                       .masked = sender == Sender::kClient};
    seen.data_frame_open = opcode < 8;
    seen.at_message_boundary = opcode >= 8 && !message_open;
    if (rest.size() < 2) return seen;
    const int length = rest[1] & 0x7F;
    const std::size_t wide = length == 127 ? 8 : length == 126 ? 2 : 0;
    const std::size_t mask_at = 2 + wide;
    header.size = static_cast<std::uint8_t>(mask_at + (header.masked ? 4 : 0));
    if (rest.size() < header.size) return seen;
    header.payload_size = wide == 0 ? static_cast<std::uint64_t>(length) : 0;
    for (std::size_t i = 0; i < wide; ++i) header.payload_size = header.payload_size << 8 | rest[2 + i];
    if (header.masked) std::copy_n(rest.begin() + static_cast<long>(mask_at), 4, header.mask_key.begin());
    if (rest.size() - header.size < header.payload_size) return seen;
    at += header.size + header.payload_size;
    seen.frames.emplace_back(at, header);
    if (opcode < 8) message_open = !header.fin;
    seen.data_frame_open = false;
    seen.at_message_boundary = !message_open;
  }
  return seen;
}

// Feeds a scanner and checks every promise that a single step makes.
class Feeder {
 public:
  Feeder(Sender sender, ExtensionRules rules) : scanner_(sender, rules) {}

  void feed(View in) {
    while (!in.empty() && !seen_.broken) {
      const FrameScanner::Step step = scanner_.next(in);
      at_ += step.size;
      switch (step.verdict) {
        case FrameScanner::Verdict::kPart: ASSERT_EQ(step.size, in.size()); break;
        case FrameScanner::Verdict::kFrameEnd:
          ASSERT_GE(step.size, 1U);
          ASSERT_LE(step.size, in.size());
          seen_.frames.emplace_back(at_, scanner_.header());
          EXPECT_FALSE(scanner_.in_payload());
          EXPECT_EQ(scanner_.frame_is_control(), is_control(scanner_.header().opcode));
          break;
        case FrameScanner::Verdict::kBroken:
          ASSERT_EQ(step.size, 0U);
          seen_.broken = true;
          break;
      }
      in = in.subspan(step.size);
    }
    EXPECT_EQ(seen_.broken, scanner_.error() != FrameError::kNone);
  }

  Seen seen() const {
    Seen now = seen_;
    if (now.broken) return now;  // with no more frames there are no more boundaries
    now.data_frame_open = scanner_.data_frame_open();
    now.at_message_boundary = scanner_.at_message_boundary();
    return now;
  }
  FrameScanner& scanner() { return scanner_; }

 private:
  FrameScanner scanner_;
  Seen seen_;
  std::size_t at_ = 0;
};

struct Stream {
  std::string name;
  ExtensionRules rules = ExtensionRules::kNone;
  Sender sender = Sender::kServer;
  Bytes bytes;
  FrameError error = FrameError::kNone;
  std::size_t proven_at = 0;  // how many bytes prove the error
};

constexpr auto kPlain = ExtensionRules::kNone;
constexpr auto kDeflate = ExtensionRules::kPermessageDeflate;
constexpr auto kAnything = ExtensionRules::kUnknown;

// One table: every legal kind of frame, then every illegal one.
std::vector<Stream> streams_from(Sender sender) {
  const std::optional<MaskKey> mask = sender == Sender::kClient ? std::optional(test::kKey) : std::nullopt;
  const auto made = [&](int opcode, bool fin, std::uint8_t rsv, std::size_t size) {
    return test::frame({.opcode = static_cast<std::uint8_t>(opcode), .fin = fin, .rsv = rsv, .mask = mask},
                       test::filler(size));
  };
  const auto head = [&](std::uint64_t size, std::optional<std::size_t> wide = {}, int opcode = 2) {
    return Head{.opcode = static_cast<std::uint8_t>(opcode), .mask = mask, .size = size, .length_bytes = wide}
        .bytes();
  };
  std::vector<Stream> all;
  const auto legal = [&](std::string name, ExtensionRules rules, Bytes bytes) {
    all.push_back({std::move(name), rules, sender, std::move(bytes)});
  };
  const auto fault = [&](FrameError error, std::size_t after, std::size_t proof, Bytes bytes,
                         ExtensionRules rules = kPlain) {
    all.push_back({std::string(to_string(error)), rules, sender, std::move(bytes), error, after + proof});
  };

  for (const std::size_t size : {0, 1, 125, 126, 127, 65535, 65536}) {
    legal("text of " + std::to_string(size), kPlain, join(made(1, true, 0, size), made(2, true, 0, 3)));
  }
  for (const std::uint64_t size : {0x100000000ULL, 0x123456789ABCULL, 0x7FFFFFFFFFFFFFFFULL}) {
    legal("header for " + std::to_string(size), kPlain, join(head(size), test::filler(5)));
  }
  for (const int opcode : {8, 9, 10}) {
    for (const std::size_t size : {0, 1, 125}) {
      legal("control " + std::to_string(opcode) + " of " + std::to_string(size), kPlain,
            join(made(opcode, true, 0, size), made(1, true, 0, 1)));
    }
  }
  legal("fragments", kPlain,
        join(made(1, false, 0, 2), made(0, false, 0, 0), made(0, true, 0, 3), made(2, true, 0, 0)));
  legal("control between fragments", kPlain,
        join(made(1, false, 0, 2), made(9, true, 0, 2), made(0, false, 0, 1), made(10, true, 0, 0),
             made(9, true, 0, 0), made(0, true, 0, 0), made(8, true, 0, 2)));
  legal("compressed", kDeflate, join(made(1, true, 4, 3), made(2, false, 4, 2), made(0, true, 0, 1)));
  legal("uncompressed under deflate", kDeflate, join(made(1, true, 0, 3), made(9, true, 0, 0)));
  for (std::uint8_t rsv = 0; rsv < 8; ++rsv) {
    legal("anything", kAnything,
          join(made(1, true, rsv, 2), made(9, true, rsv, 2), made(3, true, rsv, 1), made(7, false, rsv, 200),
               made(11, true, rsv, 2), made(15, true, rsv, 0)));
  }
  legal("unknown data between fragments", kAnything,
        join(made(1, false, 0, 1), made(4, true, 0, 1), made(0, true, 0, 1)));
  legal("fragments of unknown data", kAnything, join(made(4, false, 0, 1), made(0, true, 0, 1)));

  const Bytes before = join(made(1, true, 0, 4), made(9, true, 0, 1));  // what came before still stands
  const std::size_t n = before.size();
  const auto wrong = [&](int opcode, bool fin, std::uint8_t rsv) {
    return join(before, made(opcode, fin, rsv, 2));
  };
  for (std::uint8_t rsv = 1; rsv < 8; ++rsv) {
    for (const int opcode : {1, 2, 8, 9, 10}) {
      fault(FrameError::kReservedBits, n, 1, wrong(opcode, true, rsv));
      const bool explained = rsv == 4 && opcode < 8;
      if (!explained) fault(FrameError::kReservedBits, n, 1, wrong(opcode, true, rsv), kDeflate);
    }
  }
  const Bytes start = made(1, false, 4, 1);
  fault(FrameError::kReservedBits, start.size(), 1, join(start, made(0, true, 4, 1)), kDeflate);
  for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
    fault(FrameError::kReservedOpcode, n, 1, wrong(opcode, true, 0));
    fault(FrameError::kReservedOpcode, n, 1, wrong(opcode, true, 0), kDeflate);
  }
  for (const int opcode : {8, 9, 10}) {
    fault(FrameError::kFragmentedControl, n, 1, wrong(opcode, false, 0));
    fault(FrameError::kControlTooLong, n, 2, join(before, head(126, 2, opcode)));
    fault(FrameError::kControlTooLong, n, 2, join(before, head(126, 8, opcode)));
  }
  fault(FrameError::kFragmentedControl, n, 1, wrong(11, false, 0), kAnything);
  fault(FrameError::kControlTooLong, n, 2, join(before, head(126, 2, 15)), kAnything);
  const auto other_mask = mask ? std::nullopt : std::optional(test::kKey);
  for (const ExtensionRules rules : {kPlain, kDeflate, kAnything}) {
    fault(mask ? FrameError::kNotMasked : FrameError::kMasked, n, 2,
          join(before, test::frame({.mask = other_mask}, test::filler(3))), rules);
    for (const std::uint64_t size : {0, 1, 125})
      fault(FrameError::kLengthNotMinimal, n, 4, join(before, head(size, 2)), rules);
    for (const std::uint64_t size : {0, 125, 126, 65535})
      fault(FrameError::kLengthNotMinimal, n, 8, join(before, head(size, 8)), rules);
    for (const std::uint64_t size : {1ULL << 63, ~0ULL})
      fault(FrameError::kLengthTooLarge, n, 3, join(before, head(size, 8)), rules);
    if (rules == kAnything) continue;  // it may fragment in ways of its own
    fault(FrameError::kContinuationWithoutStart, n, 1, wrong(0, true, 0), rules);
    fault(FrameError::kContinuationWithoutStart, n, 1, wrong(0, false, 0), rules);
    const Bytes open = join(before, made(2, false, 0, 1));
    for (const int opcode : {1, 2}) {
      fault(FrameError::kMessageInsideMessage, open.size(), 1, join(open, made(opcode, true, 0, 1)), rules);
    }
  }
  return all;
}

class FrameScannerTable : public testing::TestWithParam<Sender> {};
INSTANTIATE_TEST_SUITE_P(Senders, FrameScannerTable, testing::Values(Sender::kClient, Sender::kServer));

TEST_P(FrameScannerTable, SaysTheSameWhole) {
  for (const Stream& stream : streams_from(GetParam())) {
    SCOPED_TRACE(stream.name);
    Feeder feeder(stream.sender, stream.rules);
    feeder.feed(stream.bytes);
    EXPECT_EQ(feeder.seen(), reference(stream.bytes, stream.sender, stream.rules));
    EXPECT_EQ(feeder.scanner().error(), stream.error);
  }
}

TEST_P(FrameScannerTable, SaysTheSameByteByByte) {
  for (const Stream& stream : streams_from(GetParam())) {
    SCOPED_TRACE(stream.name);
    Feeder feeder(stream.sender, stream.rules);
    for (std::size_t at = 0; at < stream.bytes.size(); ++at) {
      const View byte = View(stream.bytes).subspan(at, 1);
      feeder.feed(byte);
      const bool proven = stream.error != FrameError::kNone && at + 1 >= stream.proven_at;
      ASSERT_EQ(feeder.seen().broken, proven) << "after " << at + 1 << " bytes";
      if (proven || at > 1000) continue;
      ASSERT_EQ(feeder.seen(), reference(View(stream.bytes).first(at + 1), stream.sender, stream.rules));
    }
    EXPECT_EQ(feeder.scanner().error(), stream.error);
    EXPECT_EQ(feeder.seen(), reference(stream.bytes, stream.sender, stream.rules));
  }
}

// Every place for one cut; every pair of places in streams short enough.
TEST_P(FrameScannerTable, SaysTheSameAtEveryCut) {
  for (const Stream& stream : streams_from(GetParam())) {
    SCOPED_TRACE(stream.name);
    const Seen expected = reference(stream.bytes, stream.sender, stream.rules);
    const View bytes = stream.bytes;
    const std::size_t step = bytes.size() > 10'000 ? 97 : 1;  // the middle of a long payload is all alike
    for (std::size_t first = 0; first <= bytes.size(); first += first < 64 ? 1 : step) {
      for (std::size_t second = bytes.size() <= 48 ? first : bytes.size(); second <= bytes.size(); ++second) {
        Feeder feeder(stream.sender, stream.rules);
        feeder.feed(bytes.first(first));
        feeder.feed(bytes.subspan(first, second - first));
        feeder.feed(bytes.subspan(second));
        ASSERT_EQ(feeder.seen(), expected) << "cut at " << first << " and " << second;
        ASSERT_EQ(feeder.scanner().error(), stream.error);
      }
    }
  }
}

TEST(FrameScanner, StaysBrokenAndKeepsTheFirstError) {
  FrameScanner scanner(Sender::kServer, kPlain);
  ASSERT_EQ(scanner.next(Bytes{0xC1}).verdict, FrameScanner::Verdict::kBroken);
  for (const Bytes& later : {Bytes{0x81, 0x00}, Bytes{0x83}, Bytes(300, 0)}) {
    const FrameScanner::Step step = scanner.next(later);
    EXPECT_EQ(step.verdict, FrameScanner::Verdict::kBroken);
    EXPECT_EQ(step.size, 0U);
    EXPECT_EQ(scanner.error(), FrameError::kReservedBits);
  }
}

TEST(FrameScanner, KnowsAControlFrameByItsFirstByte) {
  FrameScanner scanner(Sender::kServer, kPlain);
  EXPECT_EQ(scanner.next(Bytes{0x89}).verdict, FrameScanner::Verdict::kPart);
  EXPECT_TRUE(scanner.frame_is_control());
  EXPECT_FALSE(scanner.in_payload());
  EXPECT_EQ(scanner.next(Bytes{0x05, 'H'}).verdict, FrameScanner::Verdict::kPart);
  EXPECT_TRUE(scanner.in_payload());
  EXPECT_EQ(scanner.header().payload_size, 5U);
}

TEST(FrameScanner, IsSmall) {
  EXPECT_LE(sizeof(FrameScanner), 64U);
}

TEST(FrameScanner, ErrorsHaveWordsOfTheirOwn) {
  std::set<std::string_view> words;
  for (int error = 0; error <= static_cast<int>(FrameError::kMessageInsideMessage); ++error) {
    words.insert(to_string(static_cast<FrameError>(error)));
  }
  EXPECT_EQ(words.size(), static_cast<std::size_t>(FrameError::kMessageInsideMessage) + 1);
}

// Streams of frames that are mostly legal, in pieces of any size.
TEST(FrameScanner, AgreesWithTheReferenceOnRandomStreams) {
  std::mt19937 random(6455);
  const auto below = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
  for (int run = 0; run < 20'000; ++run) {
    const Sender sender = below(2) == 0 ? Sender::kClient : Sender::kServer;
    const auto rules = static_cast<ExtensionRules>(below(3));
    Bytes stream;
    bool open = false;
    for (unsigned frames = 1 + below(8); frames > 0; --frames) {
      Head head{.opcode = static_cast<std::uint8_t>(open ? 0 : 1 + below(2)), .fin = below(3) != 0};
      if (below(3) == 0) head = {.opcode = static_cast<std::uint8_t>(8 + below(3))};
      if (head.opcode < 8) open = !head.fin;
      if (sender == Sender::kClient) head.mask = test::kKey;
      Bytes next = test::frame(head, test::filler(below(head.opcode < 8 && below(8) == 0 ? 300 : 12)));
      if (below(12) == 0)
        next[below(static_cast<unsigned>(std::min<std::size_t>(next.size(), 4)))] ^=
            static_cast<std::uint8_t>(1U << below(8));
      stream = join(stream, next);
    }
    Feeder feeder(sender, rules);
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t size = std::min<std::size_t>(stream.size() - at, 1 + below(below(2) == 0 ? 3 : 40));
      feeder.feed(View(stream).subspan(at, size));
      at += size;
      ASSERT_EQ(feeder.seen(), reference(View(stream).first(at), sender, rules))
          << "run " << run << " at " << at;
    }
  }
}

// Payload that goes by unseen leaves the scanner where seeing it would have.
TEST(FrameScanner, SkippingIsSeeing) {
  const Bytes frames[] = {test::client_frame(Opcode::kText, "", test::Fin::kNo),
                          test::client_frame(Opcode::kContinuation, test::filler(3), test::Fin::kNo),
                          test::client_frame(Opcode::kPing, "p"),
                          test::client_frame(Opcode::kContinuation, test::filler(200)),
                          test::client_frame(Opcode::kBinary, test::filler(70'000))};
  FrameScanner seeing(Sender::kClient, ExtensionRules::kNone);
  FrameScanner skipping(Sender::kClient, ExtensionRules::kNone);
  for (const Bytes& frame : frames) {
    ASSERT_EQ(seeing.next(frame).verdict, FrameScanner::Verdict::kFrameEnd);
    const FrameHeader header = seeing.header();
    ASSERT_EQ(skipping.rest(), 0U);
    auto verdict = skipping.next(View(frame).first(header.size)).verdict;
    EXPECT_EQ(skipping.payload_size(), header.payload_size);
    ASSERT_EQ(skipping.rest(), header.payload_size);
    if (header.payload_size > 1) {
      EXPECT_EQ(skipping.skip(1), FrameScanner::Verdict::kPart);
      EXPECT_EQ(skipping.rest(), header.payload_size - 1);
    }
    if (skipping.rest() != 0) verdict = skipping.skip(skipping.rest());
    EXPECT_EQ(verdict, FrameScanner::Verdict::kFrameEnd);
    EXPECT_EQ(skipping.header(), header);
    EXPECT_EQ(skipping.at_message_boundary(), seeing.at_message_boundary());
    EXPECT_EQ(skipping.data_frame_open(), seeing.data_frame_open());
  }
}

}  // namespace
}  // namespace wskeep::websocket
