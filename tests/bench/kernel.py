"""What the kernel knows about processes: the CPU time and the memory of a process and all its descendants."""

import os
import pathlib
import resource

PROC = pathlib.Path("/proc")


def family(pid):
    """The pid and those of its living descendants."""
    pids = [pid]
    for each in pids:  # grows while it is walked
        for task in (PROC / str(each) / "task").iterdir():
            pids += map(int, (task / "children").read_text().split())
    return pids


def cpu_ns(pid):
    """Nanoseconds on a CPU, user and system, of all threads alive in the family."""
    return sum(int((task / "schedstat").read_text().split()[0])
               for each in family(pid) for task in (PROC / str(each) / "task").iterdir())


def memory(pid):
    """Bytes of anonymous memory of the family; pages that they share count once."""
    total = 0
    for each in family(pid):
        for line in (PROC / str(each) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss_Anon:"):
                total += int(line.split()[1]) * 1024
    return total


def cores(apart):
    """The core of the load and the backend, and that of the proxies: the same one unless they shall be `apart`."""
    usable = sorted(os.sched_getaffinity(0))
    return {usable[0] if apart else usable[-1]}, {usable[-1]}


def raise_descriptor_limit():
    """As far as it goes, for us and our children; returns the limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def describe():
    """The machine, for who reads the figures elsewhere."""
    models = [line.partition(":")[2].strip() for line in (PROC / "cpuinfo").read_text().splitlines()
              if line.startswith("model name")]
    return {"cpu": models[0] if models else os.uname().machine, "cores": len(os.sched_getaffinity(0)),
            "kernel": os.uname().release, "load_average": os.getloadavg()[0]}
