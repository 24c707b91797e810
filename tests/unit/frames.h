// Frames for tests: built with any header, legal or not, and shown as short words that read in an assertion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/websocket/frame.h"

namespace wskeep::test {

using Bytes = std::vector<std::uint8_t>;
using websocket::MaskKey;
using websocket::Opcode;

inline Bytes bytes_of(std::string_view text) {
  return {text.begin(), text.end()};
}

// `size` bytes that look like nothing in particular.
inline Bytes filler(std::size_t size, std::uint8_t seed = 0) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(seed + i * 37 + (i >> 8));
  return bytes;
}

template <class... Parts>
Bytes join(const Parts&... parts) {
  Bytes all;
  (all.insert(all.end(), parts.begin(), parts.end()), ...);
  return all;
}

inline constexpr MaskKey kKey = {0x37, 0xfa, 0x21, 0x3d};

// A header of any kind. `length_bytes` is 0, 2 or 8; by default the least that `size` needs.
struct Head {
  std::uint8_t opcode = 1;
  bool fin = true;
  std::uint8_t rsv = 0;
  std::optional<MaskKey> mask{};
  std::uint64_t size = 0;
  std::optional<std::size_t> length_bytes{};

  Bytes bytes() const {
    const std::size_t wide = length_bytes.value_or(size < 126 ? 0U : size <= 0xFFFF ? 2U : 8U);
    const std::uint64_t short_length = wide == 0 ? size : wide == 2 ? 126 : 127;
    Bytes out = {static_cast<std::uint8_t>((fin ? 0x80U : 0U) | static_cast<unsigned>(rsv << 4) | opcode),
                 static_cast<std::uint8_t>((mask ? 0x80U : 0U) | short_length)};
    for (std::size_t i = wide; i-- > 0;) out.push_back(static_cast<std::uint8_t>(size >> (8 * i)));
    if (mask) out.insert(out.end(), mask->begin(), mask->end());
    return out;
  }
};

inline Bytes frame(Head head, Bytes payload) {
  head.size = payload.size();
  if (head.mask) {
    for (std::size_t i = 0; i < payload.size(); ++i) payload[i] ^= (*head.mask)[i % 4];
  }
  return join(head.bytes(), payload);
}

enum class Fin : std::uint8_t { kNo, kYes };

// As a server and as a client send it.
inline Bytes server_frame(Opcode opcode, const Bytes& payload, Fin fin = Fin::kYes) {
  return frame({.opcode = static_cast<std::uint8_t>(opcode), .fin = fin == Fin::kYes}, payload);
}
inline Bytes server_frame(Opcode opcode, std::string_view payload, Fin fin = Fin::kYes) {
  return server_frame(opcode, bytes_of(payload), fin);
}
inline Bytes client_frame(Opcode opcode, const Bytes& payload, Fin fin = Fin::kYes) {
  return frame({.opcode = static_cast<std::uint8_t>(opcode), .fin = fin == Fin::kYes, .mask = kKey}, payload);
}
inline Bytes client_frame(Opcode opcode, std::string_view payload, Fin fin = Fin::kYes) {
  return client_frame(opcode, bytes_of(payload), fin);
}
inline Bytes close_payload(std::uint16_t code, std::string_view reason = {}) {
  return join(Bytes{static_cast<std::uint8_t>(code >> 8), static_cast<std::uint8_t>(code)}, reason);
}

// One frame as a naive decoder finds it.
struct Decoded {
  std::uint8_t opcode = 0;
  bool fin = false;
  bool masked = false;
  Bytes payload;  // unmasked
  Bytes raw;      // the whole frame
};

// The whole frames at the front of `in`, which moves behind them. Knows no illegal frame.
inline std::vector<Decoded> decode(std::span<const std::uint8_t>& in) {
  std::vector<Decoded> frames;
  while (in.size() >= 2) {
    const std::size_t wide = (in[1] & 0x7F) == 127 ? 8 : (in[1] & 0x7F) == 126 ? 2 : 0;
    const bool masked = (in[1] & 0x80) != 0;
    const std::size_t head = 2 + wide + (masked ? 4 : 0);
    if (in.size() < head) break;
    std::uint64_t size = wide == 0 ? in[1] & 0x7F : 0;
    for (std::size_t i = 0; i < wide; ++i) size = size * 256 + in[2 + i];
    if (in.size() - head < size) break;
    const auto payload = in.subspan(head, size);
    Decoded one{static_cast<std::uint8_t>(in[0] & 0xF),
                (in[0] & 0x80) != 0,
                masked,
                {payload.begin(), payload.end()},
                {in.begin(), payload.end()}};
    for (std::size_t i = 0; masked && i < size; ++i) one.payload[i] ^= in[head - 4 + i % 4];
    in = in.subspan(head + size);
    frames.push_back(std::move(one));
  }
  return frames;
}

inline std::string show_payload(const Bytes& payload) {
  if (payload.size() > 40) return "<" + std::to_string(payload.size()) + ">";
  for (const std::uint8_t byte : payload) {
    if (byte < 0x20 || byte > 0x7E) return "#";
  }
  return {payload.begin(), payload.end()};
}

// "text(hi) text-(he) cont(llo) ping(#) close(1001 going away) +3": a dash where more fragments follow, # for
// binary payloads, a tilde before masked frames, and how many bytes of an unfinished frame stand at the end.
inline std::string show(std::span<const std::uint8_t> in) {
  std::string all;
  const auto word = [&](const std::string& text) { all += (all.empty() ? "" : " ") + text; };
  for (const Decoded& one : decode(in)) {
    constexpr const char* kNames[] = {"cont",  "text", "binary", "op3",  "op4",  "op5",  "op6",  "op7",
                                      "close", "ping", "pong",   "op11", "op12", "op13", "op14", "op15"};
    std::string text = std::string(one.masked ? "~" : "") + kNames[one.opcode] + (one.fin ? "(" : "-(");
    if (one.opcode == 8 && one.payload.size() >= 2) {
      text += std::to_string(one.payload[0] * 256 + one.payload[1]);
      if (one.payload.size() > 2) text += " " + show_payload({one.payload.begin() + 2, one.payload.end()});
    } else {
      text += show_payload(one.payload);
    }
    word(text + ")");
  }
  if (!in.empty()) word("+" + std::to_string(in.size()));
  return all;
}

}  // namespace wskeep::test
