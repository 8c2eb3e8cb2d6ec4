"""Reads the outages, tickets and notifications that the gateway produced from its database."""

from collections import Counter, defaultdict
from dataclasses import dataclass

from sqlmodel import col, select

from benchmarks.areas.power_cuts import Cut
from benchmarks.areas.times import MINUTE, seconds
from benchmarks.simulated_time import Day
from gateway.model import Notification, Outage, OutageMember, RecipientKind, Ticket


@dataclass
class Said:
    """Times are seconds from the beginning."""

    outages: dict[str, Outage]
    members: dict[str, dict[str, OutageMember]]
    told: dict[str, list[tuple[str, float]]]  # home → (outage, when)
    tickets: dict[str, list[Ticket]]  # home → those of its own
    operator: Counter[str]  # topic → messages to the dispatcher

    def overlap(self, outage_id: str, cut: Cut) -> int:
        """How many homes of the cut are in the outage, and came into it while they were dark."""
        homes = self.members[outage_id]
        return sum(home in homes and cut.start - 10 * MINUTE <= seconds(homes[home].joined_at) <= cut.over + 2 * MINUTE
                   for home in cut.homes)

    def best(self, cut: Cut) -> Outage | None:
        """The outage that has at least half of its homes; of several that which has most."""
        ranked = [(self.overlap(outage.id, cut), -outage.suspected_at, outage.id)
                  for outage in self.outages.values()
                  if outage.kind in ("place", "feeder") and "absorbed_by" not in outage.evidence]
        most, _, best = max(ranked, default=(0, 0, ""))
        return self.outages[best] if 2 * most >= len(cut.dark) else None


def read(day: Day) -> Said:
    with day.gw.store.read() as session:
        outages = {row.id: row for row in session.exec(select(Outage).where(
            col(Outage.confirmed_at).is_not(None), col(Outage.key).not_in(("!deaf", "!clock"))))}
        members: dict[str, dict[str, OutageMember]] = defaultdict(dict)
        for member in session.exec(select(OutageMember)):
            members[member.outage_id][member.site_id] = member
        told: dict[str, list[tuple[str, float]]] = defaultdict(list)
        for row in session.exec(select(Notification).where(
                Notification.topic == "outage", Notification.state == "sent")):
            told[row.recipient_id].append((row.subject_id, seconds(row.created_at)))
        tickets: dict[str, list[Ticket]] = defaultdict(list)
        for ticket in session.exec(select(Ticket).where(col(Ticket.outage_id).is_(None))):
            tickets[ticket.site_id].append(ticket)
        operator = Counter(session.exec(select(Notification.topic).where(
            Notification.recipient_kind == RecipientKind.DISPATCHER, Notification.state == "sent")).all())
    return Said(outages, members, told, tickets, operator)
