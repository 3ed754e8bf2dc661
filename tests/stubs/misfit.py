#!/usr/bin/env python3
"""Plugins that break one rule of docs/PROTOCOL.md each.

usage: misfit.py --list    names, `config` and the rules that break
       misfit.py NAME      run by `pluginctl conform`

A misfit is the plugin of fit.py, beside this file, but for one thing.
Where something comes too late, it does for `--timeout 3s`, or for as many times
that as MISFIT_FACTOR says.
"""
import json
import os
import signal
import subprocess
import sys
import threading
import time

LATER_S = 0.3
TOO_LATE_S = 1.2 * float(os.environ.get("MISFIT_FACTOR", "1"))
BUSY = {"subscribe": "custom.>", "publish": "custom.x", "method": "give"}

if len(sys.argv) == 2 and sys.argv[1] != "--list":
    sys.dont_write_bytecode = True
    import fit as plugin
    Plugin = plugin.Plugin
else:
    plugin = None
    Plugin = object

misfits = {}  # name: (class, settings, rules)


def breaks(*rules, settings=None):
    """The rules, by words in their names; a slash is the end of a name, and
    an asterisk all of them."""
    def keep(cls):
        misfits[cls.__name__] = (cls, settings, rules)
        return cls
    return keep


# --- connections


@breaks("and not before")
class Early(Plugin):
    def look_for_marker(self):
        if not self.pipes and not os.path.exists(f"{plugin.DIR}/router"):
            for name in plugin.SOCKETS:
                self.connect(name)
        super().look_for_marker()


@breaks("its own number")
class Greeting(Plugin):
    def __init__(self):
        super().__init__()
        plugin.SOCKETS["events"] = (plugin.PUB, plugin.PUB)


@breaks("once all three")
class Hasty(Plugin):
    def connect(self, name):
        if name == "events" and self.last_id == 0:
            self.say_hello()
            time.sleep(LATER_S)
        super().connect(name)


@breaks("once all three")
class Chatty(Plugin):
    def say_hello(self):
        if self.last_id == 0:
            self.put([1, 303, 1, [0, ""]])
        super().say_hello()

    def on_hub(self, kind, ident, arguments):
        if kind != 303:
            super().on_hub(kind, ident, arguments)


class Hello(Plugin):
    """Says hello with one field changed."""
    at, value = 0, None

    def hello(self):
        fields = super().hello()
        fields[self.at] = self.value
        return fields


@breaks("right fields")
class Range(Hello):
    at, value = 0, 2


@breaks("right fields")
class Abi(Hello):
    at, value = 2, "1"


@breaks("right fields")
class Name(Hello):
    at, value = 3, "fit"


@breaks("right fields")
class Version(Hello):
    at, value = 4, 64 * "1"


@breaks("right fields")
class Type(Hello):
    at, value = 5, "daemon"


@breaks("right fields")
class Generation(Hello):
    at, value = 6, 1


@breaks("right fields")
class Cookie(Hello):
    at, value = 7, bytes(16)


@breaks("right fields")
class CookieText(Hello):
    at, value = 7, 16 * "x"


@breaks("right fields")
class Capabilities(Hello):
    at, value = 8, "configure"


@breaks("right fields")
class Large(Hello):
    at, value = 8, 500 * ["something"]


@breaks("the cookie")
class Keeper(Plugin):
    def __init__(self):
        os.dup(int(os.environ["PLUGIND_COOKIE_FD"]))
        super().__init__()


class Marker(Plugin):
    """Does not look at the marker in some cases."""

    def ignores(self, is_same, is_complete):
        raise NotImplementedError

    def look_for_marker(self):
        if self.marker is not None:
            with open(f"{plugin.DIR}/router", encoding="ascii") as f:
                is_same = f.read() == self.marker[2]
            if self.ignores(is_same, len(self.pipes) == 3):
                return
        super().look_for_marker()


@breaks("what was lost")
class Alone(Marker):
    def ignores(self, is_same, is_complete):
        return is_same and not is_complete


@breaks("to the next")
class Loyal(Marker):
    def ignores(self, is_same, is_complete):
        return not is_same


