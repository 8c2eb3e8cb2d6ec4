"""watch: detects area outages from homes that went dark together, and moves open outages on."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlmodel import Session

from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.model import Instant
from gateway.model.plan import Draft
from gateway.outages import Limits, OpenOutage, assess, find_candidates, homes_joining
from gateway.outages.connection_losses import detectable_profiles
from gateway.outages.homes.slices import Joining, plan_homes_to_tell, still_to_join, take_first
from gateway.outages.maintenance import plan_maintenance_due
from gateway.outages.plan_watch import plan_watch
from gateway.outages.self_monitoring import NOT_LISTENING, TOPICS_MISSING, plan_missing_topics, plan_not_listening
from gateway.store import Conflict, apply, listeners
from gateway.store.contexts import maintenance, outage_scan, self_monitoring
from gateway.store.contexts.areas import Detectable
from gateway.store.contexts.outage import homes_to_tell_context, outage_context

LIMITS = Limits()
# in one transaction at most: whoever presses a button meanwhile waits for its end
LOSSES = 1000  # devices that were lost or came back
JOINING = 500  # homes that become members of an outage
TOLD = 500  # homes that are told of it
BY_SHARE = replace(LIMITS, burst_homes=10**9)  # for homes dark for long, when they went dark says nothing any more


class WatchSnapshot(NamedTuple):
    """What was found without a lock: it holds as long as the outages stand as they did."""

    seen: outage_scan.Seen
    outages: tuple[OpenOutage, ...]
    joining: Joining  # what is left of it
    still_dark: dict[str, set[str]]


class Heard(NamedTuple):
    """Whom the gateway hears, and since when without a gap (None: nobody)."""

    detectable: Detectable
    since: Instant | None


def watch(gw: Gateway, now: Instant) -> int:
    """Detects whether homes that lost power did so together, moves open outages on, and has those in them told: a few
    homes in each transaction, so that whatever comes meanwhile is not kept waiting. Returns how many losses it
    processed."""
    with gw.store.read() as session:
        if not outage_scan.has_work(session, now) and not self_monitoring.has_work(session, now):
            gw.watched_at = now
            return 0
    heard = retry_on_conflict(lambda: _watch_ourselves(gw, now))
    looked = retry_on_conflict(lambda: _watch_homes(gw, heard, now))
    while retry_on_conflict(lambda: _tell(gw, now)):
        gw.outbox_filled.set()
    gw.watched_at = now
    gw.outbox_filled.set()
    return looked


def _watch_ourselves(gw: Gateway, now: Instant) -> Heard:
    """Do we hear what we should? And is there maintenance to announce, or to look after?"""
    with gw.store.write() as session:
        outage_scan.lock_watch(session)
        draft = Draft()
        own_outages = {key: draft.copy(row) for key, row in self_monitoring.own_outages(session).items()}
        status = listeners.listening_status(session, now)
        since, missing = status.since, status.dialects_missing
        plan_not_listening(own_outages.get(NOT_LISTENING), listeners.not_listening_since(session, now), draft,
                           gw.policy, now, missing=missing, watched_at=gw.watched_at)
        if since is not None:
            plan_missing_topics(own_outages.get(TOPICS_MISSING), missing, draft, gw.policy, now)
        apply(session, draft.plan())
        _maintenance(gw, session, now)
        detectable = Detectable(detectable_profiles(gw.profiles), status.missing_topics)
        return Heard(detectable, None if since is None else max(since, gw.clock_jumped_at))


def _watch_homes(gw: Gateway, heard: Heard, now: Instant) -> int:
    looked, more, look = 0, True, _look(gw, heard, now)
    while more:
        count, more, look = _move_on(gw, heard, look, now)
        looked += count
        gw.outbox_filled.set()
    return looked


def _look(gw: Gateway, heard: Heard, now: Instant) -> WatchSnapshot:
    """Everything that is dark: the longest part, in which nobody waits for us."""
    with gw.store.read() as session:
        seen, since = outage_scan.unprocessed_losses(session, LIMITS)
        snapshot = outage_scan.snapshot(session, since, heard.detectable, LIMITS, now)
        dark = outage_scan.homes_still_dark(session, heard.detectable, LIMITS, now)
    verdicts = assess(snapshot, LIMITS)
    return WatchSnapshot(seen, snapshot.open, Joining(verdicts, homes_joining(snapshot, verdicts, LIMITS)), {
        one: {home.site_id for found in find_candidates(left, BY_SHARE) for home in found.homes}
        for one, left in dark.items()})


def _move_on(gw: Gateway, heard: Heard, look: WatchSnapshot, now: Instant) -> tuple[int, bool, WatchSnapshot]:
    """One transaction: (how many losses it processed, whether there is more, what is left). A crash after it loses
    nothing: what is left is found again. Raises Conflict when somebody else has changed the outages since the look."""
    first, rest = take_first(look.joining, JOINING, LIMITS.fewest)
    with gw.store.write() as session:
        outage_scan.lock_watch(session)
        if _standing(outage_scan.open_outages(session)) != _standing(look.outages):
            raise Conflict("outages have changed since the watch looked")
        left = set(rest.new_sites)
        losses, more = outage_scan.take_unprocessed(session, LOSSES, look.seen, left)
        outage_scan.scan_again(session, left)
        verdicts, joining = still_to_join(first, outage_scan.sites_lost(session, first.new_sites), look.outages)
        context = outage_context(session, Draft(), losses, verdicts, joining, heard.detectable, gw.profiles, now)
        context.listening_since, context.still_dark = heard.since, look.still_dark
        apply(session, plan_watch(verdicts, joining, context, LIMITS, gw.policy, now))
        outages = outage_scan.open_outages(session)
    return len(losses), more or bool(rest), look._replace(joining=rest, outages=outages)


def _standing(outages: Sequence[OpenOutage]) -> set[tuple[str, str | None, str, int]]:
    """What a look depends on; homes of theirs may go dark and come back meanwhile."""
    return {(one.id, one.area_id, one.state, one.homes) for one in outages}


def _tell(gw: Gateway, now: Instant) -> bool:
    """What follows for the next homes of a confirmed outage that have yet to be told. Returns whether there were any.
    """
    with gw.store.write() as session:
        outage_scan.lock_watch(session)
        context, more = homes_to_tell_context(session, Draft(), gw.profiles, TOLD, now)
        apply(session, plan_homes_to_tell(context, more, LIMITS, gw.policy, now))
        return bool(context.outages)


def _maintenance(gw: Gateway, session: Session, now: Instant) -> None:
    for window, area, customers in maintenance.due(session, now):
        draft = Draft()
        scan_again = plan_maintenance_due(draft.copy(window), area, customers, draft, gw.policy, now)
        apply(session, draft.plan())
        if scan_again:
            maintenance.scan_losses_again(session, window)
