"""A town in which nothing is played: a gateway of its own process, a broker, a mail server, buttons under MicroPython,
and pages as people open them. Only time is the test's: it passes as it wants."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
from sqlmodel import SQLModel, select

from gateway.model import MINUTE, Callback, Instant, Listener, Outage, OutageMember, local
from gateway.store import Store
from gateway.store.accounts.api_keys import create_key
from tests.drivers.button_box import Box, button_box
from tests.drivers.device_client import DeviceClient, device_client
from tests.drivers.web_driver import read
from tests.fixtures import pressed_homes
from tests.fixtures.gateway_process import GatewayProcess
from tests.fixtures.hundred_sites import write_profiles
from tests.fixtures.moved_clock import MovedClock
from tests.fixtures.pressed_homes import ZONE, save_pressed_homes
from tests.fixtures.servers import HOST, Mosquitto, SmtpServer, free_port, smtp_server, wait_until

Row = TypeVar("Row", bound=SQLModel)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SOON = 30.0  # seconds: what comes at once may take that long on a machine that is busy


@dataclass
class RealTown:
    """`devices` speak for all that has no button of its own. `api`: as an agent called Dana."""

    folder: Path
    store: Store
    clock: MovedClock
    broker: Mosquitto
    post: SmtpServer
    devices: DeviceClient
    gateway: GatewayProcess
    api: httpx.Client
    node: str
    dark: set[str] = field(default_factory=set)
    boxes: list[Box] = field(default_factory=list)

    # time

    @property
    def now(self) -> Instant:
        return self.clock()

    def until(self, at: Instant) -> None:
        """It is then, at once; never earlier than now."""
        self.clock.ahead += max(0, at - self.now)
        for box in self.boxes:
            box.set_clock(self.clock.ahead)

    def wait(self, minutes: float) -> None:
        self.until(self.now + round(minutes * MINUTE))

    def next_time(self, time: str, *days: str) -> Instant:
        """When it is that time in the town next, on one of these days."""
        hour, minute = map(int, time.split(":"))
        at = local(self.now, ZONE).replace(hour=hour, minute=minute, second=0, microsecond=0)
        while at.timestamp() * 1000 < self.now or DAYS[at.weekday()] not in days:
            at += timedelta(days=1)
        return round(at.timestamp() * 1000)

    def at_the_desk(self) -> None:
        """Somebody is there, and for hours to come."""
        at = local(self.now, ZONE)
        if at.weekday() > 4 or not 8 <= at.hour < 14:
            self.until(self.next_time("09:00", *DAYS[:5]))
            now = self.now  # what it hears before it has said that it listens now too proves no outage
            wait_until(lambda: self.all(Listener, Listener.beat_at >= now), SOON, "the gateway to hear the new time")

    def live(self, minutes: float = 0) -> None:
        """So much time has passed, and whoever has power speaks."""
        self.wait(minutes)
        for home in pressed_homes.HOMES:
            if home not in self.dark:
                self.says(f"{home}-pump", flow_temp=40.0)
        if "s0" not in self.dark:
            self.says("s0-hub", battery=100.0)
        self.devices.flush()

    # what speaks

    def says(self, device: str, **values: float) -> None:
        self.devices.say(f"devices/{device}/telemetry", {"ts": self.now, "values": values})

    def lose(self, *homes: str) -> None:
        """The broker says that their devices are gone."""
        for home in homes:
            self.dark.add(home)
            for device in (f"{home}-pump", *(["s0-hub"] if home == "s0" else [])):
                self.devices.say(f"devices/{device}/status", {"state": "lost"}, retain=True)

    def back(self, *homes: str) -> None:
        for home in homes:
            self.dark.discard(home)
            for device in (f"{home}-pump", *(["s0-hub"] if home == "s0" else [])):
                self.devices.say(f"devices/{device}/status", {"state": "online"}, retain=True)
                self.says(device, flow_temp=40.0)

    @contextmanager
    def button(self, device: str) -> Iterator[Box]:
        """It has power and is connected."""
        flash = self.folder / f"{device}-{len(list(self.folder.glob(f'{device}-*')))}"
        with button_box(self.node, flash, self.broker.port, device) as box:
            self.boxes.append(box)
            box.set_clock(self.clock.ahead)
            box.power()
            box.state(linked=True)
            try:
                yield box
            finally:
                self.boxes.remove(box)

    # what is known

    def all(self, table: type[Row], *where: Any) -> list[Row]:
        with self.store.read() as session:
            return list(session.exec(select(table).where(*where)))

    def one(self, table: type[Row], *where: Any) -> Row:
        rows = self.all(table, *where)
        assert len(rows) == 1, f"expected one {table.__name__}, got {len(rows)}: {rows}"
        return rows[0]

    def calls(self, home: str, **wanted: Any) -> list[Callback]:
        """Of that home, the oldest first."""
        found = self.all(Callback, Callback.site_id == home, *(getattr(Callback, name) == value
                                                               for name, value in wanted.items()))
        return sorted(found, key=lambda row: row.requested_at)

    def open_call(self, home: str, **wanted: Any) -> Callback:
        """Once there is one."""
        def found() -> list[Callback]:
            return [row for row in self.calls(home, **wanted) if row.closed_at is None]

        wait_until(found, SOON, f"somebody of {home} to wait for a call")
        [call] = found()
        return call

    def until_true(self, true: Callable[[], Any], what: str) -> None:
        wait_until(true, SOON, what)

    def outage(self, street: str, state: str) -> Outage:
        """The one there, once it is so."""
        def found() -> list[Outage]:
            return self.all(Outage, Outage.area_id == f"feeder-{street}", Outage.state == state)

        wait_until(found, SOON, f"the outage of street {street} to be {state}", lambda: self.all(Outage))
        [outage] = found()
        return outage

    def members(self, outage: Outage, state: str) -> set[str]:
        """The homes in it that are so."""
        return {row.site_id for row in self.all(OutageMember, OutageMember.outage_id == outage.id,
                                                OutageMember.state == state)}

    # what people read and do

    def act(self, path: str, **body: Any) -> dict[str, Any]:
        """As an agent; the answer."""
        answer = self.api.post(path, json=body)
        assert answer.is_success, f"{path}: {answer.text}"
        return dict(answer.json())

    def letters(self, address: str, words: str = "") -> list[str]:
        """Subject and text of all that came with these words, in order, one space between the words."""
        letters = (" ".join(f"{mail.message['subject']} | {mail.text}".split()) for mail in list(self.post.mails)
                   if address in mail.to)
        return [letter for letter in letters if words in letter]

    def told(self, address: str, words: str) -> str:
        """The newest mail with these words, once it is there."""
        wait_until(lambda: self.letters(address, words), SOON, f"{address} to read {words!r}")
        return self.letters(address, words)[-1]

    def link(self, letter: str, page: str = "f") -> str:
        """The address that it carries."""
        found = re.search(rf"http://[^\s/]+/{page}/[\w.-]+", letter)
        assert found is not None, letter
        return found[0].rstrip(".")

    def said(self, at: Instant) -> str:
        """As people read it."""
        return f"{local(at, ZONE):%H:%M}"

    def page(self, letter: str, page: str = "f", status: int = 200) -> str:
        """What whoever opens it reads."""
        return read(httpx.get(self.link(letter, page), timeout=20), status)


@contextmanager
def real_town(folder: Path, store: Store, node: str) -> Iterator[RealTown]:
    """It is Monday, 13:00, and everybody lives there."""
    clock = MovedClock(folder / "clock")
    clock.ahead = pressed_homes.BEGIN - clock()
    save_pressed_homes(store, clock())
    with store.write() as session:
        key = create_key(session, "Dana", "agent", clock())
    (folder / "broker").mkdir()
    broker, port = Mosquitto(folder / "broker"), free_port()
    broker.start()
    try:
        with smtp_server() as post, device_client(broker.port) as devices:
            url = f"http://{HOST}:{port}"
            settings = {
                "WEB__PORT": str(port), "WEB__PUBLIC_URL": url,
                "PROFILES": str(write_profiles(folder / "homes", pressed_homes.PROFILES)),
                "SERVICE": json.dumps(pressed_homes.SERVICE), "ON_CALL": json.dumps(pressed_homes.ON_CALL),
                "CHANNELS__EMAIL": json.dumps({"host": HOST, "port": post.port, "sender": "service@service.example",
                                               "security": "none"})}
            database = store.engine.url.render_as_string(hide_password=False)
            bearer = {"Authorization": f"Bearer {key}"}
            with (GatewayProcess(folder, database, broker.port, more=settings, clock=clock) as gateway,
                  httpx.Client(base_url=f"{url}/api/v1", headers=bearer, timeout=20) as api):
                gateway.wait_until_listening(store)
                town = RealTown(folder, store, clock, broker, post, devices, gateway, api, node)
                town.live(minutes=30)  # a broker that was just heard proves no outage
                yield town
    finally:
        broker.stop()
        clock.close()
