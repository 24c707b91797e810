#!/usr/bin/env python3
"""Breaks wskeep on purpose, one rule at a time, and sees whether the simulation notices.

    tests/simulation/mutants.py [--seeds N] [--jobs N] [NAME ...]

Works on a copy of the tree in a temporary directory. Fails if a mutant survives, or if what it changes is no
longer there. Not part of the test suite: each mutant costs a build.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from mutants_list import MUTANTS

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, **options)


def build(build_dir, jobs):
    done = run("cmake", "--build", build_dir, "--target", "simulation", "-j", str(jobs))
    if done.returncode != 0:
        raise SystemExit(done.stdout[-4000:] + done.stderr)


def break_tree(tree, edits):
    """Applies the edits; returns what the files held before, or the edit that does not fit."""
    before = {}
    for file, old, new in edits:
        path = tree / file
        text = path.read_text()
        before.setdefault(path, text)
        if text.count(old) != 1:
            return before, f"{file} has {text.count(old)} of: {old.strip().splitlines()[0]}"
        path.write_text(text.replace(old, new))
    return before, None


def try_mutant(tree, build_dir, edits, options):
    before, misfit = break_tree(tree, edits)
    try:
        if misfit:
            return False, f"NO LONGER APPLIES: {misfit}"
        build(build_dir, options.jobs)
        try:
            done = run(build_dir / "tests/simulation/simulation", "--count", str(options.seeds), timeout=900)
        except subprocess.TimeoutExpired:
            return True, "caught: it never ends"
        found = re.search(r"seed (\d+) breaks a rule: ([^:]*)", done.stdout)
        if found:
            return True, f"caught by seed {found[1]}: {found[2]}"
        if done.returncode != 0:
            return True, f"caught: it dies ({done.stderr.strip().splitlines()[-1:]})"
        return False, f"SURVIVES {options.seeds} seeds"
    finally:
        for path, text in before.items():
            path.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=25_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("names", nargs="*", help="only mutants whose rule or words contain one of these")
    options = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory(prefix="wskeep-mutants-") as scratch:
        tree, build_dir = pathlib.Path(scratch) / "tree", pathlib.Path(scratch) / "build"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", "build", "node_modules"))
        run("cmake", "-S", tree, "-B", build_dir, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
            "-DCMAKE_CXX_FLAGS_DEBUG=-Og", check=True)
        build(build_dir, options.jobs)
        for rule, words, edits in MUTANTS:
            if options.names and not any(name in f"{rule}: {words}" for name in options.names):
                continue
            began = time.monotonic()
            good, outcome = try_mutant(tree, build_dir, edits, options)
            bad += not good
            print(f"{rule:16} {words:58} {outcome} ({time.monotonic() - began:.0f} s)", flush=True)
    sys.exit(f"{bad} mutants not caught" if bad else 0)


if __name__ == "__main__":
    main()
