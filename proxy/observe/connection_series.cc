#include "proxy/observe/connection_series.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "proxy/observe/user_agent.h"
#include "proxy/observe/utf8.h"

namespace wskeep::observe {
namespace {

// Enough for the seven series of a connection with labels of common length.
constexpr std::size_t kBytesAConnection = 740;

void append_hex16(std::uint64_t value, std::string& out) {
  std::array<char, 16> digits;
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, value >>= 4) {
    *digit = "0123456789abcdef"[value & 0xF];
  }
  out.append(digits.data(), digits.size());
}

// How many characters at the front of `text` stand for themselves in a label: nearly always all of them.
std::size_t plain_prefix(std::string_view text) {
  const auto plain = [](char c) { return c >= ' ' && c < '\x7F' && c != '"' && c != '\\'; };
  return static_cast<std::size_t>(std::ranges::find_if_not(text, plain) - text.begin());
}

// Nanoseconds as seconds with nine decimals; below zero counts as zero.
void append_seconds(std::int64_t nanoseconds, std::string& out) {
  const auto whole = static_cast<std::uint64_t>(std::max<std::int64_t>(nanoseconds, 0));
  std::array<char, 32> text;
  char* const point = std::to_chars(text.begin(), text.end(), whole / 1'000'000'000).ptr;
  *point = '.';
  std::uint64_t rest = whole % 1'000'000'000;
  for (char* digit = point + 9; digit != point; --digit, rest /= 10)
    *digit = static_cast<char>('0' + rest % 10);
  out.append(text.data(), static_cast<std::size_t>(point + 10 - text.data()));
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

// Appends `name{conn="ID"`; the caller goes on with more labels or the closing brace.
void begin_series(std::string_view name, const ConnectionSnapshot& connection, std::string& out) {
  out.append(name).append("{conn=\"");
  append_hex16(connection.id, out);
  out += '"';
}

void append_label(std::string_view opening, std::string_view value, std::string& out) {
  out.append(opening);
  append_label_value(value, out);
  out += '"';
}

void append_info(const ConnectionSource::Answer& answer, std::string& out) {
  constexpr std::string_view kName = "wskeep_connection_info";
  append_head(kName, "Who a connection is; always 1.", out);
  for (const ConnectionSnapshot& connection : answer.connections) {
    begin_series(kName, connection, out);
    append_label(",client=\"", connection.client, out);
    append_label(",path=\"", connection.path, out);
    append_label(",subprotocol=\"", connection.subprotocol, out);
    append_label(",user_agent_family=\"", user_agent_family(connection.user_agent), out);
    out.append("} 1\n");
  }
}

// One family of times; `read` yields nanoseconds, or nothing when there is no value yet.
template <class Read>
void append_times(std::string_view name, std::string_view help, const ConnectionSource::Answer& answer,
                  std::string& out, Read read) {
  append_head(name, help, out);
  for (const ConnectionSnapshot& connection : answer.connections) {
    const std::optional<std::int64_t> value = read(connection);
    if (!value) continue;
    begin_series(name, connection, out);
    out.append("} ");
    append_seconds(*value, out);
    out += '\n';
  }
}

}  // namespace

void append_label_value(std::string_view value, std::string& out) {
  std::size_t room = kMaxLabelBytes;
  while (!value.empty()) {
    const std::size_t plain = plain_prefix(value.substr(0, room));
    out.append(value.substr(0, plain));
    value.remove_prefix(plain);
    room -= plain;
    if (value.empty()) return;

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
  for (const ConnectionSnapshot& connection : answer.connections) {
    begin_series(kAlive, connection, out);
    out.append(connection.alive ? "} 1\n" : "} 0\n");
  }

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
