#!/usr/bin/env python3
"""sdk/examples/plain.py against a router that is played here, step by step:
what a real one does only when it is killed in the right moment.

usage: test_plain.py PLAIN.PY
"""
import importlib.util
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

DEADLINE_S = 30
COOKIE = bytes(range(16))

spec = importlib.util.spec_from_file_location("plain", sys.argv[1])
plain = importlib.util.module_from_spec(spec)
sys.dont_write_bytecode = True
spec.loader.exec_module(plain)

points = 0


def ok(is_good, name):
    global points
    points += 1
    print(f"{'ok' if is_good else 'not ok'} {points} - {name}", flush=True)
    return is_good


def equal(got, want, name):
    if not ok(got == want, name):
        print(f"# got  {got!r}\n# want {want!r}", flush=True)


class Router:
    """Listens, and answers everything with 0 unless told otherwise."""

    def __init__(self, directory, epoch):
        self.directory, self.epoch = directory, epoch
        self.pipes = {}
        self.heard = []  # (kind, id, arguments) from the hub, not asked for yet
        self.answers = []  # of the plugin to commands
        self.code = {}  # kind: what to answer; None: nothing
        self.listen()

    def listen(self):
        listeners = {}
        for name in plain.SOCKETS:
            path = f"{self.directory}/{name}.sock"
            if os.path.exists(path):
                os.unlink(path)
            listeners[name] = socket.socket(socket.AF_UNIX)
            listeners[name].settimeout(DEADLINE_S)
            listeners[name].bind(path)
            listeners[name].listen()
        with open(f"{self.directory}/.router", "w", encoding="ascii") as f:
            f.write(self.epoch)
        os.rename(f"{self.directory}/.router", f"{self.directory}/router")
        for name, (theirs, mine) in plain.SOCKETS.items():
            stream, _ = listeners[name].accept()
            self.pipes[name] = plain.Pipe(stream, mine, theirs)
            listeners[name].close()

    def close(self):
        for pipe in self.pipes.values():
            pipe.socket.close()
        self.pipes = {}
        self.heard = []

    def pump(self, seconds):
        for pipe in self.pipes.values():
            pipe.flush()
        streams = {pipe.socket: name for name, pipe in self.pipes.items()}
        for stream in select.select(list(streams), [], [], seconds)[0]:
            for body in self.pipes[streams[stream]].receive():
                frame = plain.unpack(body[4:])
                if streams[stream] == "hub":
                    self.take(body[:4], *frame[1:])
                else:
                    self.answers.append(frame[1:])
        for pipe in self.pipes.values():
            pipe.flush()

    def take(self, request, kind, ident, arguments):
        self.heard.append((kind, ident, arguments))
        code = self.code.get(kind, 0)
        if code is not None:
            self.answer(request, kind, ident, code)

    def answer(self, request, kind, ident, code):
        answer = [0, 1, self.epoch] if kind == plain.HELLO else [code, "no"]
        self.pipes["hub"].send(request + plain.pack([1, kind, ident, answer]))

    def hear(self, kind):
        """The next message of this kind: its id and arguments."""
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            for i, message in enumerate(self.heard):
                if message[0] == kind:
                    del self.heard[i]
                    return message[1:]
            self.pump(0.1)
        raise TimeoutError(f"no message {kind}")

    def silent(self, kind, seconds=0.5):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.pump(0.05)
        return all(message[0] != kind for message in self.heard)

    def say(self, body):
        """A command; returns what it is answered with."""
        self.answers.clear()
        self.pipes["command"].send(b"\x80\0\0\x07" + body)
        end = time.monotonic() + DEADLINE_S
        while not self.answers and time.monotonic() < end:
            self.pump(0.1)
        return self.answers[0]

    def command(self, kind, *arguments):
        return self.say(plain.pack([1, kind, 7, list(arguments)]))

    def outcome(self, kind, *arguments):
        self.command(kind, *arguments)
        return self.hear(plain.OUTCOME)[1]

    def events(self, number, *parts):
        self.pipes["events"].send(
            plain.pack([1, plain.EVENTS, number, [self.epoch, parts]]))


