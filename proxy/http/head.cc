#include "proxy/http/head.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <cassert>
#include <limits>
#include <string>
#include <type_traits>

#include "proxy/http/head_scanner.h"
#include "proxy/http/rules.h"

namespace wskeep::http {
namespace {

namespace beast = boost::beast;

constexpr auto kForbiddenTrailer = boost::system::errc::not_supported;  // not a code of Beast's

std::string_view view(beast::string_view text) noexcept {
  return {text.data(), text.size()};
}

std::string_view fault_of(const RequestHead& head) noexcept {
  return request_fault(head);
}

std::string_view fault_of(const AnswerHead&) noexcept {
  return {};
}

bool has_control(std::string_view text) noexcept {
  return std::any_of(text.begin(), text.end(),
                     [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7F; });
}

}  // namespace

// One message. Beast calls the on_..._impl functions while it parses; the texts that it hands them point
// into raw_, which no longer grows by then.
template <typename Head>
class MessageReader<Head>::Impl final : beast::http::basic_parser<std::is_same_v<Head, RequestHead>> {
 public:
  Impl(const HeadLimits& limits, BodyRule rule)
      : scanner_(kIsRequest ? HeadScanner::Kind::kRequest : HeadScanner::Kind::kAnswer, limits.fields),
        most_bytes_(limits.bytes) {
    this->header_limit(std::numeric_limits<std::uint32_t>::max());  // most_bytes_ is kept below
    this->body_limit(boost::none);
    this->skip(rule == BodyRule::kNone);
  }

  Fed feed(Bytes bytes) {
    if (head_progress_ != Progress::kIncomplete) return {head_progress_, 0};
    const std::size_t room = most_bytes_ - raw_.size();
    auto [progress, used] = scanner_.scan(bytes.first(std::min(room, bytes.size())));
    if (progress == Progress::kIncomplete && bytes.size() > room) {
      progress = Progress::kTooLarge;
      ++used;  // the byte that shows it
    }
    head_progress_ = progress;
    raw_.append(reinterpret_cast<const char*>(bytes.data()), used);
    if (head_progress_ == Progress::kComplete) {
      parse();
    } else if (head_progress_ != Progress::kIncomplete) {
      reason_ = scanner_.reason().empty() ? "the head is too large" : scanner_.reason();
    }
    return {head_progress_, used};
  }

  Fed feed_body(Bytes bytes) {
    assert(head_progress_ == Progress::kComplete);
    std::size_t used = 0;
    while (used < bytes.size() && body_progress_ == Progress::kIncomplete) {
      const Bytes rest = bytes.subspan(used);
      used += framing_ == Framing::kChunked && chunk_left_ == 0 ? take_chunk_framing(rest) : take_data(rest);
    }
    return {body_progress_, used};
  }

  Progress end_of_input() {
    if (head_progress_ == Progress::kIncomplete) fail_head("the stream ended inside the head");
    if (head_progress_ != Progress::kComplete) return head_progress_;
    if (body_progress_ == Progress::kIncomplete) {
      beast::error_code error;
      this->put_eof(error);
      settle_body(error, "the stream ended inside the body");
    }
    return body_progress_;
  }

  const Head& head() const noexcept {
    assert(head_progress_ == Progress::kComplete);
    return head_;
  }

  // Without the empty line that may have come first.
  std::string_view raw() const noexcept {
    const std::string_view raw = raw_;
    return raw.starts_with("\r\n") ? raw.substr(2) : raw;
  }

  Framing framing() const noexcept {
    assert(head_progress_ == Progress::kComplete);
    return framing_;
  }

  std::string_view reason() const noexcept { return reason_; }
  bool too_many_fields() const noexcept { return scanner_.too_many_fields(); }

 private:
  static constexpr std::size_t kUsualFields = 16;
  static constexpr bool kIsRequest = std::is_same_v<Head, RequestHead>;
  using Code = beast::error_code;
  using Text = beast::string_view;

