#!/usr/bin/env python3
"""plain: a plugin without plugind's library, in plain Python 3.

Everything here is written from docs/PROTOCOL.md, whose names and numbers it
uses. From top to bottom: msgpack, SP, what every plugin has to do (Plugin) and
what this one does (Plain): it tells others how often it has ticked, logs what
it hears, offers a method, and calls that of another one.

    plugins:
      plain:
        exec: [/usr/bin/python3, /path/to/plain.py]
        calls: [other]
        config:
          greeting: hello      # what its method `greet` says to a name
          every: 1             # seconds from one event NAME.tick to the next
          listen: [custom.>]   # events that it logs
          ask: other           # a plugin whose `greet` it calls at each tick
"""
import collections
import ctypes
import os
import selectors
import signal
import socket
import struct
import sys
import time

# --- msgpack ----------------------------------------------------------------

NUMBERS = {0xca: ">f", 0xcb: ">d", 0xcc: ">B", 0xcd: ">H", 0xce: ">I",
           0xcf: ">Q", 0xd0: ">b", 0xd1: ">h", 0xd2: ">i", 0xd3: ">q"}
LENGTHS = {0xc4: (bytes, ">B"), 0xc5: (bytes, ">H"), 0xc6: (bytes, ">I"),
           0xd9: (str, ">B"), 0xda: (str, ">H"), 0xdb: (str, ">I"),
           0xdc: (list, ">H"), 0xdd: (list, ">I"),
           0xde: (dict, ">H"), 0xdf: (dict, ">I")}


class Packed(bytes):
    """What is msgpack already."""


