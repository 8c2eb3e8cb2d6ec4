"""Scores the storm benchmark from the gateway's own database."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from statistics import median
from typing import Any

from sqlmodel import select

from benchmarks.figures import percentile
from benchmarks.simulated_time import Day
from benchmarks.storm.power_cuts import Cut
from gateway.model import MINUTE, Instant, Notification, Outage, OutageMember, RecipientKind, Ticket


def pairs(groups: Iterable[Iterable[str]]) -> set[tuple[str, str]]:
    """Every two homes that are in one group."""
    return {(one, other) for group in groups for one, other in combinations(sorted(set(group)), 2)}


def overlapping(cuts: Sequence[Cut], within: Instant | None = None) -> Iterator[tuple[str, str]]:
    """Two homes of one circuit that were dark at the same time; `within`: and went dark so near to each other."""
    by_circuit: dict[str, list[Cut]] = defaultdict(list)
    for cut in cuts:
        by_circuit[cut.circuit].append(cut)
    for group in by_circuit.values():
        for one, other in combinations(group, 2):
            if one.start <= other.end and other.start <= one.end and (
                    within is None or abs(one.start - other.start) <= within):
                yield from ((min(a, b), max(a, b)) for a in one.homes for b in other.homes)
    for cut in cuts:
        yield from combinations(sorted(cut.homes), 2)


def share(part: set[Any], whole: set[Any]) -> float | None:
    return round(len(part & whole) / len(whole), 4) if whole else None


def judge(day: Day, cuts: Sequence[Cut]) -> dict[str, Any]:
    """The figures, from the gateway's own database."""
    with day.gw.store.read() as session:
        tickets = session.exec(select(Ticket)).all()
        outages = {row.id: row for row in session.exec(select(Outage))}
        members = session.exec(select(OutageMember)).all()
        told = session.exec(select(Notification.recipient_id, Notification.topic, Notification.state).where(
            Notification.recipient_kind == RecipientKind.CUSTOMER)).all()
    confirmed = {one for one, row in outages.items() if row.confirmed_at is not None and row.kind != "gateway"}
    groups: dict[str, set[str]] = defaultdict(set)
    for member in members:
        if member.outage_id in confirmed:
            groups[member.outage_id].add(member.site_id)
    healthy = {home for cut in cuts for home in cut.around}
    own = [row for row in tickets if row.outage_id is None]
    sent = Counter(recipient for recipient, _, state in told if state == "sent")
    victims = [sent.get(home, 0) for cut in cuts for home in cut.homes]
    said, truth = pairs(groups.values()), set(overlapping(cuts))
    near = set(overlapping(cuts, 5 * MINUTE))
    delays, unseen = _delays(cuts, own, groups, outages)
    dismissed = sum(row.state == "dismissed" for row in outages.values())
    return {
        "cuts": len(cuts), "homes_dark": len(victims), "homes": len(victims) + len(healthy),
        "tickets": len(tickets), "tickets_per_1000_cuts": round(1000 * len(tickets) / len(cuts), 1),
        "tickets_cancelled": sum(row.state == "cancelled" for row in tickets),
        "outages_confirmed": len(confirmed), "outages_dismissed": dismissed,
        "own_faults": sum(row.kind == "gateway" and row.confirmed_at is not None for row in outages.values()),
        "homes_in_outages": len({home for group in groups.values() for home in group}),
        "homes_unseen": unseen, "tickets_of_healthy_homes": sum(row.site_id in healthy for row in own),
        "messages_to_healthy_homes": sum(sent.get(home, 0) for home in healthy),
        "messages_per_customer_median": median(victims) if victims else 0,
        "messages_per_customer_max": max(victims, default=0),
        "delay_p50_s": percentile(delays, 0.5), "delay_p95_s": percentile(delays, 0.95),
        "pairs_said": len(said), "pairs_of_one_circuit": len(truth), "pairs_within_five_minutes": len(near),
        "pair_precision": share(truth, said), "pair_recall": share(said, truth),
        "pair_recall_within_five_minutes": share(said, near),
        "nested": sum(_nested(member, own, outages[member.outage_id]) for member in members
                      if member.outage_id in confirmed),
        "topics": dict(Counter(topic for _, topic, state in told if state == "sent").most_common()),
    }


def _nested(member: OutageMember, own: Iterable[Ticket], outage: Outage) -> bool:
    """Whether the home was still dark after its neighbours were back, and got a ticket of its own for that."""
    back = outage.restoring_at or outage.restored_at
    return back is not None and any(row.site_id == member.site_id and row.opened_at >= back and row.state != "cancelled"
                                    for row in own)


def _delays(cuts: Sequence[Cut], own: Sequence[Ticket], groups: dict[str, set[str]], outages: dict[str, Outage]
            ) -> tuple[list[float], int]:
    """Seconds from a home's cut to its ticket, or to its outage's confirmation (or its joining it); homes unseen."""
    seen: dict[str, list[Instant]] = defaultdict(list)
    for row in own:
        seen[row.site_id].append(row.opened_at)
    for outage_id, homes in groups.items():
        for home in homes:
            seen[home].append(outages[outage_id].confirmed_at or 0)
    delays, unseen = [], 0
    for cut in cuts:
        for home in cut.homes:
            if home in seen:
                delays.append(max(0, min(seen[home]) - cut.start) / 1000)
            else:
                unseen += 1
    return delays, unseen