  void fail_head(std::string_view reason) noexcept {
    head_progress_ = Progress::kBad;
    reason_ = reason;
  }

  void settle_body(const Code& error, std::string_view reason) noexcept {
    if (error) {
      body_progress_ = Progress::kBad;
      reason_ = reason;
    } else if (this->is_done()) {
      body_progress_ = Progress::kComplete;
    }
  }

  void parse() {
    const std::string_view text = raw();
    Code error;
    this->put(boost::asio::const_buffer{text.data(), text.size()}, error);
    if (error) return fail_head(describe(error));
    if (const auto fault = framing_fault(head_.version, head_.fields); !fault.empty()) {
      return fail_head(fault);
    }
    if (const auto fault = fault_of(head_); !fault.empty()) return fail_head(fault);
    framing_ = known_framing();
    settle_body({}, {});
  }

  Framing known_framing() const {
    if (this->is_done()) return Framing::kNone;
    if (this->chunked()) return Framing::kChunked;
    return this->content_length() ? Framing::kSized : Framing::kUntilEof;
  }

  // Beast meets these field by field, before framing_fault() can look at them all.
  std::string_view describe(const Code& error) const noexcept {
    if (error == beast::http::error::multiple_content_length) return kTwoLengths;
    if (error == beast::http::error::bad_content_length) {
      return this->chunked() ? kBothLengths : "malformed Content-Length";
    }
    if (error == beast::http::error::bad_transfer_encoding) {
      return this->chunked() ? kTwoEncodings : kBothLengths;
    }
    if (error == beast::http::error::bad_value) return "malformed Connection";
    return "malformed head";
  }

  // Bytes of a body or of a chunk, which nobody looks at.
  std::size_t take_data(Bytes bytes) {
    Code error;
    const std::size_t used = this->put(boost::asio::const_buffer{bytes.data(), bytes.size()}, error);
    if (framing_ == Framing::kChunked) chunk_left_ -= used;
    settle_body(error, "malformed body");
    return used;
  }

  // Beast wants a chunk header in one piece, and the last one together with all trailers. What has come of
  // it waits in chunk_framing_ and is shown to Beast once a line, so that single bytes cost linear time. A
  // line must end in CRLF before Beast may see it, because Beast asserts that a second line has two bytes.
  std::size_t take_chunk_framing(Bytes bytes) {
    const auto lf = std::find(bytes.begin(), bytes.end(), std::uint8_t{'\n'});
    const bool whole_line = lf != bytes.end();
    const auto size = static_cast<std::size_t>(lf - bytes.begin()) + (whole_line ? 1 : 0);
    const std::size_t unseen =
        std::max(chunk_lines_, chunk_framing_.size() - (chunk_framing_.empty() ? 0 : 1));
    chunk_framing_.append(reinterpret_cast<const char*>(bytes.data()), size);
    // Some readers take a bare CR for the end of a line, so nothing may pass behind it, not even the rest of
    // its line.
    if (const std::size_t cr = chunk_framing_.find('\r', unseen);
        cr < chunk_framing_.size() - 1 && chunk_framing_[cr + 1] != '\n') {
      settle_body(make_error_code(beast::http::error::bad_line_ending), "malformed chunk");
      return size - (chunk_framing_.size() - (cr + 2));
    }
    if (chunk_framing_.size() > kMaxChunkFraming) {
      settle_body(make_error_code(beast::http::error::header_limit), "chunk header or trailers too large");
    } else if (whole_line) {
      take_chunk_line();
    }
    return size;
  }

  void take_chunk_line() {
    const auto line = std::string_view{chunk_framing_}.substr(chunk_lines_);
    chunk_lines_ = chunk_framing_.size();
    Code error;
    if (line.front() == ' ' || line.front() == '\t') {
      error = beast::http::error::bad_obs_fold;
    } else if (!line.ends_with("\r\n")) {
      error = beast::http::error::bad_line_ending;
    } else {
      this->put(boost::asio::const_buffer{chunk_framing_.data(), chunk_framing_.size()}, error);
    }
    if (error == beast::http::error::need_more) return;
    settle_body(error, error == kForbiddenTrailer ? "a trailer that belongs in the head" : "malformed chunk");
    chunk_framing_.clear();
    chunk_lines_ = 0;
  }

