"""A town with faults that need several skills, and all that anybody in it may do at any moment."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import MISSING, Field, dataclass, fields, replace
from enum import EnumMeta
from functools import cache
from itertools import count
from random import Random
from typing import Any, get_args

from sqlalchemy import true
from sqlmodel import SQLModel, col, select

from gateway.config.fleet_file import Fleet, read_fleet
from gateway.config.settings import Service, Settings
from gateway.config.sla_file import load_sla
from gateway.flow.adopt_sla import adopt_policies
from gateway.flow.gateway import Gateway
from gateway.model import (
    DAY,
    HOUR,
    Alarm,
    Callback,
    Instant,
    Offer,
    OnCallPage,
    Severity,
    Site,
    Subject,
    SubjectKind,
    Ticket,
    Visit,
)
from gateway.model.plan import NoSuch, Refused
from gateway.notifications.channels import Channel, NotSent, Outcome, Sent
from gateway.store import Store
from gateway.store.fleet import save_dispatcher_contacts, save_fleet
from gateway.tickets.actions import (
    AcceptOffer,
    Act,
    Arrive,
    CancelTicket,
    DeclineOffer,
    Depart,
    Finish,
    HandBack,
    MergeTickets,
    OpenTicket,
    ResolveTicket,
)
from gateway.tickets.context import Policy
from gateway.tickets.visits.signature import Signed
from tests.drivers.story import Story, compiled
from tests.fixtures.database_copies import fill

Choose = Callable[[Sequence[Any]], Any]
"""Picks one of several."""

BOILER = """
profile: boiler
name: {en: boiler, de: Kessel}
signals:
  heat: {unit: "1"}
  power: {unit: "1"}
  gas: {unit: "1"}
  leak: {unit: "1"}
rules:
  too_hot: {when: heat > 0.5, severity: critical, cause: {en: It is too hot, de: Er ist zu heiß}, skill: heating}
  no_power: {when: power > 0.5, severity: major, cause: {en: It has no power, de: Er hat keinen Strom},
             skill: electrical}
  gas: {when: gas > 0.5, severity: major, cause: {en: It smells of gas, de: Es riecht nach Gas}, skill: gas}
  leak: {when: leak > 0.5, latch: true, severity: minor, cause: {en: It leaks, de: Er tropft}, skill: plumbing}
"""
FAULTS = ("heat", "power", "gas", "leak")  # nobody has learnt gas
BUTTON = """
profile: button
name: {en: help button, de: Hilfeknopf}
button: {urgent_on: [long]}
"""
BOILERS, BUTTONS = ("alice-boiler", "alice-stove", "bob-boiler", "hut-boiler"), ("alice-button", "hut-button")

# One home with two devices, another one, and a hut in nobody's territory; a plumber who works in the mornings.
FLEET = """
areas:
  - {id: wiesental, name: Wiesental}
customers:
  - {id: alice, name: Alice Keller, timezone: Europe/Zurich, quiet_hours: ["22:00", "07:00"],
     contacts: [{channel: email, address: alice@example.com}, {channel: sms, address: "+41791234567"}],
     people: [{id: alice-1, name: Alice Keller, role: owner}, {id: tom, name: Tom Keller, role: helper}]}
  - {id: bob, name: Bob Meier, locale: de, timezone: Europe/Zurich,
     contacts: [{channel: email, address: bob@example.com}]}
sites:
  - {id: alice-home, customer: alice, name: Alice's house, street: Lindenweg 1, postcode: 8001, town: Wiesental,
     lat: 47.37, lon: 8.54, areas: [wiesental]}
  - {id: bob-home, customer: bob, name: Bob's flat, street: Lindenweg 2, postcode: 8001, town: Wiesental,
     lat: 47.371, lon: 8.541, areas: [wiesental]}
  - {id: hut, customer: bob, name: The hut, street: Am Berg 1, postcode: 9999, town: Oberwald, lat: 46.5, lon: 8.3}
devices:
  - {id: alice-boiler, profile: boiler, site: alice-home, name: Boiler}
  - {id: alice-stove, profile: boiler, site: alice-home, name: Stove}
  - {id: alice-button, profile: button, site: alice-home, name: Help button}
  - {id: bob-boiler, profile: boiler, site: bob-home, name: Kessel, cover: call_out_price, call_out_price: 95.00 CHF}
  - {id: hut-boiler, profile: boiler, site: hut, name: Boiler in the hut}
  - {id: hut-button, profile: button, site: hut, name: Button in the hut}
