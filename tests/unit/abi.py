#!/usr/bin/env python3
"""Compares the binary interface of libplugind with tests/golden/abi.txt: the
symbols that the library exports, the values and the layout of plugind.h. A
line may be added there with a new function; one that is there may never
change or go while the soname stays.

usage: abi.py LIBRARY ABI_PROGRAM GOLDEN HEADER...
With UPDATE=1 in the environment the golden file is written anew.
"""

import os
import platform
import re
import subprocess
import sys


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True,
                          check=True).stdout


def symbols(library):
    """What is defined and visible, but for what a sanitizer or the linker
    adds."""
    rows = (line.split() for line in
            run("nm", "-D", "--defined-only", library).splitlines())
    return sorted("symbol " + row[2].split("@")[0] for row in rows
                  if not row[2].startswith("_"))


def declared(headers):
    """What the headers mark as exported."""
    text = ""
    for header in headers:
        with open(header, encoding="utf-8") as file:
            text += file.read()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return sorted("symbol " + name for name in re.findall(
        r"^PLUGIND_API[^;(]*?(plugind_\w+)\(", text, flags=re.M))


def soname(library):
    found = re.search(r"SONAME.*\[(.*)\]", run("readelf", "-d", library))
    return "soname " + (found.group(1) if found else "none")


def report(number, name, wrong):
    print(f"{'not ok' if wrong else 'ok'} {number} - {name}")
    for line in wrong:
        print(f"# {line}")


def main():
    library, program, golden, *headers = sys.argv[1:]
    exported = symbols(library)
    now = [soname(library)] + exported + run(program).splitlines()
    if os.environ.get("UPDATE"):
        with open(golden, "w", encoding="utf-8") as file:
            file.write("\n".join(now) + "\n")
    with open(golden, encoding="utf-8") as file:
        then = file.read().splitlines()
    if platform.architecture()[0] != "64bit":  # sizes are those of 64 bits
        then, now = ([x for x in lines if x.startswith("symbol")]
                     for lines in (then, now))
    print("1..2")
    report(1, "abi: as in the golden file",
           [f"gone or changed: {x}" for x in then if x not in now] +
           [f"new, add it to the golden file: {x}"
            for x in now if x not in then])
    want = declared(headers)
    report(2, "abi: exports what plugind.h declares",
           [f"not exported: {x}" for x in want if x not in exported] +
           [f"not declared: {x}" for x in exported if x not in want])


main()
