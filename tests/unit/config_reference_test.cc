// The files that are shipped, and the way back: from a Config to YAML.
#include <gmock/gmock.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "config/keys.h"
#include "config/load.h"
#include "config/print.h"
#include "config/yaml_tree.h"

namespace wskeep::config {
namespace {

const std::string kDirectory = WSKEEP_SOURCE_DIR "/config/";

std::string read(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Paths of all values in a tree, with "#" for a list index, as all_keys() names them.
void collect(const TreeNode& node, const std::string& path, std::vector<std::string>& paths) {
  if (node.kind == TreeNode::Kind::kScalar) paths.push_back(path);
  for (const TreeNode& child : node.children) {
    const std::string step = node.kind == TreeNode::Kind::kList ? "#" : child.key;
    collect(child, path.empty() ? step : path + "." + step, paths);
  }
}

std::vector<std::string> keys_in(const std::string& text) {
  Faults faults;
  const std::optional<TreeNode> root = parse_yaml(text, Origin{}, faults);
  std::vector<std::string> paths;
  if (root) collect(*root, "", paths);
  return paths;
}

TEST(ConfigReference, is_the_default) {
  Sources sources;
  sources.file = kDirectory + "reference.yaml";
  EXPECT_EQ(load(sources), Config{});
}

// Those of lists that are empty by default: only comments can show them.
bool is_in_an_empty_list(const std::string& key) {
  return key.find(".certificates.#.") != std::string::npos;
}

TEST(ConfigReference, names_every_key_in_schema_order_and_no_other) {
  const std::string text = read(kDirectory + "reference.yaml");
  std::vector<std::string> shown;
  for (const std::string& key : all_keys()) {
    if (!is_in_an_empty_list(key)) {
      shown.push_back(key);
      continue;
    }
    const std::string last = key.substr(key.rfind('.') + 1);
    EXPECT_THAT(text, testing::ContainsRegex("\n *#[ -]*" + last + ": ")) << key;
  }
  EXPECT_EQ(keys_in(text), shown);
}

TEST(ConfigReference, gives_every_key_a_comment) {
  std::istringstream lines(read(kDirectory + "reference.yaml"));
  std::string before;
  for (std::string line; std::getline(lines, line); before = line) {
    const std::size_t start = line.find_first_not_of(' ');
    if (start == std::string::npos || line[start] == '#') continue;
    EXPECT_THAT(before, testing::HasSubstr("#")) << line;
  }
}

TEST(ConfigReference, minimal_loads) {
  Sources sources;
  sources.file = kDirectory + "minimal.yaml";
  EXPECT_EQ(load(sources), Config{});
}

Config with_nothing_at_its_default() {
  Config config;
  config.listeners = {Listener{{"::1", 1}, AcceptProxy::kRequire},
                      Listener{{"localhost", 0}},
                      Listener{{"10.0.0.1", 65535}},
                      Listener{{"/run/a b.sock", 0, Endpoint::Kind::kUnix}},
                      Listener{{"@abstract", 0, Endpoint::Kind::kUnix}},
                      Listener{{"web", 0, Endpoint::Kind::kSystemd}},
                      Listener{{"", 0, Endpoint::Kind::kSystemd}}};
  config.backend = {{"app.internal", 9}, milliseconds{0},
                    milliseconds{1},     milliseconds{86'400'000},
                    milliseconds{2},     {"192.0.2.1", "2001:db8::1"},
                    SendProxy::kV2};
  config.listeners[0].tls = {{{{"a.crt", "a.key", "a.der"}, {"b.crt", "b.key"}},
                              net::TlsVersion::k1_3,
                              net::ClientCertificates::kRequire,
                              "/etc/ca \"x\".pem",
                              false},
                             "X-Client"};
  config.backend.tls = {true, false, "backend.example", "ca.pem", "c.crt", "c.key"};
  config.workers = 256;
  auto& client = config.keepalive.client;
  client.heartbeat = {keepalive::Policy::kStrict, milliseconds{100}, 90, milliseconds{61'001},
                      keepalive::PingWhen::kQuiet};
  client.answer_pings = AnswerPings::kNever;
  client.path_idle_timeout = milliseconds{0};
  client.tcp = {milliseconds{0}, milliseconds{0}, milliseconds{1'000}, 127};
  auto& backend = config.keepalive.backend;
  backend.heartbeat = {keepalive::Policy::kOff, milliseconds{3'600'000}, 0, milliseconds{7'200'000},
                       keepalive::PingWhen::kAlways};
  backend.tcp = {milliseconds{1'001}, milliseconds{32'400'000}, milliseconds{120'000}, 1};
  config.relay = {5'000,
                  milliseconds{1'500},
                  milliseconds{2'000},
                  milliseconds{3'000},
                  {milliseconds{100}, milliseconds{2'592'000'000}, 90},
                  4'999,
                  std::nullopt};
  config.limits = {
      1, 2, 1'048'576, 99, milliseconds{59'000}, 65'536, 777, 3, milliseconds{3}, milliseconds{4}};
  config.trusted_proxies.resize(3);
  EXPECT_FALSE(net::IpRange::read("10.0.0.0/8", config.trusted_proxies[0]));
  EXPECT_FALSE(net::IpRange::read("2001:db8::/32", config.trusted_proxies[1]));
  EXPECT_FALSE(net::IpRange::read("unix", config.trusted_proxies[2]));
  config.allowed_origins.resize(2);
  EXPECT_FALSE(websocket::OriginPattern::read("https://*.a.example:8443", config.allowed_origins[0]));
  EXPECT_FALSE(websocket::OriginPattern::read("same", config.allowed_origins[1]));
  config.tunnel_upgrades.resize(1);
  EXPECT_FALSE(http::ProtocolName::read("x-chat", config.tunnel_upgrades[0]));
  config.metrics.max_connections = 0;
  config.admin.address = Endpoint{"::", 0};
  config.log = {LogLevel::kDebug, LogFormat::kJson};
  return config;
}

// How many values it has, with those of each element of a list.
std::size_t lines_of(const Config& config) {
  std::size_t certificates = 0;
  for (const Listener& listener : config.listeners) certificates += listener.tls.server.certificates.size();
  std::size_t lines = 0;
  for (const std::string& key : all_keys()) {
    lines += is_in_an_empty_list(key)          ? certificates
             : key.starts_with("listeners.#.") ? config.listeners.size()
                                               : 1;
  }
  return lines;
}

TEST(ConfigPrint, reads_back_as_the_same) {
  for (const Config& config : {Config{}, with_nothing_at_its_default()}) {
    const std::string text = print(config);
    EXPECT_EQ(load_text(text, "printed"), config) << text;
    EXPECT_EQ(keys_in(text).size(), lines_of(config));
  }
}

TEST(ConfigPrint, says_what_each_line_means) {
  const std::string text = print(with_nothing_at_its_default());
  EXPECT_THAT(text,
              testing::StartsWith("listeners:  # the addresses that clients connect to\n"
                                  "  - address: \"[::1]:1\"  # where clients connect (host:port, where port "
                                  "0 lets the kernel choose, unix:/path, unix:@name or systemd:NAME)\n"
                                  "    proxy_protocol: require  # "));
  EXPECT_THAT(text, testing::HasSubstr("\n    tls:  # TLS toward clients\n"));
  EXPECT_THAT(text, testing::HasSubstr("\n          key: a.key  # "));
  EXPECT_THAT(text, testing::HasSubstr("\n    jitter: 90%  # "));
  EXPECT_THAT(text, testing::HasSubstr("\n  on_backend_lost: none  # "));
}

}  // namespace
}  // namespace wskeep::config
