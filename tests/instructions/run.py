#!/usr/bin/python3
"""Compares what a session costs the processor with what is recorded: run.py build/dev/tests/instructions/drive.

Instructions, unlike seconds, are the same on a busy machine and in each run. Counted is what the session's own code
executes: not libc, which has other instructions for other processors. What it calls is counted by the call: a look at
the clock, an allocation or a system call more shows however small it is beside the rest.

--record writes recorded.json anew; that belongs into the commit that changes the cost, and its message says why.
Exits with 77 where another compiler or processor than the recorded one makes the figures meaningless.
"""

import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

RECORDED = pathlib.Path(__file__).parent / "recorded.json"
SKIPPED = 77
OPERATIONS = 1000
MARGIN = 0.05  # of the instructions, either way; calls have none

DRIVER = "wskeep::instructions::"
CALLS = {
    DRIVER + "SetClock::now": "clock_readings",
    DRIVER + "Numbers::next": "random_numbers",
    DRIVER + "Peer::read": "reads",
    DRIVER + "Peer::write": "writes",
    DRIVER + "Peer::": "other_system_calls",
    "operator new": "allocations",
    "malloc": "allocations",
    "calloc": "allocations",
    "realloc": "allocations",
}


def kind_of_call(callee: str, leaves_program: bool) -> str | None:
    for prefix, kind in CALLS.items():
        if callee.startswith(prefix):
            return kind
    return "library_calls" if leaves_program else None


def read_dump(text: str, program: str) -> tuple[str, dict[str, float]]:
    """The name of the operation, and what one of it costs (the format: callgrind's manual, "file format")."""
    operation = re.search(r"^desc: Trigger: Client Request: (\S+)$", text, re.MULTILINE).group(1)
    cost = collections.Counter({kind: 0 for kind in ["instructions", *CALLS.values(), "library_calls"]})
    binary = function = callee = callee_binary = ""
    after_call = False
    for line in text.splitlines():
        key, _, value = line.partition("=")
        match key:
            case "ob":
                binary = value
            case "fn":
                function = value
            case "cob":
                callee_binary = value
            case "cfn":
                callee = value
        ours = binary == program and DRIVER not in function
        if key == "calls" and ours:
            kind = kind_of_call(callee, callee_binary not in ("", program))
            if kind:
                cost[kind] += int(value.split()[0])
        elif line[:1].isdigit() and ours and not after_call:
            cost["instructions"] += int(line.split()[1])
        if key == "calls":
            callee_binary = ""
        after_call = key == "calls"  # the line behind it is what the callee cost
    return operation, {kind: count / OPERATIONS for kind, count in cost.items()}


def count(program: pathlib.Path, valgrind: str) -> tuple[str, dict[str, dict[str, float]]]:
    with tempfile.TemporaryDirectory() as directory:
        built_by = subprocess.run(
            [valgrind, "--tool=callgrind", "--quiet", "--collect-atstart=no", "--compress-strings=no",
             "--compress-pos=no", f"--callgrind-out-file={directory}/dump", program, str(OPERATIONS)],
            check=True, capture_output=True, text=True, timeout=50).stdout.strip()
        dumps = sorted(pathlib.Path(directory).glob("dump.*"), key=lambda path: int(path.suffix[1:]))
        return built_by, dict(read_dump(path.read_text(), str(program)) for path in dumps)


def fault_of(kind: str, recorded: float, counted: float) -> str | None:
    margin = MARGIN * recorded if kind == "instructions" else 0
    if counted > recorded + margin:
        return f"{counted:g} instead of {recorded:g}: too many"
    if counted < recorded - margin:
        return f"only {counted:g} instead of {recorded:g}: well done, now record it (--record), or it can creep back"
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--valgrind", default="valgrind")
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()

    built_by, counted = count(arguments.program, arguments.valgrind)
    if arguments.record:
        RECORDED.write_text(json.dumps({"built_by": built_by, "operations": counted}, indent=2) + "\n")
    recorded = json.loads(RECORDED.read_text())
    for operation, cost in counted.items():
        print(f"{operation}: " + ", ".join(f"{kind} {count:g}" for kind, count in cost.items() if count))
    if recorded["built_by"] != built_by:
        print(f"*** SKIPPED: recorded for {recorded['built_by']}, and this is {built_by} ***", file=sys.stderr)
        return SKIPPED
    if recorded["operations"].keys() != counted.keys():
        print("other operations are recorded: --record", file=sys.stderr)
        return 1
    faults = [f"{operation}: {kind}: {fault}"
              for operation, cost in counted.items() for kind, count in cost.items()
              if (fault := fault_of(kind, recorded["operations"][operation][kind], count))]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
