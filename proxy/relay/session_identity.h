// Who is on the line: fixed when the handshake ends, and shown in logs and metrics.
//
// Its words are views into one allocation, because there is one identity for each of very many sessions.
#pragma once

#include <array>
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
      size += word.size();
    }
    text_ = std::make_unique_for_overwrite<char[]>(size);
    std::size_t end = 0;
    std::size_t index = 0;
    for (const std::string_view word :
         {words.client, words.path, words.subprotocol, words.user_agent_family}) {
      end += word.copy(text_.get() + end, word.size());
      ends_[index++] = static_cast<std::uint32_t>(end);  // a head is far smaller
    }
  }

  std::uint64_t id() const noexcept { return id_; }
  std::string_view client() const noexcept { return word(0); }
  std::string_view path() const noexcept { return word(1); }
  std::string_view subprotocol() const noexcept { return word(2); }
  std::string_view user_agent_family() const noexcept { return word(3); }

 private:
  std::string_view word(std::size_t index) const noexcept {
    const std::size_t begin = index == 0 ? 0 : ends_[index - 1];
    return {text_.get() + begin, ends_[index] - begin};
  }

  std::uint64_t id_ = 0;
  std::unique_ptr<char[]> text_;
  std::array<std::uint32_t, 4> ends_{};
};

}  // namespace wskeep::relay
