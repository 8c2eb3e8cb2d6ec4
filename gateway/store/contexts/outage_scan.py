"""Loads what outage detection scans: new connection losses, and the state of their areas."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import NamedTuple

from sqlalchemy import bindparam, text, update
from sqlalchemy import select as columns_of
from sqlmodel import Session, col, select

from gateway.model import (
    DAY,
    Area,
    Instant,
    LinkState,
    Listener,
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
from gateway.outages.maintenance import SETTLES
from gateway.outages.self_monitoring import fits
from gateway.store import ingest
from gateway.store.chunks import chunks
from gateway.store.contexts.areas import Detectable, area_stats, areas_above

OURSELVES = ("!deaf", "!unheard")  # keys of what is open about our own hearing
# NOT IN makes PostgreSQL read the open losses once, also when they became thousands since it last counted them (with
# NOT EXISTS: 3.5 s)
_LIVE = f"""d.retired_at IS NULL AND s.link = '{LinkState.ONLINE}' AND d.profile IN :missed
           AND d.id NOT IN (SELECT o.device_id FROM loss o WHERE o.ended_at IS NULL)"""
_DARK = f"""
    SELECT l.site_id, MAX(l.died_at), MAX(l.blur), MAX(CASE WHEN l.silent THEN 1 ELSE 0 END), MIN(l.drops),
           MIN(l.device_id)
    FROM loss l JOIN device r ON r.id = l.device_id
    WHERE l.ended_at IS NULL AND l.died_at >= :since AND r.retired_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM device d JOIN device_state s ON s.device_id = d.id WHERE d.site_id = l.site_id AND {_LIVE})
    GROUP BY l.site_id"""
_LIVE_HOMES = f"""
    SELECT COUNT(DISTINCT d.site_id), MAX(s.seen_at) FROM device d JOIN device_state s ON s.device_id = d.id
    WHERE {_LIVE}"""
_PROOF = f"""
    SELECT d.site_id,
           MAX(CASE WHEN s.link = '{LinkState.ONLINE}' AND d.profile IN :missed AND l.device_id IS NULL
               THEN 1 ELSE 0 END),
           MAX(CASE WHEN l.device_id IS NULL THEN 0 ELSE 1 END)
    FROM device d JOIN device_state s ON s.device_id = d.id
    LEFT JOIN loss l ON l.device_id = d.id AND l.ended_at IS NULL
    WHERE d.site_id IN :sites AND d.retired_at IS NULL GROUP BY d.site_id
    """

_ANYTHING = [wanted.limit(1) for wanted in (  # built once: asked every second
    select(Loss.device_id).where(col(Loss.fresh)),
    select(Outage.id).where(col(Outage.next_at) <= bindparam("now")),
    select(MaintenanceWindow.id).where(col(MaintenanceWindow.next_at) <= bindparam("now")),
)]
_FRESH = columns_of(*(getattr(Loss, name) for name in ("device_id", "site_id", "died_at", "blur", "ended_at"))).where(
    col(Loss.fresh)).order_by(col(Loss.device_id)).with_for_update()
_LOOKED_AT = update(Loss).where(col(Loss.device_id).in_(bindparam("devices", expanding=True))).values(fresh=False)


def has_work(session: Session, now: Instant) -> bool:
    """Whether the watch has something to look at; three looks into indexes that hold nothing but that."""
    return any(session.exec(wanted, params={"now": now}).first() is not None for wanted in _ANYTHING)


def deaf(session: Session, now: Instant) -> bool:
    """Whether we have just gone deaf, wholly or in part, or hear again: what is open about it no longer fits. Before
    the first listener ever connected there is nothing to say."""
    hearing, open_now = ingest.hearing(session, now), own_outages(session)
    listening = hearing.since is not None
    known = session.exec(select(Listener.client_id).limit(1)).first() is not None
    return known and (("!deaf" not in open_now) != listening
                      or (listening and not fits(open_now.get("!unheard"), hearing.dialects_missing)))


def own_outages(session: Session) -> dict[str, Outage]:
    """What is open about our own hearing, by its key."""
    rows = session.exec(select(Outage).where(col(Outage.closed_at).is_(None), col(Outage.key).in_(OURSELVES)))
    return {row.key: row for row in rows}


def lock_watch(session: Session) -> None:
    """One watch at a time, whatever number of clocks there are: two could not see each other's outages."""
    if session.connection().dialect.name == "postgresql":
        session.connection().execute(text("SELECT pg_advisory_xact_lock(7294411)"))


