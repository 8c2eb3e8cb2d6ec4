"""Scores the gateway's outages against the power cuts that really happened: detected, missed, false."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, inf, sqrt
from typing import Any

from benchmarks.areas.counts import SIZES, Size, Tally, size_of
from benchmarks.areas.gateway_results import Said
from benchmarks.areas.power_cuts import Cut, Plan
from benchmarks.areas.times import HOUR, MINUTE, seconds
from benchmarks.areas.town import Home, Town
from gateway.model import Outage, Ticket

HEARD = 10.0  # a home that is back sooner after it was known cannot be acted on


def seeable(cut: Cut, homes: dict[str, Home]) -> float | None:
    """When enough homes of one of its streets were dark and known to be; None: it is not demanded."""
    found = []
    for street in cut.streets:
        n = cut.live[street]
        need = max(5, ceil(n / 2 if n <= 20 else sqrt(5 * n)))
        steps = []
        for one in cut.dark:
            if homes[one].street == street:
                spell = homes[one].spell(cut.start)
                known = max(spell.known, cut.announced_until + 5 * MINUTE) if cut.kind == "late" else spell.known
                if known + HEARD < spell.until:
                    steps += [(known, 1), (spell.until - HEARD, -1)]
        count = 0
        for at, step in sorted(steps):
            count += step
            if count >= need:
                found.append(at)
                break
    return min(found, default=None)


@dataclass
class Verdict:
    """Tallies by size, and everything that is wrong."""

    town: Town
    plan: Plan
    said: Said
    tallies: dict[Size, Tally] = field(default_factory=lambda: {size: Tally() for size in SIZES})
    wrongs: list[dict[str, Any]] = field(default_factory=list)

    def judge(self) -> None:
        for cut in self.plan.cuts:
            if cut.kind != "planned" and len(cut.dark) >= 3:
                self._judge_cut(cut, self.tallies[size_of(len(cut.dark))])
        self._judge_outages()
        self._judge_told()

    # -- one cut

    def _judge_cut(self, cut: Cut, tally: Tally) -> None:
        seen_at = seeable(cut, self.town.homes)
        outage = self.said.best(cut)
        if seen_at is None:
            tally.others += 1
            tally.others_found += outage is not None
        else:
            tally.demanded += 1
            tally.found += outage is not None
            tally.missed += outage is None
            if outage is None:
                self._wrong(cut, "missed", seeable=round(seen_at - cut.start))
        if outage is not None:
            if seen_at is not None:
                self._judge_delay(cut, outage, seen_at, tally)
            self._judge_area(cut, outage, tally)
            self._judge_telling(cut, tally)
            self._judge_tickets(cut, tally)

    def _judge_delay(self, cut: Cut, outage: Outage, seen_at: float, tally: Tally) -> None:
        confirmed = seconds(outage.confirmed_at or 0)
        delay = confirmed - (cut.announced_until if cut.kind == "late" else cut.start)
        wait = confirmed - seen_at
        tally.delays.append(delay)
        tally.waits.append(wait)
        if wait > MINUTE:
            self._wrong(cut, "slow", wait=round(wait), delay=round(delay), outage=outage.id)

    def _judge_area(self, cut: Cut, outage: Outage, tally: Tally) -> None:
        where = "exact"
        if outage.area_id != cut.area:
            said, true = self.town.inside(outage.area_id or ""), self.town.inside(cut.area)
            where = "high" if said >= true else "low" if said <= true else "aside"
            self._wrong(cut, where, said=outage.area_id, outage=outage.id, why=outage.evidence.get("how"))
        setattr(tally, where, getattr(tally, where) + 1)

    def _judge_telling(self, cut: Cut, tally: Tally) -> None:
        for one in cut.dark:
            home = self.town.homes[one]
            spell = home.spell(cut.start)
            if cut.kind == "late" or spell.known + HEARD >= spell.until:
                continue  # it was back before anybody could know
            count = sum(cut.start <= at <= cut.over + MINUTE for _, at in self.said.told.get(one, ()))
            if count == 1 or (count == 2 and (cut.again is not None or home.lost_alone(cut.start, cut.over + HOUR))):
                tally.once += 1
            elif count:
                tally.twice += 1
                self._wrong(cut, "told twice", home=one, told=self.said.told[one])
            else:
                tally.never += 1
                self._wrong(cut, "never told", home=one, known=round(spell.known - cut.start),
                            until=round(min(spell.until, cut.over) - cut.start))

    def _judge_tickets(self, cut: Cut, tally: Tally) -> None:
        for one in cut.homes:
            opened = [ticket for ticket in self.said.tickets.get(one, ()) if ticket.cause_key == "silent"
                      and cut.start <= seconds(ticket.opened_at) <= cut.over + 2 * MINUTE]
            if one == cut.nested and one in cut.dark:
                self._judge_nested(cut, self.town.homes[one], opened, tally)
            elif not self.town.homes[one].lost_alone(cut.start, cut.over + MINUTE):
                for ticket in opened:
                    tally.child_tickets += 1
                    tally.children_kept += ticket.state != "cancelled"
                    self._wrong(cut, "child ticket", home=one, at=round(seconds(ticket.opened_at) - cut.start),
                                state=ticket.state)

    def _judge_nested(self, cut: Cut, home: Home, opened: Sequence[Ticket], tally: Tally) -> None:
        last = home.spells[-1]
        known = last.known if last.until == inf else home.spell(cut.start).known
        if known < cut.backs[home.id] - 15 * MINUTE:
            tally.nested += 1
            if any(ticket.state != "cancelled" and seconds(ticket.opened_at) >= cut.end for ticket in opened):
                tally.nested_found += 1
            else:
                self._wrong(cut, "nested missed", home=home.id)

    def _wrong(self, cut: Cut, what: str, **more: Any) -> None:
        self.wrongs.append({"what": what, "cut": cut.number, "kind": cut.kind, "beset": cut.beset, "area": cut.area,
                            "k": len(cut.dark), "n": sum(cut.live.values()), "start": round(cut.start),
                            "lasts": round(cut.end - cut.start), **more})

    # -- what was said beside them

    def _judge_outages(self) -> None:
        """False ones: fewer than half of whose homes were dark in one cut."""
        for outage in self.said.outages.values():
            homes = len(self.said.members[outage.id])
            best = max((self.said.overlap(outage.id, cut) for cut in self.plan.cuts if cut.kind != "planned"),
                       default=0)
            if (2 * best < homes or outage.kind in ("network", "gateway")) and "absorbed_by" not in outage.evidence:
                self._tally(outage.id).false += 1
                self.wrongs.append({
                    "what": "false", "said": outage.area_id, "kind": outage.kind, "homes": homes,
                    "start": round(seconds(outage.began_at)), "confirmed": round(seconds(outage.confirmed_at or 0)),
                    "best": best, "why": outage.evidence})

    def _judge_told(self) -> None:
        """Customers told whose home was in no cut."""
        for one, told in self.said.told.items():
            if one not in self.town.homes:
                continue
            for outage_id, at in told:
                if not any(one in cut.homes and cut.kind != "planned" and cut.start <= at <= cut.over + MINUTE
                           for cut in self.plan.cuts):
                    alone = any(since <= at <= until + MINUTE for since, until in self.town.homes[one].alone)
                    tally = self._tally(outage_id)
                    tally.wrongly += 1
                    tally.wrongly_dark += alone
                    self.wrongs.append({"what": "told wrongly", "home": one, "at": round(at), "outage": outage_id,
                                        "alone": alone})

    def _tally(self, outage_id: str) -> Tally:
        return self.tallies[size_of(max(len(self.said.members.get(outage_id, ())), 3))]
