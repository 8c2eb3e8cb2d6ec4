"""The loop around the button: the same on a board and in its tests, which differ in `board` and `link` only.

`board` is the hardware: now() and date() in ms (date None when unknown), set_date(), pressed(), light(on), beats(beat),
random() in [0, 1), values(), say(text), feed(), rest(ms), sleep(ms, on_pin, naps), restart(), and `naps`, a number that
survives a sleep.
`link` is the connection: ready(), open(client_id, will, on_command, command_topic), publish(topic, payload, retain),
check(), leave(), close(). Nothing of it waits longer than some seconds, and what fails raises OSError. `publish` is at
QoS 1 and returns once the broker has the message; `on_command(payload)` returns before its message is acknowledged.
"""

import gc
import os

MEMORY, QUEUE = "memory.json", "queue.json"
TURN = 5  # ms between two turns
REPORT = 3600000  # ms between two reports of battery and signal, and the longest sleep
AWAKE = 20000  # ms awake to find the network before it sleeps again
SOON = 5000  # ms
LINGER = 2000  # ms connected, for commands that have waited at the broker


class Flash:
    """Texts by name in a folder that outlives the power."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def read(self, name: str) -> str:
        """"{}" when there is no such text."""
        try:
            with open(self.folder + name) as file:
                return file.read()
        except (OSError, ValueError):
            return "{}"

    def write(self, name: str, text: str) -> None:
        """Written beside and renamed: power lost in between leaves the old text whole."""
        with open(self.folder + name + ".new", "w") as file:
            file.write(text)
        os.rename(self.folder + name + ".new", self.folder + name)


class Shell:
    """One life of a button, from power to sleep; `turn` it for ever. `sleepy`: it runs on a battery."""

    def __init__(self, button, board, link, flash, sleepy=False):
        self.button, self.board, self.link, self.flash, self.sleepy = button, board, link, flash, sleepy
        self.fingers = []  # what was pressed and is not yet on the flash
        self.linked = False
        self.failures = 0
        self.naps = board.naps  # sleeps in a row with a press that nobody has answered
        self.retry_at = self.report_at = 0
        self.awake_until = board.now() + AWAKE
        board.beats(self.beat)

    def beat(self, now):
        """Called by the board every 10 ms or so, also while the network lets us wait: no finger is missed."""
        kind = self.button.beat(self.board.pressed(), now)
        if kind is not None:
            self.fingers.append((kind, now))
        self.board.light(self.button.lit(now))

    def turn(self):
        self.board.feed()
        self._press()
        now = self.board.now()
        self.button.tick(now)
        self._report(now)
        try:
            self._talk(now)
        except OSError as reason:
            self._lost(reason)
        self._keep(False)
        self._sleep()
        self.board.rest(TURN)

    def _press(self):
        while self.fingers:
            kind, at = self.fingers.pop(0)
            date, ago = self.board.date(), self.board.now() - at
            if self.button.press(kind, at, None if date is None else date - ago):
                self._store()
            self.failures, self.naps, self.retry_at = 0, 0, at  # somebody stands here and waits

    def _report(self, now):
        if now >= self.report_at:
            self.report_at = now + REPORT
            if self.linked:
                self.board.set_date()
            values = self.board.values()
            if values:
                self.button.measured(values, self.board.date())

    def _talk(self, now):
        if not self.linked:
            if now < self.retry_at or not self.link.ready():
                return
            self._connect()
        message = self.button.outgoing(now)
        if message is not None:
            self.link.publish(message[0], message[1], False)
            if self.button.sent(message, self.board.now()):
                self._store()
        elif self.button.doing:
            self._do()
        self.link.check()

    def _connect(self):
        if self.board.date() is None:
            self.board.set_date()  # first: a command may be too old, and a certificate has its dates
        button = self.button
        self.link.open("button-" + button.device_id, button.will(), self._told, button.topic("command"))
        self._say(button.status("online", self.board.date()))
        self.linked, self.failures = True, 0
        self.awake_until = self.board.now() + LINGER
        self.board.say("connected")

    def _told(self, payload):
        if self.button.told(payload, self.board.now(), self.board.date()):
            self._store()
        self.awake_until = self.board.now() + LINGER

    def _do(self):
        self._keep(True)
        self._goodbye("stopped", None)
        self.board.restart()

    def _lost(self, reason):
        self.linked = False
        self.link.close()
        gc.collect()  # what a broken TLS connection leaves is large
        wait = self.button.retry_in(self.failures, self.board.random())
        self.failures += 1
        self.retry_at = self.board.now() + wait
        self.board.say(f"not connected ({reason}), again in {wait} ms")

    def _store(self):
        """A flash that refuses must not keep a press from being sent."""
        try:
            self.flash.write(MEMORY, self.button.remembered())
        except OSError as reason:
            self.board.say(f"flash: {reason}")

    def _keep(self, at_once):
        queue = self.button.queued(at_once)
        if queue is not None:
            try:
                self.flash.write(QUEUE, queue)
            except OSError as reason:
                self.board.say(f"flash: {reason}")

    def _sleep(self):
        now = self.board.now()
        if not self.sleepy or self.fingers or now < self.awake_until:
            return
        ms = self.button.nap(now, self.report_at, None if self.linked else max(self.retry_at, now + SOON))
        if ms is None:
            return
        if self.button.presses:  # each further night is longer
            ms = min(max(ms, self.button.retry_in(self.naps, self.board.random())), REPORT)
            self.naps += 1
        self._keep(True)
        self._goodbye("sleeping", ms)
        if self.fingers or self.button.finger.busy(self.board.now()):
            return  # somebody has come while we said goodbye
        self.board.sleep(ms, not self.button.finger.down, self.naps if self.button.presses else 0)

    def _goodbye(self, state, ms):
        if not self.linked:
            return
        date = self.board.date()
        try:
            self._say(self.button.status(state, date, None if ms is None or date is None else date + ms + AWAKE))
            self.link.leave()
        except OSError as reason:
            self.board.say(f"no goodbye ({reason})")  # the broker speaks for us then, with our will
        self.link.close()
        self.linked = False

    def _say(self, message):
        self.link.publish(message[0], message[1], True)


def run(shell):
    while True:
        shell.turn()
