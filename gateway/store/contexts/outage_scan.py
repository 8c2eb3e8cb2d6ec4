"""Loads what outage detection scans: new connection losses, and the state of their areas."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy import bindparam, exists, or_, text, update
from sqlalchemy import select as columns_of
from sqlmodel import Session, col, select

from gateway.model import (
    DAY,
    Area,
    Instant,
    LinkState,
    Loss,
    MaintenanceWindow,
    MemberState,
    Outage,
    OutageKind,
    OutageMember,
    OutageState,
    SiteArea,
)
from gateway.outages import AreaStats, DarkSite, Limits, OpenOutage, Snapshot
from gateway.outages.lifecycle import DECIDING
from gateway.outages.maintenance import lost_outside_maintenance
from gateway.outages.restoration_estimate import FEWEST
from gateway.store.chunks import chunks
from gateway.store.contexts.areas import Detectable, area_stats, areas_above

# NOT IN makes PostgreSQL read the open losses once, also when they became thousands since it last counted them (with
# NOT EXISTS: 3.5 s)
_LIVE = f"""d.retired_at IS NULL AND s.link = '{LinkState.ONLINE}' AND d.profile IN :missed
           AND d.id NOT IN (SELECT o.device_id FROM loss o WHERE o.ended_at IS NULL)"""
_DARK = f"""
    SELECT l.site_id, MAX(l.died_at), MAX(l.uncertainty_ms), MAX(CASE WHEN l.silent THEN 1 ELSE 0 END),
           MIN(l.loss_count)
    FROM loss l JOIN device r ON r.id = l.device_id
    WHERE l.ended_at IS NULL AND l.died_at >= :since AND r.retired_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM device d JOIN device_state s ON s.device_id = d.id WHERE d.site_id = l.site_id AND {_LIVE})
    GROUP BY l.site_id"""
_COUNT_LIVE_HOMES = f"""
    SELECT COUNT(DISTINCT d.site_id), MAX(s.seen_at) FROM device d JOIN device_state s ON s.device_id = d.id
    WHERE {_LIVE}"""
_SITE_PROOFS = f"""
    SELECT d.site_id,
           MAX(CASE WHEN s.link = '{LinkState.ONLINE}' AND d.profile IN :missed AND l.device_id IS NULL
               THEN 1 ELSE 0 END),
           MAX(CASE WHEN l.device_id IS NULL THEN 0 ELSE 1 END)
    FROM device d JOIN device_state s ON s.device_id = d.id
    LEFT JOIN loss l ON l.device_id = d.id AND l.ended_at IS NULL
    WHERE d.site_id IN :sites AND d.retired_at IS NULL GROUP BY d.site_id
    """

_ANYTHING = columns_of(or_(*(exists(rows) for rows in (  # one question, built once: it is asked every second
    select(Loss.device_id).where(col(Loss.unprocessed)),
    select(Outage.id).where(col(Outage.next_at) <= bindparam("now")),
    select(Outage.id).where(col(Outage.untold)),
    select(MaintenanceWindow.id).where(col(MaintenanceWindow.next_at) <= bindparam("now")),
))))
_UNPROCESSED = columns_of(*(getattr(Loss, name) for name in (
    "device_id", "site_id", "died_at", "uncertainty_ms", "ended_at"))).where(
    col(Loss.unprocessed)).order_by(col(Loss.device_id)).limit(bindparam("most")).with_for_update()
_LOST = columns_of(col(Loss.device_id), col(Loss.died_at), col(Loss.uncertainty_ms)).where(
    col(Loss.unprocessed), col(Loss.ended_at).is_(None))
_LOST_SITES = columns_of(col(Loss.site_id)).where(
    col(Loss.site_id).in_(bindparam("sites", expanding=True)), col(Loss.ended_at).is_(None))
_SCAN_AGAIN = update(Loss).where(
    col(Loss.site_id).in_(bindparam("sites", expanding=True)), col(Loss.ended_at).is_(None), ~col(Loss.unprocessed)
).values(unprocessed=True)
_MARK_PROCESSED = update(Loss).where(col(Loss.device_id).in_(bindparam("devices",
                                                                       expanding=True))).values(unprocessed=False)

_AREAS_OF_DARK = columns_of(col(SiteArea.site_id), col(SiteArea.area_id)).where(col(SiteArea.site_id).in_(
    select(Loss.site_id).where(col(Loss.ended_at).is_(None), Loss.died_at >= bindparam("since"))))
_OPEN_MEMBERS: Any = columns_of(
    col(OutageMember.site_id), col(OutageMember.outage_id), col(OutageMember.state),
    col(Outage.state).label("of")).join(Outage, col(Outage.id) == OutageMember.outage_id).where(
    col(OutageMember.back_at).is_(None))


def has_work(session: Session, now: Instant) -> bool:
    """Whether a watch would find something: one query of partial indexes, which are mostly empty."""
    return bool(session.connection().scalar(_ANYTHING, {"now": now}))


def lock_watch(session: Session) -> None:
    """Lets one watch run at a time, in whatever process: two could not see each other's new outages."""
    if session.connection().dialect.name == "postgresql":
        session.connection().execute(text("SELECT pg_advisory_xact_lock(7294411)"))


