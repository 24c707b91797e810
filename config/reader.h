// Reads one tree into a Config: the visitor that files, variables and flags have in common.
//
// Each source is made into a tree (yaml_tree.h) and read over what the sources before it left, so that
// a key that isn't in the tree keeps its value. Nothing throws; faults are collected in the Reading.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/describe.h"
#include "config/fault.h"
#include "config/suggest.h"
#include "config/yaml_tree.h"

namespace wskeep::config {

// What is known of a configuration while its sources are read.
struct Reading {
  Config config;
  Faults faults;
  std::map<std::string, Origin, std::less<>>
      origins;  // where each option, group and element was set; defaults have none
};

// " (did you mean ...?)" for an unknown key among its `siblings`, or the full paths of options that have
// just this name elsewhere.
std::string suggest_key(std::string_view key, const std::vector<std::string>& siblings);

// The index that `text` names in a list of `size` elements; `size` itself appends. Puts a why otherwise.
Why read_index(std::string_view text, std::size_t size, std::size_t& index);

// "a map of keys", "a list" and so on, as it is called in a fault.
std::string_view name_of(TreeNode::Kind kind);

// Visitor over the children of one map. Usage: read_map(), below.
class Reader {
 public:
  Reader(const TreeNode& map, std::string path, const Origin& source, Reading& reading)
      : map_(map), path_(std::move(path)), source_(source), reading_(reading) {}

  template <class T, class Syntax>
  void option(std::string_view key, T& value, const Syntax& syntax, std::string_view) {
    const TreeNode* node = find(key);
    if (node == nullptr) return;
    if (node->kind != TreeNode::Kind::kScalar) {
      fault_kind(*node, key, "a value (" + syntax.expected() + ")");
    } else if (node->text.empty()) {
      fault_empty(node->position, key);
    } else if (Why why = syntax.read(node->text, value)) {
      fault(node->position, key, std::move(*why));
    } else {
      reading_.origins[path_to(key)] = source_.at(node->position);
    }
  }

  template <class T>
  void group(std::string_view key, T& member, std::string_view) {
    if (const TreeNode* node = find(key)) read_map(*node, key, path_to(key), member);
  }

  template <class T>
  void list(std::string_view key, std::vector<T>& elements, Count count, std::string_view) {
    const TreeNode* node = find(key);
    if (node == nullptr) return;
    if (node->kind == TreeNode::Kind::kPatch) {
      patch(*node, key, elements);
    } else if (node->kind == TreeNode::Kind::kList) {
      replace(*node, key, elements);
    } else {
      return fault_kind(*node, key, source_.names_key ? "an index, e.g. " + path_to(key) + ".0" : "a list");
    }
    if (elements.size() < count.min || elements.size() > count.max) {
      fault(node->position, key,
            "has " + std::to_string(elements.size()) + " elements; " + std::to_string(count.min) + " to " +
                std::to_string(count.max) + " are allowed");
    }
  }

  // Call after describe(): reports every child that no option, group or list asked for.
  void finish() {
    for (const TreeNode& child : map_.children) {
      if (std::find(known_.begin(), known_.end(), child.key) != known_.end()) continue;
      const Position place = child.key_position;
      fault(place, child.key, "unknown key" + suggest_key(child.key, known_));
    }
  }

 private:
  template <class T>
  void read_map(const TreeNode& node, std::string_view key, std::string path, T& value) {
    if (node.kind != TreeNode::Kind::kMap) return fault_kind(node, key, "a map of keys");
    reading_.origins[path] = source_.at(node.position);
    Reader inner(node, std::move(path), source_, reading_);
    describe(inner, value);
    inner.finish();
  }

  template <class T>
  void replace(const TreeNode& node, std::string_view key, std::vector<T>& elements) {
    forget_origins(path_to(key) + ".");
    elements.assign(node.children.size(), T{});
    for (std::size_t i = 0; i < elements.size(); ++i) read_element(node.children[i], key, i, elements[i]);
  }

  template <class T>
  void patch(const TreeNode& node, std::string_view key, std::vector<T>& elements) {
    for (const TreeNode& child : node.children) {
      std::size_t index = 0;
      if (Why why = read_index(child.key, elements.size(), index)) {
        fault(node.position, key, std::move(*why));
        continue;
      }
      if (index == elements.size()) elements.emplace_back();
      read_element(child, key, index, elements[index]);
    }
  }

  template <class T>
  void read_element(const TreeNode& node, std::string_view key, std::size_t index, T& element) {
    const std::string name = std::string(key) + "." + std::to_string(index);
    read_map(node, name, path_to(name), element);
  }

  const TreeNode* find(std::string_view key);
  std::string path_to(std::string_view key) const;
  void forget_origins(const std::string& prefix);
  void fault(Position position, std::string_view key, std::string_view why);
  void fault_empty(Position position, std::string_view key);
  void fault_kind(const TreeNode& node, std::string_view key, const std::string& needed);

  const TreeNode& map_;
  const std::string path_;
  const Origin& source_;
  Reading& reading_;
  std::vector<std::string> known_;
};

// Reads `root`, written in `source`, over reading.config.
void read_tree(const TreeNode& root, const Origin& source, Reading& reading);

}  // namespace wskeep::config