class NewLoss(NamedTuple):
    """What the watch takes from a loss; ten thousand are no rows to watch over."""

    device_id: str
    site_id: str
    died_at: Instant
    blur: int
    ended_at: Instant | None


def fresh(session: Session) -> list[NewLoss]:
    """What was lost or came back since the watch last looked; from now on it has been looked at. Locks them."""
    rows = [NewLoss(*row) for row in session.connection().execute(_FRESH)]
    for some in chunks([row.device_id for row in rows]):
        session.connection().execute(_LOOKED_AT, {"devices": some})
    return rows


def snapshot(session: Session, looked_at: Collection[NewLoss], missed: Detectable, limits: Limits,
             now: Instant) -> Snapshot:
    """Everything that may belong to the same event as the losses in `looked_at`."""
    standing = tuple(_standing(row) for row in session.exec(select(Outage).where(
        col(Outage.closed_at).is_(None), Outage.kind != OutageKind.GATEWAY)))
    own_outages = session.exec(select(Outage).where(col(Outage.closed_at).is_(None), Outage.key == "!gateway")).all()
    standing += tuple(_standing(row) for row in own_outages)
    lost = [row for row in looked_at if row.ended_at is None]
    if not lost:
        return Snapshot((), {}, 0, open=standing)
    since = min(row.died_at - max(limits.window, row.blur) for row in lost)
    homes, lowest, areas = _homes(session, max(since, now - DAY), missed, now)
    by_area: dict[str, int] = defaultdict(int)
    for home in homes:
        for area in home.areas:
            by_area[area] += 1
    if len(homes) < limits.fewest:
        zones = {area: AreaStats(area, row.kind, row.parent_id, name=row.name) for area, row in areas.items()}
        return Snapshot(homes, zones, 0, open=standing, lowest=lowest)
    wanted = [area for area, count in by_area.items() if count >= limits.fewest]
    zones = area_stats(session, areas, wanted, missed)
    live, heard_at = session.connection().execute(missed.statement(_LIVE_HOMES), missed.values()).one()
    return Snapshot(homes, zones, live, heard_at, standing, lowest)


def still_dark_homes(session: Session, missed: Detectable, limits: Limits, now: Instant) -> dict[str, Snapshot]:
    """Outage id → the homes that are still dark in it, of those where nobody has come back for a while."""
    due = session.exec(select(Outage).where(
        Outage.state == OutageState.RESTORING, col(Outage.next_at) <= now, Outage.dark >= limits.fewest)).all()
    found = {}
    for outage in due:
        members = session.exec(select(OutageMember).where(
            OutageMember.outage_id == outage.id, col(OutageMember.back_at).is_(None),
            OutageMember.state == MemberState.AFFECTED)).all()
        lowest, areas = hung_in(session, [member.site_id for member in members])
        above = areas_above(lowest, areas)
        homes = tuple(DarkSite(member.site_id, member.died_at, above.get(member.site_id, frozenset()))
                      for member in members)
        live, heard_at = heard(session, missed)
        found[outage.id] = Snapshot(homes, area_stats(session, areas, list(areas), missed), live, heard_at,
                                    lowest=lowest)
    return found


def proofs(session: Session, sites: Iterable[str], missed: Detectable) -> dict[str, str]:
    """site → "live" (it proves itself), "dark", or "mute" (nothing there can say either)."""
    found = {}
    for some in chunks(sorted(set(sites))):
        for site, live, dark in session.connection().execute(missed.statement(_PROOF),
                                                                missed.values(sites=some)):
            found[site] = "live" if live else "dark" if dark else "mute"
    return found