providers:
  - {id: kunz, name: Kunz Heating, timezone: Europe/Zurich, skills: [heating], territory: {postcodes: ["80*"]},
     hours: {mon: [["07:00", "18:00"]], tue: [["07:00", "18:00"]], wed: [["07:00", "18:00"]]}, capacity: 3,
     contacts: [{channel: email, address: office@kunz.example}], technicians: [{id: karin, name: Karin Kunz}]}
  - {id: seeblick, name: Seeblick Service, locale: de, timezone: Europe/Zurich, skills: [heating, electrical],
     territory: {areas: [wiesental]}, emergency: true,
     hours: {mon: [["00:00", "24:00"]], tue: [["00:00", "24:00"]], wed: [["00:00", "24:00"]],
             thu: [["00:00", "24:00"]], fri: [["00:00", "24:00"]], sat: [["00:00", "24:00"]],
             sun: [["00:00", "24:00"]]},
     contacts: [{channel: email, address: office@seeblick.example}]}
  - {id: rohr, name: Rohr Plumbing, timezone: Europe/Zurich, skills: [plumbing], territory: {areas: [wiesental]},
     hours: {mon: [["07:00", "12:00"]], tue: [["07:00", "12:00"]], thu: [["07:00", "12:00"]]},
     contacts: [{channel: email, address: office@rohr.example}]}