class NewLoss(NamedTuple):
    """The columns of a Loss that the watch needs; ten thousand rows as ORM objects would be slow."""

    device_id: str
    site_id: str
    died_at: Instant
    uncertainty_ms: int
    ended_at: Instant | None


Seen = frozenset[tuple[str, Instant]]
"""(device id, when it died) of losses that a Snapshot was made for."""


def unprocessed_losses(session: Session, limits: Limits) -> tuple[Seen, Instant | None]:
    """(What was lost and not processed yet, the time after which what else was lost may belong to it; None: nothing
    was)."""
    rows = session.connection().execute(_LOST).all()
    since = min((died_at - max(limits.window, uncertainty_ms) for _, died_at, uncertainty_ms in rows), default=None)
    return frozenset((device_id, died_at) for device_id, died_at, _ in rows), since


def take_unprocessed(session: Session, most: int, seen: Seen, left: Collection[str]) -> tuple[list[NewLoss], bool]:
    """(Of what came back since the last watch, and of the losses in `seen`, up to `most`, marked as processed; whether
    there is more of it.) What was lost since belongs to the next watch, what is at the sites `left` to a later one.
    Locks the rows."""
    rows = [NewLoss(*row) for row in session.connection().execute(_UNPROCESSED, {"most": most})]
    taken = [row for row in rows if row.site_id not in left
             and (row.ended_at is not None or (row.device_id, row.died_at) in seen)]
    for some in chunks([row.device_id for row in taken]):
        session.connection().execute(_MARK_PROCESSED, {"devices": some})
    return taken, len(rows) == most and bool(taken)


def sites_lost(session: Session, sites: Collection[str]) -> set[str]:
    """Those of which a device is lost now."""
    return {site for some in chunks(sites) for site in session.connection().execute(
        _LOST_SITES, {"sites": some}).scalars()}


def scan_again(session: Session, sites: Collection[str]) -> None:
    """Has these homes, which are dark, looked at once more."""
    for some in chunks(sites):
        session.connection().execute(_SCAN_AGAIN, {"sites": some})


def snapshot(session: Session, since: Instant | None, detectable: Detectable, limits: Limits, now: Instant) -> Snapshot:
    """All homes that are dark since then (None: nothing has been lost), their areas, and the open outages."""
    outages = open_outages(session)
    if since is None:
        return Snapshot((), {}, 0, open=outages)
    homes, lowest, areas = _homes(session, max(since, now - DAY), detectable, now)
    by_area: dict[str, int] = defaultdict(int)
    for home in homes:
        for area in home.areas:
            by_area[area] += 1
    if len(homes) < limits.fewest:
        stats = {area: AreaStats(area, row.kind, row.parent_id, name=row.name) for area, row in areas.items()}
        return Snapshot(homes, stats, 0, open=outages, lowest=lowest)
    wanted = [area for area, count in by_area.items() if count >= limits.fewest]
    stats = area_stats(session, areas, wanted, detectable)
    live, heard_at = session.connection().execute(detectable.statement(_COUNT_LIVE_HOMES), detectable.values()).one()
    return Snapshot(homes, stats, live, heard_at, open=outages, lowest=lowest)


def open_outages(session: Session) -> tuple[OpenOutage, ...]:
    """As they stand now; our own faults only where a home may turn out to belong to one."""
    rows = session.exec(select(Outage).where(col(Outage.closed_at).is_(None), or_(
        col(Outage.kind) != OutageKind.GATEWAY, col(Outage.key) == "!gateway")).order_by(
        col(Outage.kind) == OutageKind.GATEWAY, col(Outage.suspected_at), col(Outage.id))).all()
    found = tuple(_open_outage(row) for row in rows)
    session.expunge_all()  # the plan is written behind the session's back: who asks again reads again
    return found


def homes_still_dark(session: Session, detectable: Detectable, limits: Limits, now: Instant) -> dict[str, Snapshot]:
    """Outage id → Snapshot of the homes that are still dark, for each restoring outage whose next_at is past."""
    due = session.exec(select(Outage).where(
        Outage.state == OutageState.RESTORING, col(Outage.next_at) <= now, Outage.dark >= limits.fewest)).all()
    found = {}
    for outage in due:
        members = session.exec(select(OutageMember).where(
            OutageMember.outage_id == outage.id, col(OutageMember.back_at).is_(None),
            OutageMember.state == MemberState.AFFECTED)).all()
        lowest, areas = areas_of_sites(session, [member.site_id for member in members])
        above = areas_above(lowest, areas)
        homes = tuple(DarkSite(member.site_id, member.died_at, above.get(member.site_id, frozenset()))
                      for member in members)
        live, heard_at = live_homes(session, detectable)
        found[outage.id] = Snapshot(homes, area_stats(session, areas, list(areas), detectable), live, heard_at,
                                    lowest=lowest)
    return found


