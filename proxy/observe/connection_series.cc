#include "proxy/observe/connection_series.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "proxy/observe/utf8.h"

namespace wskeep::observe {
namespace {

// Enough for the seven series of a connection with labels of common length.
constexpr std::size_t kBytesAConnection = 740;

// A series without its value, and then the value: a line of bounded size, put together here and appended at
// once.
class Line {
 public:
  // What all lines of a family begin with. `name` is a literal.
  explicit Line(std::string_view name) { prefix_ = add(add(text_.data(), name), "{conn=\"") - text_.data(); }

  // `name{conn="ID"` and what is added to it.
  Line& begin(std::uint64_t id) {
    end_ = text_.data() + prefix_;
    for (int shift = 56; shift >= 0; shift -= 8, end_ += 2) {
      std::memcpy(end_, &kHexPairs[(id >> shift & 0xFF) * 2], 2);
    }
    *end_++ = '"';
    return *this;
  }
  Line& operator<<(std::string_view literal) {
    end_ = add(end_, literal);
    return *this;
  }
  // Nanoseconds as seconds with nine decimals; below zero counts as zero.
  Line& seconds(std::int64_t nanoseconds) {
    const auto whole = static_cast<std::uint64_t>(std::max<std::int64_t>(nanoseconds, 0));
    char* const point = number(end_, whole / kSecond);
    // A digit in front keeps the decimals' zeros; the point takes its place.
    end_ = number(point, kSecond + whole % kSecond);
    *point = '.';
    return *this;
  }
  void append_to(std::string& out) const {
    out.append(text_.data(), static_cast<std::size_t>(end_ - text_.data()));
  }

 private:
  static constexpr std::uint64_t kSecond = 1'000'000'000;
  static constexpr auto kHexPairs = [] {
    std::array<char, 512> pairs{};
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      pairs[i] = "0123456789abcdef"[i % 2 == 0 ? i / 32 : i / 2 % 16];
    }
    return pairs;
  }();

  static char* add(char* to, std::string_view what) { return std::copy(what.begin(), what.end(), to); }
  char* number(char* to, std::uint64_t value) {
    return std::to_chars(to, text_.data() + text_.size(), value).ptr;
  }

  std::array<char, 128> text_;  // the longest name with an id and a time takes 92
  std::ptrdiff_t prefix_;
  char* end_ = text_.data();
};

// Whether every character stands for itself in a label, as nearly always. Looks at all of them, for that goes
// many at a time.
bool is_plain(std::string_view text) {
  bool plain = true;
  for (const char c : text) plain &= (c >= ' ') & (c < '\x7F') & (c != '"') & (c != '\\');
  return plain;
}

void append_head(std::string_view name, std::string_view help, std::string& out) {
  out.append("# HELP ")
      .append(name)
      .append(" ")
      .append(help)
      .append("\n# TYPE ")
      .append(name)
      .append(" gauge\n");
}

void append_label(std::string_view opening, std::string_view value, std::string& out) {
  out.append(opening);
  append_label_value(value, out);
  out += '"';
}

// What a family needs of a connection, for the cache to fetch.
void fetch_times(const ConnectionSnapshot& coming) {
  __builtin_prefetch(&coming);
  __builtin_prefetch(&coming.tcp_rtt);
}
void fetch_words(const ConnectionSnapshot& coming) {
  for (const std::string* word : {&coming.client, &coming.path, &coming.subprotocol}) {
    __builtin_prefetch(word->data());
  }
}

// Visits all connections. Of very many no cache holds any, so each is fetched some time before its turn.
template <class Fetch, class Visit>
void visit_all(const std::vector<ConnectionSnapshot>& connections, Fetch fetch, Visit visit) {
  constexpr std::size_t kAhead = 8;
  for (std::size_t i = 0; i < connections.size(); ++i) {
    if (i + kAhead < connections.size()) fetch(connections[i + kAhead]);
    visit(connections[i]);
  }
}

void append_info(const ConnectionSource::Answer& answer, std::string& out) {
  constexpr std::string_view kName = "wskeep_connection_info";
  append_head(kName, "Who a connection is; always 1.", out);
  Line line(kName);
  visit_all(answer.connections, fetch_words, [&](const ConnectionSnapshot& connection) {
    line.begin(connection.id).append_to(out);
    append_label(",client=\"", connection.client, out);
    append_label(",path=\"", connection.path, out);
    append_label(",subprotocol=\"", connection.subprotocol, out);
    append_label(",user_agent_family=\"", connection.user_agent_family, out);
    out.append("} 1\n");
  });
}

// One family of times; `read` yields nanoseconds, or nothing when there is no value yet.
template <class Read>
void append_times(std::string_view name, std::string_view help, const ConnectionSource::Answer& answer,
                  std::string& out, Read read) {
  append_head(name, help, out);
  Line line(name);
  visit_all(answer.connections, fetch_times, [&](const ConnectionSnapshot& connection) {
    const std::optional<std::int64_t> value = read(connection);
    if (value) ((line.begin(connection.id) << "} ").seconds(*value) << "\n").append_to(out);
  });
}

}  // namespace

