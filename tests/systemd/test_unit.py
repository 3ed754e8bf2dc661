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


def check_sysusers(tap, stage, root):
    os.makedirs(os.path.join(root, "etc"))
    path = stage.path(os.path.join(stage.lib, "sysusers.d/plugind.conf"))
    done = run("systemd-sysusers", f"--root={root}", path)
    try:
        with open(os.path.join(root, "etc/group"), encoding="utf-8") as file:
            groups = file.read()
    except OSError as error:
        groups = str(error)
    tap.point(done.returncode == 0 and groups.startswith("plugind:"),
              "sysusers.d makes the group plugind", done.stdout + groups)


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
