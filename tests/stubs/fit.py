#!/usr/bin/env python3
"""A plugin that keeps to all of docs/PROTOCOL.md, as small as that can be: a
misfit (misfit.py) is this one but for one thing. Its msgpack is that of
sdk/examples/plain.py.

Its `config` may have a `subscribe`, a pattern, a `publish`, a topic for one
event when it starts, and a `method`, which gives back its arguments.
"""
import importlib.util
import os
import selectors
import signal
import socket
import struct
import sys
import time


def load(path):
    """The module in a file, without traces in the source tree."""
    sys.dont_write_bytecode = True
    spec = importlib.util.spec_from_file_location("loaded", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HERE = os.path.dirname(os.path.realpath(__file__))
plain = load(f"{HERE}/../../sdk/examples/plain.py")
pack, unpack = plain.pack, plain.unpack

DIR = os.environ["PLUGIND_SOCKET_DIR"]
REQ, REP, SUB, PUB = 0x30, 0x31, 0x21, 0x20
SOCKETS = {"command": (REP, REQ), "hub": (REQ, REP), "events": (SUB, PUB)}
BODY_MAX = (1 << 20) + (4 << 10)
INITIALIZE, START, STOP, CONFIGURE, HEALTH = 201, 202, 203, 204, 205
COMMANDS = (INITIALIZE, START, STOP, CONFIGURE, HEALTH)
EVENTS, HELLO, OUTCOME, PUBLISH, SUBSCRIBE, ACK = 251, 301, 302, 310, 311, 313
SERVE, RESULT, REGISTER = 221, 321, 322
RECEIVED, HELLO_REQUIRED, UNKNOWN, BUSY, MALFORMED = 0, 2, 3, 4, 5
PATIENCE_S = 0.1  # inotify is not in Python's library: this one looks
LEAVE_S = 0.5  # for answers, at the end


def read_cookie():
    fd = int(os.environ.pop("PLUGIND_COOKIE_FD"))
    with os.fdopen(fd, "rb") as f:
        return f.read(16)


def read_frame(payload):
    """type, id and arguments; ValueError if it is no frame."""
    try:
        version, kind, ident, arguments = unpack(payload)[:4]
    except Exception as e:
        raise ValueError("no frame") from e
    if version != 1 or not isinstance(arguments, list):
        raise ValueError("no frame of version 1")
    return kind, ident, arguments


class Pipe:
    """One SP connection."""

    def __init__(self, name):
        self.mine, self.theirs = SOCKETS[name]
        self.data = b""
        self.greeted = False
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(f"{DIR}/{name}.sock")
        self.sock.sendall(struct.pack(">4sHH", b"\0SP\0", self.mine, 0))

    def send(self, body):
        self.sock.sendall(struct.pack(">BQ", 1, len(body)) + body)

    def receive(self):
        """The bodies that have come; EOFError at the end, or when what comes
        is not SP."""
        data = self.sock.recv(65536)
        if not data:
            raise EOFError
        self.data += data
        if not self.greeted and len(self.data) >= 8:
            if self.data[:8] != struct.pack(">4sHH", b"\0SP\0", self.theirs, 0):
                raise EOFError
            self.data = self.data[8:]
            self.greeted = True
        while self.greeted and len(self.data) >= 9:
            kind, length = struct.unpack(">BQ", self.data[:9])
            if kind != 1 or length > BODY_MAX:
                raise EOFError
            if len(self.data) < 9 + length:
                return
            body = self.data[9:9 + length]
            self.data = self.data[9 + length:]
            yield body


class Plugin:
    def __init__(self):
        self.cookie = read_cookie()
        self.pipes = {}
        self.marker = None
        self.last_id = 0
        self.unanswered = {}  # id: frame, of outcomes and publish
        self.done = {}  # "life", "health": (op, outcome)
        self.welcome = False
        self.hello_said = False
        self.again_at = None  # when what was too much is said again
        self.leave_at = None  # the end, whatever is unanswered
        self.seen = (None, 0)  # epoch and number of the last frame of events
        self.config = {}
        signal.signal(signal.SIGTERM, lambda *_: self.leave())

    # --- the connection

    def look_for_marker(self):
        """All of it is from one open file: with the inode of one marker and
        the epoch of the next the same router would be another once more."""
        try:
            with open(f"{DIR}/router", encoding="ascii") as f:
                st = os.fstat(f.fileno())
                epoch = f.read()
        except FileNotFoundError:
            return
        marker = (st.st_ino, st.st_mtime_ns, epoch)
        if marker == self.marker:
            return
        anew = self.marker is None or self.marker[2] != epoch
        anew = anew or len(self.pipes) == 3
        self.marker = marker
        for name in SOCKETS:
            if anew or name not in self.pipes:
                self.connect(name)

    def connect(self, name):
        if name in self.pipes:
            self.lose(name)
        try:
            self.pipes[name] = Pipe(name)
        except OSError as e:
            print(f"{name}: {e}", file=sys.stderr)

    def lose(self, name):
        self.pipes.pop(name).sock.close()
        self.welcome = self.hello_said = False
        self.again_at = None

    # --- what is said

    def tell(self, kind, arguments):
        self.last_id += 1
        frame = [1, kind, self.last_id, arguments]
        if kind in (OUTCOME, PUBLISH):
            self.unanswered[self.last_id] = frame
        if kind == HELLO or self.welcome:
            self.put(frame)

    def put(self, frame):
        body = struct.pack(">I", 0x80000001) + pack(frame)
        try:
            self.pipes["hub"].send(body)
        except OSError:
            pass  # it is gone, as will be read soon

    def hello(self):
        return [1, 1, 1, os.environ["PLUGIND_NAME"], "1.0", "service",
                int(os.environ["PLUGIND_GENERATION"]), self.cookie,
                ["configure", "health"]]

    def say_hello(self):
        self.hello_said = True
        self.tell(HELLO, self.hello())

    def say_all(self):
        self.again_at = None
        self.subscribe()
        self.say_seen()
        self.register()
        for frame in list(self.unanswered.values()):
            if frame[1] == PUBLISH:
                frame[3][2] = True
            self.put(frame)

    def say_seen(self):
        """Behind the subscriptions, which begin to hold with it; and of what
        came before the answer to hello could be read."""
        self.tell(ACK, list(self.seen))

    def subscribe(self):
        if "subscribe" in self.config:
            self.tell(SUBSCRIBE, [self.config["subscribe"]])

    def publish(self):
        if "publish" in self.config:
            now_ms = int(time.time() * 1000)
            event = [self.config["publish"], {"from": "fit.py"}]
            self.tell(PUBLISH, [now_ms, None, False, [event]])

    # --- calls

    def register(self):
        if "method" in self.config:
            self.tell(REGISTER, [self.config["method"]])

    def serve(self, calls):
        results = [self.call(*call) for call in calls if len(call) > 1]
        if results and self.welcome:
            self.tell(RESULT, [results])

    def call(self, op, _source, method, arguments, *_):
        if method != self.config.get("method"):
            return [op, 4, f"no method {method}", None]
        return [op, 0, None, arguments]

    # --- what is answered

    def on_hub(self, kind, ident, arguments):
        code = arguments[0]
        if code == HELLO_REQUIRED:
            self.welcome = self.hello_said = False
        elif code == BUSY:
            self.again_at = time.monotonic() + PATIENCE_S
        elif kind == HELLO and code == RECEIVED:
            self.welcome = True
            if arguments[2] != self.seen[0]:
                self.seen = (arguments[2], 0)
            self.say_all()
        else:
            if code != RECEIVED:
                print(f"{kind}: {arguments}", file=sys.stderr)
            self.unanswered.pop(ident, None)

    # --- events

    def on_events(self, _, number, arguments):
        epoch, parts = arguments[:2]
        if epoch != self.seen[0] or number > self.seen[1]:
            self.seen = (epoch, number)
            for part in parts:
                print(f"events of {part[0]}", flush=True)
        self.tell(ACK, list(self.seen))

    # --- commands

    def on_command(self, body):
        kind, ident, arguments = read_frame(body[4:])
        code = self.judge(kind, arguments)
        answer = pack([1, kind, ident, [code]])
        self.pipes["command"].send(body[:4] + answer)
        if code == RECEIVED and kind == SERVE:
            self.serve(arguments[0])
        elif code == RECEIVED:
            self.obey(kind, *arguments[:2])

    def judge(self, kind, arguments):
        if kind == SERVE:
            return RECEIVED
        if kind not in COMMANDS:
            return UNKNOWN
        if not arguments or type(arguments[0]) is not int or arguments[0] < 1:
            return MALFORMED
        if kind in (INITIALIZE, CONFIGURE) and len(arguments) > 1:
            if not isinstance(arguments[1], (dict, type(None))):
                return MALFORMED
        return RECEIVED

    def obey(self, kind, op, argument=None):
        slot = "health" if kind == HEALTH else "life"
        if slot not in self.done or self.done[slot][0] != op:
            self.done[slot] = (op, self.run(kind, argument))
        self.tell(OUTCOME, [op, *self.done[slot][1]])
        if kind == STOP:
            self.leave()

    def run(self, kind, argument):
        if kind in (INITIALIZE, CONFIGURE):
            self.config = argument or {}
        if kind == START:
            self.subscribe()
            self.register()
            self.publish()
        return [0, "", None]

    # --- the loop

    def leave(self):
        if self.leave_at is None:
            self.leave_at = time.monotonic() + LEAVE_S

    def is_over(self):
        return self.leave_at is not None and (
            not self.unanswered or time.monotonic() > self.leave_at)

    def take(self, name, body):
        """A frame that is none is not ours to mend."""
        try:
            if name == "command":
                self.on_command(body)
            elif name == "hub":
                self.on_hub(*read_frame(body[4:]))
            else:
                self.on_events(*read_frame(body))
        except ValueError as e:
            print(f"{name}: {e}", file=sys.stderr)

    def read(self, name):
        try:
            for body in self.pipes[name].receive():
                self.take(name, body)
        except (EOFError, OSError):
            if name in self.pipes:
                self.lose(name)

    def step(self):
        self.look_for_marker()
        if len(self.pipes) == 3 and not self.hello_said:
            self.say_hello()
        if self.again_at is not None and time.monotonic() > self.again_at:
            self.say_all()
        with selectors.DefaultSelector() as s:
            for name, pipe in self.pipes.items():
                s.register(pipe.sock, selectors.EVENT_READ, name)
            ready = [key.data for key, _ in s.select(PATIENCE_S)]
        for name in ready:
            self.read(name)

    def main(self):
        while not self.is_over():
            self.step()


if __name__ == "__main__":
    Plugin().main()