@breaks("written again")
class Content(Marker):
    def ignores(self, is_same, is_complete):
        return is_same and is_complete


@breaks("to the next")
class Fragile(Plugin):
    last = 0.0

    def step(self):
        super().step()
        if self.pipes or self.marker is None or self.leave_at is not None:
            self.last = time.monotonic()
        elif time.monotonic() > self.last + LATER_S:
            sys.exit(1)


# --- what is said again


class Answers(Plugin):
    """Takes one code for an answer like any other."""
    deaf_to = None

    def on_hub(self, kind, ident, arguments):
        if arguments[0] == self.deaf_to:
            arguments = [0]
        super().on_hub(kind, ident, arguments)


@breaks("when told to")
class Mute(Answers):
    deaf_to = 2


@breaks("with busy")
class Impatient(Answers):
    deaf_to = 4


@breaks("unanswered outcome")
class Forgetful(Plugin):
    def lose(self, name):
        super().lose(name)
        self.unanswered.clear()


@breaks("unanswered outcome")
class Renamed(Plugin):
    def lose(self, name):
        super().lose(name)
        frames = list(self.unanswered.values())
        self.unanswered.clear()
        for frame in frames:
            self.tell(frame[1], frame[3])


# --- commands


class Late(Plugin):
    """Answers one command after its outcome."""
    late = None

    def on_command(self, body):
        kind, ident, arguments = plugin.read_frame(body[4:])
        if kind != self.late or self.judge(kind, arguments) != 0:
            super().on_command(body)
            return
        answer = body[:4] + plugin.pack([1, kind, ident, [0]])
        timer = threading.Timer(
            TOO_LATE_S, self.pipes["command"].send, [answer])
        timer.daemon = True
        timer.start()
        self.obey(kind, *arguments[:2])


@breaks("initialize is answered")
class LateInitialize(Late):
    late = 201


@breaks("plugin.start is answered")
class LateStart(Late):
    late = 202


class Slow(Plugin):
    """Starts in a while, and meanwhile goes on."""
    start = None

    def obey(self, kind, op, argument=None):
        if kind == plugin.START and "life" in self.done and (
                self.done["life"][0] != op):
            if self.start is None:
                self.start = (time.monotonic() + LATER_S, op)
            return
        if kind == plugin.STOP:
            self.start = None
        super().obey(kind, op, argument)

    def step(self):
        super().step()
        if self.start is not None and time.monotonic() > self.start[0]:
            op = self.start[1]
            self.start = None
            super().obey(plugin.START, op)


@breaks(settings=BUSY)
class Patient(Slow):
    """No misfit at all."""


class Refuses(Slow):
    """Takes one command for one that must wait."""
    refused = None

    def judge(self, kind, arguments):
        if kind == self.refused and self.start is not None:
            return plugin.BUSY
        return super().judge(kind, arguments)


@breaks("health is answered while")
class BusyHealth(Refuses):
    refused = 205


@breaks("health is answered while")
class Blocking(Plugin):
    def run(self, kind, argument):
        if kind == plugin.START:
            time.sleep(TOO_LATE_S)
        return super().run(kind, argument)


@breaks("health is answered/")
class Tired(Plugin):
    count = 0

    def obey(self, kind, op, argument=None):
        self.count += kind == plugin.HEALTH
        if self.count < 3:
            super().obey(kind, op, argument)

    def lose(self, name):
        self.count = -9
        super().lose(name)

    def take(self, name, body):
        try:
            plugin.read_frame(body if name == "events" else body[4:])
        except ValueError:
            self.count = -9
        super().take(name, body)


@breaks("configure")
class Rigid(Plugin):
    def run(self, kind, argument):
        if kind == plugin.CONFIGURE:
            return [1, "not now", None]
        return super().run(kind, argument)


@breaks("nothing twice")
class Twice(Plugin):
    def obey(self, kind, op, argument=None):
        if self.done.get("life", (0,))[0] == op:
            self.done["life"] = (0, None)
            self.run = lambda kind, argument: [1, "out of order", None]
        super().obey(kind, op, argument)


