// The command line from the outside: argv and environment in, texts and exit codes out.
#include "proxy/arguments.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "config/print.h"
#include "proxy/version.h"

namespace wskeep {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const std::string kMinimal = WSKEEP_SOURCE_DIR "/config/minimal.yaml";

Invocation run(std::vector<const char*> arguments, std::vector<const char*> environment = {}) {
  arguments.insert(arguments.begin(), "wskeep");
  const auto count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  environment.push_back(nullptr);
  return parse_arguments(count, arguments.data(), environment.data());
}

void expect_exit(const Invocation& invocation, int code) {
  EXPECT_EQ(invocation.action, Invocation::Action::kExit);
  EXPECT_EQ(invocation.exit_code, code);
  EXPECT_EQ(invocation.err.empty(), code == 0);
  EXPECT_EQ(invocation.out.empty(), code != 0);
}

TEST(Arguments, none_runs_with_the_defaults) {
  const Invocation invocation = run({});
  EXPECT_EQ(invocation.action, Invocation::Action::kRun);
  EXPECT_EQ(invocation.config, config::Config{});
  EXPECT_EQ(parse_arguments(1, std::vector<const char*>{"wskeep", nullptr}.data(), nullptr).action,
            Invocation::Action::kRun);
}

TEST(Arguments, all_kinds_together) {
  const Invocation invocation =
      run({"--config", kMinimal.c_str(), "--listen", "[::1]:1", "--listen=:0", "--backend", "app:2", "--set",
           "log.level=debug", "--set", "relay.on_client_lost=4000"},
          {"HOME=/", "WSKEEP_LOG_LEVEL=error", "WSKEEP_LOG_FORMAT=json", "WSKEEP_PORT=tcp://10.0.0.1:80"});
  ASSERT_EQ(invocation.action, Invocation::Action::kRun) << invocation.err;
  config::Config expected;
  expected.listeners = {config::Listener{{"::1", 1}}, config::Listener{{"0.0.0.0", 0}}};
  expected.backend.address = {"app", 2};
  expected.log = {config::LogLevel::kDebug, config::LogFormat::kJson};
  expected.relay.on_client_lost = 4000;
  EXPECT_EQ(invocation.config, expected);
  EXPECT_EQ(config::load(invocation.sources), expected);  // what a reload does
}

TEST(Arguments, warnings_are_no_faults) {
  const Invocation invocation = run({"--check-config", "--set", "keepalive.client.ping_interval=45s"});
  EXPECT_EQ(invocation.exit_code, 0);
  EXPECT_EQ(invocation.out, "configuration ok\n");
  EXPECT_THAT(invocation.err, StartsWith("warning: keepalive.client.ping_interval is 45s, but "));
  EXPECT_EQ(run({"--set", "keepalive.client.ping_interval=45s"}).err, "") << "the log will say so";
}

TEST(Arguments, the_file_comes_from_the_flag_or_the_environment) {
  const std::string variable = "WSKEEP_CONFIG=" + kMinimal;
  EXPECT_EQ(run({}, {variable.c_str()}).sources.file, kMinimal);
  EXPECT_EQ(run({"--config", kMinimal.c_str()}, {"WSKEEP_CONFIG=/nowhere"}).sources.file, kMinimal);
  const Invocation missing = run({}, {"WSKEEP_CONFIG=/nowhere"});
  expect_exit(missing, 2);
  EXPECT_EQ(missing.err, "/nowhere: cannot be read: No such file or directory\n");
}

TEST(Arguments, check_config) {
  const Invocation good = run({"--check-config", "--config", kMinimal.c_str()});
  expect_exit(good, 0);
  EXPECT_EQ(good.out, "configuration ok\n");
  const Invocation bad = run({"--check-config", "--set", "workers=0", "--set", "x=1"}, {"WSKEEP_X=1"});
  expect_exit(bad, 2);
  EXPECT_EQ(bad.err,
            "environment WSKEEP_X: unknown option\n"
            "--set workers: \"0\" is out of range (1 to 256); auto is allowed too\n"
            "--set x: unknown key\n");
}

TEST(Arguments, print_config_is_what_would_run) {
  const Invocation printed = run({"--print-config", "--set", "workers=3"}, {"WSKEEP_ADMIN_ADDRESS=[::1]:1"});
  expect_exit(printed, 0);
  EXPECT_EQ(printed.out, config::print(run({"--set", "workers=3", "--set", "admin.address=[::1]:1"}).config));
  EXPECT_THAT(printed.out, HasSubstr("\nworkers: 3  #"));
  EXPECT_THAT(printed.out, HasSubstr("\n  address: \"[::1]:1\"  #"));
}

TEST(Arguments, version_and_help) {
  const Invocation version = run({"--version"});
  expect_exit(version, 0);
  EXPECT_EQ(version.out, std::string("wskeep ") + kVersion + " (" + kCommit + ")\n");
  const Invocation help = run({"--help"});
  expect_exit(help, 0);
  for (const char* flag : {"--config", "--listen", "--backend", "--set", "--check-config", "--print-config",
                           "--version", "--help", "WSKEEP_"}) {
    EXPECT_THAT(help.out, HasSubstr(flag));
  }
}

TEST(Arguments, bad_flags) {
  for (const std::vector<const char*>& arguments :
       std::vector<std::vector<const char*>>{{"--lisen", "a:1"},
                                             {"stray"},
                                             {"--listen"},
                                             {"--set"},
                                             {"--listen", "a:1", "b:1"},
                                             {"--config", "a", "--config", "b"},
                                             {"--check-config", "--print-config"}}) {
    const Invocation invocation = run(arguments);
    expect_exit(invocation, 2);
    EXPECT_THAT(invocation.err, StartsWith("wskeep: "));
    EXPECT_THAT(invocation.err, HasSubstr("\nTry wskeep --help.\n"));
  }
}

}  // namespace
}  // namespace wskeep
