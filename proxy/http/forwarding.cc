#include "proxy/http/forwarding.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace wskeep::http {
namespace {

using websocket::equal_ignoring_case;
using websocket::Fields;
using websocket::HeaderField;

constexpr std::string_view kFor = "X-Forwarded-For";
constexpr std::string_view kProto = "X-Forwarded-Proto";
constexpr std::string_view kHost = "X-Forwarded-Host";
constexpr std::string_view kForwarded = "Forwarded";

bool is_space(char c) noexcept {
  return c == ' ' || c == '\t';
}

// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) noexcept {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

void append_field(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ").append(value).append("\r\n");
}

// Reads a Forwarded value from left to right (RFC 7239 section 4).
class ForwardedReader {
 public:
  explicit ForwardedReader(std::string_view text) noexcept : text_(text) {}

  // Calls `visit` with the value of `for` of each element, empty when there is none. False when the value is
  // malformed, which may show late.
  template <class Visit>
  bool read(Visit visit) {
    do {
      std::string_view node;
      bool empty = true;
      do {
        skip_space();
        if (at_end() || at(';') || at(',')) continue;
        empty = false;
        const std::optional<Pair> pair = read_pair();
        if (!pair) return false;
        if (equal_ignoring_case(pair->name, "for")) node = pair->value;
        skip_space();
      } while (take(';'));
      if (!empty) visit(node);
    } while (take(','));
    return at_end();
  }

 private:
  struct Pair {
    std::string_view name;
    std::string_view value;  // without its quotes
  };

  bool at_end() const noexcept { return text_.empty(); }
  bool at(char c) const noexcept { return text_.starts_with(c); }
  void skip_space() noexcept {
    while (!at_end() && is_space(text_.front())) text_.remove_prefix(1);
  }
  bool take(char c) noexcept {
    if (!at(c)) return false;
    text_.remove_prefix(1);
    return true;
  }

  std::string_view take_up_to(std::size_t end) noexcept {
    const std::string_view taken = text_.substr(0, end);
    text_.remove_prefix(taken.size());
    return taken;
  }

  std::optional<Pair> read_pair() noexcept {
    Pair pair;
    pair.name = take_up_to(text_.find('='));
    if (!is_token(pair.name) || !take('=')) return std::nullopt;
    if (take('"')) {
      pair.value = take_up_to(end_of_quoted());
      return take('"') ? std::optional(pair) : std::nullopt;
    }
    pair.value = take_up_to(text_.find_first_of(",; \t"));
    return is_token(pair.value) ? std::optional(pair) : std::nullopt;
  }

  // Where the closing quote stands. What a backslash quotes is no quote.
  std::size_t end_of_quoted() const noexcept {
    for (std::size_t i = 0; i < text_.size(); ++i) {
      if (text_[i] == '"') return i;
      if (text_[i] == '\\') ++i;
    }
    return std::string_view::npos;
  }

  std::string_view text_;
};

// The values of all fields of that name as one list, without the empty ones (RFC 9110 section 5.3).
std::string joined(Fields fields, std::string_view name) {
  std::string list;
  for (const HeaderField& field : fields) {
    if (field.value.empty() || !equal_ignoring_case(field.name, name)) continue;
    if (!list.empty()) list.append(", ");
    list.append(field.value);
  }
  return list;
}

// address, address:port, [address] or [address]:port.
Hop hop_of(std::string_view node) noexcept {
  std::string_view ip = node;
  std::string_view port;
  if (node.starts_with('[')) {
    const std::size_t end = node.find(']');
    if (end == std::string_view::npos) return {};
    ip = node.substr(1, end - 1);
    port = node.substr(end + 1);
  } else if (const std::size_t colon = node.find(':'); colon == node.rfind(':')) {  // not an IPv6 address
    ip = node.substr(0, colon);
    port = node.substr(ip.size());
  }
  Hop hop{.ip = ip};
  if (port.starts_with(':')) std::from_chars(port.data() + 1, port.data() + port.size(), hop.port);
  return hop;
}

std::string quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted.push_back('\\');
    quoted.push_back(c);
  }
  return quoted + '"';
}

