// What a configuration file may say, and the exact place and text of every fault in it.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "config/load.h"
#include "config/yaml_tree.h"

namespace wskeep::config {
namespace {

using testing::ElementsAre;

// The faults of a file named "f", one text each; none when it loads.
std::vector<std::string> faults_of(std::string_view text) {
  std::vector<std::string> texts;
  try {
    load_text(text, "f");
  } catch (const ConfigError& error) {
    for (const Fault& fault : error.faults()) texts.push_back(fault.text());
  }
  return texts;
}

TEST(ConfigFile, nothing_said_is_the_default) {
  for (const char* text :
       {"", "\n\n", "# comment\n", "---\n", "---\n...\n", "{}", "\xEF\xBB\xBF", "relay: {}\n"}) {
    EXPECT_EQ(load_text(text, "f"), Config{}) << text;
  }
}

TEST(ConfigFile, sets_what_it_names) {
  const Config config = load_text(R"(
listeners:
  - address: "[::1]:8880"
  - {address: :8881}
backend: { address: app:3000, connect_timeout: 250ms }
workers: '4'
keepalive:
  client: { policy: strict, jitter: 0%, answer_pings: never, tcp_keepalive_count: 9 }
  backend: { ping_when: always, tcp_user_timeout: 0 }
relay: { buffer_limit: 1MiB, on_client_lost: 4000, on_backend_lost: none }
admin: { address: off }
log: { level: debug, format: json }
)",
                                  "f");
  Config expected;
  expected.listeners = {Listener{{"::1", 8880}}, Listener{{"0.0.0.0", 8881}}};
  expected.backend.address = {"app", 3000};
  expected.backend.connect_timeout = milliseconds{250};
  expected.workers = 4;
  expected.keepalive.client.heartbeat.policy = keepalive::Policy::kStrict;
  expected.keepalive.client.heartbeat.jitter_percent = 0;
  expected.keepalive.client.answer_pings = AnswerPings::kNever;
  expected.keepalive.client.tcp.keepalive_count = 9;
  expected.keepalive.backend.heartbeat.ping_when = keepalive::PingWhen::kAlways;
  expected.keepalive.backend.tcp.user_timeout = milliseconds{0};
  expected.relay.buffer_limit = 1024 * 1024;
  expected.relay.on_client_lost = 4000;
  expected.relay.on_backend_lost = std::nullopt;
  expected.admin.address = std::nullopt;
  expected.log = {LogLevel::kDebug, LogFormat::kJson};
  EXPECT_EQ(config, expected);
}

struct Case {
  std::string text;
  std::string fault;
};

void expect_single_faults(const std::vector<Case>& cases) {
  for (const Case& c : cases) EXPECT_THAT(faults_of(c.text), ElementsAre(c.fault)) << c.text;
}

TEST(ConfigFile, unknown_keys) {
  expect_single_faults({
      {"worker: 2\n", "f:1:1: worker: unknown key (did you mean workers?)"},
      {"relay:\n  bufer_limit: 1MiB\n", "f:2:3: relay.bufer_limit: unknown key (did you mean buffer_limit?)"},
      {"relay:\n  buffer-limit: 1MiB\n",
       "f:2:3: relay.buffer-limit: unknown key (did you mean buffer_limit?)"},
      {"listeners:\n- adress: a:1\n", "f:2:3: listeners.0.adress: unknown key (did you mean address?)"},
      {"log: {colour: red}\n", "f:1:7: log.colour: unknown key"},
      {"buffer_limit: 1MiB\n", "f:1:1: buffer_limit: unknown key (did you mean relay.buffer_limit?)"},
      {"keepalive: {jitter: 1%}\n",
       "f:1:13: keepalive.jitter: unknown key (did you mean keepalive.client.jitter or "
       "keepalive.backend.jitter?)"},
      {"Workers: 2\n", "f:1:1: Workers: unknown key (did you mean workers?)"},
      {"? workres\n: 2\n", "f:1:3: workres: unknown key (did you mean workers?)"},
  });
}

TEST(ConfigFile, wrong_shapes) {
  expect_single_faults({
      {"relay: 5\n", "f:1:8: relay: needs a map of keys, not a value"},
      {"relay: [5]\n", "f:1:8: relay: needs a map of keys, not a list"},
      {"workers: {a: 1}\n", "f:1:10: workers: needs a value (auto or 1 to 256), not a map of keys"},
      {"workers:\n  - 1\n", "f:2:3: workers: needs a value (auto or 1 to 256), not a list"},
      {"listeners: a:1\n", "f:1:12: listeners: needs a list, not a value"},
      {"listeners: {address: a:1}\n", "f:1:12: listeners: needs a list, not a map of keys"},
      {"listeners: [a:1]\n", "f:1:13: listeners.0: needs a map of keys, not a value"},
      {"- workers\n", "f:1:1: needs a map of keys, not a list"},
      {"workers\n", "f:1:1: needs a map of keys, not a value"},
      {"workers:4\n", "f:1:1: needs a map of keys, not a value"},
      {"workers:\n", "f:1:1: workers: has no value; leave it out to keep the default"},
      {"workers: ~\n", "f:1:1: workers: has no value; leave it out to keep the default"},
      {"workers: null\n", "f:1:1: workers: has no value; leave it out to keep the default"},
      {"workers: ''\n", "f:1:10: workers: has no value; leave it out to keep the default"},
      {"relay:\nworkers: 1\n", "f:1:1: relay: has no value; leave it out to keep the default"},
      {"? {a: 1}\n: 2\n", "f:1:3: a key must be a word"},
      {"relay: {[a]: 2}\n", "f:1:9: relay: a key must be a word"},
      {"~: 2\n", "f:1:1: a key must be a word"},
      {"'': 2\n", "f:1:1: a key must be a word"},
  });
}

TEST(ConfigFile, wrong_values) {
  expect_single_faults({
      {"relay:\n  inject_hold: 25\n", R"(f:2:16: relay.inject_hold: "25" needs a unit, e.g. 25s)"},
      {"relay:\n  inject_hold:   \"25\"\n", R"(f:2:18: relay.inject_hold: "25" needs a unit, e.g. 25s)"},
      {"keepalive: {client: {ping_interval: 99ms}}\n",
       R"(f:1:37: keepalive.client.ping_interval: "99ms" is out of range (100ms to 24h))"},
      {"keepalive: {backend: {jitter: 20}}\n",
       R"(f:1:31: keepalive.backend.jitter: "20" needs a percent sign, e.g. 20%)"},
      {"keepalive: {client: {tcp_keepalive_idle: 1500ms}}\n",
       R"(f:1:42: keepalive.client.tcp_keepalive_idle: "1500ms" is not a multiple of 1s)"},
      {"keepalive: {client: {policy: of}}\n",
       R"(f:1:30: keepalive.client.policy: "of" is not off, keepalive, auto or strict (did you mean off?))"},
      {"workers: 010\n",
       R"(f:1:10: workers: "010" has a leading zero, which some YAML readers take for octal: write 10; )"
       "auto is allowed too"},
      {"relay: {on_backend_lost: 1006}\n",
       R"(f:1:26: relay.on_backend_lost: "1006" is not a close code that may be sent (1000 to 1003, 1007 to )"
       "1014 or 3000 to 4999); none is allowed too"},
      {"admin: {address: no}\n",
       R"(f:1:18: admin.address: "no" has no port, e.g. 127.0.0.1:3000; off is allowed too)"},
      {"metrics: {max_connections: 100001}\n",
       R"(f:1:28: metrics.max_connections: "100001" is out of range (0 to 100000))"},
      {"workers: \"4\\n\"\n", R"(f:1:10: workers: "4\x0A" is not a whole number; auto is allowed too)"},
  });
}

TEST(ConfigFile, options_against_each_other) {
  expect_single_faults({
      {"listeners: []\n", "f:1:12: listeners: has 0 elements; 1 to 64 are allowed"},
      {"listeners:\n- address: :80\n- address: 0.0.0.0:80\n",
       "f:3:12: listeners.1.address: 0.0.0.0:80 is already the address of listeners.0.address"},
      {"listeners: [{}, {}]\n",
       "f:1:17: listeners.1.address: 0.0.0.0:8880 is already the address of listeners.0.address"},
      {"admin: {address: :8880}\n",
       "f:1:18: admin.address: 0.0.0.0:8880 is already the address of listeners.0.address"},
      {"admin: {address: a:1}\nlisteners: [{address: a:1}]\n",
       "f:2:23: listeners.0.address: a:1 is already the address of admin.address"},
      {"backend: {address: localhost:8880}\n",
       "f:1:20: backend.address: localhost:8880 would connect wskeep to itself, because of "
       "listeners.0.address"},
      {"listeners: [{address: 127.0.0.1:3000}]\n",
       "f:1:23: listeners.0.address: 127.0.0.1:3000 would connect wskeep to itself, because of "
       "backend.address"},
      {"listeners:\n- proxy_protocol: require\n",
       "f:2:19: listeners.0.proxy_protocol: require needs trusted_proxies: nobody else may say who a client "
       "is"},
      {"trusted_proxies: 10.0.0.1/8\nlisteners: [{proxy_protocol: require}]\n",
       "f:1:18: trusted_proxies: \"10.0.0.1/8\" has bits behind its prefix: write 10.0.0.0/8 or 10.0.0.1"},
      {"listeners: [{address: 'unix:/a'}]\nbackend: {address: 'unix:/a'}\n",
       "f:2:20: backend.address: unix:/a would connect wskeep to itself, because of listeners.0.address"},
      {"listeners: [{address: 'systemd:a'}, {address: 'systemd:a'}]\n",
       "f:1:47: listeners.1.address: systemd:a is already the address of listeners.0.address"},
      {"backend: {address: 'unix:/a', source_addresses: 127.0.0.2}\n",
       "f:1:49: backend.source_addresses: is for backends at host:port, not for unix:/a (backend.address)"},
  });
  std::string many = "listeners:\n";
  for (int i = 0; i < 65; ++i) many += "- address: a:" + std::to_string(1000 + i) + "\n";
  EXPECT_THAT(faults_of(many), ElementsAre("f:2:1: listeners: has 65 elements; 1 to 64 are allowed"));
}

TEST(ConfigFile, equal_addresses_that_do_not_clash) {
  EXPECT_THAT(faults_of("listeners: [{address: a:0}, {address: a:0}]\n"), ElementsAre());
  EXPECT_THAT(faults_of("listeners: [{address: 10.0.0.1:80}]\nbackend: {address: 127.0.0.1:80}\n"),
              ElementsAre());
  EXPECT_THAT(faults_of("backend: {address: other:8880}\n"), ElementsAre());
}

// A listener whose own value was refused still holds a default, which must not be compared with anything.
TEST(ConfigFile, a_faulty_option_is_not_compared_with_others) {
  EXPECT_THAT(faults_of("listeners:\n- adress: a:1\n- 5\n- address: 0.0.0.0:8880\n"),
              ElementsAre("f:2:3: listeners.0.adress: unknown key (did you mean address?)",
                          "f:3:3: listeners.1: needs a map of keys, not a value"));
}

TEST(ConfigFile, traps_of_yaml) {
  expect_single_faults({
      {"log: {level: info}\nworkers: 1\nlog: {level: error}\n", "f:3:1: log: is already set in line 1"},
      {"log:\n  level: info\n  level: info\n", "f:3:3: log.level: is already set in line 2"},
      {"log: {level: info, 'level': info}\n", "f:1:20: log.level: is already set in line 1"},
      {"listeners:\n- address: a:1\n- address: a:2\n  address: a:3\n",
       "f:4:3: listeners.1.address: is already set in line 3"},
      {"workers: &w 1\n", "f:1:10: workers: anchors are refused: write the value out where it is needed"},
      {"workers: !!int 1\n", "f:1:10: workers: tags are refused: the schema knows every type"},
      {"workers: !mine 1\n", "f:1:10: workers: tags are refused: the schema knows every type"},
      {"workers: ! 1\n", "f:1:10: workers: tags are refused: the schema knows every type"},
      {"log: !!map {level: info}\n", "f:1:6: log: tags are refused: the schema knows every type"},
      {"!!map {workers: 1}\n", "f:1:1: tags are refused: the schema knows every type"},
      {"<<: {workers: 1}\n", "f:1:1: <<: merge keys are refused: write the keys out"},
      {"workers: 1\n---\nworkers: 2\n",
       "f:2:1: a second document begins here; a configuration is one document"},
      {"workers: 1\n...\nworkers: 2\n", "f:3:1: not valid YAML: the text before this is complete"},
      {"workers: 1\nlog: {level: info\n", "f:3:1: not valid YAML: end of map flow not found"},
      {"workers: 1\n  log: 2\n", "f:2:6: not valid YAML: illegal map value"},
      {"workers: 1\n]\n", "f:2:1: not valid YAML: illegal flow end"},
      {"workers: *nowhere\n", "f:1:10: not valid YAML: the referenced anchor is not defined"},
      {std::string("workers: 1\0", 11), "f:1:11: control character 0x00"},
      {"workers: 1\n\x04workers: 2\n", "f:2:1: control character 0x04"},
      {"# caf\xE9\n", "f:1:6: not valid UTF-8"},
      {std::string("\xFF\xFEw\0", 4), "f:1:4: control character 0x00"},
      {std::string(kMaxBytes + 1, '#'), "f: larger than 1048576 bytes, which no configuration is"},
  });
}

TEST(ConfigFile, an_alias_bomb_does_not_go_off) {
  std::string bomb = "a: &a [x, x]\n";
  for (char name = 'b'; name <= 'z'; ++name) {
    const std::string before(1, static_cast<char>(name - 1));
    bomb += std::string(1, name) + ": &" + name + " [*" + before + ", *" + before + "]\n";
  }
  const std::vector<std::string> faults = faults_of(bomb);
  EXPECT_EQ(faults.size(), 26U + 26U + 2U * 25U);  // unknown keys, anchors, aliases
  EXPECT_EQ(faults.back(), "f:26:12: z.1: aliases are refused: write the value out");
}

TEST(ConfigFile, deep_nesting_is_a_fault_and_not_a_crash) {
  const auto repeat = [](std::string_view part, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += part;
    return text;
  };
  EXPECT_THAT(faults_of(repeat("[", 16) + repeat("]", 16)),
              ElementsAre("f:1:1: needs a map of keys, not a list"));
  EXPECT_THAT(faults_of(repeat("[", 17) + repeat("]", 17)),
              ElementsAre("f:1:17: nested more than 16 levels deep"));
  for (const char* part : {"[", "{", "- ", "? ", ": ", "{a: ", "[a, ", "[? ", "{? "}) {
    EXPECT_THAT(faults_of(repeat(part, 100'000)),
                ElementsAre(testing::EndsWith(": nested more than 16 levels deep")))
        << part;
  }
}

TEST(ConfigFile, windows_line_ends_and_a_byte_order_mark_do_not_shift_places) {
  EXPECT_THAT(faults_of("\xEF\xBB\xBFworkers: 0\r\nrelay:\r\n  inject_hold: 5\r\n"),
              ElementsAre(R"(f:1:10: workers: "0" is out of range (1 to 256); auto is allowed too)",
                          R"(f:3:16: relay.inject_hold: "5" needs a unit, e.g. 5s)"));
}

TEST(ConfigFile, all_faults_at_once_in_file_order) {
  EXPECT_THAT(faults_of("log: {level: loud}\n"
                        "relay:\n"
                        "  close_timeout: 5\n"
                        "  zzz: 1\n"
                        "  inject_hold: *gone_is_not_here\n"),
              ElementsAre("f:5:16: not valid YAML: the referenced anchor is not defined"));
  EXPECT_THAT(
      faults_of("log: {level: loud}\n"
                "relay:\n"
                "  close_timeout: 5\n"
                "  zzz: 1\n"
                "  close_timeout: 6\n"
                "workers: &x 1\n"
                "listeners:\n"
                "  - address: a:1\n"
                "  - address: a:1\n"
                "backend: no\n"),
      ElementsAre(R"(f:1:14: log.level: "loud" is not debug, info, warning or error)",
                  R"(f:3:18: relay.close_timeout: "5" needs a unit, e.g. 5s)",
                  "f:4:3: relay.zzz: unknown key", "f:5:3: relay.close_timeout: is already set in line 3",
                  "f:6:10: workers: anchors are refused: write the value out where it is needed",
                  "f:9:14: listeners.1.address: a:1 is already the address of listeners.0.address",
                  "f:10:10: backend: needs a map of keys, not a value"));
}

TEST(ConfigFile, the_error_is_all_faults_one_a_line) {
  try {
    load_text("a: 1\nb: 2\n", "f");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(), "f:1:1: a: unknown key\nf:2:1: b: unknown key");
  }
}

TEST(ConfigFile, that_cannot_be_read) {
  const auto fault_of = [](const std::string& path) {
    Sources sources;
    sources.file = path;
    try {
      load(sources);
      return std::string();
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
  };
  EXPECT_EQ(fault_of("/nowhere/wskeep.yaml"),
            "/nowhere/wskeep.yaml: cannot be read: No such file or directory");
  EXPECT_EQ(fault_of("/"), "/: cannot be read: Is a directory");
  EXPECT_EQ(fault_of("/dev/zero"), "/dev/zero: larger than 1048576 bytes, which no configuration is");
}

}  // namespace
}  // namespace wskeep::config
