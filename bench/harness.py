"""What the benchmarks share: a daemon in a directory of its own, figures.

A figure is one line of JSON on stdout:
{"bench", "metric", "unit", "ours", "peer", "theirs", "ratio", "bar", "ok"};
peer, theirs and ratio are null where there is no peer, bar and ok where
nothing is promised. Everything else goes to stderr.
"""

import argparse
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


def say(text):
    print(text, file=sys.stderr, flush=True)


def arguments(doc):
    """A parser with the options that every benchmark has."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"),
                        help="build directory (default: build)")
    parser.add_argument("--check", action="store_true",
                        help="exit 1 when a bar is missed")
    return parser


class Figures:
    """Prints figures and remembers whether all bars held."""

    def __init__(self, bench):
        self.bench = bench
        self.missed = []

    def add(self, metric, unit, ours, peer=None, theirs=None, bar=None,
            bar_on="ours"):
        """`bar` is the most that `ours`, or the ratio, may be."""
        ratio = ours / theirs if theirs else None
        value = ratio if bar_on == "ratio" else ours
        passed = None if bar is None else value is not None and value <= bar
        if passed is False:
            self.missed.append(metric)
        print(json.dumps({
            "bench": self.bench, "metric": metric, "unit": unit,
            "ours": rounded(ours), "peer": peer, "theirs": rounded(theirs),
            "ratio": rounded(ratio),
            "bar": None if bar is None else f"{bar_on} <= {bar}",
            "ok": passed}), flush=True)

    def exit_code(self, check):
        for metric in self.missed:
            say(f"{self.bench}: missed: {metric}")
        return 1 if check and self.missed else 0


def rounded(value):
    return None if value is None else round(value, 3)


def quantile(values, q):
    """The smallest value that at least q of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * q) - 1)]


def median(values):
    return quantile(values, 0.5)


def wait_until(condition, what, seconds=30, every=0.01):
    """The first true value of condition()."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(every)


def stop_process(process, seconds=30):
    """Asks a child of ours to end; ends it if it does not."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        say(f"pid {process.pid} did not stop in {seconds} s: killed")
        process.kill()
        process.wait()


class Interrupt(Exception):
    """SIGTERM to the benchmark: unwinds, so that all is cleaned up."""


def on_term(signum, frame):
    raise Interrupt


class Workspace:
    """Temporary directories: `disk` in $TMPDIR, `memory` in a tmpfs."""

    def __enter__(self):
        signal.signal(signal.SIGTERM, on_term)
        self.disk = tempfile.mkdtemp(prefix="plugind-bench-")
        self.memory = tempfile.mkdtemp(prefix="plugind-bench-", dir="/dev/shm")
        return self

    def __exit__(self, *unused):
        shutil.rmtree(self.disk, ignore_errors=True)
        shutil.rmtree(self.memory, ignore_errors=True)


class Daemon:
    """plugind as its package would run it: runtime_dir in memory, state_dir
    and its log on the disk."""

    def __init__(self, build, work, config, dropins=()):
        self.plugind = os.path.join(build, "supervisor/core/plugind")
        self.pluginctl = os.path.join(build, "pluginctl/pluginctl")
        self.runtime = os.path.join(work.memory, "run")
        self.state = os.path.join(work.disk, "state")
        self.config = os.path.join(work.disk, "etc", "plugind.yaml")
        self.log = os.path.join(work.disk, "plugind.log")
        self.process = None
        self.started = None
        self.write(config, dropins)

    def write(self, config, dropins):
        directory = os.path.join(os.path.dirname(self.config), "plugins.d")
        os.makedirs(directory)
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f"runtime_dir: {self.runtime}\n"
                       f"state_dir: {self.state}\n{config}")
        for number, text in enumerate(dropins):
            path = os.path.join(directory, f"{number:03}.yaml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

    def __enter__(self):
        with open(self.log, "w", encoding="utf-8") as log:
            self.started = time.monotonic()
            self.process = subprocess.Popen(
                [self.plugind, "--config", self.config],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def __exit__(self, kind, *unused):
        stop_process(self.process)
        if kind is not None and kind is not KeyboardInterrupt:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                say("last lines of plugind's log:\n"
                    + "".join(log.readlines()[-10:]))

    @property
    def pid(self):
        return self.process.pid

    def ctl_argv(self, *argv):
        return [self.pluginctl, "--socket",
                os.path.join(self.runtime, "control.sock"), *argv]

    def ctl(self, *argv):
        """Its JSON, or None while the daemon is not there."""
        done = subprocess.run(self.ctl_argv("-o", "json", *argv),
                              stdout=subprocess.PIPE, text=True, check=False,
                              stderr=subprocess.DEVNULL)
        if self.process.poll() is not None:
            raise RuntimeError("plugind has ended")
        return json.loads(done.stdout) if done.returncode == 0 else None

    def status(self):
        return self.ctl("status") or []

    def wait_running(self, count, seconds=60, every=0.01):
        """Until `count` plugins are running; the status then."""
        def running():
            rows = self.status()
            up = [row for row in rows if row["state"] == "running"]
            return len(up) == count and rows
        return wait_until(running, f"{count} plugins running", seconds, every)