"""
PROVIDERS = ("kunz", "seeblick", "rohr")

# Of the rows that an act may be about: those that are open. Beside them: those that have been.
ROWS: dict[str, tuple[type[SQLModel], Any]] = {
    "offer_id": (Offer, col(Offer.closed_at).is_(None)), "visit_id": (Visit, col(Visit.done_at).is_(None)),
    "ticket_id": (Ticket, col(Ticket.closed_at).is_(None)),
    "callback_id": (Callback, col(Callback.closed_at).is_(None)),
    "into_id": (Ticket, col(Ticket.closed_at).is_(None)),
    "site_id": (Site, true()), "alarm_id": (Alarm, col(Alarm.closed_at).is_(None)),
    "subject": (OnCallPage, col(OnCallPage.closed_at).is_(None)),
}
# What else somebody may say with it; what has a default may be left out. Any state or kind may be said.
WORDS: dict[str, Sequence[Any]] = {
    "technician": ("Karin Kunz",), "why": ("I have no time",), "note": ("It is as I say",), "provider_id": PROVIDERS,
    "cause": ("It stays cold", "There is a puddle"), "skill": ("heating", "plumbing", "gas"), "device_id": BOILERS,
    "words": ("About the invoice",), "photos": (0, 2), "person": ("Alice Keller",), "urgent": (True,),
    "person_id": ("alice-1", "tom"), "customer_id": ("alice", "bob"),
    "report": (OpenTicket("alice-home", "It stays cold", "heating", Severity.MAJOR),),
    "minutes": (20, 90), "fix": ("Pump replaced",), "used": (("a pump",),), "signature": (Signed("Alice Keller"),),
    "parts": (("a pump",),), "confirmed": (True,), "they_know": (True,), "undoable": (True,), "works": (True, False),
}
LATER: dict[str, Sequence[Instant]] = {
    "window_from": (0, 3 * HOUR, 20 * HOUR), "window_until": (2 * HOUR, 5 * HOUR, 22 * HOUR),
    "asked_at": (0,), "ring_from": (0, HOUR, 20 * HOUR), "expected_at": (20 * HOUR, 3 * DAY), "until": (HOUR, 3 * DAY),
}
LIKELY: dict[str, Sequence[type[Any]]] = {  # more often than others, so that they get far
    "offer_id": (AcceptOffer, AcceptOffer, AcceptOffer, DeclineOffer) * 3,
    "visit_id": (Depart, Arrive, Finish, Finish, HandBack) * 5,
    "ticket_id": (CancelTicket, ResolveTicket, MergeTickets),
}
NOBODY = Subject(SubjectKind.TICKET, "none")
WHO = {"offer_id": "provider", "visit_id": "provider"}  # anything else: somebody at the desk
ACTS: tuple[type[Any], ...] = tuple(kind for form in get_args(Act) for kind in form.__subclasses__() or (form,))


def _id(row: Any) -> Any:
    return row.subject if isinstance(row, OnCallPage) else row.id


def _version(database: sqlite3.Connection) -> int:
    """Another one whenever anybody else has committed a change."""
    version: int = database.execute("PRAGMA data_version").fetchone()[0]
    return version


@cache
def _fleet() -> Fleet:
    return read_fleet(FLEET, "tests/drivers/restless_town.py")


class NumberedGateway(Gateway):
    """Its ids count up, so that the same steps lead to the same ids."""

    numbers: Iterator[int] = count(1)

    @property
    def policy(self) -> Policy:
        return replace(super().policy, new_id=lambda prefix: f"{prefix}-{next(self.numbers):08}")


@dataclass
class RestlessTown:
    """The town's story, and what may happen in it next."""

    story: Story
    presses: int = 0
    alone: bool = True  # nobody else writes to its database, an SQLite file

    def possible(self, over: bool = False) -> list[type[Any]]:
        """The acts for which there is something that they could be about; `over`: it may have ended long ago."""
        with self.story.gw.store.read() as session:
            there = {name for name, (table, is_open) in ROWS.items()
                     if session.exec(select(table).where(true() if over else is_open).limit(1)).first()}
        return [kind for kind in ACTS if any(one.name in there for one in fields(kind))]

    def make(self, kind: type[Any], choose: Choose, over: bool = False) -> Any:
        """One act of that kind; `over`: it may be about what has ended long ago."""
        said = {one.name: self._value(one, choose, over) for one in fields(kind)}
        return kind(**{name: value for name, value in said.items() if value is not MISSING})

    def _value(self, about: Field[Any], choose: Choose, over: bool) -> Any:
        if about.name in ROWS:
            table, is_open = ROWS[about.name]
            ids = [_id(row) for row in self.story.all(table, *([] if over else [is_open]))]
            rows = sorted(ids) or [NOBODY if about.name == "subject" else NOBODY.id]  # it may just have ended
            return choose(rows if about.default is MISSING else [*rows, MISSING])
        choices: list[Any] = []
        for kind in (about.type, *get_args(about.type)):
            choices += kind.__members__.values() if isinstance(kind, EnumMeta) else ()
        choices += [self.story.now + later for later in LATER.get(about.name, ())]
        if not choices:
            choices += WORDS[about.name]
        return choose(choices if about.default is MISSING else [*choices, MISSING])

    def try_act(self, act: Any) -> bool:
        """Whether it was possible; else somebody reads why, and nothing has changed."""
        who = next((WHO[one.name] for one in fields(act) if one.name in WHO), "agent Anna")
        with closing(sqlite3.connect(self.story.gw.store.engine.url.database or "")) as database:
            before, done = _version(database), True
            try:
                self.story.act(act, who)
            except (Refused, NoSuch):
                done = False
            assert done or not self.alone or _version(database) == before, f"{act} was refused, and changed something"
            return done

    def open_rows(self, name: str) -> list[Any]:
        table, is_open = ROWS[name]
        return self.story.all(table, is_open)

    def happen(self, random: Random, tell: Callable[[str], None] = lambda _: None) -> None:
        """Something that does not let time pass; `tell` hears what."""
        what = random.choices(("speaks", "acts", "late", "press", "restart", "mail"), (30, 80, 3, 3, 2, 2))[0]
        possible = self.possible(over=what == "late")
        match what:
            case "speaks":
                device, signal, there = random.choice(BOILERS), random.choice(FAULTS), random.random() < 0.7
                self.fault(device, signal, there)
                tell(f"{device} {signal} {there}")
            case "acts" | "late" if possible:  # late: it may be about what has ended long ago
                likely = [kind for name, kinds in LIKELY.items() if self.open_rows(name) for kind in kinds]
                act = self.make(random.choice([*likely, *possible]), random.choice, over=what == "late")
                tell(f"{act}: {'done' if self.try_act(act) else 'refused'}")
            case "press":
                self.presses += 1
                self.story.press(random.choice(BUTTONS), f"press {self.presses}", random.choice(("single", "long")))
            case "restart":
                self.restart(self.story.gw.store)
            case "mail":
                works = random.random() < 0.5
                self.story.replies = lambda _: Sent("ok") if works else NotSent(False, "the server is away")
        tell(what)

    def fault(self, device: str, signal: str, there: bool = True) -> None:
        """The device says that it has, or no longer has, a fault."""
        self.story.says(device, **{signal: float(there)})

    def restart(self, store: Store) -> None:
        """The process ends and another one begins: it has the database, and nothing else."""
        before = self.story.gw
        assert isinstance(before, NumberedGateway)
        self.story.gw = NumberedGateway(before.settings, store, before.profiles, before.channels, sla=before.sla)
        self.story.gw.numbers = before.numbers


def begin(store: Store, **service: Any) -> RestlessTown:
    """Everybody has moved in, all is well, it is Monday noon. Messages arrive, unless `replies` says otherwise."""
    settings = Settings(secret="a test secret of thirty-two chars or more",
                        service=Service(dispatcher=[{"channel": "email", "address": "desk@example.com"}], **service))
    profiles = {name: compiled(text, f"{name}.yaml") for name, text in (("boiler", BOILER), ("button", BUTTON))}
    gw = NumberedGateway(settings, store, profiles, {}, sla=load_sla(None, settings.service))
    gw.numbers = count(1)
    story = Story(gw)

    def send(address: str, message: Any, ref: str) -> Outcome:
        return story.replies(address)

    story.gw.channels.update(email=Channel("email", "long", send), sms=Channel("sms", "short", send))

    def move_in() -> None:
        with store.write() as session:
            save_fleet(session, _fleet(), story.now)
            save_dispatcher_contacts(session, settings, story.now)
        adopt_policies(gw, story.now)
        story.listen()

    fill(store, f"restless {settings.service.model_dump_json()}", move_in)
    return RestlessTown(story)