def pack(x):
    """An object as msgpack: short forms where they are short, else long."""
    if isinstance(x, Packed):
        return x
    if x is None or isinstance(x, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[x]
    if isinstance(x, int):
        if -32 <= x < 128:
            return struct.pack("B", x & 0xff)
        return struct.pack(">BQ" if x > 0 else ">Bq", 0xcf if x > 0 else 0xd3,
                           x)
    if isinstance(x, float):
        return struct.pack(">Bd", 0xcb, x)
    if isinstance(x, bytes):
        return struct.pack(">BI", 0xc6, len(x)) + x
    if isinstance(x, str):
        data = x.encode()
        return pack_length(len(data), 0xa0, 32, 0xdb) + data
    if isinstance(x, dict):
        return pack_length(len(x), 0x80, 16, 0xdf) + b"".join(
            pack(key) + pack(value) for key, value in x.items())
    return pack_length(len(x), 0x90, 16, 0xdd) + b"".join(map(pack, x))


def pack_length(n, short, limit, long):
    return bytes([short | n]) if n < limit else struct.pack(">BI", long, n)


def unpack(data):
    """The one object that `data` is; ValueError: it is not that."""
    try:
        x, end = read_object(data, 0)
    except (IndexError, KeyError, struct.error) as e:
        raise ValueError("not msgpack") from e
    if end != len(data):
        raise ValueError("bytes behind an object")
    return x


def read_object(data, at):
    """The object at `at`, and where the next one begins."""
    lead = data[at]
    at += 1
    if lead < 0x80 or lead >= 0xe0:
        return (lead if lead < 0x80 else lead - 256), at
    if lead in (0xc0, 0xc2, 0xc3):
        return {0xc0: None, 0xc2: False, 0xc3: True}[lead], at
    if lead in NUMBERS:
        form = NUMBERS[lead]
        return (struct.unpack_from(form, data, at)[0],
                at + struct.calcsize(form))
    if lead < 0xc0:
        kind = dict if lead < 0x90 else list if lead < 0xa0 else str
        n = lead & (0x1f if kind is str else 0x0f)
    else:
        kind, form = LENGTHS[lead]
        n = struct.unpack_from(form, data, at)[0]
        at += struct.calcsize(form)
    if kind in (bytes, str):
        if at + n > len(data):
            raise ValueError("it ends too soon")
        part = data[at:at + n]
        return (part.decode() if kind is str else part), at + n
    items = []
    for _ in range(2 * n if kind is dict else n):
        x, at = read_object(data, at)
        items.append(x)
    if kind is list:
        return items, at
    # A key may be anything there, but not in Python.
    keys = (str(k) if isinstance(k, (list, dict)) else k for k in items[::2])
    return dict(zip(keys, items[1::2])), at


# --- SP ---------------------------------------------------------------------

BODY_MAX = (1 << 20) + 4096
SOCKETS = {"command": (0x31, 0x30), "hub": (0x30, 0x31), "events": (0x21, 0x20)}


def read_frame(data, least=0):
    """type, id and arguments, so many at least; None: it is no frame."""
    try:
        version, kind, ident, arguments, *_ = unpack(data)
        if version == 1 and len(arguments) >= least:
            return kind, ident, arguments
    except (TypeError, ValueError):
        pass
    return None


class Pipe:
    """A connection: whole messages through a stream, without waiting."""

    def __init__(self, stream, mine, theirs):
        self.expected = struct.pack(">4sHH", b"\0SP\0", theirs, 0)
        self.unread = bytearray()
        self.unsent = bytearray(struct.pack(">4sHH", b"\0SP\0", mine, 0))
        self.is_up = False  # greeted
        self.socket = stream
        self.socket.setblocking(False)

    def send(self, body):
        self.unsent += struct.pack(">BQ", 1, len(body)) + body

    def flush(self):
        """As much as goes; OSError at the end of the connection."""
        try:
            while self.unsent:
                del self.unsent[:self.socket.send(self.unsent)]
        except BlockingIOError:
            pass

    def receive(self):
        """The bodies that have come whole; OSError at the end."""
        data = self.socket.recv(1 << 16)
        if not data:
            raise ConnectionError("it has ended")
        self.unread += data
        if not self.is_up:
            if not self.expected.startswith(bytes(self.unread[:8])):
                raise ConnectionError("not SP, or the wrong socket")
            if len(self.unread) < 8:
                return
            self.is_up = True
            del self.unread[:8]
        while len(self.unread) >= 9:
            mark, length = struct.unpack_from(">BQ", self.unread)
            if mark != 1 or length > BODY_MAX:
                raise ConnectionError("not SP, or too long")
            if len(self.unread) < 9 + length:
                return
            body = bytes(self.unread[9:9 + length])
            del self.unread[:9 + length]
            yield body


# --- what every plugin has to do --------------------------------------------

INITIALIZE, START, STOP, CONFIGURE, HEALTH = 201, 202, 203, 204, 205
SERVE, RETURNS, EVENTS = 221, 222, 251
HELLO, OUTCOME = 301, 302
PUBLISH, SUBSCRIBE, UNSUBSCRIBE, EVENTS_ACK = 310, 311, 312, 313
CALL, RESULT, REGISTER, UNREGISTER = 320, 321, 322, 323
KEPT = (OUTCOME, PUBLISH)  # said again after a lost connection
HELLO_REQUIRED, BUSY = 2, 4  # codes of answers
DONE, FAILED, DEGRADED, BAD_CONFIG = 0, 1, 2, 3  # codes of outcomes
OK, CALL_FAILED, UNAVAILABLE, UNKNOWN_METHOD, TIMEOUT, LOST = 0, 1, 2, 4, 6, 7
BATCH = 1 << 16  # bytes, after which a frame is large enough
WAITING_MAX = 1000  # events
STALE_S, BUSY_S, LEAVE_S = 0.25, 0.1, 3
IN_MOVED_TO = 0x80

Request = collections.namedtuple("Request", "kind arguments refused")
Record = collections.namedtuple("Record", "op time_ms data")


class Plugin:
    """The protocol. Methods without an underscore in front are to be called
    or overridden; nothing waits, but for run()."""

    version = "1.0"
    methods = {}  # name: what it is, for people

    def __init__(self):
        self._cookie = self._read_cookie()
        self.name = os.environ["PLUGIND_NAME"]
        self._directory = os.environ["PLUGIND_SOCKET_DIR"]
        self._pipes = {}
        self._marker = self._epoch = None
        self._is_welcome = False
        self._last_id = self._last_op = 0
        self._asked = {}  # id: Request, until there is an answer
        self._busy = []  # ids of those to say again
        self._done = {}  # "life", "health": (op, outcome)
        self._batches = {PUBLISH: [], CALL: [], RESULT: []}  # of Records
        self._patterns = []
        self._calls = {}  # op: (deadline, what to do then)
        self._seen_epoch, self._seen_no, self._is_ack_due = "", 0, False
        self._due = {}  # function: when it is to be called
        self._is_started = self._is_leaving = self._is_over = False

    @staticmethod
    def _read_cookie():
        with os.fdopen(int(os.environ.pop("PLUGIND_COOKIE_FD")), "rb") as f:
            return f.read(16)

    # to be overridden; an outcome is [code, text, data]

    def initialize(self, config):
        return [DONE, "", None]

    def configure(self, config):
        return [DONE, "", None]

    def start(self):
        return [DONE, "", None]

    def health(self):
        return [DONE, "", None]

    def stop(self):
        """No outcome: it ends."""

    def on_event(self, topic, source, data, again):
        pass

    def on_gap(self, count):
        """Events are missing here; None: nobody knows how many."""

    def serve(self, method, source, args):
        """Returns (status, text, data)."""
        return UNKNOWN_METHOD, "", None

    # to be called

    def after(self, seconds, function):
        self._due[function] = time.monotonic() + seconds

    def publish(self, topic, data):
        """False: it has to wait, as too much does already."""
        if len(self._batches[PUBLISH]) >= WAITING_MAX:
            return False
        self._put(PUBLISH, None, [topic, data])
        return True

    def subscribe(self, patterns):
        """These, and no longer others."""
        for old in set(self._patterns) - set(patterns):
            self._say(UNSUBSCRIBE, [old])
        for new in set(patterns) - set(self._patterns):
            self._say(SUBSCRIBE, [new])
        self._patterns = list(patterns)

    def register(self):
        for name, what in self.methods.items():
            self._say(REGISTER, [name, what])

    def call(self, plugin, method, args, then, timeout_s=5):
        """then(status, text, data), whatever happens."""
        if not self._is_welcome:
            then(UNAVAILABLE, "there is no router just now", None)
            return
        self._last_op += 1
        self._calls[self._last_op] = (time.monotonic() + timeout_s, then)
        self._put(CALL, self._last_op, [self._last_op, plugin, method, args,
                                        int(timeout_s * 1000), None])
        self._expire_calls()

    # connections

    def _watch(self):
        """A descriptor that can be read when something was renamed in the
        directory: inotify, which Python's library does not have."""
        libc = ctypes.CDLL(None, use_errno=True)
        fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if fd < 0 or libc.inotify_add_watch(
                fd, os.fsencode(self._directory), IN_MOVED_TO) < 0:
            raise OSError(ctypes.get_errno(), "inotify", self._directory)
        return fd

    def _look(self):
        """For another marker. What seems to be connected may be about to
        end by itself."""
        if self._read_marker() not in (None, self._marker):
            self.after(STALE_S if self._pipes else 0, self._connect)

    def _read_marker(self):
        try:
            with open(f"{self._directory}/router", encoding="ascii") as f:
                st = os.fstat(f.fileno())
                return f.read(), st.st_ino, st.st_mtime_ns
        except FileNotFoundError:
            return None

    def _connect(self):
        self._marker = self._read_marker()
        if self._marker is None:
            return
        is_anew = self._marker[0] != self._epoch or len(self._pipes) == 3
        self._epoch = self._marker[0]
        for name, numbers in SOCKETS.items():
            if is_anew and name in self._pipes:
                self._lose(name)
            if name in self._pipes:
                continue
            stream = socket.socket(socket.AF_UNIX)
            try:
                stream.connect(f"{self._directory}/{name}.sock")
                self._pipes[name] = Pipe(stream, *numbers)
            except OSError:
                stream.close()  # another marker is on its way

    def _lose(self, name):
        self._pipes.pop(name).socket.close()
        self._unlink()

    def _unlink(self):
        """Nobody knows what has arrived. What must not be lost is said again,
        calls never are."""
        self._is_welcome = False
        self._asked = {i: r for i, r in self._asked.items() if r.kind in KEPT}
        self._busy.clear()
        self._batches[CALL].clear()
        self._batches[RESULT].clear()
        for op in list(self._calls):
            self._settle(op, LOST, "the connection has ended", None)

    # requests

    def _say(self, kind, arguments, refused=None):
        if not self._is_welcome and kind not in (HELLO, *KEPT):
            return  # _on_welcome says it, or nobody does
        self._last_id += 1
        self._asked[self._last_id] = Request(kind, arguments, refused)
        if self._is_welcome or kind == HELLO:
            self._send(self._last_id)

    def _send(self, ident):
        request = self._asked[ident]
        self._pipes["hub"].send(
            struct.pack(">I", 0x80000000 | ident & 0x7fffffff)
            + pack([1, request.kind, ident, request.arguments]))

    def _send_again(self, idents):
        for ident in idents:
            if self._asked[ident].kind == PUBLISH:
                self._asked[ident].arguments[2] = True
            self._send(ident)

    def _send_busy(self):
        idents, self._busy = sorted(self._busy), []
        self._send_again(idents)

    def _hello(self):
        """Once all three are connected, whenever that is."""
        if self._is_welcome or self._hello in self._due or sum(
                pipe.is_up for pipe in self._pipes.values()) < 3 or any(
                request.kind == HELLO for request in self._asked.values()):
            return
        self._say(HELLO, [
            1, 1, 1, self.name, self.version, "service",
            int(os.environ["PLUGIND_GENERATION"]), self._cookie,
            ["configure", "health"]])

    def _on_welcome(self, epoch):
        kept = sorted(self._asked)
        self._is_welcome = True
        if epoch != self._seen_epoch:
            if self._seen_epoch and self._patterns:
                self.on_gap(None)  # what it has missed meanwhile
            self._seen_epoch, self._seen_no = epoch, 0
        for pattern in self._patterns:
            self._say(SUBSCRIBE, [pattern])
        if self._is_started:
            self.register()
        self._is_ack_due = True  # behind them, it says that these were all
        self._send_again(kept)

    def _on_hub(self, body):
        """An answer."""
        frame = read_frame(body[4:], 1)
        if frame is None:
            log("an answer came that cannot be read")
            return
        kind, ident, (code, *rest) = frame
        why = rest[0] if rest else "it does not say why"
        request = self._asked.get(ident)
        if request is None or request.kind != kind:
            return
        if code == BUSY and kind != HELLO:
            self._busy.append(ident)
            self.after(BUSY_S, self._send_busy)
            return
        if code == HELLO_REQUIRED:
            self._unlink()
            return
        del self._asked[ident]
        if kind == HELLO and code == 0:
            self._on_welcome(rest[1])
        elif kind == HELLO and code == BUSY:
            self.after(BUSY_S, self._hello)
        elif kind == HELLO:
            sys.exit(f"the daemon refuses it: {why}")
        elif code != 0 and request.refused is not None:
            request.refused(why)
        elif code != 0:
            log(f"message {kind} was refused: {why}")

    # many records in a frame: it leaves while none of its kind is under way

    def _put(self, kind, op, record):
        self._batches[kind].append(
            Record(op, int(time.time() * 1000), pack(record)))

    def _flush(self):
        kinds = {request.kind for request in self._asked.values()}
        for kind, records in self._batches.items():
            if records and kind not in kinds and (
                    self._is_welcome or kind in KEPT):
                self._leave_batch(kind, records)
        if self._is_ack_due and self._is_welcome:
            self._is_ack_due = False
            self._say(EVENTS_ACK, [self._seen_epoch, self._seen_no])

    def _leave_batch(self, kind, records):
        n, size = 1, len(records[0].data)
        while n < len(records) and size + len(records[n].data) <= BATCH:
            size += len(records[n].data)
            n += 1
        batch, records[:n] = records[:n], []
        data = Packed(pack_length(n, 0x90, 16, 0xdd)
                      + b"".join(record.data for record in batch))
        if kind == PUBLISH:
            self._say(kind, [batch[0].time_ms, None, False, data])
        elif kind == CALL:
            self._say(kind, [data], lambda why: [
                self._settle(record.op, UNAVAILABLE, why, None)
                for record in batch])
        else:
            self._say(kind, [data])

    # commands

    def _on_command(self, body):
        kind, ident, arguments, code = self._read_command(body[4:])
        self._pipes["command"].send(body[:4] + pack(
            [1, kind, ident, [0] if code == 0 else [code, "not a command"]]))
        if code == 0:
            self._commands[kind](self, kind, *arguments)

    def _read_command(self, data):
        frame = read_frame(data)
        if frame is None:
            return 0, 0, [], 5
        kind, ident, arguments = frame
        if kind not in self._commands:
            return kind, ident, [], 3
        is_right = arguments and self._is_right(kind, *arguments)
        return kind, ident, arguments, 0 if is_right else 5

    @staticmethod
    def _is_right(kind, first, second=None, *_):
        if kind in (SERVE, RETURNS):
            return isinstance(first, list)
        if kind in (INITIALIZE, CONFIGURE) and not (
                second is None or isinstance(second, dict)):
            return False
        return type(first) is int and first > 0

    def _on_life(self, kind, op, argument=None, *_):
        """Nothing runs twice."""
        slot = "health" if kind == HEALTH else "life"
        is_new = self._done.get(slot, (None,))[0] != op
        if is_new:
            self._done[slot] = (op, self._run(kind, argument))
        outcome = self._done[slot][1]
        if is_new and kind == START and outcome[0] == DONE:
            self._is_started = True
            self.register()  # first: who depends on it may call at once
        self._say(OUTCOME, [op, *outcome])

    def _run(self, kind, argument):
        if kind == STOP:
            self.stop()
            # Not all of the time: at its end a signal would come.
            self._leave(min(argument / 2000, LEAVE_S) if argument else LEAVE_S)
            return [DONE, "", None]
        if kind in (INITIALIZE, CONFIGURE):
            run = self.initialize if kind == INITIALIZE else self.configure
            return run(argument or {})
        return self.start() if kind == START else self.health()

    def _on_serve(self, _, calls, *__):
        for op, *call in calls:
            if not call:
                continue  # cancelled: too late, as all are served at once
            source, method, args, *_ = call
            self._put(RESULT, op, [op, *self.serve(method, source, args)])

    def _on_returns(self, _, results, *__):
        for op, status, text, data, *_ in results:
            self._settle(op, status, text, data)

    _commands = {INITIALIZE: _on_life, START: _on_life, STOP: _on_life,
                 CONFIGURE: _on_life, HEALTH: _on_life, SERVE: _on_serve,
                 RETURNS: _on_returns}

    def _settle(self, op, status, text, data):
        if op in self._calls:
            _, then = self._calls.pop(op)
            then(status, text or "", data)

    def _expire_calls(self):
        now = time.monotonic()
        late = [op for op, (end, _) in self._calls.items() if end <= now]
        for op in late:
            self._put(CALL, op, [op])  # nobody waits for it any more
            self._settle(op, TIMEOUT, "there was no answer in time", None)
        if self._calls:
            self._due[self._expire_calls] = min(
                end for end, _ in self._calls.values())

    # events

    def _on_events(self, body):
        frame = read_frame(body, 2)
        if frame is None or frame[0] != EVENTS:
            log("events came that cannot be read")
            return
        _, number, (epoch, parts, *_) = frame
        if epoch != self._seen_epoch:
            return  # of a router that is gone
        self._is_ack_due = True
        if number <= self._seen_no:
            return  # it came before
        if number > self._seen_no + 1:
            self.on_gap(None)
        self._seen_no = number
        for part in parts:
            if part[0] is None:
                self.on_gap(part[1])
                continue
            source, _, _, _, again, events, *_ = part
            for topic, data, *_ in events:
                self.on_event(topic, source, data, again)

    # the loop

    def run(self):
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGTERM, lambda *_: None)
        watch = self._watch()
        self._look()
        while not self._is_over:
            self._step({watch: self._look, woken: self._on_signal})

    def _step(self, others):
        now = time.monotonic()
        for function in [f for f, when in self._due.items() if when <= now]:
            del self._due[function]
            function()
        self._hello()
        self._flush()
        for name in list(self._pipes):
            self._write(name)
        if self._is_leaving and self._is_said():
            self._is_over = True
        if self._is_over:
            return
        with selectors.DefaultSelector() as ready:
            for fd, function in others.items():
                ready.register(fd, selectors.EVENT_READ, function)
            for name, pipe in self._pipes.items():
                write = selectors.EVENT_WRITE if pipe.unsent else 0
                ready.register(
                    pipe.socket, selectors.EVENT_READ | write, name)
            for key, mask in ready.select(self._time_left()):
                if callable(key.data):
                    drain(key.fd)
                    key.data()
                elif mask & selectors.EVENT_READ:
                    self._read(key.data, key.fileobj)

    def _time_left(self):
        return max(0, min(self._due.values()) - time.monotonic()) \
            if self._due else None

    def _is_said(self):
        return not (self._asked or any(self._batches.values()) or any(
            pipe.unsent for pipe in self._pipes.values()))

    def _leave(self, seconds):
        """Once all is said, or when time is up."""
        self._is_leaving = True
        for name in self.methods if self._is_started else ():
            self._say(UNREGISTER, [name])
        self._is_started = False
        self.after(seconds, self._give_up)

    def _give_up(self):
        self._is_over = True

    def _on_signal(self):
        if not self._is_leaving:
            self.stop()
            self._leave(LEAVE_S)

    def _write(self, name):
        try:
            self._pipes[name].flush()
        except OSError:
            self._lose(name)

    def _read(self, name, from_socket):
        pipe = self._pipes.get(name)
        if pipe is None or pipe.socket is not from_socket:
            return  # lost meanwhile
        take = {"hub": self._on_hub, "command": self._on_command,
                "events": self._on_events}[name]
        try:
            bodies = list(pipe.receive())
        except OSError:
            self._lose(name)
            return
        for body in bodies:
            take(body)


