"""TAP output, waiting and a staged install, for the tests of this folder."""

import os
import shutil
import subprocess
import sys
import time


class Bail(Exception):
    """A step that the rest depends on went wrong."""


class Tap:
    """Prints one TAP point a check; the plan comes last."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def point(self, good, what, detail=""):
        self.count += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.count} - {what}")
        if not good:
            self.diag(detail)
        sys.stdout.flush()
        return good

    def need(self, good, what, detail=""):
        if not self.point(good, what, detail):
            raise Bail(what)

    def diag(self, text):
        for line in str(text).splitlines():
            print(f"# {line}")
        sys.stdout.flush()

    def finish(self):
        print(f"1..{self.count}")


def skip_all(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


def wait_for(predicate, seconds=30):
    """Polls until the predicate holds; its last value, true or not."""
    end = time.monotonic() + seconds
    while True:
        value = predicate()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.05)


def run(*argv, **kw):
    return subprocess.run(argv, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=150,
                          check=False, stdin=subprocess.DEVNULL, **kw)


class Stage:
    """The project installed below a directory, as a packager would do."""

    def __init__(self, argv, directory):
        self.build, self.prefix, sbin, bin_, libdir = argv[1:6]
        self.destdir = os.path.join(directory, "stage")
        self.sbin = os.path.join(self.prefix, sbin)
        self.bin = os.path.join(self.prefix, bin_)
        self.lib = os.path.join(self.prefix, "lib")
        self.libdir = os.path.join(self.prefix, libdir)
        self.examples = os.path.join(self.libdir, "plugind/examples")

    def install(self):
        return run("meson", "install", "-C", self.build, "--no-rebuild",
                   "--quiet", "--destdir", self.destdir)

    def install_examples(self):
        """The module to where modules are looked for; the program."""
        for name, to in [("hello.so", "plugins"), ("echo", "examples")]:
            folder = self.path(os.path.join(self.libdir, "plugind", to))
            os.makedirs(folder, exist_ok=True)
            shutil.copy(os.path.join(self.build, "sdk/examples", name),
                        folder)

    def path(self, installed):
        return self.destdir + installed
