#include "config/reader.h"

#include <fmt/format.h>

#include "config/keys.h"

namespace wskeep::config {

std::string suggest_key(std::string_view key, const std::vector<std::string>& siblings) {
  if (std::string near = did_you_mean(key, siblings); !near.empty()) return near;
  std::string elsewhere;
  for (const std::string& path : all_keys()) {
    if (path.substr(path.rfind('.') + 1) != key) continue;
    elsewhere += (elsewhere.empty() ? "" : " or ") + path;
  }
  return elsewhere.empty() ? "" : " (did you mean " + elsewhere + "?)";
}

Why read_index(std::string_view text, std::size_t size, std::size_t& index) {
  std::uint32_t number = 0;
  const Integer at_most{0, static_cast<std::uint32_t>(size)};
  if (at_most.read(text, number)) {
    return fmt::format("{} is not an index from 0 to {}, which would be a new element", shown(text), size);
  }
  index = number;
  return std::nullopt;
}

std::string_view name_of(TreeNode::Kind kind) {
  switch (kind) {
    case TreeNode::Kind::kNull: return "nothing";
    case TreeNode::Kind::kScalar: return "a value";
    case TreeNode::Kind::kList:
    case TreeNode::Kind::kPatch: return "a list";
    case TreeNode::Kind::kMap: return "a map of keys";
    case TreeNode::Kind::kRefused: break;
  }
  return "something that isn't read";
}

const TreeNode* Reader::find(std::string_view key) {
  known_.emplace_back(key);
  const auto found = std::find_if(map_.children.begin(), map_.children.end(),
                                  [key](const TreeNode& child) { return child.key == key; });
  return found == map_.children.end() ? nullptr : &*found;
}

std::string Reader::path_to(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

void Reader::forget_origins(const std::string& prefix) {
  std::erase_if(reading_.origins, [&prefix](const auto& entry) { return entry.first.starts_with(prefix); });
}

void Reader::fault(Position position, std::string_view key, std::string_view why) {
  reading_.faults.push_back(Fault{source_.at(position), path_to(key), std::string(why)});
}

void Reader::fault_empty(Position position, std::string_view key) {
  fault(position, key, source_.names_key ? "has no value" : "has no value; leave it out to keep the default");
}

void Reader::fault_kind(const TreeNode& node, std::string_view key, const std::string& needed) {
  if (node.kind == TreeNode::Kind::kRefused) return;
  if (node.kind == TreeNode::Kind::kNull) {
    return fault_empty(node.key.empty() ? node.position : node.key_position, key);
  }
  fault(node.position, key, fmt::format("needs {}, not {}", needed, name_of(node.kind)));
}

void read_tree(const TreeNode& root, const Origin& source, Reading& reading) {
  if (root.kind == TreeNode::Kind::kRefused) return;
  if (root.kind != TreeNode::Kind::kMap) {
    reading.faults.push_back(
        Fault{source.at(root.position), "", fmt::format("needs a map of keys, not {}", name_of(root.kind))});
    return;
  }
  Reader reader(root, "", source, reading);
  describe(reader, reading.config);
  reader.finish();
}

}  // namespace wskeep::config
