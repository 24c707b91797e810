"""What the kernel knows about processes: CPU time, memory and system calls of a process and all its descendants."""

import contextlib
import os
import pathlib
import resource
import subprocess
import time

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


def _traced(task):
    return "\nTracerPid:\t0\n" not in (task / "status").read_text()


@contextlib.contextmanager
def counting_calls(pid, strace, directory):
    """Counts the system calls of the family meanwhile; yields a list that holds their number in the end."""
    counts, file, pids = [], pathlib.Path(directory) / "calls", family(pid)
    tracer = subprocess.Popen([strace, "-f", "-c", "-q", "-o", file, *(f"-p{each}" for each in pids)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    tasks = [task for each in pids for task in (PROC / str(each) / "task").iterdir()]
    while not all(map(_traced, tasks)) and tracer.poll() is None:
        time.sleep(0.01)
    try:
        yield counts
    finally:
        tracer.terminate()
        if tracer.wait() > 0:
            raise OSError(f"{strace} ended with {tracer.returncode}: may it trace here?")
        # "% time, seconds, usecs/call, calls, errors" and the name; the last line is their sum.
        counts.append(int(file.read_text().splitlines()[-1].split()[3]))


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