@breaks("unknown type")
class Eager(Plugin):
    def judge(self, kind, arguments):
        return 0 if kind > 205 else super().judge(kind, arguments)

    def obey(self, kind, op, argument=None):
        if kind <= 205:
            super().obey(kind, op, argument)


@breaks("malformed")
class Trusting(Plugin):
    def judge(self, kind, arguments):
        code = super().judge(kind, arguments)
        return code if code != 5 or arguments == [] else 0

    def obey(self, kind, op, argument=None):
        if super().judge(kind, [op, argument]) == 0:
            super().obey(kind, op, argument)


@breaks("malformed")
class Cracked(Plugin):
    def judge(self, kind, arguments):
        return super().judge(kind, [arguments[0], *arguments[1:]])

    def take(self, name, body):
        try:
            super().take(name, body)
        except IndexError:
            sys.exit(1)


@breaks("at the end are skipped")
class Strict(Plugin):
    def judge(self, kind, arguments):
        known = {201: 3, 203: 2, 204: 2}.get(kind, 1)
        return 5 if len(arguments) > known else super().judge(
            kind, arguments)


class Fine(Plugin):
    """Ends when it hears garbage on one socket."""
    socket = None

    def take(self, name, body):
        try:
            plugin.read_frame(body if name == "events" else body[4:])
        except ValueError:
            if name == self.socket:
                sys.exit(1)
        super().take(name, body)


@breaks("garbage on command")
class FineCommand(Fine):
    socket = "command"


@breaks("garbage on hub")
class FineHub(Fine):
    socket = "hub"


@breaks("garbage on events")
class FineEvents(Fine):
    socket = "events"


# --- events


@breaks("subscribes again", settings=BUSY)
class Once(Plugin):
    subscribed = False

    def subscribe(self):
        if not self.subscribed and "subscribe" in self.config:
            super().subscribe()
            self.subscribed = True


@breaks("subscribes again", settings=BUSY)
class Endless(Plugin):
    hellos = 0

    def say_seen(self):
        self.hellos += 1
        if self.hellos == 1:
            super().say_seen()


@breaks("subscribes again", settings=BUSY)
class Unready(Plugin):
    hellos = 0

    def say_seen(self):
        self.hellos += 1
        if self.hellos > 1:
            super().say_seen()


@breaks("acknowledges events/", settings=BUSY)
class Behind(Plugin):
    def tell(self, kind, arguments):
        if kind == plugin.ACK and arguments[1] > 5:
            return
        super().tell(kind, arguments)


@breaks("acknowledges events/", settings=BUSY)
class Ahead(Plugin):
    def tell(self, kind, arguments):
        super().tell(kind, arguments)
        if kind == plugin.ACK and arguments[1] == 8:
            super().tell(kind, [arguments[0], 12])


@breaks("have an unknown argument", settings=BUSY)
class StrictEvents(Plugin):
    def on_events(self, kind, number, arguments):
        if len(arguments) == 2:
            super().on_events(kind, number, arguments)


@breaks("a gap", settings=BUSY)
class Gapless(Plugin):
    def on_events(self, kind, number, arguments):
        for part in arguments[1]:
            if not part[0].startswith("plugind"):
                return
        super().on_events(kind, number, arguments)


@breaks("that come again", settings=BUSY)
class Sulky(Plugin):
    def on_events(self, kind, number, arguments):
        if (arguments[0], number) > self.seen or arguments[0] != self.seen[0]:
            super().on_events(kind, number, arguments)

    def __init__(self):
        super().__init__()
        self.seen = ("", 0)


@breaks("of the next router", settings=BUSY)
class Stale(Plugin):
    first = None

    def tell(self, kind, arguments):
        if kind == plugin.ACK:
            self.first = self.first or arguments[0]
            arguments = [self.first, arguments[1]]
        super().tell(kind, arguments)


@breaks("publishes again", settings=BUSY)
class Careless(Plugin):
    def lose(self, name):
        super().lose(name)
        self.unanswered = {
            k: v for k, v in self.unanswered.items() if v[1] != plugin.PUBLISH}


@breaks("publishes again", settings=BUSY)
class Secretive(Plugin):
    def put(self, frame):
        if frame[1] == plugin.PUBLISH:
            frame[3][2] = False
        super().put(frame)


