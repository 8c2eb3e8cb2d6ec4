"""The button's mind: what a finger meant, what waits to be sent, and what the light says. No hardware, no clock."""

import json

DEBOUNCE = 30  # ms a contact must keep still to be believed
LONG = 1500  # ms held down: a long press, known while the finger is still there
DOUBLE = 400  # ms after a release in which a second press makes it a double
ANSWER = 20000  # ms to wait for the gateway's answer before the same press is sent again
TRIES = 3  # times one press is sent before the light says that it failed
SHOW = 120000  # ms an answer stays on the light
TELEMETRY = 20  # messages kept while there is no connection; the oldest gives way
PRESSES = 32  # presses kept; a further one means what those before it mean already

IDLE, SENDING, RECEIVED, PROMISED, FAILED = "idle", "sending", "received", "promised", "failed"

# the light's rhythm: ms on, ms off, …, again from the start
RHYTHM = {
    IDLE: (0, 1000),
    SENDING: (100, 100),
    RECEIVED: (500, 500),
    PROMISED: (1000, 0),
    FAILED: (80, 120, 80, 120, 80, 1000),
}


class Press:
    """One press on its way; `due` is when it is to be sent (again)."""

    def __init__(self, press_id: str, kind: str, ts: int | None, due: int) -> None:
        self.id = press_id
        self.kind = kind
        self.ts = ts
        self.tries = 0
        self.due = due


class Finger:
    """Turns a bouncing contact into "single", "double" or "long"."""

    def __init__(self) -> None:
        self.down = False
        self._raw = False
        self._raw_since = 0
        self._since = 0
        self._clicks = 0
        self._told_long = False

    def step(self, raw: bool, now: int) -> str | None:
        """Call often with the contact's state; returns a kind once it is certain, else None."""
        if raw != self._raw:
            self._raw, self._raw_since = raw, now
        if raw != self.down and now - self._raw_since >= DEBOUNCE:
            return self._turned(raw, now)
        if self.down and not self._told_long and now - self._since >= LONG:
            self._told_long, self._clicks = True, 0
            return "long"
        if not self.down and self._clicks and now - self._since >= DOUBLE:
            self._clicks = 0
            return "single"
        return None

    def _turned(self, down: bool, now: int) -> str | None:
        self.down, self._since = down, now
        if down:
            self._told_long = False
            return None
        if self._told_long:
            return None
        self._clicks += 1
        if self._clicks == 2:
            self._clicks = 0
            return "double"
        return None


class Button:
    """One button: `memory` is what survived the last power loss (see `remembered`), "{}" for a new one."""

    def __init__(self, device_id: str, memory: str) -> None:
        kept = json.loads(memory)
        self.device_id = device_id
        self.counter = kept.get("counter", 0)
        self.presses = [Press(press["id"], press["kind"], press["ts"], 0) for press in kept.get("presses", ())]
        self.telemetry: list[str] = []
        self.acks: list[str] = []
        self.light = SENDING if self.presses else IDLE
        self._light_since = 0
        self._finger = Finger()
        self._seq = 0

    def remembered(self) -> str:
        """What must be on the flash before a press is sent: the counter, and the presses without an answer."""
        kept = [{"id": press.id, "kind": press.kind, "ts": press.ts} for press in self.presses]
        return json.dumps({"counter": self.counter, "presses": kept})

    def contact(self, raw: bool, now: int, ts: int | None) -> bool:
        """True when a press began: store `remembered()` before anything else. `ts`: ms since 1970, None if unknown."""
        kind = self._finger.step(raw, now)
        if kind is None:
            return False
        self._show(SENDING, now)
        if len(self.presses) >= PRESSES:
            return False
        self.counter += 1  # with it the id is never the same again, whatever the power does
        self.presses.append(Press(f"{self.device_id}-{self.counter}", kind, ts, now))
        return True

    def measured(self, values: dict[str, float], ts: int | None) -> None:
        """Queues telemetry; when there is no room the oldest telemetry goes, never a press."""
        self._seq += 1
        body: dict[str, object] = {"seq": self._seq, "values": values}
        if ts is not None:
            body["ts"] = ts
        self.telemetry.append(json.dumps(body))
        while len(self.telemetry) > TELEMETRY:
            self.telemetry.pop(0)

    def outgoing(self, now: int) -> tuple[str, str] | None:
        """The next (topic, payload) to publish at QoS 1, or None. Presses go first; call `sent` once acknowledged."""
        for press in self.presses:
            if press.due <= now and press.tries < TRIES:
                body: dict[str, object] = {"id": press.id, "kind": press.kind}
                if press.ts is not None:
                    body["ts"] = press.ts
                return self._topic("press"), json.dumps(body)
        if self.acks:
            return self._topic("ack"), self.acks[0]
        if self.telemetry:
            return self._topic("telemetry"), self.telemetry[0]
        return None

    def sent(self, message: tuple[str, str], now: int) -> None:
        """The broker has acknowledged this message of `outgoing`."""
        topic, payload = message
        if topic == self._topic("press"):
            for press in self.presses:
                if press.id == json.loads(payload)["id"]:
                    press.tries += 1
                    press.due = now + ANSWER
            self._show(RECEIVED, now)
        elif topic == self._topic("ack"):
            self.acks.pop(0)
        elif self.telemetry and self.telemetry[0] == payload:
            self.telemetry.pop(0)

    def told(self, payload: bytes, now: int) -> bool:
        """A command from the gateway. True when it answered a press: store `remembered()`."""
        try:
            command = json.loads(payload)
            command_id = command["id"]
            press_id = command.get("press_id")
        except (ValueError, KeyError, TypeError, AttributeError):
            return False  # not for us to judge: the next one may be readable
        self.acks.append(json.dumps({"id": command_id, "ok": True}))
        if press_id is None:
            return False
        waiting = len(self.presses)
        self.presses = [press for press in self.presses if press.id != press_id]
        self._show(PROMISED if command.get("state") == "callback_scheduled" else IDLE, now)
        return len(self.presses) < waiting

    def tick(self, now: int) -> bool:
        """Gives up what was tried often enough, and lets an old answer fade. True: store `remembered()`."""
        given_up = [press for press in self.presses if press.tries >= TRIES and press.due <= now]
        if given_up:
            self.presses = [press for press in self.presses if press not in given_up]
            self._show(FAILED, now)
        elif self.light in (PROMISED, FAILED) and now - self._light_since >= SHOW:
            self._show(IDLE, now)
        return bool(given_up)

    def lit(self, now: int) -> bool:
        """Whether the light is on now."""
        rhythm = RHYTHM[self.light]
        at = (now - self._light_since) % sum(rhythm)
        for place, length in enumerate(rhythm):
            if at < length:
                return place % 2 == 0
            at -= length
        return False

    def _topic(self, what: str) -> str:
        return f"devices/{self.device_id}/{what}"

    def _show(self, light: str, now: int) -> None:
        if light != self.light or light in (PROMISED, FAILED):
            self.light, self._light_since = light, now
