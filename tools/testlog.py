#!/usr/bin/env python3
"""Adds up test results and closes with `N passed, N failed, N skipped`.

usage: testlog.py [--tap FILE] [NAME=testlog.json ...]

Reads what `meson test` leaves in meson-logs/testlog.json, one file a build,
and counts single TAP points; a test without TAP is one point. A test that
ended badly without a failed point (a crash, a time-out, a short plan) counts
as one failure. FILE holds TAP points of steps that meson does not run.
Prints the log of every test that failed. Exit 1 when something failed or
nothing ran, or, with CI=true, when something was skipped.
"""

import argparse
import json
import os
import re
import sys

POINT = re.compile(r"^(not )?ok\b[ \d]*-? ?([^#]*)(?:# *(SKIP|TODO)\S*(.*))?",
                   re.I)
SKIP_ALL = re.compile(r"^1\.\.0\b\s*#?\s*(?:SKIP\S*)?(.*)", re.I)
PLAN = re.compile(r"^1\.\.\d+", re.M)
BAD = {"FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS"}
LOG_LINES = 200


class Totals:
    def __init__(self):
        self.passed = 0
        self.failures = []
        self.skips = []

    def add_tap(self, where, text):
        """The points of one TAP stream; how many of them failed."""
        before = len(self.failures)
        for line in text.splitlines():
            none, point = SKIP_ALL.match(line), POINT.match(line)
            if none:
                self.skips.append(f"{where}: {none.group(1).strip()}")
            elif point:
                self.add_point(where, *point.groups())
        return len(self.failures) - before

    def add_point(self, where, bad, what, directive, reason):
        name = f"{where}: {what.strip()}"
        directive = (directive or "").upper()
        if directive == "SKIP":
            self.skips.append(f"{name}: {reason.strip()}")
        elif bad and directive != "TODO":
            self.failures.append(name)
        else:
            self.passed += 1

    def add_test(self, build, test):
        """One line of a testlog.json."""
        where, result = f"{build}: {test['name']}", test["result"]
        text = test.get("stdout") or ""
        failed = 0
        if PLAN.search(text):
            failed = self.add_tap(where, text)
        elif result == "SKIP":
            self.skips.append(where)
        elif result not in BAD:
            self.passed += 1
        if result in BAD and not failed:
            failed = 1
            self.failures.append(
                f"{where}: {result}, exit status {test['returncode']}")
        if failed:
            show(where, test)


def show(where, test):
    print(f"\n==== {where} ({test['result']}, {test['duration']:.1f} s)")
    for stream in "stdout", "stderr":
        lines = (test.get(stream) or "").splitlines()
        if len(lines) > LOG_LINES:
            print(f"({stream}: the last {LOG_LINES} of {len(lines)} lines)")
        for line in lines[-LOG_LINES:]:
            print(f"| {line}")


def summary(totals):
    for skip in totals.skips:
        print(f"skipped: {skip}")
    for failure in totals.failures:
        print(f"FAILED: {failure}")
    bad = bool(totals.failures)
    if totals.skips and os.environ.get("CI") == "true":
        print("a skipped test is a failure here, since CI=true")
        bad = True
    if not totals.passed and not bad:
        print("no test was run")
        bad = True
    print(f"{totals.passed} passed, {len(totals.failures)} failed, "
          f"{len(totals.skips)} skipped")
    return 1 if bad else 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--tap")
    parser.add_argument("logs", nargs="*")
    args = parser.parse_args()
    totals = Totals()
    for log in args.logs:
        name, path = log.split("=", 1)
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                for line in file:
                    totals.add_test(name, json.loads(line))
        except FileNotFoundError:
            totals.failures.append(f"{name}: {path} is missing")
    if args.tap:
        with open(args.tap, encoding="utf-8", errors="replace") as file:
            totals.add_tap("step", file.read())
    sys.exit(summary(totals))


main()
