#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "proxy/relay/cpu_quota.h"

namespace wskeep::relay {
namespace {

TEST(CpuQuota, RoundsUp) {
  struct Case {
    const char* text;
    std::optional<std::uint32_t> cpus;
  };
  const Case cases[] = {
      {"max 100000\n", {}},  {"100000 100000\n", 1}, {"100001 100000\n", 2},
      {"50000 100000\n", 1}, {"250000 100000", 3},   {"", {}},
      {"100000", {}},        {"x 100000", {}},       {"100000 0\n", {}},
      {"-1 100000\n", {}},
  };
  for (const Case& row : cases) EXPECT_EQ(cpus_in_cpu_max(row.text), row.cpus) << row.text;
  EXPECT_EQ(cpus_in_cfs_quota("-1\n", "100000\n"), std::nullopt);
  EXPECT_EQ(cpus_in_cfs_quota("150000\n", "100000\n"), 2U);
}

// A copy of what /sys/fs/cgroup and /proc/self/cgroup look like.
class FakeCgroup : public testing::Test {
 protected:
  FakeCgroup() : root_(std::filesystem::path(testing::TempDir()) / "wskeep_cgroup_XXXXXX") {
    std::string name = root_.string();
    root_ = mkdtemp(name.data());
  }
  ~FakeCgroup() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  std::uint32_t cpus() const { return usable_cpus((root_ / "sys").string(), (root_ / "self").string()); }

 private:
  std::filesystem::path root_;
};

TEST_F(FakeCgroup, TakesTheTightestQuotaOnTheWayUp) {
  write("self", "0::/pod/container\n");
  write("sys/pod/container/cpu.max", "max 100000\n");
  write("sys/pod/cpu.max", "100000 100000\n");
  EXPECT_EQ(cpus(), 1U);
}

TEST_F(FakeCgroup, ReadsTheRootOfAContainer) {
  write("self", "0::/\n");
  write("sys/cpu.max", "50000 100000\n");
  EXPECT_EQ(cpus(), 1U);
}

TEST_F(FakeCgroup, KnowsVersionOne) {
  write("self", "5:memory:/pod\n4:cpu,cpuacct:/pod\n0::/\n");
  write("sys/cpu/pod/cpu.cfs_quota_us", "90000\n");
  write("sys/cpu/pod/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cpus(), 1U);
}

TEST_F(FakeCgroup, WithoutAQuotaTheAffinityCounts) {
  EXPECT_GE(cpus(), 1U);
  write("self", "nonsense\n::\n");
  EXPECT_GE(cpus(), 1U);
}

}  // namespace
}  // namespace wskeep::relay
