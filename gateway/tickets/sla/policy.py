"""SLA policies: which one a ticket falls under, its targets by severity, and the version that a clock was set by."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple

from gateway.calendars.days_off import DaysOff, days_off, edition
from gateway.calendars.opening_hours import DAYS, Calendar, Hours
from gateway.model import Severity, SlaKind, Ticket, TicketState

ROUND_THE_CLOCK = Calendar("UTC", dict.fromkeys(DAYS, (("00:00", "24:00"),)))
WARN_PERCENT = 75
FREEZES = frozenset({TicketState.ON_HOLD})


class PolicyFacts(NamedTuple):
    """What of a ticket decides under which policy it falls."""

    customer_id: str
    site_id: str
    profile: str  # of its device; "" without one
    skill: str


def policy_facts(ticket: Ticket, profile: str) -> PolicyFacts:
    """What decides under which policy it falls; `profile`: its device's. An outage concerns more than the home where it
    began, so nothing of that home counts."""
    if ticket.outage_id is not None:
        return PolicyFacts("", "", "", ticket.skill)
    return PolicyFacts(ticket.customer_id, ticket.site_id, profile, ticket.skill)


@dataclass(frozen=True)
class AppliesTo:
    """Each of the four holds when it is empty or names the ticket's own."""

    customers: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()
    profiles: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()

    def covers(self, facts: PolicyFacts) -> bool:
        return all(not named or own in named for named, own in zip(
            (self.customers, self.sites, self.profiles, self.skills), facts, strict=True))


@dataclass(frozen=True)
class Targets:
    """What holds for one severity: working ms by kind (no entry: no such clock), and whose hours count."""

    calendar: Calendar
    working_ms: Mapping[SlaKind, int] = field(default_factory=dict)


@dataclass(frozen=True)
class SlaPolicy:
    """One agreement. It never changes: another text is another version."""

    name: str
    targets: Mapping[Severity, Targets]  # a severity without any has those of the next less severe one
    applies_to: AppliesTo = AppliesTo()
    warn_percent: int = WARN_PERCENT
    freezes: frozenset[TicketState] = FREEZES  # states in which every clock stands still

    @cached_property
    def id(self) -> str:
        """Its name and what its content comes to, e.g. "standard@3f9c01de"."""
        written = json.dumps(content(self), sort_keys=True, ensure_ascii=False)
        return f"{self.name}@{sha256(written.encode()).hexdigest()[:8]}"

    def calendar(self, severity: Severity) -> Calendar:
        targets = self._for(severity)
        return ROUND_THE_CLOCK if targets is None else targets.calendar

    def target(self, severity: Severity, kind: SlaKind) -> int | None:
        """Working ms; None: there is no such target."""
        targets = self._for(severity)
        return None if targets is None else targets.working_ms.get(kind)

    def _for(self, severity: Severity) -> Targets | None:
        there = [one for one in self.targets if one.rank <= severity.rank]
        return self.targets[max(there, key=lambda one: one.rank)] if there else None


class SlaPolicies(tuple[SlaPolicy, ...]):
    """In order: the first that covers a ticket holds for it. None at all: nothing is measured."""

    def for_ticket(self, facts: PolicyFacts) -> SlaPolicy | None:
        return next((policy for policy in self if policy.applies_to.covers(facts)), None)

    def named(self, name: str) -> SlaPolicy | None:
        """In the version of today; None: there is none of that name any more."""
        return next((policy for policy in self if policy.name == name), None)


def content(policy: SlaPolicy) -> dict[str, Any]:
    """All of it as JSON, for the table of versions; `from_content` reads it."""
    return {
        "name": policy.name,
        "applies_to": {name: sorted(ids) for name, ids in vars(policy.applies_to).items() if ids},
        "targets": {severity: {"calendar": _calendar_as_json(targets.calendar), **targets.working_ms}
                    for severity, targets in policy.targets.items()},
        "warn_percent": policy.warn_percent,
        "freeze_on": sorted(policy.freezes),
    }


def from_content(stored: Mapping[str, Any]) -> SlaPolicy:
    """What `content` has written."""
    return SlaPolicy(
        name=stored["name"],
        applies_to=AppliesTo(**{name: frozenset(ids) for name, ids in stored["applies_to"].items()}),
        targets={Severity(severity): Targets(_calendar_of(one["calendar"]), {
            SlaKind(kind): ms for kind, ms in one.items() if kind != "calendar"})
            for severity, one in stored["targets"].items()},
        warn_percent=stored["warn_percent"],
        freezes=frozenset(map(TicketState, stored["freeze_on"])),
    )


def _calendar_as_json(calendar: Calendar) -> dict[str, Any]:
    """Another edition of the public holidays is another version too: what is due may move."""
    off = calendar.days_off
    return {
        "zone": calendar.zone,
        "hours": {day: [list(span) for span in calendar.hours[day]] for day in DAYS if calendar.hours.get(day)},
        "days_off": {name: sorted(map(date.isoformat, value)) if isinstance(value, frozenset) else value
                     for name, value in vars(off).items() if value} | ({"edition": edition()} if off.country else {}),
    }


def _calendar_of(stored: Mapping[str, Any]) -> Calendar:
    hours: Hours = stored["hours"]
    return Calendar(stored["zone"], hours, days_off(stored["days_off"]) if stored["days_off"] else DaysOff())
