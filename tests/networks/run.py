#!/usr/bin/python3
"""Runs the network tests: run.py [-v] [-k PATTERN] test_link ...; all of them if none is named.

Exits with 77 and says why where no network can be made. Environment: WSKEEP_BIN (default build/dev/wskeep),
WSKEEP_LINK and WSKEEP_ECHO (programs of the same build), WSKEEP_NODE_MODULES, WSKEEP_TEST_DEADLINE.
"""

import sys
import unittest

import network

SKIPPED = 77

if reason := network.impossible():
    print(f"\n*** SKIPPED, NOTHING IS TESTED HERE: {reason} ***\n", file=sys.stderr)
    sys.exit(SKIPPED)
named = any(argument.startswith("test_") for argument in sys.argv[1:])
everything = [] if named else sorted(path.stem for path in network.HERE.glob("test_*.py"))
unittest.main(module=None, argv=[*sys.argv, *everything])
