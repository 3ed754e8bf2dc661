"""The files for systemd, as installed: do systemd's own tools accept them?

Needs neither root nor a running systemd.
"""

import os
import re
import shutil
import stat
import sys
import tempfile

from tap import Bail, Stage, Tap, run, skip_all

# systemd-analyze counts in tenths.
EXPOSURE_MAX = 45


def check_unit(tap, stage, work):
    path = stage.path(os.path.join(stage.lib, "systemd/system/plugind.service"))
    tap.need(os.path.isfile(path), "the unit is installed", path)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    program = re.search(r"^ExecStart=(\S+)", text, re.M).group(1)
    tap.point(program == os.path.join(stage.sbin, "plugind"),
              "ExecStart is the installed daemon", program)
    tap.point(os.access(stage.path(program), os.X_OK),
              "ExecStart is executable", stage.path(program))
    tap.point("@" not in re.sub(r"^#.*|^SystemCall.*", "", text, flags=re.M),
              "nothing is left to be configured", text)

    # The same unit, with the program where it is at this moment.
    copy = os.path.join(work, "plugind.service")
    with open(copy, "w", encoding="utf-8") as file:
        file.write(text.replace(program, stage.path(program)))
    done = run("systemd-analyze", "verify", "--man=no", copy)
    ours = [x for x in done.stdout.splitlines() if "plugind" in x]
    tap.point(done.returncode == 0 and not ours, "systemd-analyze verify",
              done.stdout)
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager",
               f"--threshold={EXPOSURE_MAX}", copy)
    tap.point(done.returncode == 0,
              f"systemd-analyze security: at most {EXPOSURE_MAX / 10}",
              done.stdout)


def ids(root, name, done):
    """Group id by name, of etc/group or etc/passwd."""
    column = {"group": 2, "passwd": 3}[name]
    if done.returncode != 0:
        return {}
    with open(os.path.join(root, "etc", name), encoding="utf-8") as file:
        rows = [line.split(":") for line in file]
    return {row[0]: row[column] for row in rows}


def check_sysusers(tap, stage, root):
    os.makedirs(os.path.join(root, "etc"))
    path = stage.path(os.path.join(stage.lib, "sysusers.d/plugind.conf"))
    done = run("systemd-sysusers", f"--root={root}", path)
    groups = ids(root, "group", done)
    users = ids(root, "passwd", done)
    tap.point("plugind" in groups, "sysusers.d makes the group plugind",
              done.stdout)
    tap.point(users.get("plugind") not in (None, groups.get("plugind")),
              "and a user for the router, who is not in it", done.stdout)


def check_tmpfiles(tap, stage, root):
    path = stage.path(os.path.join(stage.lib, "tmpfiles.d/plugind.conf"))
    done = run("systemd-tmpfiles", f"--root={root}", "--create", path)
    for name in "run/plugind", "var/lib/plugind":
        made = os.path.join(root, name)
        mode = stat.S_IMODE(os.stat(made).st_mode) \
            if os.path.isdir(made) else 0
        tap.point(mode == 0o755, f"tmpfiles.d makes /{name}",
                  f"mode {mode:o}\n{done.stdout}")


def main():
    if not shutil.which("systemd-analyze"):
        skip_all("systemd is not installed (tools/install.sh systemd-test)")
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="plugind-unit-") as work:
        stage = Stage(sys.argv, work)
        root = os.path.join(work, "root")
        try:
            done = stage.install()
            tap.need(done.returncode == 0, "meson install", done.stdout)
            check_unit(tap, stage, work)
            check_sysusers(tap, stage, root)
            if os.geteuid() == 0:
                check_tmpfiles(tap, stage, root)
        except Bail:
            pass
    tap.finish()


main()
