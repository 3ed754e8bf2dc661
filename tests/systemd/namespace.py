"""A systemd of our own: PID 1 of fresh namespaces, in a cgroup of its own.

Nothing outside sees it, and it all ends with one process, `unshare`, which
itself ends with this one.
"""

import glob
import os
import signal
import subprocess
import time

from tap import run, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = ["--pid", "--mount", "--uts", "--ipc", "--net", "--cgroup"]


def cgroup2_mount():
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            left, right = line.split(" - ", 1)
            if right.split()[0] == "cgroup2":
                return left.split()[4]
    return None


def own_cgroup():
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        for line in file:
            if line.startswith("0::"):
                return line[3:].strip().lstrip("/")
    return None


def why_impossible(stage):
    """None, or why no systemd can be started here."""
    if os.geteuid() != 0:
        return "needs root"
    if not os.access("/lib/systemd/systemd", os.X_OK):
        return "systemd is not installed (tools/install.sh systemd-test)"
    if cgroup2_mount() is None or own_cgroup() is None:
        return "no cgroup2 file system is mounted"
    if os.path.realpath(stage.prefix) in ("/", "/usr"):
        return f"the prefix {stage.prefix} would hide systemd itself"
    if not os.path.isdir(stage.prefix):
        return f"the prefix {stage.prefix} does not exist"
    if run("unshare", "--fork", *KINDS, "true").returncode != 0:
        return "namespaces may not be made here"
    return None


class Process:
    """One process, known by pid and start time, so that a reused pid is not
    taken for it."""

    def __init__(self, pid):
        self.pid = pid
        self.started = self.stat()[19]

    def stat(self):
        with open(f"/proc/{self.pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()

    def alive(self):
        try:
            stat = self.stat()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return stat[19] == self.started and stat[0] not in "ZX"

    def field(self, name):
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as file:
            for line in file:
                if line.startswith(name + ":"):
                    return line.split()[1:]
        return []


class Namespace:
    def __init__(self, stage, log):
        self.log = log
        self.init = None
        self.cgroup = os.path.join(cgroup2_mount(), own_cgroup(),
                                   f"plugind-test-{os.getpid()}")
        os.mkdir(self.cgroup)
        self.unshare = subprocess.Popen(
            ["sh", "-ec", 'echo $$ >"$0/cgroup.procs"; exec "$@"',
             self.cgroup, "setpriv", "--pdeathsig", "KILL", "unshare",
             "--fork", "--kill-child", "--mount-proc", *KINDS,
             os.path.join(HERE, "init.sh"), stage.destdir, stage.prefix,
             stage.libdir, log],
            stdin=subprocess.DEVNULL, stdout=open(log, "ab"),
            stderr=subprocess.STDOUT, start_new_session=True)

    def boot(self):
        """True when systemd answers and has reached its target."""
        return wait_for(self.find_init) and wait_for(
            lambda: self.systemctl("is-active", "default.target")
            .stdout.strip() == "active")

    def find_init(self):
        pid = self.unshare.pid
        try:
            with open(f"/proc/{pid}/task/{pid}/children",
                      encoding="utf-8") as file:
                children = file.read().split()
        except FileNotFoundError:
            return False
        self.init = children[0] if children else None
        return self.init is not None

    def run(self, *argv):
        return run("nsenter", "-t", self.init, "-p", "-m", "-u", "-i", "-n",
                   "-C", *argv)

    def systemctl(self, *argv):
        return self.run("systemctl", "--no-pager", *argv)

    def show(self, name):
        return self.systemctl("show", "-P", name, "plugind").stdout.strip()

    def path(self, inside):
        return f"/proc/{self.init}/root{inside}"

    def service(self):
        """Every process of the unit, the daemon and what descends from it."""
        return self.processes("system.slice/plugind.service")

    def processes(self, below="."):
        found = []
        pattern = os.path.join(self.cgroup, below, "**/cgroup.procs")
        for name in glob.glob(pattern, recursive=True):
            try:
                with open(name, encoding="utf-8") as file:
                    found += [Process(int(x)) for x in file.read().split()]
            except (FileNotFoundError, ProcessLookupError, OSError):
                continue # gone between listing and reading
        return found

    def kill(self, sig, process):
        os.kill(process.pid, sig)

    def close(self):
        """Ends all of it; what is left over, as text."""
        self.unshare.send_signal(signal.SIGKILL)
        self.unshare.wait()
        left = []
        if not wait_for(lambda: not self.processes(), 10):
            left = [f"process {p.pid}" for p in self.processes()]
            with open(os.path.join(self.cgroup, "cgroup.kill"), "w",
                      encoding="utf-8") as file:
                file.write("1")
            time.sleep(0.2)
        for directory, _, _ in os.walk(self.cgroup, topdown=False):
            try:
                os.rmdir(directory)
            except OSError as error:
                left.append(str(error))
        return "\n".join(left)