void append_label_value(std::string_view value, std::string& out) {
  if (value.size() <= kMaxLabelBytes && is_plain(value)) {
    out.append(value);
    return;
  }
  std::size_t room = kMaxLabelBytes;
  while (!value.empty()) {
    Character character = first_character(value);
    // Controls are legal in a label and good for nothing but tricks on whoever reads it.
    if (is_deceptive(character.code) && character.code != '\n') character.code = kReplacementCharacter;
    const std::size_t width = character.code == kReplacementCharacter ? 3 : character.bytes;
    if (width > room) return;
    room -= width;
    value.remove_prefix(character.bytes);
    switch (character.code) {
      case '\\': out.append("\\\\"); break;
      case '"': out.append("\\\""); break;
      case '\n': out.append("\\n"); break;
      default: append_utf8(character.code, out);
    }
  }
}

void append_connection_series(const ConnectionSource::Answer& answer, std::string& out) {
  out.reserve(out.size() + 2048 + answer.connections.size() * kBytesAConnection);
  append_info(answer, out);

  constexpr std::string_view kAlive = "wskeep_connection_alive";
  append_head(kAlive, "1 while a connection lives; 0 when its client is silent or gone.", out);
  Line line(kAlive);
  visit_all(answer.connections, fetch_times, [&](const ConnectionSnapshot& connection) {
    (line.begin(connection.id) << (connection.alive ? "} 1\n" : "} 0\n")).append_to(out);
  });

  using Snapshot = ConnectionSnapshot;
  append_times("wskeep_connection_pong_latency_seconds", "The latency of a connection's last pong.", answer,
               out, [](const Snapshot& connection) { return connection.last_pong_latency; });
  append_times("wskeep_connection_last_pong_timestamp_seconds", "When a connection's last pong came.", answer,
               out, [](const Snapshot& connection) { return connection.last_pong_at; });
  append_times(
      "wskeep_connection_last_data_timestamp_seconds",
      "When bytes of a data frame last came, either way; until then when the connection was accepted.",
      answer, out, [](const Snapshot& connection) { return std::optional{connection.last_data_at}; });
  append_times("wskeep_connection_start_timestamp_seconds", "When a connection was accepted.", answer, out,
               [](const Snapshot& connection) { return std::optional{connection.started_at}; });
  append_times("wskeep_connection_tcp_rtt_seconds", "The kernel's smoothed round-trip time to the client.",
               answer, out, [](const Snapshot& connection) { return connection.tcp_rtt; });

  constexpr std::string_view kLeftOut = "wskeep_connections_not_exported";
  append_head(kLeftOut, "Connections without series of their own, for there are too many.", out);
  out.append(kLeftOut).append(" ").append(std::to_string(answer.left_out)).append("\n");
}

}  // namespace wskeep::observe
