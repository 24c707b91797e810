"""What is measured: one line a row. A row says how the load runs and what is made of it; nothing else knows the rows.

Kinds:
  echo     CPU of the proxy per round trip, and latencies, from a load on connections that are open
  upgrade  CPU of the proxy per session opened, from the connect to the first echo
  memory   user-space memory of the proxy per idle session, fresh and after a message has passed on each
  calls    system calls of the proxy per round trip, counted by strace
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    kind: str
    connections: int  # upgrade: opened each time it measures
    size: int = 128  # bytes of a message's payload
    depth: int = 1  # messages of a connection in flight
    rate: int = 0  # messages a second in all; 0: each connection sends when its echo has come
    closes: bool = False  # upgrade: also what closing the session costs
    added_latency: bool = False  # shown beside the latency without a proxy
    stretch: int = 1  # times as long as other rows: TCP forgets its windows while others are measured

    def load(self, seconds, connections=None):
        """The load's arguments; each time it measures for this long, where the row doesn't count something else."""
        arguments = ["--connections", connections or self.connections, "--size", self.size, "--depth", self.depth]
        if self.kind == "echo":
            seconds *= self.stretch
            return [*arguments, "--rate", self.rate, "--seconds", seconds, "--warm-up", seconds]
        if self.kind == "upgrade":
            return [*arguments, "--mode", "upgrade-close" if self.closes else "upgrade"]
        if self.kind == "calls":
            return [*arguments, "--messages", max(20, 400 // self.connections), "--warm-up", 0]
        # Few at once: what matters is what stays behind, not how much the kernel's buffers hold.
        return [*arguments, "--messages", 1, "--active", 16, "--warm-up", 0]


KIB, MIB = 1 << 10, 1 << 20

ROWS = (
    Row("1x128", "echo", 1, added_latency=True),
    Row("64x128", "echo", 64),
    Row("1024x128", "echo", 1024),
    Row("64x128x16", "echo", 64, depth=16),
    Row("64x64K", "echo", 64, 64 * KIB, stretch=3),
    Row("16x1M", "echo", 16, MIB, stretch=3),
    Row("paced", "echo", 64, rate=10_000, added_latency=True),
    Row("upgrade", "upgrade", 100),
    Row("upgrade-close", "upgrade", 100, closes=True),
    Row("memory", "memory", 2000, MIB),
    Row("calls-1x128", "calls", 1),
    Row("calls-64x128", "calls", 64),
)
