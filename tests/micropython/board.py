"""Board and link of the test, for firmware_stub/shell.py under MicroPython: the network and the flash are node's."""
# mypy: ignore-errors

import gc
import json
import sys

import bridge  # worker.mjs
from core import Button
from shell import MEMORY, QUEUE, Flash, Shell

SLICE = 5  # ms between two looks at the contact while the network lets us wait
TIMEOUT = 10000  # ms for an answer of the broker
UNUSED = 128 * 1024 * 1024  # gc.mem_free() counts memory that this build could ask its host for, and does not get here


def heap_free():
    return gc.mem_free() - UNUSED


class Board:
    naps = 0
    life = f"{int(bridge.chance() * 0xFFFFFFFF):08x}"
    _beat = None

    def now(self):
        return int(bridge.uptime())

    def date(self):
        return int(bridge.date())

    def set_date(self):
        pass

    def beats(self, beat):
        self._beat = beat

    def wait(self):
        """SLICE ms, or less when something has come."""
        bridge.wait(SLICE)
        self._beat(self.now())

    def pressed(self):
        return bridge.pressed()

    def light(self, on):
        bridge.light(on)

    def random(self):
        return bridge.chance()

    def values(self):
        return {"heap_free": heap_free()}

    def say(self, text):
        bridge.say(text)

    def feed(self):
        pass

    def rest(self, ms):
        self.wait()

    def sleep(self, ms, on_pin, naps):
        bridge.end("sleeps")

    def restart(self):
        bridge.end("restarts")


class Link:
    """mqtt.js in the place of the board's sockets; like umqtt.simple it returns when it is done, or raises OSError."""

    def __init__(self, board):
        self.board = board
        self.on_command = None

    def ready(self):
        return True

    def open(self, client_id, will, on_command, command_topic):
        self.on_command = on_command
        self._ask("open", {"client": client_id, "will": will, "subscribe": command_topic})

    def publish(self, topic, payload, retain):
        self._ask("publish", {"topic": topic, "payload": payload, "retain": retain})

    def check(self):
        if bridge.broken():
            raise OSError("the broker is gone")
        payload = bridge.command()
        if payload is not None:
            self.on_command(payload.encode())
            bridge.taken()  # only now is it acknowledged to the broker

    def leave(self):
        self._ask("leave", {})

    def close(self):
        self._ask("close", {})

    def _ask(self, verb, what):
        bridge.ask(verb, json.dumps(what))
        end = self.board.now() + TIMEOUT
        while True:
            answer = bridge.answer()
            if answer == "done":
                return
            if answer is not None:
                raise OSError(answer)
            if self.board.now() > end:
                raise OSError("no answer")
            self.board.wait()


class Kept(Flash):
    """The flash of this board is in memory that goes with it: what is written is also written outside."""

    def write(self, name, text):
        Flash.write(self, name, text)
        bridge.keep(name, text)


class Watched(Shell):
    """Tells the test what it would otherwise have to read from the light."""

    said = ""
    lowest = 1 << 30

    def beat(self, now):
        Shell.beat(self, now)
        self.lowest = min(self.lowest, heap_free())  # with the garbage that nobody has yet collected
        said = json.dumps({"light": self.button.light, "finger": "down" if self.button.finger.down else "up",
                           "linked": self.linked})
        if said != self.said:
            self.said = said
            bridge.state(f'{said[:-1]}, "heap_free": {self.lowest}}}')


def start(device_id, woken):
    board, flash = Board(), Kept("/")
    button = Button(device_id, flash.read(MEMORY), board.life, flash.read(QUEUE), woken)
    return Watched(button, board, Link(board), flash)


def about():
    """What this is, and how much memory it has."""
    return json.dumps({"implementation": sys.implementation[0], "version": list(sys.implementation[1]),
                       "heap": heap_free() + gc.mem_alloc(), "free": heap_free()})


def allocates(size):
    try:
        bytearray(size)
    except MemoryError:
        return False
    return True
