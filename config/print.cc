#include "config/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "config/describe.h"

namespace wskeep::config {
namespace {

// Plain where any YAML reader takes it for one string, in double quotes elsewhere ("[::1]:80" is a list, and
// what ends in a colon a key).
std::string yaml_scalar(const std::string& text) {
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const auto is_plain = [is_word](char c) {
    return is_word(c) || std::string_view("._:%/-").find(c) != std::string_view::npos;
  };
  if (!text.empty() && is_word(text.front()) && text.back() != ':' &&
      std::all_of(text.begin(), text.end(), is_plain)) {
    return text;
  }
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

// Visitor that writes each option on a line of its own.
class Printer {
 public:
  // `first` replaces the indentation of the first line, for the dash of a list element.
  Printer(std::string indent, std::string first, std::string& out)
      : indent_(std::move(indent)), lead_(std::move(first)), out_(out) {}

  template <class T, class Syntax>
  void option(std::string_view key, T& value, const Syntax& syntax, std::string_view why) {
    line(fmt::format("{}: {}", key, yaml_scalar(syntax.write(value))),
         fmt::format("{} ({})", why, syntax.expected()));
  }

  template <class T>
  void group(std::string_view key, T& member, std::string_view why) {
    line(fmt::format("{}:", key), why);
    Printer inner(indent_ + "  ", indent_ + "  ", out_);
    describe(inner, member);
  }

  template <class T>
  void list(std::string_view key, std::vector<T>& elements, Count, std::string_view why) {
    line(fmt::format("{}:{}", key, elements.empty() ? " []" : ""), why);
    for (T& element : elements) {
      Printer inner(indent_ + "    ", indent_ + "  - ", out_);
      describe(inner, element);
    }
  }

 private:
  void line(std::string_view text, std::string_view comment) {
    out_ += fmt::format("{}{}  # {}\n", lead_, text, comment);
    lead_ = indent_;
  }

  std::string indent_;
  std::string lead_;
  std::string& out_;
};

}  // namespace

std::string print(const Config& config) {
  std::string out;
  Config copy = config;  // descriptions are written once, for a Config that may be changed
  Printer printer("", "", out);
  describe(printer, copy);
  return out;
}

}  // namespace wskeep::config