def site_proofs(session: Session, sites: Iterable[str], detectable: Detectable) -> dict[str, str]:
    """Site id → "live" (a device there proves that it has power), "dark", or "mute" (no device there can tell)."""
    found = {}
    for some in chunks(sorted(set(sites))):
        for site, live, dark in session.connection().execute(detectable.statement(_SITE_PROOFS),
                                                             detectable.values(sites=some)):
            found[site] = "live" if live else "dark" if dark else "mute"
    return found


def live_homes(session: Session, detectable: Detectable) -> tuple[int, Instant | None]:
    """(number of homes that have power, when one of them was last heard; None for none)."""
    live, at = session.connection().execute(detectable.statement(_COUNT_LIVE_HOMES), detectable.values()).one()
    return live, at


def earlier_durations(session: Session, area_id: str | None, kind: str) -> list[int]:
    """How many ms the latest outages of this area lasted; with fewer than FEWEST, those of all areas of its kind."""
    spans = select(Outage.restored_at, Outage.began_at).where(
        col(Outage.restored_at).is_not(None), Outage.kind == kind).order_by(col(Outage.began_at).desc()).limit(50)
    for wanted in (spans.where(Outage.area_id == area_id), spans):
        found = [restored - began for restored, began in session.exec(wanted) if restored is not None]
        if len(found) >= FEWEST:
            break
    return found


def windows(session: Session, now: Instant) -> list[MaintenanceWindow]:
    """Maintenance windows that have begun, and ended less than a day ago if they have ended."""
    return list(session.exec(select(MaintenanceWindow).where(
        MaintenanceWindow.from_at <= now, MaintenanceWindow.until_at > now - DAY)))


def _homes(session: Session, since: Instant, detectable: Detectable, now: Instant
           ) -> tuple[tuple[DarkSite, ...], dict[str, frozenset[str]], dict[str, Area]]:
    rows = session.connection().execute(detectable.statement(_DARK), detectable.values(since=since)).all()
    lowest, areas = _areas_of(session, ((site, area) for site, area in session.connection().execute(
        _AREAS_OF_DARK, {"since": since})))
    members = _open_members(session)
    planned = windows(session, now)
    areas_of = areas_above(lowest, areas)
    homes = []
    for site, died, uncertainty_ms, silent, loss_count in rows:
        outage_id, in_doubt = members.get(site, (None, True))
        if not in_doubt:
            continue  # it is waited for, or has a ticket of its own
        above = areas_of.get(site, frozenset())
        at = lost_outside_maintenance(planned, above, died, now)
        if at is not None:
            homes.append(DarkSite(site, at, above, uncertainty_ms=uncertainty_ms, silent=bool(silent),
                                  losses=loss_count, outage_id=outage_id))
    return tuple(homes), lowest, areas


def _open_members(session: Session) -> dict[str, tuple[str, bool]]:
    """Site id → (outage id, whether the home may still turn out to belong elsewhere) of every home that has not come
    back from an outage."""
    rows = session.connection().execute(_OPEN_MEMBERS)
    return {site: (outage, member is not MemberState.NESTED and state in DECIDING)
            for site, outage, member, state in rows}


def areas_of_sites(session: Session, sites: Iterable[str]) -> tuple[dict[str, frozenset[str]], dict[str, Area]]:
    """(site id → the areas it belongs to directly, area id → Area of those and all above them)."""
    return _areas_of(session, (row for some in chunks(sorted(set(sites))) for row in session.exec(
        select(SiteArea.site_id, SiteArea.area_id).where(col(SiteArea.site_id).in_(some)))))


def _areas_of(session: Session, rows: Iterable[tuple[str, str]]) -> tuple[dict[str, frozenset[str]], dict[str, Area]]:
    direct: dict[str, set[str]] = defaultdict(set)
    for site, area in rows:
        direct[site].add(area)
    areas: dict[str, Area] = {}
    missing = {area for ids in direct.values() for area in ids}
    while missing:
        found = [row for some in chunks(sorted(missing)) for row in session.exec(
            select(Area).where(col(Area.id).in_(some)))]
        areas |= {row.id: row for row in found}
        missing = {row.parent_id for row in found if row.parent_id is not None} - areas.keys()
    shared: dict[frozenset[str], frozenset[str]] = {}  # thousands of homes lie in the same
    return {site: shared.setdefault(same := frozenset(ids), same) for site, ids in direct.items()}, areas


def _open_outage(row: Outage) -> OpenOutage:
    return OpenOutage(row.id, row.area_id, row.state, suspected_at=row.suspected_at, last_at=row.last_at, dark=row.dark,
                      homes=row.homes, size=row.size)