# --- calls


@breaks("offers its methods", settings=BUSY)
class Unoffering(Plugin):
    registered = False

    def register(self):
        if not self.registered and "method" in self.config:
            super().register()
            self.registered = True


@breaks("that it has not", "waits for any more", settings=BUSY)
class Obliging(Plugin):
    def call(self, op, _source, method, arguments, *_):
        return [op, 0, None, arguments]


@breaks("waits for any more", settings=BUSY)
class Unprepared(Plugin):
    def serve(self, calls):
        if all(len(call) > 1 for call in calls):
            super().serve(calls)


# --- the end


@breaks("exits with 0")
class Status(Plugin):
    status = 0

    def leave(self):
        started = self.done.get("life", (0,))[0] > 2
        if started and len(self.unanswered) == 1 and self.stops:
            self.status = 3
        super().leave()

    stops = False

    def obey(self, kind, op, argument=None):
        self.stops = kind == plugin.STOP
        super().obey(kind, op, argument)

    def main(self):
        super().main()
        if not self.unanswered:
            sys.exit(self.status)


@breaks("exits with 0", "not answered")
class Silent(Plugin):
    def tell(self, kind, arguments):
        if kind != plugin.OUTCOME or self.last_op != plugin.STOP:
            super().tell(kind, arguments)

    def obey(self, kind, op, argument=None):
        self.last_op = kind
        super().obey(kind, op, argument)


@breaks("before anything else")
class Orderly(Plugin):
    def judge(self, kind, arguments):
        if kind == plugin.STOP and "life" not in self.done:
            return plugin.BUSY
        return super().judge(kind, arguments)


@breaks("plugin.stop is obeyed while")
class BusyStop(Refuses):
    refused = 203


@breaks("not answered")
class Clingy(Plugin):
    def leave(self):
        super().leave()
        self.leave_at = float("inf")


@breaks("SIGTERM is obeyed/", "without a router")
class Untrapped(Plugin):
    def __init__(self):
        super().__init__()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@breaks("SIGTERM is obeyed/")
class Deaf(Plugin):
    def __init__(self):
        super().__init__()
        signal.signal(signal.SIGTERM, self.on_signal)
        self.signal_at = None

    def on_signal(self, *_):
        self.signal_at = time.monotonic()

    def step(self):
        super().step()
        at = self.signal_at
        if at and time.monotonic() > at + LATER_S and self.obeys():
            self.leave()

    def obeys(self):
        return not self.pipes


@breaks("without a router")
class Needy(Deaf):
    def obeys(self):
        return len(self.pipes) == 3


class Litters(Plugin):
    """Leaves a process behind."""
    leaves_session = False

    def run(self, kind, argument):
        if kind == plugin.START:
            subprocess.Popen(
                ["sleep", "1000"], start_new_session=self.leaves_session)
        return super().run(kind, argument)


@breaks("left behind")
class Litter(Litters):
    pass


@breaks("left behind")
class LitterFar(Litters):
    leaves_session = True


@breaks("well-formed")
class Sloppy(Plugin):
    def run(self, kind, argument):
        outcome = super().run(kind, argument)
        return [outcome[0], 0, None] if kind == plugin.HEALTH else outcome


@breaks("well-formed")
class Confused(Plugin):
    def on_command(self, body):
        frame = plugin.unpack(body[4:])
        if frame[1] == plugin.START:
            frame[2] = 1
        super().on_command(body[:4] + plugin.pack(frame))


@breaks("well-formed")
class Foreign(Plugin):
    def run(self, kind, argument):
        if kind == plugin.START:
            self.pipes["hub"].send(b"\x80\0\0\1no frame")
        return super().run(kind, argument)


@breaks("*")
class Dumb(Plugin):
    def say_hello(self):
        self.hello_said = True


if __name__ == "__main__":
    if plugin is None:
        for name, (_, settings, rules) in misfits.items():
            print(name, json.dumps(settings or {}), "|".join(rules) or "-",
                  sep="\t")
    else:
        misfits[sys.argv[1]][0]().main()
