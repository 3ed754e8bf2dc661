"""plugind.service under a real systemd: start, reload, crash, hang, stop.

systemd runs as PID 1 of namespaces of its own (namespace.py), with the
project installed into the prefix there. Needs root.
"""

import glob
import json
import os
import signal
import sys
import tempfile

from namespace import Namespace, why_impossible
from tap import Bail, Stage, Tap, skip_all, wait_for

# What `guest` does as nobody, before it becomes sleep: both need directories
# that let it through, whatever umask the daemon was started with.
GUEST = ("import os, socket; "
         "open(os.environ['PLUGIND_STATE_DIR'] + '/here', 'w').close(); "
         "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)"
         ".sendto(b'READY=1', os.environ['NOTIFY_SOCKET']); "
         "os.execvp('sleep', ['sleep', '1001'])")

# `slow` makes READY wait, `family` leaves a grandchild to be found again,
# `guest` has a user of its own. `hello` and `echo` talk to the daemon: over
# the router, from a module and from a program of that user.
CONFIG = f"""\
plugins:
  hello:
    module: hello.so
    config: {{greeting: good morning}}
  echo:
    exec: [@PROGRAM@]
    user: nobody
    group: nogroup
  slow:
    command: [sleep, "1000"]
    ready: {{after: 1s}}
  guest:
    command: [python3, -c, "{GUEST}"]
    ready: {{notify: true}}
    user: nobody
    group: nogroup
    depends_on: [slow]
  family:
    command: [sh, -c, "setsid sleep 1002 & exec sleep 1003"]
"""
ADDED = """\
  late:
    command: [sleep, "1004"]
"""
MANAGED = ["echo", "hello"]
PLUGINS = sorted(["family", "guest", "plugind-router", "slow"] + MANAGED)


class Service:
    """plugind.service in its namespace, and what can be asked about it."""

    def __init__(self, ns, stage):
        self.ns = ns
        self.stage = stage
        self.config = ns.path("/etc/plugind/plugind.yaml")

    def write(self, text):
        program = os.path.join(self.stage.examples, "echo")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text.replace("@PROGRAM@", program))

    def ctl(self, *argv):
        return self.ns.run(os.path.join(self.stage.bin, "pluginctl"),
                           "--socket", "/run/plugind/control.sock", *argv)

    def status(self):
        """name -> status object; empty while the daemon does not answer."""
        done = self.ctl("status", "-o", "json")
        try:
            return {p["name"]: p for p in json.loads(done.stdout)}
        except ValueError:
            return {}

    def running(self):
        return sorted(n for n, p in self.status().items()
                      if p["state"] == "running")

    def process(self, pid):
        """One of the unit, by its pid in there."""
        for process in self.ns.service():
            if process.field("NSpid")[-1:] == [str(pid)]:
                return process
        return None

    def daemon(self):
        return self.process(self.ns.show("MainPID"))

    def logged(self):
        """What the daemon and its plugins said last."""
        text = ""
        logs = glob.glob(self.ns.path("/var/lib/plugind/logs/*.log"))
        for name in [self.ns.log] + sorted(logs):
            with open(name, encoding="utf-8", errors="replace") as file:
                text += f"{os.path.basename(name)}:\n"
                text += "".join(file.readlines()[-60:])
        return text

    def wait_running(self, names):
        return wait_for(lambda: self.running() == names)


def check_start(tap, svc):
    svc.write(CONFIG)
    done = svc.ns.systemctl("start", "plugind")
    tap.need(done.returncode == 0, "systemctl start returns",
             done.stdout + svc.logged())
    # Type=notify: at this very moment everything has settled.
    running = svc.running()
    tap.point(running == PLUGINS, "READY comes when all plugins have settled",
              f"running: {running}\n{svc.logged()}")
    tap.point(svc.ns.show("StatusText") != "", "the unit has a status text")
    tap.need(svc.daemon() is not None, "MainPID is in the unit's cgroup",
             svc.ns.show("MainPID"))


