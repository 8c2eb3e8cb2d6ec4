"""The quarter with its web on a free port, and short words for a power cut that people read about there."""

from collections.abc import Callable

import httpx
from sqlmodel import SQLModel

from gateway.model import Customer, Instant, Link, LinkPurpose, Outage
from gateway.monitoring.health import Health
from gateway.notifications import signed_links
from gateway.store import Store
from tests.fixtures.outage_fleet import LEFT, OutageStory, begin_outage_story
from tests.fixtures.web import serve


class OutageWeb(OutageStory):
    """The quarter with its web; a1 reads German."""

    base: str = ""
    requests: int = 0
    on_request: Callable[[int], object]

    def clock(self) -> Instant:
        """What the web reads once a request."""
        self.requests += 1
        self.on_request(self.requests)
        return self.now

    @property
    def latest(self) -> Outage:
        return self.outages[-1]

    def address(self, link: Link) -> str:
        return signed_links.url("", self.gw.settings.secret.get_secret_value(), LinkPurpose.FOLLOW, link.id)

    def page(self, home: str) -> str:
        """The path that this home's message carries."""
        return self.address(self.one(Link, Link.subject_id == self.latest.id, Link.site_id == home))

    def cut(self, *homes: str) -> None:
        """They go dark together, and it is confirmed."""
        self.lose(*(homes or LEFT), seconds=0)
        self.wait(seconds=4)
        assert self.latest.state == "confirmed"

    def with_history(self) -> None:
        """Three power cuts of an hour: enough for an estimate."""
        for _ in range(3):
            self.lose(*LEFT, seconds=1)
            self.live(minutes=60, step=4)
            self.back(*LEFT)
            self.live(minutes=28, step=4)

    def nest(self, *homes: str) -> None:
        """All are back but these."""
        self.cut()
        self.live(minutes=10)
        self.back(*(home for home in LEFT if home not in homes))
        self.live(minutes=12)

    def change(self, table: type[SQLModel], key: str, **values: object) -> None:
        with self.gw.store.write() as session:
            row = session.get(table, key)
            for name, value in values.items():
                setattr(row, name, value)

    def add(self, *rows: SQLModel) -> None:
        with self.gw.store.write() as session:
            for row in rows:
                session.add(row)
                session.flush()

    def texts(self, home: str) -> list[str]:
        return [message.text for message in self.messages if message.to == f"{home}@example.com"]

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.base, timeout=20, verify=False)


def outage_web(store: Store) -> OutageWeb:
    """Everybody lives there and the web is up."""
    lived_in = begin_outage_story(store)
    settings = lived_in.gw.settings
    service = settings.service.model_copy(update={"name": "Wiesental Service", "phone": "+41 44 668 18 00"})
    lived_in.gw.settings = settings.model_copy(update={"service": service})
    there = OutageWeb(lived_in.gw, lived_in.now, lived_in.messages, lived_in.seq)
    there.dark, there.on_request = set(), lambda number: None
    there.change(Customer, "a1", locale="de")
    there.base = serve(there.gw, there.clock, lambda: Health(ready=True))
    return there
