"""The web over a town on a free port: a clock that moves only when told, and devices that really report."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr
from sqlmodel import col, select

from gateway import flow, links
from gateway.detection.batch import Heard
from gateway.flow import Gateway
from gateway.health import Health
from gateway.model import HOUR, MINUTE, Callback, Instant, Link, Offer, Ticket, Visit, from_iso, to_iso
from gateway.planning.acts import AcceptOffer
from gateway.profiles import load_profiles
from gateway.settings import Service, Settings
from gateway.store import Store
from gateway.store.keys import create_key
from gateway.web import Server, build_app
from tests.town import move_in

MONDAY = from_iso("2026-11-23T13:00:00+01:00")  # in Wiesental: a working day, one o'clock
SECRET = "a secret that is long enough for a test, at least"


@dataclass
class Street:
    gw: Gateway
    now: Instant = MONDAY
    health: Health = field(default_factory=lambda: Health(ready=True))
    base: str = ""

    def hear(self, topic: str, **message: Any) -> None:
        """A device speaks."""
        flow.receive(self.gw, [Heard(f"devices/{topic}", json.dumps(message).encode())], self.now)

    def measure(self, device: str = "alice-pump", count: int = 60) -> None:
        """An hour of telemetry, one a minute: warmer and warmer, but not yet too hot."""
        for number in range(count):
            at, heat = self.now - (count - number) * MINUTE, round(45 + (number / count) ** 2 * 28, 1)
            values = {"flow_temp": heat, "return_temp": heat - 6 + number % 3, "pressure": 1.6, "fan": number % 2 == 0}
            message = json.dumps({"ts": to_iso(at), "seq": number, "values": values}).encode()
            flow.receive(self.gw, [Heard(f"devices/{device}/telemetry", message)], at)

    def wait(self, ms: int) -> None:
        self.now += ms

    def break_down(self, device: str = "alice-pump", code: str = "E7") -> Ticket:
        """The device reports a fault; its ticket."""
        self.hear(f"{device}/fault", code=code)
        return self.one(select(Ticket).where(col(Ticket.device_id) == device, col(Ticket.cause_key) == f"fault:{code}"))

    def press(self, device: str = "alice-button", kind: str = "single", press_id: str = "1") -> Callback:
        self.hear(f"{device}/press", id=press_id, kind=kind)
        return self.one(select(Callback).where(col(Callback.device_id) == device))

    def accept(self, ticket: Ticket, technician: str = "Karin Kunz") -> Visit:
        """The provider who is asked says yes, for the next four hours."""
        offer = self.offer(ticket)
        flow.advance(self.gw, AcceptOffer(offer.id, technician, self.now, self.now + 4 * HOUR), "provider", self.now)
        return self.visit(ticket)

    def offer(self, ticket: Ticket) -> Offer:
        newest = select(Offer).where(col(Offer.ticket_id) == ticket.id).order_by(col(Offer.offered_at).desc())
        return self.one(newest)

    def visit(self, ticket: Ticket) -> Visit:
        return self.one(select(Visit).where(col(Visit.ticket_id) == ticket.id).order_by(col(Visit.created_at).desc()))

    def ticket(self, ticket_id: str) -> Ticket:
        return self.one(select(Ticket).where(col(Ticket.id) == ticket_id))

    def path(self, purpose: str, subject_id: str) -> str:
        """The path of the link to `subject_id`, as a message carries it."""
        link = self.one(select(Link).where(col(Link.purpose) == purpose, col(Link.subject_id) == subject_id))
        return links.url("", SECRET, purpose, link.id)

    def one(self, query: Any) -> Any:
        with self.gw.store.read() as session:
            row = session.scalars(query).first()
        assert row is not None
        return row

    def add(self, *rows: Any) -> None:
        with self.gw.store.write() as session:
            for row in rows:
                session.add(row)
                session.flush()

    def key(self, role: str = "agent", name: str = "Dana") -> dict[str, str]:
        """Headers with a fresh API key."""
        with self.gw.store.write() as session:
            plain = create_key(session, name, role, self.now)
        return {"Authorization": f"Bearer {plain}"}

    def client(self, **headers: str) -> httpx.Client:
        return httpx.Client(base_url=self.base, headers=headers, timeout=20)


def settings(**more: Any) -> Settings:
    return Settings(secret=SecretStr(SECRET), service=Service(phone="+41 44 668 18 00", name="Wiesental Service"), **more)


@contextmanager
def street(store: Store) -> Iterator[Street]:
    """Everybody has moved in and the web is up."""
    move_in(store)
    kinds = load_profiles(Path(__file__).parents[1] / "profiles")
    profiles = {"heat-pump": kinds["heat-pump"], "button": kinds["help-button"]}
    there = Street(Gateway(settings(), store, profiles, {}))
    server = Server(build_app(there.gw, lambda: there.now, lambda: there.health), "127.0.0.1", 0)
    there.base = f"http://127.0.0.1:{server.port}"
    try:
        yield there
    finally:
        server.stop()
