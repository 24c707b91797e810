#include "config/keys.h"

#include <algorithm>
#include <cstddef>
#include <regex>

#include "config/describe.h"

namespace wskeep::config {
namespace {

constexpr std::string_view kPrefix = "WSKEEP_";

// Visitor that writes down the path of every option.
class Lister {
 public:
  Lister(std::string prefix, std::vector<std::string>& keys) : prefix_(std::move(prefix)), keys_(keys) {}

  template <class T, class Syntax>
  void option(std::string_view key, T&, const Syntax&, std::string_view) {
    keys_.push_back(prefix_ + std::string(key));
  }

  template <class T>
  void group(std::string_view key, T& member, std::string_view) {
    Lister inner(prefix_ + std::string(key) + ".", keys_);
    describe(inner, member);
  }

  template <class T>
  void list(std::string_view key, std::vector<T>&, Count, std::string_view) {
    T element{};
    Lister inner(prefix_ + std::string(key) + ".#.", keys_);
    describe(inner, element);
  }

 private:
  std::string prefix_;
  std::vector<std::string>& keys_;
};

char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

// `key` with its "#"s replaced by the digits that `name` has in their places, or none where they differ.
std::optional<std::string> match(std::string_view name, std::string_view key) {
  std::string found;
  std::size_t at = 0;
  for (const char c : key) {
    if (c == '#') {
      const std::size_t start = at;
      while (at < name.size() && name[at] >= '0' && name[at] <= '9') found += name[at++];
      if (at == start) return std::nullopt;
    } else {
      if (at == name.size() || name[at++] != (c == '.' ? '_' : upper(c))) return std::nullopt;
      found += c;
    }
  }
  return at == name.size() ? std::optional(found) : std::nullopt;
}

}  // namespace

const std::vector<std::string>& all_keys() {
  static const std::vector<std::string> keys = [] {
    std::vector<std::string> found;
    Config config;
    Lister lister("", found);
    describe(lister, config);
    return found;
  }();
  return keys;
}

std::string variable_name(std::string_view key) {
  std::string name(kPrefix);
  for (const char c : key) name += c == '.' ? '_' : upper(c);
  return name;
}

std::optional<std::string> key_of_variable(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  for (const std::string& key : all_keys()) {
    if (std::optional<std::string> found = match(name, key)) return found;
  }
  return std::nullopt;
}

bool is_kubernetes_variable(std::string_view name, std::string_view value) {
  static const std::regex plain(
      "WSKEEP(_[A-Z0-9_]+)?_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|"
      "PORT_[0-9]+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR))");
  static const std::regex holds_url("WSKEEP(_[A-Z0-9_]+)?_PORT(_[0-9]+_(TCP|UDP|SCTP))?");
  static const std::regex url("(tcp|udp|sctp)://.+:[0-9]+");
  const auto matches = [](std::string_view text, const std::regex& form) {
    constexpr std::size_t kLongest = 300;  // std::regex recurses with the length of its subject
    return text.size() <= kLongest && std::regex_match(text.begin(), text.end(), form);
  };
  return matches(name, plain) || (matches(name, holds_url) && matches(value, url));
}

}  // namespace wskeep::config