def drain(fd):
    try:
        while os.read(fd, 4096):
            pass
    except BlockingIOError:
        pass


def log(text):
    print(text, flush=True)


# --- what this one does -----------------------------------------------------

def is_text(x):
    return isinstance(x, str) and 0 < len(x) <= 100


def is_period(x):
    return type(x) in (int, float) and 0 < x < 1e6


class Plain(Plugin):
    methods = {"greet": "greets a name"}
    checks = {
        "greeting": (is_text, "must be a text of 1 to 100 characters"),
        "every": (is_period, "must be a number of seconds, above 0"),
        "listen": (lambda x: isinstance(x, list) and all(map(is_text, x)),
                   "must be a list of patterns"),
        "ask": (is_text, "must be the name of a plugin")}
    config = {}
    ticks = 0
    trouble = None  # with whom it asks

    def initialize(self, config):
        errors = [[key, "is not known here", True]
                  for key in config if key not in self.checks]
        errors += [[key, what] for key, (is_good, what) in self.checks.items()
                   if key in config and not is_good(config[key])]
        if errors:
            return [BAD_CONFIG, "the configuration is wrong", errors]
        self.config = config
        self.trouble = None
        return [DONE, "", None]

    def start(self):
        self.obey()
        log("started")
        return [DONE, "", None]

    def configure(self, config):
        outcome = self.initialize(config)
        if outcome[0] == DONE:
            self.obey()
            log("configured")
        return outcome

    def obey(self):
        self.subscribe(self.config.get("listen", []))
        if "every" in self.config:
            self.after(self.config["every"], self.tick)

    def health(self):
        if self.trouble is not None:
            return [DEGRADED, self.trouble, None]
        return [DONE, "", None]

    def stop(self):
        self.config = {}
        log(f"stopped after {self.ticks} ticks")

    def tick(self):
        if "every" not in self.config:
            return
        self.after(self.config["every"], self.tick)
        if self.publish(f"{self.name}.tick", {"n": self.ticks + 1}):
            self.ticks += 1
        if "ask" in self.config:
            self.call(self.config["ask"], "greet", self.name, self.on_greeting)

    def on_greeting(self, status, text, data):
        other, before = self.config.get("ask"), self.trouble
        self.trouble = None
        if status == OK:
            log(f"{other} says: {data}")
            return
        self.trouble = f"{other} does not answer (status {status}): {text}"
        if self.trouble != before:
            log(self.trouble)

    def on_event(self, topic, source, data, again):
        log(f"heard {topic} from {source}: {data}{' again' if again else ''}")

    def on_gap(self, count):
        log(f"{'some' if count is None else count} events are missing here")

    def serve(self, method, source, args):
        if method not in self.methods:
            return UNKNOWN_METHOD, f"there is no {method} here", None
        if not is_text(args):
            return CALL_FAILED, "args must be a name", None
        return OK, "", f"{self.config.get('greeting', 'hello')}, {args}"


if __name__ == "__main__":
    Plain().run()
