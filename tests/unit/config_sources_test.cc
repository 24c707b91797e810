// Environment and flags: how they are named, what beats what, and where their faults are located.
#include <gmock/gmock.h>

#include <set>
#include <string>
#include <vector>

#include "config/keys.h"
#include "config/load.h"

namespace wskeep::config {
namespace {

using testing::ElementsAre;

std::vector<std::string> faults_of(const Sources& sources, std::string_view text = "") {
  std::vector<std::string> texts;
  try {
    load_text(text, "f", sources);
  } catch (const ConfigError& error) {
    for (const Fault& fault : error.faults()) texts.push_back(fault.text());
  }
  return texts;
}

Sources environment(std::vector<Variable> variables) {
  Sources sources;
  sources.environment = std::move(variables);
  return sources;
}

Sources set(std::vector<std::string> assignments) {
  Sources sources;
  sources.set = std::move(assignments);
  return sources;
}

TEST(ConfigSources, every_key_has_a_variable_of_its_own) {
  std::set<std::string> names;
  for (std::string key : all_keys()) {
    EXPECT_TRUE(names.insert(variable_name(key)).second) << key;
    for (std::size_t index; (index = key.find('#')) != std::string::npos;) key.replace(index, 1, "12");
    EXPECT_EQ(key_of_variable(variable_name(key)), key);
    EXPECT_FALSE(is_kubernetes_variable(variable_name(key), "10")) << key;
  }
  EXPECT_EQ(variable_name("keepalive.client.ping_interval"), "WSKEEP_KEEPALIVE_CLIENT_PING_INTERVAL");
  EXPECT_EQ(key_of_variable("WSKEEP_LISTENERS_0_ADDRESS"), "listeners.0.address");
  for (const char* name : {"WSKEEP_LISTENERS__ADDRESS", "WSKEEP_LISTENERS_X_ADDRESS", "WSKEEP_WORKERS_",
                           "WSKEEP_workers", "WORKERS", "WSKEEP_", ""}) {
    EXPECT_EQ(key_of_variable(name), std::nullopt) << name;
  }
}

TEST(ConfigSources, variables_set_options) {
  const Config config = load_text("workers: 2\n", "f",
                                  environment({{"WSKEEP_KEEPALIVE_CLIENT_PING_INTERVAL", "10s"},
                                               {"WSKEEP_WORKERS", "auto"},
                                               {"WSKEEP_ADMIN_ADDRESS", "off"},
                                               {"HOME", "/"},
                                               {"wskeep_workers", "none"}}));
  EXPECT_EQ(config.keepalive.client.heartbeat.ping_interval, milliseconds{10'000});
  EXPECT_EQ(config.workers, std::nullopt);
  EXPECT_EQ(config.admin.address, std::nullopt);
}

TEST(ConfigSources, variables_of_a_list_go_by_their_index) {
  const Config config = load_text("listeners: [{address: a:1}]\n", "f",
                                  environment({{"WSKEEP_LISTENERS_2_ADDRESS", "c:1"},
                                               {"WSKEEP_LISTENERS_1_ADDRESS", "b:1"},
                                               {"WSKEEP_LISTENERS_0_ADDRESS", "z:1"}}));
  EXPECT_EQ(config.listeners, (std::vector{Listener{{"z", 1}}, Listener{{"b", 1}}, Listener{{"c", 1}}}));

  Sources many;
  for (int i = 0; i < 12; ++i) {
    const std::string index = std::to_string(i);
    many.environment.push_back({"WSKEEP_LISTENERS_" + index + "_ADDRESS", "a:" + std::to_string(100 + i)});
  }
  EXPECT_EQ(load_text("", "f", many).listeners.back().address, (Endpoint{"a", 111}));
}

TEST(ConfigSources, faults_of_variables) {
  EXPECT_THAT(
      faults_of(environment({{"WSKEEP_WORKERS", "0"},
                             {"WSKEEP_WORKRES", "1"},
                             {"WSKEEP_LISTENER_0_ADDRESS", "a:1"},
                             {"WSKEEP_LOG_LEVEL", ""},
                             {"WSKEEP_COLOUR", "red"},
                             {"WSKEEP_PORT", "8880"},
                             {"WSKEEP_LISTENERS_7_ADDRESS", "a:1"},
                             {"WSKEEP_BACKEND_ADDRESS", "\xFF"}})),
      testing::UnorderedElementsAre(
          R"(environment WSKEEP_WORKERS: workers: "0" is out of range (1 to 256); auto is allowed too)",
          "environment WSKEEP_WORKRES: unknown option (did you mean WSKEEP_WORKERS?)",
          "environment WSKEEP_LISTENER_0_ADDRESS: unknown option (did you mean WSKEEP_LISTENERS_0_ADDRESS?)",
          "environment WSKEEP_LOG_LEVEL: log.level: has no value; leave it out to keep the default",
          "environment WSKEEP_COLOUR: unknown option", "environment WSKEEP_PORT: unknown option",
          R"(environment WSKEEP_LISTENERS_7_ADDRESS: listeners: "7" is not an index from 0 to 1, )"
          "which would be a new element",
          R"(environment WSKEEP_BACKEND_ADDRESS: backend.address: "\xFF" has no port, e.g. 127.0.0.1:3000)"));
}

TEST(ConfigSources, variables_that_kubernetes_makes_for_a_service_are_not_options) {
  const std::vector<Variable> made = {
      {"WSKEEP_SERVICE_HOST", "10.0.0.11"},
      {"WSKEEP_SERVICE_PORT", "8880"},
      {"WSKEEP_SERVICE_PORT_WEBSOCKET", "8880"},
      {"WSKEEP_SERVICE_PORT_METRICS_2", "9797"},
      {"WSKEEP_PORT", "tcp://10.0.0.11:8880"},
      {"WSKEEP_PORT_8880_TCP", "tcp://10.0.0.11:8880"},
      {"WSKEEP_PORT_8880_TCP_PROTO", "tcp"},
      {"WSKEEP_PORT_8880_TCP_PORT", "8880"},
      {"WSKEEP_PORT_8880_TCP_ADDR", "10.0.0.11"},
      {"WSKEEP_PORT_53_UDP", "udp://[fd00::1]:53"},
      {"WSKEEP_ADMIN_SERVICE_HOST", "10.0.0.12"},
      {"WSKEEP_ADMIN_PORT", "tcp://10.0.0.12:9797"},
      {"WSKEEP_ADMIN_PORT_9797_TCP_ADDR", "10.0.0.12"},
  };
  EXPECT_EQ(load_text("", "f", environment(made)), Config{});
  for (const Variable& other :
       {Variable{"WSKEEP_PORT", "8880"}, Variable{"WSKEEP_PORT_8880_TCP", "10.0.0.11"},
        Variable{"WSKEEP_PORT_X_TCP_ADDR", "10.0.0.11"}, Variable{"WSKEEP_PORT_8880_ICMP_ADDR", "10.0.0.11"},
        Variable{"WSKEEP_SERVICE", "x"}, Variable{"WSKEEP_SERVICE_HOSTS", "x"},
        Variable{"WSKEEP_ADMIN_PORT", "1"}}) {
    EXPECT_EQ(faults_of(environment({other})).size(), 1U) << other.name;
  }
}

TEST(ConfigSources, set_names_any_key) {
  const Config config =
      load_text("", "f",
                set({"log.level=debug", "listeners.1.address=[::1]:1", "listeners.0.address=:2",
                     "log.level=error", "keepalive.backend.jitter=3%"}));
  EXPECT_EQ(config.log.level, LogLevel::kError);
  EXPECT_EQ(config.listeners, (std::vector{Listener{{"0.0.0.0", 2}}, Listener{{"::1", 1}}}));
  EXPECT_EQ(config.keepalive.backend.heartbeat.jitter_percent, 3);
}

TEST(ConfigSources, faults_of_set) {
  struct Case {
    std::string assignment;
    std::string fault;
  };
  const std::vector<Case> cases = {
      {"workers", "--set workers: needs key=value, e.g. log.level=debug"},
      {"=1", "--set =1: needs key=value, e.g. log.level=debug"},
      {"workers=", "--set workers: has no value"},
      {"workers=0", R"(--set workers: "0" is out of range (1 to 256); auto is allowed too)"},
      {"wokers=1", "--set wokers: unknown key (did you mean workers?)"},
      {"log.lvel=info", "--set log.lvel: unknown key (did you mean level?)"},
      {"level=info", "--set level: unknown key (did you mean log.level?)"},
      {"log=info", "--set log: needs a map of keys, not a value"},
      {"log.level.x=info",
       "--set log.level.x: needs a value (debug, info, warning or error), not a map of keys"},
      {"log.0=info", "--set log.0: needs a map of keys, not a list"},
      {".=1", "--set .: unknown key"},
      {"listeners=a:1", "--set listeners: needs an index, e.g. listeners.0, not a value"},
      {"listeners.address=a:1",
       "--set listeners.address: needs an index, e.g. listeners.0, not a map of keys"},
      {"listeners.0=a:1", "--set listeners.0: needs a map of keys, not a value"},
      {"listeners.2.address=a:1",
       R"(--set listeners.2.address: "2" is not an index from 0 to 1, which would be a new element)"},
      {"listeners.00.address=a:1",
       R"(--set listeners.00.address: "00" is not an index from 0 to 1, which would be a new element)"},
      {"listeners.99999999999999999999.address=a:1",
       R"(--set listeners.99999999999999999999.address: "99999999999999999999" is not an index from 0 to 1, )"
       "which would be a new element"},
      {"listeners.1.address=:8880",
       "--set listeners.1.address: 0.0.0.0:8880 is already the address of listeners.0.address"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(faults_of(set({c.assignment})), ElementsAre(c.fault)) << c.assignment;
  }
}

TEST(ConfigSources, listen_replaces_the_whole_list_and_backend_one_address) {
  Sources sources;
  sources.listen = {"a:1"};
  sources.backend = "b:2";
  sources.environment = {{"WSKEEP_LISTENERS_1_ADDRESS", "e:1"}};
  const Config config =
      load_text("listeners: [{address: f:1}]\nbackend: {connect_timeout: 1s}\n", "f", sources);
  EXPECT_THAT(config.listeners, ElementsAre(Listener{{"a", 1}}));
  EXPECT_EQ(config.backend, (Backend{.address = {"b", 2}, .connect_timeout = milliseconds{1000}}));

  sources.listen = {"a:1", "x", ""};
  sources.backend = "http://b";
  EXPECT_THAT(faults_of(sources),
              ElementsAre(R"(--listen: "x" has no port, e.g. 127.0.0.1:3000)", "--listen: has no value",
                          R"(--backend: "http://b" is a URL: write host:port alone, e.g. 127.0.0.1:3000)"));
}

TEST(ConfigSources, flags_beat_the_environment_which_beats_the_file_which_beats_the_default) {
  const auto level = [](std::string_view text, const Sources& sources) {
    return load_text(text, "f", sources).log.level;
  };
  Sources sources;
  EXPECT_EQ(level("", sources), LogLevel::kInfo);
  EXPECT_EQ(level("log: {level: debug}", sources), LogLevel::kDebug);
  sources.environment = {{"WSKEEP_LOG_LEVEL", "warning"}};
  EXPECT_EQ(level("log: {level: debug}", sources), LogLevel::kWarning);
  sources.set = {"log.level=error"};
  EXPECT_EQ(level("log: {level: debug}", sources), LogLevel::kError);

  sources = {};
  sources.backend = "flag:1";
  sources.environment = {{"WSKEEP_BACKEND_ADDRESS", "environment:1"}};
  EXPECT_EQ(load_text("", "f", sources).backend.address.host, "flag");
  sources.set = {"backend.address=set:1"};
  EXPECT_EQ(load_text("", "f", sources).backend.address.host, "set");
}

TEST(ConfigSources, faults_of_all_sources_come_together_and_are_not_hidden_by_what_beats_them) {
  Sources sources;
  sources.environment = {{"WSKEEP_WORKERS", "x"}};
  sources.set = {"workers=4", "log.level=x"};
  EXPECT_THAT(
      faults_of(sources, "workers: -1\n"),
      ElementsAre(R"(f:1:10: workers: "-1" is not a whole number; auto is allowed too)",
                  R"(environment WSKEEP_WORKERS: workers: "x" is not a whole number; auto is allowed too)",
                  R"(--set log.level: "x" is not debug, info, warning or error)"));
  EXPECT_THAT(faults_of(sources, "{"),
              ElementsAre("f:1:1: not valid YAML: end of map flow not found", testing::_, testing::_));
}

TEST(ConfigSources, a_clash_is_reported_where_the_later_half_was_written) {
  Sources sources;
  sources.environment = {{"WSKEEP_ADMIN_ADDRESS", "0.0.0.0:80"}};
  EXPECT_THAT(
      faults_of(sources, "listeners: [{address: :80}]\n"),
      ElementsAre("environment WSKEEP_ADMIN_ADDRESS: admin.address: 0.0.0.0:80 is already the address of "
                  "listeners.0.address"));
}

}  // namespace
}  // namespace wskeep::config
