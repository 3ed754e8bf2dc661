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
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import msgpack

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
            bar_on="ours", least=False):
        """`bar` is the most that `ours`, or the ratio, may be; with `least`,
        the least."""
        ratio = ours / theirs if theirs else None
        value = ratio if bar_on == "ratio" else ours
        passed = None if bar is None else value is not None and \
            (value >= bar if least else value <= bar)
        if passed is False:
            self.missed.append(metric)
        print(json.dumps({
            "bench": self.bench, "metric": metric, "unit": unit,
            "ours": rounded(ours), "peer": peer, "theirs": rounded(theirs),
            "ratio": rounded(ratio),
            "bar": None if bar is None else
                   f"{bar_on} {'>=' if least else '<='} {bar}",
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


def read_fields(pid, name):
    """{key: number} of a file of `key: number` lines."""
    with open(f"/proc/{pid}/{name}", encoding="ascii") as file:
        return {key: int(value) for key, value
                in re.findall(r"^(\w+):\s+(\d+)", file.read(), re.M)}


def rss_mib(pid):
    return read_fields(pid, "status")["VmRSS"] / 1024


def switches(pid):
    """How often all threads of a process have gone to sleep."""
    return sum(read_fields(pid, f"task/{task}/status")
               ["voluntary_ctxt_switches"]
               for task in os.listdir(f"/proc/{pid}/task"))


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
        os.chmod(self.memory, 0o755)  # the router runs as another user
        return self

    def __exit__(self, *unused):
        shutil.rmtree(self.disk, ignore_errors=True)
        shutil.rmtree(self.memory, ignore_errors=True)


class Control:
    """One open connection to control.sock: the SP mapping of request and
    reply (docs/CONTROL.md), so that a question costs no process."""

    def __init__(self, daemon):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(os.path.join(daemon.runtime, "control.sock"))
        self.socket.sendall(b"\0SP\0\0\x30\0\0")
        self.read(8)
        self.number = 0

    def read(self, length):
        data = b""
        while len(data) < length:
            part = self.socket.recv(length - len(data))
            if not part:
                raise EOFError("control.sock was closed")
            data += part
        return data

    def call(self, kind, *arguments):
        self.number += 1
        body = struct.pack(">I", 0x80000000 | self.number) + \
            msgpack.packb([1, kind, self.number, list(arguments)])
        self.socket.sendall(b"\1" + struct.pack(">Q", len(body)) + body)
        header = self.read(9)
        reply = self.read(struct.unpack(">Q", header[1:])[0])
        code, data = msgpack.unpackb(reply[4:])[3]
        if code != 0:
            raise RuntimeError(data)
        return data


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
        # READY=1 says that it has settled, without a question that costs it
        # time.
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(os.path.join(work.memory, "notify"))

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
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(os.environ, NOTIFY_SOCKET=self.notify.getsockname()))
        return self

    def __exit__(self, kind, *unused):
        stop_process(self.process)
        self.notify.close()
        os.unlink(os.path.join(os.path.dirname(self.runtime), "notify"))
        if kind is not None and kind is not KeyboardInterrupt:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                say("last lines of plugind's log:\n"
                    + "".join(log.readlines()[-10:]))

    @property
    def pid(self):
        return self.process.pid

    def wait_settled(self, seconds=120):
        """Seconds from the exec to its READY=1."""
        self.notify.settimeout(seconds)
        while b"READY=1" not in self.notify.recv(4096).split(b"\n"):
            pass
        return time.monotonic() - self.started

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
