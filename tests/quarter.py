"""A quarter for area outages: five homes on each of two laterals of a feeder, and ten homes on another feeder."""

from collections.abc import Iterable

from gateway.config.fleet_file import read_fleet
from gateway.flow.gateway import deliver, sweep, watch
from gateway.model import HOUR, MINUTE, SECOND, Instant, Outage, OutageMember
from gateway.store import Store, ingest
from gateway.store.fleet import save_fleet
from tests.story import NOON, Story, begin

LEFT = [f"a{number}" for number in range(5)]
RIGHT = [f"b{number}" for number in range(5)]
FAR = [f"c{number}" for number in range(10)]
EVERYBODY = [*LEFT, *RIGHT, *FAR]
CARRIED = ["a0", "b0", *FAR[:4]]  # speak through one carrier


def _home(name: str) -> str:
    lateral = {"a": "feeder-9a", "b": "feeder-9b", "c": "feeder-8"}[name[0]]
    place = "weiler" if name in FAR else "dorf"
    areas = [lateral, place, *(["carrier"] if name in CARRIED else [])]
    return f"  - {{id: {name}, customer: {name}, name: House {name}, postcode: 8001, areas: [{', '.join(areas)}]}}"


QUARTER = "\n".join([
    "areas:",
    "  - {id: feeder-9, name: Feeder 9, kind: feeder}",
    "  - {id: feeder-9a, name: Lateral 9a, kind: feeder, parent: feeder-9}",
    "  - {id: feeder-9b, name: Lateral 9b, kind: feeder, parent: feeder-9}",
    "  - {id: feeder-8, name: Feeder 8, kind: feeder}",
    "  - {id: wiesental, name: Wiesental}",
    "  - {id: dorf, name: Dorf, parent: wiesental}",
    "  - {id: weiler, name: Weiler, parent: wiesental}",
    "  - {id: carrier, name: Funknetz, kind: network}",
    "customers:",
    *(f"  - {{id: {name}, name: Family {name}, contacts: [{{channel: email, address: {name}@example.com}}]}}"
      for name in EVERYBODY),
    "sites:",
    *(_home(name) for name in EVERYBODY),
    "devices:",
    *(f"  - {{id: {name}-pump, profile: heat-pump, site: {name}, name: Heat pump}}" for name in EVERYBODY),
    *(f"  - {{id: {name}-button, profile: button, site: {name}, name: Button}}" for name in ("a0", "b4")),
    "  - {id: c0-meter, profile: heat-pump, site: c0, name: Meter}",  # never heard, but in stories about it
    "  - {id: c9-meter, profile: heat-pump, site: c9, name: Meter, via: c9-pump}",
])


class Quarter(Story):
    """Everybody lives, and time passes in steps in which the living speak."""

    dark: set[str]

    def lose(self, *homes: str, seconds: float = 0) -> None:
        """The broker says that their devices are gone, one after the other."""
        for home in homes:
            self.hear(f"devices/{home}-pump/status", {"state": "lost"}, retained=True)
            self.dark.add(home)
            self.wait(seconds=seconds)

    def back(self, *homes: str) -> None:
        for home in homes:
            self.dark.discard(home)
            self.says(f"{home}-pump", flow_temp=40.0)

    def live(self, minutes: float, step: float = 1.0) -> None:
        """Time passes; every home that is not dark speaks once a minute."""
        for _ in range(round(minutes / step)):
            self.living_speak()
            self.wait(minutes=step)

    def living_speak(self) -> None:
        self.says(*(f"{home}-pump" for home in EVERYBODY if home not in self.dark), flow_temp=40.0)

    def wait(self, minutes: float = 0, seconds: float = 0, since: Instant = NOON - HOUR) -> None:
        """As ever; `since`: since when the gateway has heard its broker without a gap."""
        self.now += round(minutes * MINUTE + seconds * SECOND)
        self.listen(since)
        self._clock()

    def deaf(self) -> None:
        """A moment in which the gateway hears no broker."""
        with self.gw.store.write() as session:
            ingest.beat(session, "gateway", None, self.now)
        self._clock()

    def _clock(self) -> None:
        while sweep(self.gw, self.now) + watch(self.gw, self.now):
            pass
        while deliver(self.gw, self.now):
            pass

    @property
    def outages(self) -> list[Outage]:
        """All but our own deafness, the oldest first."""
        return sorted((row for row in self.all(Outage) if row.key != "!deaf"), key=lambda row: row.suspected_at)

    @property
    def outage(self) -> Outage:
        found = [row for row in self.outages if row.state != "dismissed"]
        assert len(found) == 1, found
        return found[0]

    def members(self, state: str) -> set[str]:
        return {row.site_id for row in self.all(OutageMember, OutageMember.state == state)}

    def customers_told(self, of: Iterable[str] = EVERYBODY) -> dict[str, list[str]]:
        told = {home: self.told_to(f"{home}@example.com") for home in of}
        return {home: subjects for home, subjects in told.items() if subjects}


def settle(store: Store) -> Quarter:
    """The quarter is lived in: every device has been heard a moment ago."""
    began = begin(store)
    quarter = Quarter(began.gw, began.now, began.told)
    began.gw.channels.clear()
    from gateway.notifications.channels import Channel, Outcome, Sent
    from tests.story import Message

    def keep(address: str, message: object, ref: str) -> Outcome:
        quarter.told.append(Message(address, message.subject, message.long_text))  # type: ignore[attr-defined]
        return Sent("ok")

    began.gw.channels.update(email=Channel("email", "long", keep))
    quarter.dark = set()
    with store.write() as session:
        save_fleet(session, read_fleet(QUARTER, "tests/quarter.py"), quarter.now)
    quarter.living_speak()
    return quarter
