"""A village's devices speaking all at once, and what must be in the database afterwards whatever happened meanwhile."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from gateway.detection.presses import MOST_PRESSES
from gateway.store import Store
from tests.drivers.device_client import DeviceClient

HOMES = 100
AGAIN, LONGEST = 6, 48  # seconds after which a button that has heard nothing presses again; twice as long each time
PAUSE = 0.012  # seconds between messages: slow enough that most have a transaction of their own
SLOWER = 0.2  # … once enough is said


@dataclass
class LoadCheck:
    """All devices of the village speak in turn; bit by bit more pumps break and more buttons are pressed."""

    speaker: DeviceClient
    dice: random.Random
    expected_s: float  # the breaking and pressing is spread over this time
    enough: int = 1_000_000  # messages: from then on they only trickle, or a slower machine would have more to do
    sent: int = 0
    broken: dict[tuple[str, str], int] = field(default_factory=dict)  # (device, cause) → number of the first message
    again: int = 0  # presses that nobody had answered, pressed again
    stop: threading.Event = field(default_factory=threading.Event)
    answered: threading.Event = field(default_factory=threading.Event)

    @property
    def presses(self) -> set[tuple[str, str]]:
        """(button, press id) of each press that the broker took."""
        return {tag[1:] for tag in self.speaker.taken if tag[0] == "press"}

    @property
    def readings(self) -> set[tuple[str, int]]:
        """(pump, seq) of each telemetry message that the broker took."""
        return {tag[1:] for tag in self.speaker.taken if tag[0] == "reading"}

    @property
    def unanswered(self) -> set[tuple[str, str]]:
        """Presses whose button has heard nothing yet."""
        return self.presses - {(topic.split("/")[1], body["press_id"]) for topic, body in list(self.speaker.heard)}

    def run(self) -> None:
        began = time.monotonic()
        while not self.stop.wait(PAUSE if self.sent < self.enough else SLOWER):
            awake = max(1, min(HOMES, int((time.monotonic() - began) / self.expected_s * HOMES)))
            self._one(self.dice.randrange(awake))
            self._one(self.dice.randrange(HOMES), healthy=True)

    def _one(self, home: int, healthy: bool = False) -> None:
        self.sent += 1
        number, pump = self.sent, f"pump-{home}"
        now = time.time_ns() // 1_000_000
        kind = "telemetry" if healthy else self.dice.choice(("telemetry", "press", "press", "fault"))
        if kind == "press":
            button = f"button-{home}{self.dice.choice('ab')}"
            press = f"p{number}"
            self.speaker.say(f"devices/{button}/press", {"id": press, "ts": now}, ("press", button, press))
        elif kind == "fault" and home % 2:
            self.broken.setdefault((pump, "fault:E7"), number)
            self.speaker.say(f"devices/{pump}/fault", {"code": "E7", "ts": now}, ("fault", pump, number))
        else:
            hot = home % 3 == 0 and (not healthy or (pump, "overheating") in self.broken)
            if hot:
                self.broken.setdefault((pump, "overheating"), number)
            message = {"ts": now, "seq": number, "values": {"flow_temp": 80 + home % 5 if hot else 40}}
            self.speaker.say(f"devices/{pump}/telemetry", message, ("reading", pump, number))


    def press_again(self) -> None:
        """Buttons do as firmware_stub/core.py does, with shorter pauses: the same press with the same id until somebody
        answers, after a pause that is twice as long each time.

        While there is traffic each button has one such press on its mind, the oldest: all of them at once, again and
        again, would be a storm that no person can press."""
        due: dict[tuple[str, str], tuple[float, int]] = {}  # (button, press id) → when it is pressed again, the pause
        while not self.answered.wait(AGAIN / 3):
            now = time.monotonic()
            due = {pressed: due.get(pressed, (now + AGAIN, AGAIN)) for pressed in self.unanswered}
            on_mind = sorted(due, key=lambda pressed: int(pressed[1][1:]))
            if not self.stop.is_set():
                on_mind = list({button: (button, press) for button, press in reversed(on_mind)}.values())
            for button, press in on_mind:
                at, pause = due[button, press]
                if at <= now:
                    due[button, press] = now + min(2 * pause, LONGEST), min(2 * pause, LONGEST)
                    self.again += 1
                    message = {"id": press, "ts": time.time_ns() // 1_000_000}
                    self.speaker.say(f"devices/{button}/press", message, ("press", button, press))


@contextmanager
def retrying(traffic: LoadCheck) -> Iterator[None]:
    """Until the block ends, whoever pressed and heard nothing presses again."""
    thread = threading.Thread(target=traffic.press_again)
    thread.start()
    try:
        yield
    finally:
        traffic.answered.set()
        thread.join()


@contextmanager
def publishing(traffic: LoadCheck) -> Iterator[None]:
    """Traffic flows until the block ends, and is then all with the broker."""
    thread = threading.Thread(target=traffic.run)
    thread.start()
    try:
        yield
    finally:
        traffic.stop.set()
        thread.join()
        traffic.speaker.flush()


def count(store: Store, sql: str) -> int:
    with store.engine.connect() as connection:
        return int(connection.execute(text(sql)).scalar() or 0)


def rows(store: Store, sql: str) -> list[tuple[Any, ...]]:
    with store.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def all_stored(store: Store, traffic: LoadCheck) -> bool:
    """Everything that the broker took is in the database and judged, and every button has its answers."""
    return (count(store, "SELECT count(*) FROM reading") >= len(traffic.readings)
            and count(store, "SELECT count(*) FROM press") >= len(traffic.presses)
            and not traffic.unanswered and not _waits_for_its_backlog(store))


def _waits_for_its_backlog(store: Store) -> bool:
    """Whether some alarm is sure and not raised yet: on a slow machine the last readings are older than rules.LATE when
    they are read, so what they show may be over by now, and is raised only when the rest of a backlog has had its time
    and the gateway has listened for RECHECK_AFTER. Nothing is lost when it stops before: the next one raises it, see
    tests/stories/test_restart.py."""
    return count(store, "SELECT count(*) FROM device_state WHERE CAST(memory AS text) LIKE '%\"ripe\"%'") > 0


def assert_nothing_lost(store: Store, traffic: LoadCheck) -> None:
    """Each press and each reading that the broker took, once; nothing that could not be read; each press answered."""
    assert Counter(rows(store, "SELECT device_id, press_id FROM press")) == Counter(traffic.presses)
    assert Counter(rows(store, "SELECT device_id, seq FROM reading")) == Counter(traffic.readings)
    assert rows(store, "SELECT topic, reason FROM dead_letter") == []
    assert traffic.unanswered == set()


def assert_one_of_each(store: Store, traffic: LoadCheck) -> None:
    """One alarm per fault, one ticket per device, one callback per site, and nothing that nobody caused. A button that
    is pressed more often than any finger can sticks: that is a ticket of its own."""
    heard = {number for kind, _, number in traffic.speaker.taken if kind != "press"}
    broken = Counter((f"home-{device[5:]}", device, cause) for (device, cause), number in traffic.broken.items()
                     if number in heard)
    assert len(broken) > HOMES // 2
    devices = Counter({(site, device) for site, device, _ in broken})
    assert Counter(rows(store, "SELECT site_id, device_id FROM ticket WHERE closed_at IS NULL"
                        " AND device_id LIKE 'pump-%'")) == devices
    assert Counter(rows(store, "SELECT site_id, device_id, rule FROM alarm WHERE rule <> 'sticks'")) == broken
    times = Counter(button for button, _ in traffic.presses)
    often = {button for button in times if times[button] > MOST_PRESSES}
    assert {button for (button,) in rows(store, "SELECT device_id FROM alarm WHERE rule = 'sticks'")} <= often
    assert count(store, "SELECT count(*) FROM ticket WHERE round > 1") == 0
    assert Counter(rows(store, "SELECT site_id FROM callback WHERE closed_at IS NULL")) == Counter(
        {(f"home-{button[7:-1]}",) for button, _ in traffic.presses})