def heard(session: Session, missed: Detectable) -> tuple[int, Instant | None]:
    """(live homes, when one of them was last heard)."""
    live, at = session.connection().execute(missed.statement(_LIVE_HOMES), missed.values()).one()
    return live, at


def took(session: Session, area_id: str | None, kind: str) -> list[int]:
    """How long the latest outages of this area lasted, ms; with fewer than three, those of areas of its kind."""
    spans = select(Outage.restored_at, Outage.began_at).where(
        col(Outage.restored_at).is_not(None), Outage.kind == kind).order_by(col(Outage.began_at).desc()).limit(50)
    for wanted in (spans.where(Outage.area_id == area_id), spans):
        found = [restored - began for restored, began in session.exec(wanted) if restored is not None]
        if len(found) >= 3:
            break
    return found


def windows(session: Session, now: Instant) -> list[MaintenanceWindow]:
    """Planned work that has begun, or was over less than a day ago."""
    return list(session.exec(select(MaintenanceWindow).where(
        MaintenanceWindow.from_at <= now, MaintenanceWindow.until_at > now - DAY)))


def _homes(session: Session, since: Instant, missed: Detectable, now: Instant
           ) -> tuple[tuple[DarkSite, ...], dict[str, frozenset[str]], dict[str, Area]]:
    rows = session.connection().execute(missed.statement(_DARK), missed.values(since=since)).all()
    lowest, areas = _hung(session, session.exec(select(SiteArea.site_id, SiteArea.area_id).where(
        col(SiteArea.site_id).in_(select(Loss.site_id).where(col(Loss.ended_at).is_(None), Loss.died_at >= since)))))
    held = _held(session)
    planned = windows(session, now)
    areas_of = areas_above(lowest, areas)
    homes = []
    for site, died, blur, silent, drops, device in rows:
        outage_id, state = held.get(site, (None, ""))
        if outage_id is not None and state not in (OutageState.SUSPECTED, OutageState.CONFIRMED):
            continue  # it is waited for, or has a ticket of its own
        above = areas_of.get(site, frozenset())
        at = _but_for(planned, above, died, now)
        if at is not None:
            homes.append(DarkSite(site, at, above, blur=blur, silent=bool(silent), losses=drops, outage_id=outage_id,
                              device_id=device))
    return tuple(homes), lowest, areas


def _but_for(planned: Iterable[MaintenanceWindow], above: frozenset[str], died: Instant, now: Instant
             ) -> Instant | None:
    """When the home counts as having died: not while it is meant to be dark, and then as if at the end of that."""
    for window in planned:
        if window.area_id in above and window.from_at <= died <= window.until_at:
            return window.until_at if now >= window.until_at + SETTLES else None
    return died


def _held(session: Session) -> dict[str, tuple[str, str]]:
    """site → (outage, its state; "nested" for a home that has its own ticket) of all that are dark in one."""
    rows = session.exec(select(OutageMember.site_id, OutageMember.outage_id, OutageMember.state, Outage.state).join(
        Outage, col(Outage.id) == OutageMember.outage_id).where(col(OutageMember.back_at).is_(None)))
    return {site: (outage, "nested" if member == MemberState.NESTED else state) for site, outage, member, state in rows}


def hung_in(session: Session, sites: Iterable[str]) -> tuple[dict[str, frozenset[str]], dict[str, Area]]:
    """(site → the areas it hangs in itself, area id → area, those and all above them)."""
    return _hung(session, (row for some in chunks(sorted(set(sites))) for row in session.exec(
        select(SiteArea.site_id, SiteArea.area_id).where(col(SiteArea.site_id).in_(some)))))


def _hung(session: Session, rows: Iterable[tuple[str, str]]) -> tuple[dict[str, frozenset[str]], dict[str, Area]]:
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
    return {site: frozenset(ids) for site, ids in direct.items()}, areas


def _standing(row: Outage) -> OpenOutage:
    return OpenOutage(row.id, row.area_id, row.state, suspected_at=row.suspected_at, last_at=row.last_at, dark=row.dark,
                    homes=row.homes, size=row.size)
