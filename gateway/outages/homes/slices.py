"""What the watch decides on a few homes at a time: which of them join an outage now, and which are told of it."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from gateway.model import Instant, Outage, OutageState
from gateway.model.plan import Plan
from gateway.outages.changes import OutageChanges
from gateway.outages.context import CUSTOMER_KINDS, OutageContext
from gateway.outages.data_types import DarkSite, Limits, OpenOutage, Verdict
from gateway.outages.homes.rung_first import ring_first
from gateway.outages.ticket import cancel_own_tickets
from gateway.tickets.context import Policy
from gateway.tickets.sla.follow import complete

_TELLING = frozenset((OutageState.CONFIRMED, OutageState.RESTORING))


class Joining(NamedTuple):
    """Homes that become members: of new and growing outages, and (outage id → homes) one by one."""

    verdicts: list[Verdict]
    single: dict[str, list[DarkSite]]

    def __bool__(self) -> bool:
        return bool(self.verdicts or self.single)

    @property
    def new_sites(self) -> list[str]:
        """Of those that are in no outage yet, or in another."""
        found = [home.site_id for verdict in self.verdicts for home in _new(verdict)]
        return found + [home.site_id for homes in self.single.values() for home in homes]


def _new(verdict: Verdict) -> list[DarkSite]:
    return [home for home in verdict.candidate.homes if verdict.outage_id is None
            or home.outage_id != verdict.outage_id]


def take_first(joining: Joining, most: int, fewest: int) -> tuple[Joining, Joining]:
    """(`most` homes of it at most, those that died first; what is left for the next times.) `fewest`: with fewer than
    so many no outage begins."""
    first, rest = Joining([], {}), Joining([], {})
    for verdict in joining.verdicts:
        new = _new(verdict)
        if len(new) > most and most < fewest:
            rest.verdicts.append(verdict)
            continue
        taken, waiting = _oldest(new, most)
        first.verdicts.append(verdict if not waiting else _with_homes(verdict, [
            home for home in verdict.candidate.homes if home.site_id not in waiting]))
        if waiting:  # what it absorbs and ends is over by then
            rest.verdicts.append(_with_homes(verdict, list(waiting.values()))._replace(absorbs=(), ends=()))
        most -= len(taken)
    for outage_id, homes in joining.single.items():
        taken, waiting = _oldest(homes, most)
        if taken:
            first.single[outage_id] = taken
        if waiting:
            rest.single[outage_id] = list(waiting.values())
        most -= len(taken)
    return first, rest


def still_to_join(joining: Joining, lost: Collection[str], outages: Sequence[OpenOutage]) -> Joining:
    """Without the homes that are back by now. `lost`: the sites that are not; `outages`: as they stand now, what began
    with the first homes among them."""
    by_area = {outage.area_id: outage.id for outage in outages}
    verdicts = []
    for verdict in joining.verdicts:
        area = verdict.candidate.area
        new = {home.site_id for home in _new(verdict)}
        verdict_now = verdict if verdict.outage_id is not None else verdict._replace(
            outage_id=by_area.get(area.id if area is not None else None))
        verdicts.append(verdict_now if new <= set(lost) else _with_homes(verdict_now, [
            home for home in verdict.candidate.homes if home.site_id not in new or home.site_id in lost]))
    return Joining(verdicts, {outage_id: [home for home in homes if home.site_id in lost]
                              for outage_id, homes in joining.single.items()})


def _with_homes(verdict: Verdict, homes: Sequence[DarkSite]) -> Verdict:
    return verdict._replace(candidate=verdict.candidate._replace(homes=tuple(homes)))


def _oldest(homes: Sequence[DarkSite], most: int) -> tuple[list[DarkSite], dict[str, DarkSite]]:
    """(those that died first, site → home of the others)."""
    if len(homes) <= most:
        return list(homes), {}
    ordered = sorted(homes, key=lambda home: (home.died_at, home.site_id))
    return ordered[:most], {home.site_id: home for home in ordered[most:]}


def plan_homes_to_tell(context: OutageContext, more: Collection[str], limits: Limits, policy: Policy, now: Instant
                       ) -> Plan:
    """What follows for homes of confirmed outages that have yet to be told: each customer hears it, homes are rung
    first, tickets of their own are cancelled. `more`: the outages of which others are left for the next time."""
    changes = OutageChanges(context, policy, limits, now)
    for outage in list(context.outages.values()):
        members = list(context.members.get(outage.id, {}).values())
        if outage.state in _TELLING and outage.kind in CUSTOMER_KINDS and members:
            changes.notify_customers(outage, members)
            ring_first(changes, outage, members)
            _note_cancelled(outage, cancel_own_tickets(changes, outage))
        for member in members:
            member.told = True
        outage.untold = outage.id in more
    return complete(context.draft, policy, now, first=context.needy_customers)


def _note_cancelled(outage: Outage, count: int) -> None:
    if count:
        before = outage.evidence.get("held_back", {})
        outage.evidence = outage.evidence | {"held_back": before | {
            "tickets_cancelled": before.get("tickets_cancelled", 0) + count}}
