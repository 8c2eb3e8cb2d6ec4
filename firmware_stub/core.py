"""The button's mind: what a finger meant, what waits to be sent, and what the light says. No hardware, no clock."""

import json

VERSION = "1.1"
DEBOUNCE = 30  # ms a contact must keep still to be believed
LONG = 1500  # ms held down: a long press, known while the finger is still there
DOUBLE = 400  # ms after a release in which a second press makes it a double
TAP = 600  # ms: a longer press is no tap of a test
HOLD, LET_GO = 3000, 6000  # ms that the last press of a test is held: at least, and less than
STILL = 2000  # ms at rest before a test and after it
JAMMED = 60000  # ms held down: no finger, a stuck button
ANSWER = 20000  # ms to wait for the gateway's answer before the same press is sent again; twice as long each time
PATIENCE = 60000  # ms without an answer until the light says so; the press is sent on all the same
SHOW = 120000  # ms an answer stays on the light
TELEMETRY = 20  # messages kept while there is no connection; the oldest gives way
BATCH = 8  # messages that are worth a write to the flash
PRESSES = 32  # presses kept; a further one of a kind that waits already means what those before it mean
HEARD = 8  # commands remembered, so that one that comes again is not done again
ACKS = 40  # acknowledgements kept while there is no connection
FIRST_RETRY, LAST_RETRY = 1000, 300000  # ms between the first attempts to connect, and between the last
NAP = 5000  # ms: a shorter sleep is not worth the waking
KINDS = ("restart",)  # commands that this board can do, beside the answer to a press

IDLE, SENDING, RECEIVED, PROMISED, FAILED = "idle", "sending", "received", "promised", "failed"
COMING, TESTED = "coming", "tested"
ANSWERS = {"callback_scheduled": PROMISED, "coming": COMING, "test_heard": TESTED}  # any other word: RECEIVED
NEWS = (PROMISED, COMING, TESTED, FAILED)  # shown from their beginning, each time

BROKEN = (ValueError, KeyError, TypeError, AttributeError)  # what text that is not as it should be raises

# the light's rhythm: ms on, ms off, …, again from the start
RHYTHM = {
    IDLE: (0, 1000),
    SENDING: (100, 100),
    RECEIVED: (500, 500),
    PROMISED: (1000, 0),
    COMING: (1500, 150, 150, 150),
    TESTED: (400, 150, 400, 1500),
    FAILED: (80, 120, 80, 120, 80, 1000),
}


class Press:
    """One press on its way; `due` is when to send it (again), `told` whether the light has said that it failed."""

    def __init__(self, press_id: str, kind: str, ts: int | None, since: int) -> None:
        self.id = press_id
        self.kind = kind
        self.ts = ts
        self.since = since
        self.due = since
        self.tries = 0
        self.told = False


