"""One look of the watch: what follows for outages and their homes, and the rows that say so."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gateway.model import (
    DISPATCHER,
    Alarm,
    EntryKind,
    Instant,
    LinkPurpose,
    Notification,
    Outage,
    OutageMember,
    Subject,
    SubjectKind,
    customer,
)
from gateway.notifications.topics import TopicName
from gateway.outages import Found, Home, Limits
from gateway.planning.plan import Change, Plan
from gateway.planning.rows import FOLLOW_FOR, entry, link, tell
from gateway.planning.situation import Rules, Situation

TOLD = ("place", "feeder")  # kinds of outage that customers hear of; a carrier or the gateway is the operator's matter
OUT = ("suspected", "confirmed")
SETTLE = 60_000  # ms a home must stay back before we say so
_MOVING = ("key", "area_id", "name", "kind", "state", "round", "ticket_id", "homes", "dark", "size", "last_at",
           "confirmed_at", "restoring_at", "restored_at", "closed_at", "etr_at", "next_at", "why")


@dataclass
class Board:
    """What is decided on. Planners move these rows on; what has moved is written at the end."""

    outages: dict[str, Outage] = field(default_factory=dict)  # open ones, and those of the members below
    members: dict[str, dict[str, OutageMember]] = field(default_factory=dict)  # outage id → site → member
    proofs: dict[str, str] = field(default_factory=dict)  # site → live | dark | mute, where something has changed
    customers: dict[str, str] = field(default_factory=dict)  # site → customer
    alarms: dict[str, list[Alarm]] = field(default_factory=dict)  # site → its open alarms of silence
    facts: dict[str, Situation] = field(default_factory=dict)  # device → situation, of every ticket concerned
    told: dict[str, dict[str, Notification]] = field(default_factory=dict)  # outage id → customer → told of it
    took: dict[str, list[int]] = field(default_factory=dict)  # outage id → how long such outages lasted, ms
    still_out: dict[str, set[str]] = field(default_factory=dict)  # outage id → homes that are dark as one area
    others_heard: Instant | None = None  # when a live home was last heard
    live: int = 0  # homes
    listening_since: Instant | None = None  # None: we are deaf


@dataclass
class Look:
    """One look at the board: `plan` grows as things follow from each other."""

    board: Board
    rules: Rules
    limits: Limits
    now: Instant
    plan: Plan = field(default_factory=Plan)
    _before: dict[str, dict[str, Any]] = field(default_factory=dict)
    _members_before: dict[str, dict[str, Any]] = field(default_factory=dict)
    _new: set[str] = field(default_factory=set)

    def say(self, outage: Outage, kind: EntryKind, why: dict[str, Any] | None = None, **parameters: Any) -> None:
        """A line in its timeline."""
        self.plan.add.append(entry(outage, self.now, kind, why=why, **parameters))

    def open(self, found: Found) -> Outage:
        """A new suspicion."""
        zone, homes = found.zone, found.homes
        first = min(homes, key=lambda home: (home.died_at, home.site_id))
        outage = Outage(
            id=self.rules.fresh("X"), key=found.key, area_id=zone.id if zone else None,
            name=zone.name or zone.id if zone else "", kind=zone.kind if zone else "gateway", device_id=first.device_id,
            size=found.n, began_at=first.died_at, last_at=first.died_at, suspected_at=self.now,
            next_at=self.now + self.limits.wait, why=found.why())
        self._new.add(outage.id)
        self.board.outages[outage.id] = outage
        self.plan.add.append(outage)
        return outage

    def touch(self, outage: Outage) -> Outage:
        """Before it is moved on: how it stood is what the database must still hold."""
        if outage.id not in self._new and outage.id not in self._before:
            self._before[outage.id] = {"state": outage.state, "dark": outage.dark, "homes": outage.homes}
        return outage

    def touch_member(self, member: OutageMember) -> OutageMember:
        if member.id not in self._new:
            self._members_before.setdefault(member.id, {"back_at": member.back_at, "state": member.state})
        return member

    def take_in(self, outage: Outage, homes: Iterable[Home]) -> list[OutageMember]:
        """Makes `homes` members, or members again; their own alarms wait. Returns those that are new or dark again."""
        members = self.board.members.setdefault(outage.id, {})
        joined, new = [], 0
        for home in homes:
            member = members.get(home.site_id)
            if member is None:
                member = OutageMember(
                    id=f"{outage.id}/{home.site_id}", outage_id=outage.id, site_id=home.site_id, died_at=home.died_at,
                    customer_id=self.board.customers[home.site_id], joined_at=self.now)
                self._new.add(member.id)
                members[home.site_id] = member
                self.plan.add.append(member)
                new += 1
            elif member.back_at is None:
                continue
            else:
                again = self.now - member.back_at >= SETTLE  # sooner, nobody was told that it was back
                self.touch_member(member).back_at, member.state = None, "affected"
                member.died_at, member.round = home.died_at, member.round + again
            joined.append(member)
            self._hold(outage, home.site_id)
        if joined:
            self.touch(outage).homes += new
            outage.dark += len(joined)
            outage.last_at = max(outage.last_at, *(member.died_at for member in joined))
        return joined

    def tell_customers(self, outage: Outage, members: Iterable[OutageMember]) -> int:
        """One message each, whatever number of homes they have in it. Returns how many."""
        told = self.board.told.setdefault(outage.id, {})
        count = 0
        about = {"area": outage.name, "etr": outage.etr_at, "homes": outage.homes}
        for member in members:
            recipient = member.customer_id
            if recipient not in told or member.round > 1:
                if recipient in told and told[recipient].occurrence == str(member.round):
                    continue
                row = tell(self.rules, customer(member.customer_id), TopicName.OUTAGE, outage, member.round, self.now,
                           about=about, heard_at=self.now, link_id=self._page(told.get(recipient), member))
                told[recipient] = row
                self.plan.add.append(row)
                count += 1
        return count

    def _page(self, before: Notification | None, member: OutageMember) -> str:
        """The link to this customer's page of the outage: one, whatever is told of it later."""
        if before is not None and before.link_id is not None:
            return before.link_id
        page = link(self.rules, LinkPurpose.FOLLOW, Subject(SubjectKind.OUTAGE, member.outage_id), self.now,
                    self.now + FOLLOW_FOR, member.site_id)
        self.plan.add.append(page)
        return page.id

    def tell_operator(self, outage: Outage, topic: TopicName, **about: Any) -> None:
        self.plan.add.append(tell(
            self.rules, DISPATCHER, topic, outage, outage.round, self.now, critical=True, heard_at=self.now,
            about={"area": outage.name, "kind": outage.kind, "homes": outage.homes, **about}))

    def release(self, outage: Outage, sites: Iterable[str], nested: bool) -> None:
        """The alarms of these homes speak for themselves again, from now on; those of nested ones name the outage."""
        held_by = outage.id if nested else None
        for site in sites:
            for alarm in self.board.alarms.get(site, []):
                if alarm.held_by == outage.id and alarm.hold_until is None:
                    alarm.held_by, alarm.hold_until = held_by, self.now
                    self.plan.change.append(Change(Alarm, alarm.id, {"held_by": held_by, "hold_until": self.now},
                                                   {"closed_at": None}))

    def finish(self) -> Plan:
        """Everything that moved, as it now stands."""
        changes = []
        for outage_id, before in self._before.items():
            row = self.board.outages[outage_id]
            changes.append(Change(Outage, row.id, {name: getattr(row, name) for name in _MOVING}, before))
        rows = {member.id: member for members in self.board.members.values() for member in members.values()}
        for member_id, expecting in self._members_before.items():
            member = rows[member_id]
            values = {name: getattr(member, name) for name in ("state", "round", "died_at", "back_at")}
            changes.append(Change(OutageMember, member_id, values, expecting))
        # an outage that gives up its area does so before another takes it
        changes.sort(key=lambda change: change.values.get("closed_at") is None)
        return Plan(self.plan.add, changes + self.plan.change)

    def _hold(self, outage: Outage, site: str) -> None:
        for alarm in self.board.alarms.get(site, []):
            alarm.held_by, alarm.hold_until = outage.id, None
            self.plan.change.append(Change(Alarm, alarm.id, {"held_by": outage.id, "hold_until": None},
                                           {"closed_at": None}))