def run_of(n, again=False):
    return ["other", 1, n, None, again, [["custom.x", n, None, "trace"]]]


class Child:
    """plain.py, started as plugind starts it."""

    def __init__(self, directory):
        read, write = os.pipe()
        os.write(write, COOKIE)
        os.close(write)
        self.log = open(f"{directory}/log", "wb+")
        self.process = subprocess.Popen(
            [sys.executable, sys.argv[1]], pass_fds=[read],
            stdout=self.log, stderr=self.log,
            env={"PLUGIND_NAME": "plain", "PLUGIND_GENERATION": "3",
                 "PLUGIND_SOCKET_DIR": directory,
                 "PLUGIND_COOKIE_FD": str(read)})
        os.close(read)

    def said(self, text):
        """How often its log has that line."""
        self.log.seek(0)
        return self.log.read().decode().splitlines().count(text)

    def says(self, router, text):
        end = time.monotonic() + DEADLINE_S
        while not self.said(text) and time.monotonic() < end:
            router.pump(0.05)
        return self.said(text) == 1


# --- msgpack ----------------------------------------------------------------

VECTORS = [  # bytes, object, whether it is packed so
    ("c0", None, True), ("c2", False, True), ("c3", True, True),
    ("00", 0, True), ("7f", 127, True), ("ff", -1, True), ("e0", -32, True),
    ("cc80", 128, False), ("cd0100", 256, False), ("ce00010000", 65536, False),
    ("cf0000000000000080", 128, True), ("cfffffffffffffffff", 2**64 - 1, True),
    ("d0df", -33, False), ("d18000", -32768, False),
    ("d2ffffffff", -1, False), ("d3ffffffffffffffdf", -33, True),
    ("d38000000000000000", -2**63, True),
    ("ca3fc00000", 1.5, False), ("cb3ff8000000000000", 1.5, True),
    ("a0", "", True), ("a2c3a9", "\u00e9", True), ("d90161", "a", False),
    ("da000161", "a", False), ("db00000020" + 32 * "61", 32 * "a", True),
    ("c401ff", b"\xff", False), ("c50001ff", b"\xff", False),
    ("c600000001ff", b"\xff", True),
    ("9201a162", [1, "b"], True), ("dc000101", [1], False),
    ("dd00000010" + 16 * "01", 16 * [1], True),
    ("81a16101", {"a": 1}, True), ("de0001a16101", {"a": 1}, False),
    ("df00000001a16101", {"a": 1}, False), ("81900a", {"[]": 10}, False),
]


def is_refused(data):
    try:
        plain.unpack(data)
    except ValueError:
        return True
    return False


def check_msgpack():
    equal([plain.unpack(bytes.fromhex(h)) for h, _, _ in VECTORS],
          [x for _, x, _ in VECTORS], "msgpack is read")
    equal([plain.pack(x).hex() for _, x, is_so in VECTORS if is_so],
          [h for h, _, is_so in VECTORS if is_so], "and written")
    whole = [bytes.fromhex(h) for h, _, _ in VECTORS]
    bad = [data[:n] for data in whole for n in range(len(data))]
    bad += [data + b"\0" for data in whole]
    bad += [b"\xc1", b"\xd4\0\0", b"\xa1\xff"]
    equal([data for data in bad if not is_refused(data)], [],
          "what is cut off, too long or none is refused")


# --- a life -----------------------------------------------------------------

CONFIG = {"greeting": "hi", "every": 0.05, "listen": ["custom.>"],
          "ask": "other"}