def check_privileges(tap, svc):
    guest = [p for p in svc.ns.service() if b"1001" in command_line(p)]
    tap.need(len(guest) == 1, "the plugin with a user runs", guest)
    tap.point(guest[0].field("Uid") == ["65534"] * 4, "as that user",
              guest[0].field("Uid"))
    tap.point(guest[0].field("CapEff") == ["0" * 16], "without capabilities",
              guest[0].field("CapEff"))
    tap.point(guest[0].field("NoNewPrivs") == ["1"], "and cannot gain any")
    sock = os.stat(svc.ns.path("/run/plugind/control.sock"))
    with open(svc.ns.path("/etc/group"), encoding="utf-8") as file:
        groups = dict(line.split(":")[::2] for line in file)
    tap.point(f"{sock.st_mode & 0o777:o}" == "660",
              "control.sock has mode 0660", f"{sock.st_mode:o}")
    tap.point(str(sock.st_gid) == groups.get("plugind"),
              "control.sock belongs to the group plugind", sock.st_gid)


def check_delegation(tap, svc):
    """Every plugin in a cgroup of its own below the unit's, without the
    daemon."""
    groups = {"plugind": cgroup_of(svc.daemon())}
    for name, plugin in svc.status().items():
        groups[name] = cgroup_of(svc.process(plugin["pid"]))
    tap.point(len(set(groups.values())) == len(PLUGINS) + 1,
              "every plugin has a cgroup of its own", groups)


def cgroup_of(process):
    with open(f"/proc/{process.pid}/cgroup", encoding="utf-8") as file:
        return [x[3:].strip() for x in file if x.startswith("0::")][0]


def check_managed(tap, svc):
    """What the unit forbids does not keep router and plugins apart."""
    tap.point(wait_for(lambda: all(svc.status()[n]["health"] == "ok"
                                   for n in MANAGED)),
              "module and program answer for their health",
              svc.ctl("status").stdout + svc.logged())
    tap.point("good morning from hello" in svc.logged(),
              "the module has its configuration", svc.logged())
    before = svc.status()
    tap.point(before["hello"]["kind"] == "module" and
              before["echo"]["kind"] == "exec", "they are of their kinds",
              before)
    echo = svc.process(before["echo"]["pid"])
    tap.point(echo.field("Uid") == ["65534"] * 4 and
              echo.field("CapEff") == ["0" * 16],
              "the program runs as its user", echo.field("Uid"))
    svc.write(CONFIG.replace("good morning", "good evening"))
    svc.ns.systemctl("reload", "plugind")
    tap.point(wait_for(lambda: "good evening from hello" in svc.logged()),
              "a reload brings the module another one", svc.logged())
    tap.point(svc.status()["hello"]["pid"] == before["hello"]["pid"],
              "in the same process", svc.ctl("status").stdout)
    svc.write(CONFIG)
    svc.ns.systemctl("reload", "plugind")


def check_restart(tap, svc):
    before = svc.ns.service()
    done = svc.ns.systemctl("restart", "plugind")
    tap.point(done.returncode == 0 and svc.running() == PLUGINS,
              "systemctl restart brings all of them back",
              done.stdout + svc.ctl("status").stdout + svc.logged())
    tap.point(not any(p.alive() for p in before), "in new processes",
              [command_line(p) for p in before if p.alive()])


