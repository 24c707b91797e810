// How many CPUs this process may use: the cgroup's quota, rounded up, bounded by the CPU affinity. More
// threads than that would only be throttled, which looks like network latency.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wskeep::relay {

// CPUs in a cgroup v2 `cpu.max` ("200000 100000" is 2; "max 100000" has no quota), rounded up, at least 1.
std::optional<std::uint32_t> cpus_in_cpu_max(std::string_view text);

// The same from cgroup v1's cpu.cfs_quota_us (-1: none) and cpu.cfs_period_us.
std::optional<std::uint32_t> cpus_in_cfs_quota(std::string_view quota, std::string_view period);

// The number for this process. `cgroup_root` and `self_cgroup` are /sys/fs/cgroup and /proc/self/cgroup;
// what can't be read or understood there sets no limit. At least 1.
std::uint32_t usable_cpus(const std::string& cgroup_root, const std::string& self_cgroup);

}  // namespace wskeep::relay
