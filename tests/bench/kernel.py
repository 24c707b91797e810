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


def scheduled_ns(pid):
    """Nanoseconds on a CPU as in cpu_ns, and those for which a thread was ready but waited for one."""
    fields = [(task / "schedstat").read_text().split() for each in family(pid)
              for task in (PROC / str(each) / "task").iterdir()]
    return sum(int(each[0]) for each in fields), sum(int(each[1]) for each in fields)


def user_and_system(pid):
    """The kernel's ticks (of 10 ms, mostly) in user space and in the kernel: good for a ratio over some seconds."""
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return int(fields[11]), int(fields[12])


def resident(pid):
    """Bytes of memory that the process has now, shared pages included."""
    return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


SOCKET_SLABS = ("TCP", "TCPv6", "tw_sock_TCP", "tw_sock_TCPv6", "request_sock_TCP", "sock_inode_cache", "eventpoll_epi",
                "eventpoll_pwq", "filp", "skbuff_head_cache", "skbuff_small_head")


def socket_memory():
    """Bytes that the kernel keeps for sockets, their files and buffers, everybody's; None where it doesn't tell.

    A little less than a memory cgroup is charged: directory entries are left out, for other things take far more."""
    try:
        slabs = (PROC / "slabinfo").read_text().splitlines()
        sockets = (PROC / "net" / "sockstat").read_text().splitlines()
    except PermissionError:
        return None
    total = sum(int(fields[1]) * int(fields[3]) for fields in map(str.split, slabs) if fields[0] in SOCKET_SLABS)
    tcp = next(line.split() for line in sockets if line.startswith("TCP:"))
    return total + int(tcp[tcp.index("mem") + 1]) * os.sysconf("SC_PAGE_SIZE")


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
