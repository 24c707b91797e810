#include "config/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "config/check.h"
#include "config/keys.h"
#include "config/reader.h"
#include "config/yaml_tree.h"

namespace wskeep::config {
namespace {

// Ranks of the sources, lowest precedence first.
enum Rank : int { kFile, kEnvironment, kFlags };

Origin flag(std::string name) {
  return {.rank = kFlags, .source = std::move(name), .names_key = true, .position = {}};
}

// Up to one byte more than a configuration may have; the parser reports the excess.
std::string read_file(const std::string& path, Reading& reading) {
  std::string text;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (file) {
    std::array<char, 4096> chunk{};
    std::size_t size = 0;
    while (text.size() <= kMaxBytes && (size = std::fread(chunk.data(), 1, chunk.size(), file.get())) > 0) {
      text.append(chunk.data(), size);
    }
  }
  if (!file || std::ferror(file.get()) != 0) {
    const Origin origin{.rank = kFile, .source = path, .names_key = false, .position = {}};
    reading.faults.push_back(Fault{origin, "", fmt::format("cannot be read: {}", std::strerror(errno))});
  }
  return text;
}

bool is_index(std::string_view step) {
  return !step.empty() && std::all_of(step.begin(), step.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The tree that has only `key`: {listeners: [0 -> {address: value}]} for "listeners.0.address".
TreeNode chain(std::string_view key, std::string_view value) {
  TreeNode node;
  node.kind = TreeNode::Kind::kScalar;
  node.text = value;
  for (bool more = true; more;) {
    const std::size_t dot = key.rfind('.');
    more = dot != std::string_view::npos;
    node.key = more ? key.substr(dot + 1) : key;
    if (more) key = key.substr(0, dot);
    TreeNode parent;
    parent.kind = is_index(node.key) ? TreeNode::Kind::kPatch : TreeNode::Kind::kMap;
    parent.children.push_back(std::move(node));
    node = std::move(parent);
  }
  return node;
}

// Steps of a key, so that listeners.2 comes before listeners.10.
std::vector<std::pair<std::size_t, std::string>> order_of(std::string_view key) {
  std::vector<std::pair<std::size_t, std::string>> steps;
  while (!key.empty()) {
    const std::string_view step = key.substr(0, key.find('.'));
    steps.emplace_back(is_index(step) ? step.size() : 0, step);
    key.remove_prefix(std::min(key.size(), step.size() + 1));
  }
  return steps;
}

void read_environment(const std::vector<Variable>& environment, Reading& reading) {
  struct Found {
    std::string key;
    const Variable* variable;
  };
  std::vector<Found> found;
  for (const Variable& variable : environment) {
    if (!variable.name.starts_with("WSKEEP_")) continue;
    if (std::optional<std::string> key = key_of_variable(variable.name)) {
      found.push_back({std::move(*key), &variable});
    } else if (!is_kubernetes_variable(variable.name, variable.value)) {
      std::vector<std::string> names;
      for (const std::string& known : all_keys()) {
        std::string& name = names.emplace_back(variable_name(known));
        std::replace(name.begin(), name.end(), '#', '0');
      }
      const Origin origin{kEnvironment, "environment " + variable.name, true, {}};
      reading.faults.push_back(Fault{origin, "", "unknown option" + did_you_mean(variable.name, names)});
    }
  }
  // An environment has no order of its own, and an element can only be appended after the one before it.
  std::stable_sort(found.begin(), found.end(),
                   [](const Found& a, const Found& b) { return order_of(a.key) < order_of(b.key); });
  for (const auto& [key, variable] : found) {
    const Origin origin{kEnvironment, "environment " + variable->name, false, {}};
    read_tree(chain(key, variable->value), origin, reading);
  }
}

void read_listen(const std::vector<std::string>& addresses, Reading& reading) {
  if (addresses.empty()) return;
  TreeNode list;
  list.kind = TreeNode::Kind::kList;
  list.key = "listeners";
  for (const std::string& address : addresses) list.children.push_back(chain("address", address));
  TreeNode root;
  root.kind = TreeNode::Kind::kMap;
  root.children.push_back(std::move(list));
  read_tree(root, flag("--listen"), reading);
}

void read_set(const std::string& assignment, Reading& reading) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    const Origin origin = flag("--set " + assignment);
    reading.faults.push_back(Fault{origin, "", "needs key=value, e.g. log.level=debug"});
    return;
  }
  const std::string key = assignment.substr(0, equals);
  read_tree(chain(key, assignment.substr(equals + 1)), flag("--set " + key), reading);
}

// Reads all sources; `text` is the file's.
Config assemble(std::string_view text, const Origin& file, const Sources& sources, Reading& reading) {
  const std::optional<TreeNode> root = parse_yaml(text, file, reading.faults);
  if (root) read_tree(*root, file, reading);
  read_environment(sources.environment, reading);
  read_listen(sources.listen, reading);
  if (sources.backend) read_tree(chain("backend.address", *sources.backend), flag("--backend"), reading);
  for (const std::string& assignment : sources.set) read_set(assignment, reading);
  // Half a file would be compared with defaults that it may have meant to change.
  if (root) check(reading);
  if (!reading.faults.empty()) throw ConfigError(std::move(reading.faults));
  return std::move(reading.config);
}

}  // namespace

Config load(const Sources& sources) {
  Reading reading;
  const std::string text = sources.file ? read_file(*sources.file, reading) : "";
  const Origin file{kFile, sources.file.value_or(""), false, {}};
  return assemble(text, file, sources, reading);
}

Config load_text(std::string_view text, std::string_view file_name, const Sources& sources) {
  Reading reading;
  return assemble(text, Origin{kFile, std::string(file_name), false, {}}, sources, reading);
}

}  // namespace wskeep::config
