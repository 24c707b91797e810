#include "config/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <unordered_map>
#include <utility>

namespace wskeep::config {
namespace {

// Thrown through yaml-cpp to end a parse that can't or mustn't go on.
struct Stop {
  Position position;
  std::string why;
};

Position position_of(const YAML::Mark& mark) {
  return {mark.line + 1, mark.column + 1};
}

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, const Origin& file, Faults& faults)
      : text_(text), file_(file), faults_(faults) {}

  TreeNode take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (!std::exchange(started_, true)) return;
    // yaml-cpp also begins a "document" at a stray bracket or at whatever follows a complete one.
    const bool is_marker = text_at(mark).starts_with("---");
    throw Stop{position_of(mark), is_marker ? "a second document begins here; a configuration is one document"
                                            : "not valid YAML: the text before this is complete"};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(make(TreeNode::Kind::kNull, mark, "?", anchor));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    TreeNode node = make(TreeNode::Kind::kRefused, mark, "?", YAML::NullAnchor);
    fault(node.position, pending_path(), "aliases are refused: write the value out");
    add(std::move(node));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    TreeNode node = make(TreeNode::Kind::kScalar, mark, tag, anchor);
    node.text = value;
    add(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(TreeNode::Kind::kList, make(TreeNode::Kind::kList, mark, tag, anchor));
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(TreeNode::Kind::kMap, make(TreeNode::Kind::kMap, mark, tag, anchor));
  }
  void OnMapEnd() override { close(); }

 private:
  // A collection that is open. A refused one is kept too, since its content is still delivered.
  struct Frame {
    TreeNode::Kind shape = TreeNode::Kind::kList;
    TreeNode node;
    std::optional<TreeNode> key;                 // waits for its value
    std::unordered_map<std::string, int> lines;  // of the keys so far
  };

  std::string_view text_at(const YAML::Mark& mark) const {
    const auto offset = static_cast<std::size_t>(std::max(mark.pos, 0));
    return offset < text_.size() ? text_.substr(offset) : std::string_view{};
  }

  TreeNode make(TreeNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    TreeNode node;
    node.kind = kind;
    node.position = position_of(mark);
    if (anchor != YAML::NullAnchor) {
      refuse(node, "anchors are refused: write the value out where it is needed");
    } else if ((tag != "?" && tag != "!") || text_at(mark).starts_with('!')) {
      // yaml-cpp gives "?" to what has no tag and "!" to a quoted scalar, but also to a written "!".
      refuse(node, "tags are refused: the schema knows every type");
    }
    return node;
  }

  void refuse(TreeNode& node, std::string why) {
    node.kind = TreeNode::Kind::kRefused;
    fault(node.position, pending_path(), std::move(why));
  }

  void open(TreeNode::Kind shape, TreeNode node) {
    if (stack_.size() == kMaxDepth) {
      throw Stop{node.position, fmt::format("nested more than {} levels deep", kMaxDepth)};
    }
    Frame& frame = stack_.emplace_back();
    frame.shape = shape;
    frame.node = std::move(node);
  }

  void close() {
    TreeNode node = std::move(stack_.back().node);
    stack_.pop_back();
    add(std::move(node));
  }

  void add(TreeNode node) {
    if (stack_.empty()) {
      root_ = std::move(node);
    } else if (Frame& top = stack_.back(); top.shape == TreeNode::Kind::kList) {
      top.node.children.push_back(std::move(node));
    } else if (!top.key) {
      top.key = std::move(node);
    } else {
      add_entry(top, std::move(node));
    }
  }

  void add_entry(Frame& map, TreeNode value) {
    const std::string path = pending_path();
    const TreeNode key = std::move(*map.key);
    map.key.reset();
    if (key.kind == TreeNode::Kind::kRefused) return;
    if (key.kind != TreeNode::Kind::kScalar || key.text.empty()) {
      fault(key.position, path, "a key must be a word");
    } else if (key.text == "<<") {
      fault(key.position, path, "merge keys are refused: write the keys out");
    } else if (const auto [first, fresh] = map.lines.try_emplace(key.text, key.position.line); !fresh) {
      fault(key.position, path, fmt::format("is already set in line {}", first->second));
    } else {
      value.key = key.text;
      value.key_position = key.position;
      map.node.children.push_back(std::move(value));
    }
  }

  // The dotted path of what is being read.
  std::string pending_path() const {
    std::string path;
    for (const Frame& frame : stack_) {
      const bool is_list = frame.shape == TreeNode::Kind::kList;
      const std::string step = is_list     ? std::to_string(frame.node.children.size())
                               : frame.key ? frame.key->text
                                           : "";
      if (step.empty()) break;
      if (!path.empty()) path += '.';
      path += step;
    }
    return path;
  }

  void fault(Position position, std::string key, std::string why) {
    faults_.push_back(Fault{file_.at(position), std::move(key), std::move(why)});
  }

  std::string_view text_;
  const Origin& file_;
  Faults& faults_;
  TreeNode root_;
  std::vector<Frame> stack_;
  bool started_ = false;
};

Position position_at(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return {static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
          static_cast<int>(offset - line_start) + 1};
}

// What yaml-cpp mustn't see: it reads the byte 0x04 as the end of the file and guesses at encodings.
std::optional<Stop> find_bad_byte(std::string_view text) {
  if (text.size() > kMaxBytes) {
    return Stop{{}, fmt::format("larger than {} bytes, which no configuration is", kMaxBytes)};
  }
  const auto is_control = [](char c) {
    return (c >= 0 && c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F;
  };
  const auto control = std::find_if(text.begin(), text.end(), is_control);
  if (control != text.end()) {
    const auto offset = static_cast<std::size_t>(control - text.begin());
    return Stop{position_at(text, offset), fmt::format("control character 0x{:02X}", *control)};
  }
  if (const std::size_t offset = find_invalid_utf8(text); offset != std::string_view::npos) {
    return Stop{position_at(text, offset), "not valid UTF-8"};
  }
  return std::nullopt;
}

std::optional<Stop> parse(const std::string& text, TreeBuilder& builder) {
  if (std::optional<Stop> bad = find_bad_byte(text)) return bad;
  std::istringstream stream(text);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop& stop) {
    return stop;
  } catch (const YAML::Exception& error) {
    return Stop{position_of(error.mark), "not valid YAML: " + error.msg};
  }
  return std::nullopt;
}

}  // namespace

std::optional<TreeNode> parse_yaml(std::string_view text, const Origin& file, Faults& faults) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  TreeBuilder builder(text, file, faults);
  if (std::optional<Stop> stop = parse(std::string(text), builder)) {
    faults.push_back(Fault{file.at(stop->position), "", std::move(stop->why)});
    return std::nullopt;
  }
  TreeNode root = builder.take_root();
  if (root.kind == TreeNode::Kind::kNull) root.kind = TreeNode::Kind::kMap;
  return root;
}

}  // namespace wskeep::config