class Finger:
    """Turns a bouncing contact into "single", "double", "long" or "test".

    A test is two taps and then a press that is held for HOLD and let go before LET_GO, with the button at rest for
    STILL before and after. All else is a call: a third tap, a hold that is too short or too long, one press more.
    """

    def __init__(self, down: bool = False, stuck: bool = False) -> None:
        """`down`: the contact itself has woken us, so that a press began before anybody could look. `stuck`: it was
        held already when the board went to sleep, and that has been said."""
        stuck = stuck and not down
        self.down = down or stuck
        self._raw = self._told_long = stuck
        self._raw_since = 0
        self._since = -JAMMED if stuck else 0
        self._clicks = 0  # short presses whose end nobody knows yet
        self._still = False  # they began after a rest, and were taps: a test may come of them
        self._ripe = False  # the whole gesture was there, and STILL is awaited
        self._more: str | None = None  # what the finger meant besides

    def step(self, raw: bool, now: int) -> str | None:
        """Call often with the contact's state; returns a kind once it is certain, else None."""
        if self._more is not None:
            kind, self._more = self._more, None
            return kind
        if raw != self._raw:
            self._raw, self._raw_since = raw, now
        if raw != self.down and now - self._raw_since >= DEBOUNCE:
            return self._turned(raw, now)
        return self._held(now - self._since) if self.down else self._rested(now - self._since)

    def busy(self, now: int) -> bool:
        """Whether the contact must be watched. One that is held for ever is stuck, and must not empty the battery."""
        if self.down:
            return not self.stuck(now)
        return self._clicks > 0 or self._raw or self._more is not None

    def stuck(self, now: int) -> bool:
        return self.down and now - self._since >= JAMMED

    def let_go(self, now: int) -> bool:
        """Whether it is a test if the finger leaves now."""
        return self.down and self._clicks == 2 and HOLD <= now - self._since < LET_GO

    def _held(self, ms: int) -> str | None:
        if self._told_long or ms < (LET_GO if self._clicks == 2 else LONG):
            return None
        self._told_long = True
        if self._clicks == 2:
            return self._call()
        self._clicks = 0
        return "long"

    def _rested(self, ms: int) -> str | None:
        if not self._clicks or ms < (STILL if self._ripe else DOUBLE):
            return None
        kind = "test" if self._ripe else "single" if self._clicks == 1 else "double"
        self._clicks, self._ripe = 0, False
        return kind

    def _turned(self, down: bool, now: int) -> str | None:
        lasted = now - self._since
        self.down, self._since = down, now
        if down:
            self._told_long = False
            if self._ripe:
                return self._call()
            if not self._clicks:
                self._still = lasted >= STILL
            return None
        if self._told_long:
            return None
        if self._clicks == 2:
            return self._third(lasted)
        self._clicks += 1
        self._still = self._still and lasted <= TAP
        if self._clicks == 2 and not self._still:
            self._clicks = 0
            return "double"
        return None

    def _third(self, lasted: int) -> str | None:
        if HOLD <= lasted < LET_GO:
            self._ripe = True
            return None
        if lasted >= LONG:
            return self._call()
        self._clicks, self._still = 1, False
        return "double"

    def _call(self) -> str:
        """It looked like a test and is none, so it is all that it can be."""
        self._clicks, self._still, self._ripe, self._more = 0, False, False, "long"
        return "double"


