"""watch: detects area outages from homes that went dark together, and moves open outages on."""

from dataclasses import replace

from sqlmodel import Session

from gateway.flow.gateway import Gateway, again
from gateway.model import Instant
from gateway.model.plan import Draft
from gateway.outages import Limits, assess, find_candidates, homes_joining
from gateway.outages.maintenance import plan_maintenance_due
from gateway.outages.plan_watch import plan_watch
from gateway.outages.self_monitoring import plan_missing_topics, plan_not_listening
from gateway.store import (
    apply,
    connection_losses,
    ingest,
)
from gateway.store.contexts import maintenance, outage_scan
from gateway.store.contexts.areas import Detectable
from gateway.store.contexts.outage import outage_context

LIMITS = Limits()
BY_SHARE = replace(LIMITS, burst_homes=10**9)  # of homes that went long ago, the moment says nothing any more


def watch(gw: Gateway, now: Instant) -> int:
    """Looks whether homes that went dark did so together, and how outages go on. Returns how many losses it saw."""
    with gw.store.read() as session:
        if not outage_scan.has_work(session, now) and not outage_scan.deaf(session, now):
            return 0
    looked = again(lambda: _watch(gw, now))
    gw.outbox_filled.set()
    return looked


def _watch(gw: Gateway, now: Instant) -> int:
    with gw.store.write() as session:
        outage_scan.lock_watch(session)
        draft = Draft()
        own_outages = {key: draft.copy(row) for key, row in outage_scan.own_outages(session).items()}
        hearing = ingest.hearing(session, now)
        since, missing = hearing.since, hearing.dialects_missing
        missed = Detectable(connection_losses.detectable_profiles(gw.profiles), hearing.missing_topics)
        plan_not_listening(own_outages.get("!deaf"), ingest.not_listening_since(session, now), draft, gw.rules, now,
                           missing)
        if since is not None:
            plan_missing_topics(own_outages.get("!unheard"), missing, draft, gw.rules, now)
        apply(session, draft.plan())
        _maintenance(gw, session, now)
        seen = outage_scan.unprocessed_losses(session)
        snapshot = outage_scan.snapshot(session, seen, missed, LIMITS, now)
        verdicts = assess(snapshot, LIMITS)
        joining = homes_joining(snapshot, verdicts, LIMITS)
        facts = outage_context(session, Draft(), seen, verdicts, joining, missed, now)
        facts.listening_since = None if since is None else max(since, gw.heard_since)
        facts.still_dark = {one: {home.site_id for found in find_candidates(left, BY_SHARE) for home in found.homes}
                           for one, left in outage_scan.still_dark_homes(session, missed, LIMITS, now).items()}
        apply(session, plan_watch(verdicts, joining, facts, LIMITS, gw.rules, now))
        return len(seen)


def _maintenance(gw: Gateway, session: Session, now: Instant) -> None:
    for window, area, customers in maintenance.due(session, now):
        draft = Draft()
        look_again = plan_maintenance_due(draft.copy(window), area, customers, draft, gw.rules, now)
        apply(session, draft.plan())
        if look_again:
            maintenance.reset_looked_at(session, window)
