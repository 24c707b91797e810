// Who is on the line: fixed when the handshake ends, and shown in logs and metrics.
//
// Its words are views into one allocation, each with a zero behind it, because there is one identity for each
// of very many sessions. (No word of a head has a zero in it.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace wskeep::relay {

class SessionIdentity {
 public:
  struct Words {
    std::string_view client;  // address:port
    std::string_view path;    // without its query
    std::string_view subprotocol;
    std::string_view user_agent_family;  // the header itself is long, and nobody asks for it
  };

  SessionIdentity() noexcept = default;
  // `id` is random. Throws std::bad_alloc.
  SessionIdentity(std::uint64_t id, const Words& words) : id_(id) {
    std::size_t size = 0;
    for (const std::string_view word :
         {words.client, words.path, words.subprotocol, words.user_agent_family}) {
      size += word.size() + 1;
    }
    text_ = std::make_unique_for_overwrite<char[]>(size);
    char* end = text_.get();
    for (const std::string_view word :
         {words.client, words.path, words.subprotocol, words.user_agent_family}) {
      end += word.copy(end, word.size());
      *end++ = '\0';
    }
  }

  std::uint64_t id() const noexcept { return id_; }
  // All at once, for who needs more than one: each is as far away as the words before it are long.
  Words words() const noexcept {
    if (!text_) return {};
    Words words;
    const char* begin = text_.get();
    for (std::string_view* const word :
         {&words.client, &words.path, &words.subprotocol, &words.user_agent_family}) {
      *word = begin;
      begin += word->size() + 1;
    }
    return words;
  }
  // Asks the cache for the words.
  void fetch() const noexcept { __builtin_prefetch(text_.get()); }
  std::string_view client() const noexcept { return word(0); }
  std::string_view path() const noexcept { return word(1); }
  std::string_view subprotocol() const noexcept { return word(2); }
  std::string_view user_agent_family() const noexcept { return word(3); }

 private:
  std::string_view word(int index) const noexcept {
    if (!text_) return {};
    const char* begin = text_.get();
    for (; index > 0; --index) begin += std::string_view(begin).size() + 1;
    return begin;
  }

  std::uint64_t id_ = 0;
  std::unique_ptr<char[]> text_;
};

}  // namespace wskeep::relay
