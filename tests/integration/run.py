#!/usr/bin/python3
"""Runs the integration tests.

    run.py [--direct] [--bin PATH] [-k PATTERN] [-v] [test_messages ...]

--direct leaves wskeep out, as a control: the same tests against the bare peers.
Environment: WSKEEP_BIN (default build/dev/wskeep), WSKEEP_NODE_MODULES (default node_modules beside this file,
filled by `npm ci`), WSKEEP_TEST_DEADLINE (seconds a test waits for an event, default 60), WSKEEP_SEED.
"""

import argparse
import os
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description="Runs the integration tests.")
    parser.add_argument("--direct", action="store_true", help="leave wskeep out, as a control")
    parser.add_argument("--bin", help="the wskeep to test")
    parser.add_argument("-k", action="append", default=[], help="only tests whose name contains this")
    parser.add_argument("-v", action="store_true", help="name each test")
    parser.add_argument("-f", action="store_true", help="stop at the first failure")
    parser.add_argument("modules", nargs="*", help="test files, with or without .py")
    arguments = parser.parse_args()
    if arguments.direct:
        os.environ["WSKEEP_DIRECT"] = "1"
    if arguments.bin:
        os.environ["WSKEEP_BIN"] = os.path.abspath(arguments.bin)
    sys.path.insert(0, str(HERE))
    modules = [pathlib.Path(name).stem for name in arguments.modules] or sorted(p.stem for p in HERE.glob("test_*.py"))
    loader = unittest.TestLoader()
    if arguments.k:
        loader.testNamePatterns = [pattern if "*" in pattern else f"*{pattern}*" for pattern in arguments.k]
    suite = loader.loadTestsFromNames(modules)
    result = unittest.TextTestRunner(verbosity=2 if arguments.v else 1, failfast=arguments.f).run(suite)
    # A test may fail in several subtests, which are no tests of their own in testsRun.
    failed = len({getattr(test, "test_case", test).id() for test, _ in result.failures + result.errors})
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")
    return 0 if failed == 0 and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