  void on_request_impl(beast::http::verb, Text method, Text target, int version, Code&) override {
    if constexpr (kIsRequest) {
      head_.method = view(method);
      head_.target = view(target);
      head_.version = version;
    }
  }

  void on_response_impl(int status, Text reason, int version, Code&) override {
    if constexpr (!kIsRequest) {
      head_.status = status;
      head_.reason = view(reason);
      head_.version = version;
    }
  }

  void on_field_impl(beast::http::field, Text name, Text value, Code& error) override {
    if (this->is_header_done()) {  // a trailer
      if (kIsRequest && forbidden_in_trailers(view(name))) error = make_error_code(kForbiddenTrailer);
      return;
    }
    if (head_.fields.empty()) head_.fields.reserve(kUsualFields);
    head_.fields.push_back({view(name), view(value)});
  }

  void on_header_impl(Code&) override {}

  void on_body_init_impl(const boost::optional<std::uint64_t>&, Code&) override {}

  std::size_t on_body_impl(Text body, Code&) override { return body.size(); }

  // Beast takes any byte in a quoted extension, a line feed too, where others see the end of the line.
  void on_chunk_header_impl(std::uint64_t size, Text extensions, Code& error) override {
    if (has_control(view(extensions))) error = beast::http::error::bad_chunk_extension;
    chunk_left_ = size;
  }

  std::size_t on_chunk_body_impl(std::uint64_t, Text body, Code&) override { return body.size(); }

  void on_finish_impl(Code&) override {}

  HeadScanner scanner_;
  std::string raw_;
  Head head_;
  std::string_view reason_;
  std::string chunk_framing_;    // of a chunk header or of the trailers, what has come so far
  std::size_t chunk_lines_ = 0;  // bytes of whole lines in it
  std::uint64_t chunk_left_ = 0;
  std::size_t most_bytes_;
  Progress head_progress_ = Progress::kIncomplete;
  Progress body_progress_ = Progress::kIncomplete;
  Framing framing_ = Framing::kNone;
};

template <typename Head>
MessageReader<Head>::MessageReader(HeadLimits limits, BodyRule rule)
    : limits_(limits), impl_(std::make_unique<Impl>(limits, rule)) {}

template <typename Head>
MessageReader<Head>::MessageReader(MessageReader&&) noexcept = default;

template <typename Head>
MessageReader<Head>& MessageReader<Head>::operator=(MessageReader&&) noexcept = default;

template <typename Head>
MessageReader<Head>::~MessageReader() = default;

template <typename Head>
Fed MessageReader<Head>::feed(Bytes bytes) {
  return impl_->feed(bytes);
}

template <typename Head>
const Head& MessageReader<Head>::head() const noexcept {
  return impl_->head();
}

template <typename Head>
std::string_view MessageReader<Head>::raw() const noexcept {
  return impl_->raw();
}

template <typename Head>
Framing MessageReader<Head>::framing() const noexcept {
  return impl_->framing();
}

template <typename Head>
Fed MessageReader<Head>::feed_body(Bytes bytes) {
  return impl_->feed_body(bytes);
}

template <typename Head>
Progress MessageReader<Head>::end_of_input() {
  return impl_->end_of_input();
}

template <typename Head>
std::string_view MessageReader<Head>::reason() const noexcept {
  return impl_->reason();
}

template <typename Head>
bool MessageReader<Head>::too_many_fields() const noexcept {
  return impl_->too_many_fields();
}

template <typename Head>
void MessageReader<Head>::next(BodyRule rule) {
  impl_ = std::make_unique<Impl>(limits_, rule);
}

template class MessageReader<RequestHead>;
template class MessageReader<AnswerHead>;

}  // namespace wskeep::http