def command_line(process):
    try:
        with open(f"/proc/{process.pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def check_reload(tap, svc):
    daemon = svc.daemon()
    pid = svc.status()["guest"]["pid"]
    svc.write(CONFIG + ADDED)
    done = svc.ns.systemctl("reload", "plugind")
    tap.point(done.returncode == 0, "systemctl reload returns", done.stdout)
    tap.point(svc.wait_running(sorted(PLUGINS + ["late"])),
              "the added plugin runs", svc.ctl("status").stdout)
    tap.point(daemon.alive() and svc.daemon().pid == daemon.pid,
              "the daemon is the same")
    tap.point(svc.status()["guest"]["pid"] == pid, "so is another plugin")

    svc.write(CONFIG + "  late: {comand: [true]}\n")
    svc.ns.systemctl("reload", "plugind")
    tap.point(wait_for(lambda: "'comand'" in svc.logged() or
                       '"comand"' in svc.logged()),
              "a broken file is reported", svc.logged())
    tap.point(svc.running() == sorted(PLUGINS + ["late"]) and daemon.alive(),
              "and changes nothing", svc.ctl("status").stdout)
    svc.write(CONFIG)
    svc.ns.systemctl("reload", "plugind")
    tap.point(svc.wait_running(PLUGINS), "a removed plugin goes",
              svc.ctl("status").stdout)
    done = svc.ctl("disable", "slow")
    tap.point(done.returncode == 0 and os.path.exists(
        svc.ns.path("/etc/plugind/plugins.d/90-pluginctl.yaml")),
        "pluginctl disable may write its file", done.stdout)
    svc.ctl("enable", "slow")


def check_crash(tap, svc):
    daemon, before = svc.daemon(), svc.ns.service()
    svc.ns.kill(signal.SIGKILL, daemon)
    tap.point(wait_for(lambda: svc.ns.show("NRestarts") == "1"),
              "killed, it is restarted", svc.ns.show("NRestarts"))
    tap.point(wait_for(lambda: not any(p.alive() for p in before)),
              "no orphan is left",
              [command_line(p) for p in before if p.alive()])
    tap.point(svc.wait_running(PLUGINS), "its plugins run again",
              svc.ctl("status").stdout + svc.logged())


def check_watchdog(tap, svc):
    """A loop that stands still is noticed; one that runs is left alone."""
    name = svc.ns.path("/run/test/units/plugind.service.d/watchdog.conf")
    with open(name, "w", encoding="utf-8") as file:
        file.write("[Service]\nWatchdogSec=1\n")
    svc.ns.systemctl("daemon-reload")
    svc.ns.systemctl("reset-failed", "plugind")
    svc.ns.systemctl("restart", "plugind")
    daemon = svc.daemon()
    stamps = set()
    # Four periods' worth of signs of life.
    tap.point(wait_for(lambda: stamps.add(
        svc.ns.show("WatchdogTimestampMonotonic")) or len(stamps) > 8)
        and daemon.alive(), "the watchdog hears the daemon", stamps)
    svc.ns.kill(signal.SIGSTOP, daemon)
    tap.point(wait_for(lambda: not daemon.alive()),
              "a stopped daemon is ended by the watchdog")
    tap.point(svc.wait_running(PLUGINS), "and restarted",
              svc.ctl("status").stdout + svc.logged())
    os.unlink(name)
    svc.ns.systemctl("daemon-reload")


def check_stop(tap, svc):
    before = svc.ns.service()
    done = svc.ns.systemctl("stop", "plugind")
    tap.point(done.returncode == 0 and svc.ns.show("Result") == "success" and
              svc.ns.show("ExecMainStatus") == "0", "systemctl stop: clean",
              done.stdout + svc.ns.show("Result") + svc.logged())
    tap.point(not any(p.alive() for p in before) and not svc.ns.service(),
              "nothing of it is left")
    tap.point(not os.path.exists(svc.ns.path("/run/plugind")),
              "nor its runtime directory")


def check_bad_config(tap, svc):
    svc.ns.systemctl("reset-failed", "plugind")
    svc.write("plugins: {a: {comand: [true]}}\n")
    done = svc.ns.systemctl("start", "plugind")
    status = svc.ns.show("ExecMainStatus")
    tap.point(done.returncode != 0 and status == "78",
              "a broken configuration: exit 78", status + svc.logged())
    tap.point(svc.ns.show("NRestarts") == "0" and
              svc.ns.show("ActiveState") == "failed", "and no second try",
              svc.ns.show("NRestarts"))


CHECKS = [check_start, check_privileges, check_delegation, check_managed,
          check_reload, check_restart, check_crash, check_watchdog, check_stop,
          check_bad_config]


def main():
    # A time-out of the runner must not leave the cgroup behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="plugind-systemd-") as work:
        stage = Stage(sys.argv, work)
        reason = why_impossible(stage)
        if reason:
            skip_all(reason)
        done = stage.install()
        if not tap.point(done.returncode == 0, "meson install", done.stdout):
            tap.finish()
            return
        stage.install_examples()
        ns = Namespace(stage, os.path.join(work, "log"))
        try:
            tap.need(ns.boot(), "systemd runs as PID 1 of a namespace",
                     open(ns.log, encoding="utf-8").read())
            svc = Service(ns, stage)
            for check in CHECKS:
                check(tap, svc)
        except Bail:
            pass
        finally:
            left = ns.close()
        tap.point(not left, "all of it ended with the namespace", left)
    tap.finish()


main()