def check_start(router, child):
    equal(router.hear(plain.HELLO)[1][:9],
          [1, 1, 1, "plain", "1.0", "service", 3, COOKIE,
           ["configure", "health"]], "hello")
    equal(router.say(b"\xc1"), [0, 0, [5, "not a command"]],
          "what is no frame is answered with 5")
    equal(router.command(299, 1)[2][0], 3, "an unknown command with 3")
    equal(router.command(plain.START, "x")[2][0], 5, "a wrong op with 5")
    equal(router.outcome(plain.INITIALIZE, 1, {"every": "x", "evry": 1})[1:],
          [3, "the configuration is wrong",
           [["evry", "is not known here", True],
            ["every", "must be a number of seconds, above 0"]]],
          "errors of the configuration")
    router.code[plain.CALL] = None
    equal(router.outcome(plain.INITIALIZE, 2, CONFIG)[:2], [2, 0],
          "initialized")
    ok(router.silent(plain.REGISTER, 0.2), "it offers nothing yet")
    equal(router.outcome(plain.START, 3)[:2], [3, 0], "started")
    equal(router.hear(plain.SUBSCRIBE)[1], ["custom.>"], "it subscribes")
    equal(router.hear(plain.REGISTER)[1], ["greet", "greets a name"],
          "it offers a method")
    equal(router.outcome(plain.START, 3)[:2], [3, 0],
          "the same op again has the same outcome")
    equal(child.said("started"), 1, "and does not start it again")


def check_events(router, child):
    for number, part in [(1, run_of(1)), (1, run_of(1)), (2, run_of(2)),
                         (3, [None, 5, 3, 7, "overflow"]), (5, run_of(8)),
                         (2, run_of(2))]:
        router.events(number, part)
    while router.hear(plain.EVENTS_ACK)[1] != [router.epoch, 5]:
        pass
    equal([child.said(f"heard custom.x from other: {n}") for n in (1, 2, 8)],
          [1, 1, 1], "each event is heard once")
    ok(child.says(router, "5 events are missing here"), "a gap is told")
    ok(child.says(router, "some events are missing here"),
       "and a number that is left out")


def check_busy(router):
    router.heard = []
    router.code[plain.PUBLISH] = plain.BUSY
    first = router.hear(plain.PUBLISH)
    router.code[plain.PUBLISH] = 0
    again = router.hear(plain.PUBLISH)
    equal((again[0], again[1][2], again[1][3]), (first[0], True, first[1][3]),
          "what the router was too busy for is published again")


def check_serving(router):
    router.command(plain.SERVE, [
        [20], [21, "other", "greet", "you", 1000, None],
        [22, "other", "greet", 5], [23, "other", "bow", None, 1000, None]])
    equal(router.hear(plain.RESULT)[1],
          [[[21, 0, "", "hi, you"], [22, 1, "args must be a name", None],
            [23, 4, "there is no bow here", None]]], "it answers calls")


def check_calling(router, child):
    router.code[plain.CALL] = 0
    call = router.hear(plain.CALL)[1][0][0]
    equal(call[1:], ["other", "greet", "plain", 5000, None], "it calls")
    router.command(plain.RETURNS, [[call[0], 0, "", "good day"]])
    ok(child.says(router, "other says: good day"), "and hears the result")


def check_lost_connection(router, child):
    """With calls, a publication and events that nobody knows the fate of."""
    router.code = {plain.PUBLISH: None, plain.CALL: None,
                   plain.EVENTS_ACK: None}
    router.heard = []
    call = router.hear(plain.CALL)
    published = router.hear(plain.PUBLISH)
    router.events(6, run_of(9))
    router.hear(plain.EVENTS_ACK)
    router.close()
    router.code = {plain.CALL: None, plain.HELLO: None}
    router.listen()
    ident, hello = router.hear(plain.HELLO)
    ok(hello, "it comes back, to the same router")
    router.command(plain.SERVE, [[51, "other", "greet", "you"]])
    ok(router.silent(plain.RESULT, 0.2), "it says nothing before it is known")
    router.answer(b"\x80\0\0\x01", plain.HELLO, ident, 0)
    equal(router.hear(plain.RESULT)[1], [[[51, 0, "", "hi, you"]]],
          "nor loses what it was given meanwhile")
    equal(router.hear(plain.SUBSCRIBE)[1], ["custom.>"], "it subscribes again")
    ok(router.hear(plain.REGISTER), "it registers again")
    again = router.hear(plain.PUBLISH)
    equal((again[0], again[1][2], again[1][3]),
          (published[0], True, published[1][3]), "it publishes again")
    ok(router.hear(plain.CALL)[1][0][0][0] > call[1][0][-1][0],
       "it does not call again")
    equal(router.hear(plain.EVENTS_ACK)[1], [router.epoch, 6],
          "it acknowledges again")
    router.events(6, run_of(9))
    equal(router.hear(plain.EVENTS_ACK)[1], [router.epoch, 6],
          "and once more")
    equal(child.said("heard custom.x from other: 9"), 1,
          "what it has heard already")
    ok(child.said("other does not answer (status 7): the connection has ended"),
       "the call is lost")
    equal(router.outcome(plain.HEALTH, 30)[:2], [30, 2], "it is degraded")


