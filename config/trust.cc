#include "config/trust.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace wskeep::config {
namespace {

// Reads what commas separate, or nothing when the text is `word`.
template <class Item>
Why read_items(std::string_view text, std::string_view word, std::size_t max, std::string_view noun,
               std::vector<Item>& value) {
  std::vector<Item> items;
  for (std::size_t begin = 0; text != word && begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::string_view written = text.substr(begin, end - begin);
    while (written.starts_with(' ')) written.remove_prefix(1);
    while (written.ends_with(' ')) written.remove_suffix(1);
    Item item;
    if (Why why = Item::read(written, item)) return *why + did_you_mean(written, {std::string(word)});
    if (std::find(items.begin(), items.end(), item) != items.end()) {
      return fmt::format("{} is there twice", shown(written));
    }
    items.push_back(std::move(item));
    begin = end + 1;
  }
  if (items.size() > max) return fmt::format("has {} {}; {} are allowed", items.size(), noun, max);
  value = std::move(items);
  return std::nullopt;
}

template <class Item>
std::string write_items(const std::vector<Item>& value, std::string_view word) {
  std::string text;
  for (const Item& item : value) text.append(text.empty() ? "" : ", ").append(item.text());
  return text.empty() ? std::string(word) : text;
}

}  // namespace

Why IpRanges::read(std::string_view text, std::vector<net::IpRange>& value) const {
  return read_items(text, "none", max, "ranges", value);
}

std::string IpRanges::write(const std::vector<net::IpRange>& value) const {
  return write_items(value, "none");
}

std::string IpRanges::expected() const {
  return fmt::format("none, or up to {} IP addresses or ranges or unix, separated by commas", max);
}

Why Origins::read(std::string_view text, std::vector<websocket::OriginPattern>& value) const {
  return read_items(text, "any", max, "origins", value);
}

std::string Origins::write(const std::vector<websocket::OriginPattern>& value) const {
  return write_items(value, "any");
}

std::string Origins::expected() const {
  return fmt::format("any, or up to {} origins, separated by commas", max);
}

Why Protocols::read(std::string_view text, std::vector<http::ProtocolName>& value) const {
  return read_items(text, "none", max, "protocols", value);
}

std::string Protocols::write(const std::vector<http::ProtocolName>& value) const {
  return write_items(value, "none");
}

std::string Protocols::expected() const {
  return fmt::format("none, or up to {} names of protocols, separated by commas", max);
}

}  // namespace wskeep::config