class Button:
    """One button. `beat` may interrupt everything else and touches only finger and light; the rest is one thread's."""

    def __init__(self, device_id: str, memory: str, life: str, queue: str = "{}", woken: str = "power") -> None:
        """`memory` and `queue` are what survived (see `remembered`, `queued`), "{}" for a new board.

        `life` is a random word that is used when there is no readable memory: a counter that starts again must not
        repeat the ids of its former life. `woken`: "power", "pin" (a finger ended the sleep) or "timer".
        """
        self.device_id = device_id
        self.light = IDLE
        self.doing: str | None = None  # a command that is to be done once its acknowledgement is out
        self._light_since = 0
        self._recall(memory, life)
        self._recall_queue(queue)
        self.finger = Finger(woken == "pin", self.stuck)
        if woken == "timer":  # nobody stands here: it is tried again without a show
            for press in self.presses:
                press.told = True
        elif self.presses:
            self.light = SENDING

    def retry_in(self, attempt: int, chance: float) -> int:
        """ms to wait after `attempt` failures in a row (0, 1, …) before the next try; `chance` is in [0, 1).

        It doubles, and half of it is left to chance: a street of buttons whose power comes back in one instant does
        not come back to the broker in one instant.
        """
        longest = min(LAST_RETRY, FIRST_RETRY << min(attempt, 20))
        return longest // 2 + int(longest // 2 * chance)

    def _recall(self, memory: str, life: str) -> None:
        try:
            kept = json.loads(memory)
            self.life: str = kept["life"]
            self.counter: int = kept["counter"]
            self.presses = [Press(press["id"], press["kind"], press["ts"], 0) for press in kept["presses"]]
            self.heard: list[tuple[str, bool]] = [(command_id, ok) for command_id, ok in kept["heard"]]
            self.acks: list[str] = list(kept["acks"])
            self.said_stuck: bool = kept.get("stuck", False)
        except BROKEN:
            self.life, self.counter, self.presses, self.heard, self.acks = life, 0, [], [], []
            self.said_stuck = False
        self.stuck = self.said_stuck

    def _recall_queue(self, queue: str) -> None:
        try:
            kept = json.loads(queue)
            self._seq: int = kept["seq"]
            self.telemetry: list[str] = list(kept["queue"])
        except BROKEN:
            self._seq, self.telemetry = 0, []
        self._on_flash = len(self.telemetry)
        self._fresh = 0  # measured since the queue was last on the flash

    def remembered(self) -> str:
        """What must be on the flash before a press is sent or a command done."""
        presses = [{"id": press.id, "kind": press.kind, "ts": press.ts} for press in self.presses]
        return json.dumps({"life": self.life, "counter": self.counter, "presses": presses, "heard": self.heard,
                           "acks": self.acks, "stuck": self.said_stuck})

    def queued(self, at_once: bool) -> str | None:
        """The telemetry queue as it must be on the flash now; None: leave the flash in peace.

        What can be sent never touches the flash. What cannot is written BATCH at a time, and `at_once` when the memory
        is about to go (sleep, restart): a power cut costs at most the last BATCH - 1 readings, and no press.
        """
        fresh = min(self._fresh, len(self.telemetry))
        drained = self._on_flash and not self.telemetry
        if not (drained or fresh >= BATCH or (at_once and (fresh or self._on_flash != len(self.telemetry)))):
            return None
        self._on_flash, self._fresh = len(self.telemetry), 0
        return json.dumps({"seq": self._seq, "queue": self.telemetry})

    def beat(self, raw: bool, now: int) -> str | None:
        """Looks at the contact, some hundred times a second; returns what the finger meant, once, for `press`."""
        kind = self.finger.step(raw, now)
        if kind is not None:
            self._show(SENDING, now)
        return kind

    def press(self, kind: str, now: int, ts: int | None) -> bool:
        """True: store `remembered()` before anything else. `ts`: ms since 1970, None if unknown."""
        if len(self.presses) >= PRESSES and any(press.kind == kind for press in self.presses):
            return False
        self.counter += 1  # with it the id is never the same again, whatever the power does
        self.presses.append(Press(f"{self.life}-{self.counter}", kind, ts, now))
        return True

    def measured(self, values: dict[str, float], ts: int | None) -> None:
        """Queues telemetry; when there is no room the oldest telemetry goes, never a press."""
        self._seq += 1
        self._fresh += 1
        body: dict[str, object] = {"seq": self._seq, "values": values}
        if ts is not None:
            body["ts"] = ts
        self.telemetry.append(json.dumps(body))
        while len(self.telemetry) > TELEMETRY:
            self.telemetry.pop(0)

    def outgoing(self, now: int) -> tuple[str, str] | None:
        """The next (topic, payload) to publish at QoS 1, or None. Presses go first; call `sent` once acknowledged."""
        for press in self.presses:
            if press.due <= now:
                body: dict[str, object] = {"id": press.id, "kind": press.kind}
                if press.ts is not None:
                    body["ts"] = press.ts
                return self.topic("press"), json.dumps(body)
        if self.stuck != self.said_stuck:
            return self.topic("fault"), json.dumps({"code": "sticks", "active": self.stuck})
        if self.acks:
            return self.topic("ack"), self.acks[0]
        if self.telemetry:
            return self.topic("telemetry"), self.telemetry[0]
        return None

    def sent(self, message: tuple[str, str], now: int) -> bool:
        """The broker has acknowledged this message of `outgoing`. True: store `remembered()`."""
        topic, payload = message
        what = topic[topic.rindex("/") + 1:]
        if what == "press":
            self._taken(json.loads(payload)["id"], now)
        elif what == "ack":
            self.acks = [ack for ack in self.acks if ack != payload]
            return True
        elif what == "fault":
            self.said_stuck = json.loads(payload)["active"]
            return True
        elif self.telemetry and self.telemetry[0] == payload:
            self.telemetry.pop(0)
        return False

    def _taken(self, press_id: str, now: int) -> None:
        for press in self.presses:  # none, when its answer was faster than the broker's acknowledgement
            if press.id == press_id:
                press.due = now + min(ANSWER << min(press.tries, 20), 3600000)
                press.tries += 1
                if not press.told:
                    self._show(RECEIVED, now)

    def told(self, payload: bytes, now: int, date: int | None) -> bool:
        """A command. True: store `remembered()` before it is acknowledged to the broker.

        The same id again is acknowledged again and not done again. A kind that is not known, or one that is past its
        `expires_at` (as far as the `date` is known), is acknowledged with "ok": false and not done.
        """
        try:
            command = json.loads(payload)
            command_id, kind = command["id"], command.get("type")
            expires_at = command.get("expires_at")
            late = date is not None and expires_at is not None and expires_at <= date
        except BROKEN:
            return False  # not for us to judge: the next one may be readable
        if not isinstance(command_id, str):
            return False
        ok = True
        if kind == "press":
            self._answered(command.get("press_id"), command.get("state"), now)
        else:
            ok = self._ordered(command_id, kind, late)
        self.acks.append(json.dumps({"id": command_id, "ok": ok}))
        self.acks = self.acks[-ACKS:]
        return True

    def _ordered(self, command_id: str, kind: object, late: bool) -> bool:
        for heard, ok in self.heard:
            if heard == command_id:
                return ok
        ok = kind in KINDS and not late
        if ok:
            self.doing = str(kind)
        self.heard.append((command_id, ok))
        self.heard = self.heard[-HEARD:]
        return ok

    def _answered(self, press_id: object, state: object, now: int) -> None:
        self.presses = [press for press in self.presses if press.id != press_id]
        self._show(ANSWERS.get(str(state), RECEIVED), now)

    def tick(self, now: int) -> None:
        """Says that there is no answer yet, or that the contact is stuck, and lets old news fade."""
        self.stuck = self.finger.stuck(now)
        silent = [press for press in self.presses if not press.told and now - press.since >= PATIENCE]
        for press in silent:
            press.told = True
        if silent:
            self._show(FAILED, now)
        elif (self.light == RECEIVED or self.light in NEWS) and now - self._light_since >= SHOW:
            self._show(IDLE, now)

    def lit(self, now: int) -> bool:
        """Whether the light is on now. Under a finger it is: the button feels that it is pressed. It goes out when the
        last press of a test has lasted long enough."""
        if self.finger.let_go(now):
            return False
        if self.finger.down and self.light == IDLE:
            return True
        rhythm = RHYTHM[self.light]
        at = (now - self._light_since) % sum(rhythm)
        for place, length in enumerate(rhythm):
            if at < length:
                return place % 2 == 0
            at -= length
        return False

    def nap(self, now: int, report_at: int, retry_at: int | None) -> int | None:
        """ms the board may sleep, None when it is needed. `retry_at`: the next attempt to connect, None: connected."""
        if self.light != IDLE or self.finger.busy(now) or self.doing:
            return None
        if retry_at is None and self.outgoing(now) is not None:
            return None
        wake = report_at
        for press in self.presses:
            wake = min(wake, press.due if retry_at is None else retry_at)
        return wake - now if wake - now >= NAP else None

    def topic(self, what: str) -> str:
        return f"devices/{self.device_id}/{what}"

    def will(self) -> tuple[str, str]:
        """What the broker says of us, retained, when we are gone without a word. Without a time: docs/wire.md."""
        return self.topic("status"), '{"state": "lost"}'

    def status(self, state: str, ts: int | None, until: int | None = None) -> tuple[str, str]:
        """(topic, payload), retained: "online" after each connect, "sleeping" before a sleep, "stopped"."""
        body: dict[str, object] = {"state": state, "firmware": VERSION}
        if ts is not None:
            body["ts"] = ts
            if until is not None:
                body["until"] = until
        return self.topic("status"), json.dumps(body)

    def _show(self, light: str, now: int) -> None:
        if light != self.light or light in NEWS:
            self._light_since = now
            self.light = light