def check_other_router(router, directory, child):
    router.close()
    router = Router(directory, "fedcba9876543210")
    gaps = child.said("some events are missing here")
    ok(router.hear(plain.HELLO), "it says hello to another router")
    router.hear(plain.SUBSCRIBE)
    equal(router.hear(plain.EVENTS_ACK)[1], [router.epoch, 0],
          "it says that these were its subscriptions")
    equal(child.said("some events are missing here"), gaps + 1,
          "and knows that it may have missed something")
    router.events(1, run_of(10, True))
    equal(router.hear(plain.EVENTS_ACK)[1], [router.epoch, 1],
          "its frames count from 1")
    equal(child.said("heard custom.x from other: 10 again"), 1,
          "and may bring what came before")
    equal(router.outcome(plain.START, 3)[:2], [3, 0],
          "the last command of the last router has its outcome")
    equal(child.said("started"), 1, "and is not run again")
    return router


def check_stop(router, child):
    router.code[plain.OUTCOME] = None
    router.command(plain.STOP, 40, 20000)
    ident, outcome = router.hear(plain.OUTCOME)
    equal(outcome[:2], [40, 0], "it stops")
    equal(router.hear(plain.UNREGISTER)[1], ["greet"], "and offers nothing")
    equal(child.process.poll(), None, "it waits until that has arrived")
    router.close()
    router.code = {}
    router.listen()
    equal(router.hear(plain.OUTCOME), (ident, outcome), "it says so again")
    equal(child.process.wait(DEADLINE_S), 0, "and exits with 0")
    router.close()


def check_signal(child, directory):
    """With nobody at the other end."""
    router = Router(directory, "0123456789abcdef")
    router.outcome(plain.INITIALIZE, 1, {"every": 0.01})
    router.outcome(plain.START, 2)
    router.code[plain.PUBLISH] = None
    router.hear(plain.PUBLISH)
    router.close()
    child.process.send_signal(signal.SIGTERM)
    equal(child.process.wait(DEADLINE_S), 0, "SIGTERM ends it, too")


def check_late_call(directory):
    """Its time is up."""
    read, write = os.pipe()
    os.close(write)
    os.environ.update(PLUGIND_NAME="plain", PLUGIND_SOCKET_DIR=directory,
                      PLUGIND_COOKIE_FD=str(read))
    plugin = plain.Plugin()
    said, came = [], []
    plugin._say = lambda kind, arguments, _=None: said.append((kind, arguments))
    plugin._is_welcome = True
    plugin.call("other", "greet", 1, lambda *result: came.append(result), 0)
    plugin._flush()
    equal((came[0][0], [plain.unpack(plain.pack(arguments)) for _, arguments
                        in said]),
          (6, [[[[1, "other", "greet", 1, 0, None], [1]]]]),
          "a late call is cancelled")


def check_life(child, directory):
    router = Router(directory, "0123456789abcdef")
    check_start(router, child)
    check_serving(router)
    check_calling(router, child)
    check_events(router, child)
    check_busy(router)
    check_lost_connection(router, child)
    router = check_other_router(router, directory, child)
    check_stop(router, child)


def with_child(check):
    with tempfile.TemporaryDirectory() as directory:
        child = Child(directory)
        try:
            check(child, directory)
        except (OSError, LookupError, subprocess.TimeoutExpired) as e:
            ok(False, f"{type(e).__name__}: {e}")
            child.log.seek(0)
            print("# " + child.log.read().decode().replace("\n", "\n# "))
        finally:
            if child.process.poll() is None:
                child.process.kill()
                child.process.wait()
            child.log.close()


def main():
    check_msgpack()
    with_child(check_life)
    with_child(check_signal)
    with tempfile.TemporaryDirectory() as directory:
        check_late_call(directory)
    print(f"1..{points}")


main()
