#include "proxy/relay/cpu_quota.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <vector>

namespace wskeep::relay {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::optional<std::int64_t> number(std::string_view text) {
  text = text.substr(0, text.find_last_not_of(" \n") + 1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void lower(std::optional<std::uint32_t>& least, std::optional<std::uint32_t> value) {
  if (value) least = least ? std::min(*least, *value) : *value;
}

// The cgroup and all that it is in: each may set a quota of its own.
std::vector<std::string> directories_up(const std::string& root, std::string path) {
  std::vector<std::string> directories;
  for (; path.size() > 1; path.resize(path.find_last_of('/'))) directories.push_back(root + path);
  directories.push_back(root);
  return directories;
}

bool lists_cpu(std::string_view controllers) {
  while (!controllers.empty()) {
    const std::size_t comma = controllers.find(',');
    if (controllers.substr(0, comma) == "cpu") return true;
    if (comma == std::string_view::npos) return false;
    controllers.remove_prefix(comma + 1);
  }
  return false;
}

std::uint32_t cpus_by_affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<std::uint32_t>(std::max(1, CPU_COUNT(&set)));
}

}  // namespace

std::optional<std::uint32_t> cpus_in_cfs_quota(std::string_view quota_text, std::string_view period_text) {
  const auto quota = number(quota_text);
  const auto period = number(period_text);
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  const std::int64_t cpus = *quota / *period + (*quota % *period != 0 ? 1 : 0);
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(cpus, 1, UINT32_MAX));
}

std::optional<std::uint32_t> cpus_in_cpu_max(std::string_view text) {
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  return cpus_in_cfs_quota(text.substr(0, space), text.substr(space + 1));
}

std::uint32_t usable_cpus(const std::string& cgroup_root, const std::string& self_cgroup) {
  std::optional<std::uint32_t> quota;
  std::ifstream lines(self_cgroup);
  // "0::/path" is cgroup v2, "4:cpu,cpuacct:/path" a v1 hierarchy.
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      for (const std::string& directory : directories_up(cgroup_root, path)) {
        lower(quota, cpus_in_cpu_max(read_file(directory + "/cpu.max")));
      }
    } else if (lists_cpu(controllers)) {
      for (const std::string& directory : directories_up(cgroup_root + "/cpu", path)) {
        lower(quota, cpus_in_cfs_quota(read_file(directory + "/cpu.cfs_quota_us"),
                                       read_file(directory + "/cpu.cfs_period_us")));
      }
    }
  }
  return std::min(quota.value_or(UINT32_MAX), cpus_by_affinity());
}

}  // namespace wskeep::relay