// The element that tells of this hop.
std::string own_element(const ClientSide& client, const HeaderField* host) {
  std::string element = "for=";
  if (client.address.empty()) {
    element.append("unknown");  // section 6.2
  } else if (client.address.find(':') != std::string_view::npos) {
    element.append("\"[").append(client.address).append("]\"");  // section 6.1
  } else {
    element.append(client.address);
  }
  if (host != nullptr && !host->value.empty()) {
    element.append(";host=").append(is_token(host->value) ? std::string(host->value) : quoted(host->value));
  }
  return element.append(";proto=").append(client.scheme);
}

void append_forwarded(std::string& head, Fields fields, const ClientSide& client, const HeaderField* host) {
  std::string list;
  // Behind a quote that isn't closed our own element would be a part of it.
  if (client.trusted) list = joined(fields, kForwarded);
  if (!ForwardedReader(list).read([](std::string_view) {})) list.clear();
  if (!list.empty()) list.append(", ");
  append_field(head, kForwarded, list + own_element(client, host));
}

void append_kept_or(std::string& head, Fields fields, std::string_view name, bool keep,
                    std::string_view own) {
  bool kept = false;
  for (const HeaderField& field : fields) {
    if (!keep || !equal_ignoring_case(field.name, name)) continue;
    append_field(head, name, field.value);
    kept = true;
  }
  if (!kept && !own.empty()) append_field(head, name, own);
}

void append_x_forwarded(std::string& head, Fields fields, const ClientSide& client, const HeaderField* host) {
  std::string list;
  if (client.trusted) list = joined(fields, kFor);
  if (!list.empty() && !client.address.empty()) list.append(", ");
  list.append(client.address);
  if (!list.empty()) append_field(head, kFor, list);
  append_kept_or(head, fields, kProto, client.trusted, client.scheme);
  append_kept_or(head, fields, kHost, client.trusted, host == nullptr ? std::string_view() : host->value);
}

}  // namespace

bool is_ours(std::string_view name, const ClientSide& client) noexcept {
  constexpr auto kNames = std::to_array<std::string_view>({kFor, kProto, kHost, kForwarded});
  const auto plain = [](char c) {
    return c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  };
  const auto is_name = [&](std::string_view other) {
    return std::equal(name.begin(), name.end(), other.begin(), other.end(),
                      [plain](char a, char b) { return plain(a) == plain(b); });
  };
  return std::any_of(kNames.begin(), kNames.end(), is_name) ||
         std::any_of(client.certificate_fields.begin(), client.certificate_fields.end(), is_name);
}

void append_forwarding(std::string& head, const RequestHead& request, const ClientSide& client) {
  const Fields fields = request.fields;
  const auto has = [&](std::string_view name) { return websocket::find_field(fields, name) != nullptr; };
  const HeaderField* const host = websocket::find_field(fields, "Host");
  const bool speaks_x = client.trusted && (has(kFor) || has(kProto) || has(kHost));
  const bool speaks_forwarded = client.trusted && has(kForwarded);
  if (speaks_x || !speaks_forwarded) append_x_forwarded(head, fields, client, host);
  if (speaks_forwarded || !speaks_x) append_forwarded(head, fields, client, host);
  if (client.certificate_field.empty() || client.certificate_subject.empty()) return;
  append_field(head, client.certificate_field, client.certificate_subject);
}

std::vector<Hop> forwarded_hops(Fields fields) {
  std::vector<Hop> hops;
  if (websocket::find_field(fields, kFor) != nullptr) {
    for (const HeaderField& field : fields) {
      if (!equal_ignoring_case(field.name, kFor)) continue;
      for (std::string_view list = field.value; !list.empty();) {
        hops.push_back(hop_of(websocket::pop_list_element(list)));
      }
    }
    return hops;
  }
  for (const HeaderField& field : fields) {
    if (!equal_ignoring_case(field.name, kForwarded)) continue;
    const bool well_formed =
        ForwardedReader(field.value).read([&](std::string_view node) { hops.push_back(hop_of(node)); });
    if (!well_formed) return {};
  }
  return hops;
}

}  // namespace wskeep::http
