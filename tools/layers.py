#!/usr/bin/env python3
"""Checks who includes what: the folders' rules, and that each third-party
header stays in one .c file a program (libevent's, and HOMES, excepted).

usage: tools/layers.py [ROOT]
"""

import os
import re
import subprocess
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

# Folder -> the folders whose headers it may name by path. Its own headers are
# named bare. Tests and benchmarks may look at everything.
LAYERS = {
    "common": ["common"],
    "sdk": ["common", "sdk"],
    "supervisor": ["common", "supervisor"],
    "pluginhost": ["common", "sdk", "pluginhost"],
    "pluginctl": ["common"],
    "plugins": [],
}
FREE = {"tests", "bench"}

# Headers with a home of their own, not just any one file.
HOMES = {"msgpack.h": {"common/wire.c"},
         "nng/nng.h": {"common/sock.c", "common/socktask.c"}}
EVERYWHERE = re.compile(r"^(event2/|plugind(_calls)?\.h$)")
LIBC_PACKAGES = ["libc6-dev", "linux-libc-dev", "libgcc-12-dev", "libcrypt-dev"]


def libc_headers():
    """What <...> may name without being third-party."""
    done = subprocess.run(["dpkg-query", "-L"] + LIBC_PACKAGES,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, check=False)
    found = set()
    for path in done.stdout.split():
        found.add(re.sub(r"^/usr/(include/(x86_64-linux-gnu/|aarch64-linux-gnu/"
                         r")?|lib/gcc/[^/]+/[^/]+/include/)", "", path))
    return found


def sources(root):
    done = subprocess.run(["git", "-C", root, "ls-files", "-co",
                           "--exclude-standard", "--", "*.c", "*.h"],
                          stdout=subprocess.PIPE, text=True, check=True)
    return [x for x in done.stdout.split() if x.split("/")[0] not in FREE]


def includes(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            match = INCLUDE.match(line)
            if match:
                yield number, match.group(1) == "<", match.group(2)


def program(path):
    """supervisor/core, plugins/demo, pluginctl: what is linked together."""
    parts = path.split("/")
    deep = parts[0] in ("supervisor", "plugins") and len(parts) > 2
    return "/".join(parts[:2]) if deep else parts[0]


def check_quoted(root, path, name):
    layer = path.split("/")[0]
    here = os.path.dirname(path)
    if os.path.exists(os.path.join(root, here, name)) and "/" not in name:
        return None
    allowed = LAYERS.get(layer)
    if allowed is None:
        return f"no rule for the folder {layer}/"
    if name.split("/")[0] in allowed:
        return None
    what = ", ".join(f'"{x}/…"' for x in allowed) or "<plugind.h>"
    return f'{layer} may include {what} and its own headers, not "{name}"'


def check_foreign(path, name):
    if path.endswith(".h"):
        return f"<{name}> in a header: keep it in the one .c that needs it"
    homes = HOMES.get(name, {path})
    if path not in homes:
        return f"<{name}> belongs in {', '.join(sorted(homes))} only"
    return None


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "..")
    libc = libc_headers()
    faults, users = [], {}
    for path in sources(root):
        for line, system, name in includes(root, path):
            fault = None
            if not system:
                fault = check_quoted(root, path, name)
            elif name not in libc and not EVERYWHERE.match(name):
                fault = check_foreign(path, name)
                users.setdefault((program(path), name), set()).add(path)
            if fault:
                faults.append(f"{path}:{line}: {fault}")
    for (where, name), files in sorted(users.items()):
        if len(files) > 1 and name not in HOMES:
            faults.append(f"{where}: <{name}> in {len(files)} files, one is "
                          f"allowed: {', '.join(sorted(files))}")
    print("\n".join(faults), end="\n" if faults else "")
    sys.exit(1 if faults else 0)


main()
