// A YAML text as a tree of strings with their places, made from yaml-cpp's events.
//
// yaml-cpp's own node tree isn't used: it accepts duplicate keys, expands aliases without a bound and
// forgets where keys stood. This reader takes the part of YAML that a configuration needs (maps, lists
// and scalars) and refuses the rest: duplicate and merge keys, anchors, aliases, tags, a second document,
// nesting beyond kMaxDepth, files above kMaxBytes, control characters and invalid UTF-8. A scalar is its
// text, quoted or not; nothing is guessed from its look.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/fault.h"

namespace wskeep::config {

inline constexpr std::size_t kMaxBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMaxDepth = 16;

struct TreeNode {
  enum class Kind : std::uint8_t {
    kNull,     // nothing was written, or ~ or null
    kScalar,   // text
    kList,     // children without keys
    kMap,      // children with keys, each once
    kPatch,    // one element of a list, its index as the key; made from variables and flags, never from YAML
    kRefused,  // something that was reported and is to be skipped
  };

  Kind kind = Kind::kNull;
  Position position;
  std::string text;
  std::string key;
  Position key_position;
  std::vector<TreeNode> children;
};

// The root of `text`; an empty text is an empty map. Faults are added to `faults`, located in `file`. None
// when the text couldn't be read to its end, so that what a tree would lack isn't mistaken for absent.
std::optional<TreeNode> parse_yaml(std::string_view text, const Origin& file, Faults& faults);

}  // namespace wskeep::config
