"""watch: detects area outages from homes that went dark together, and moves open outages on."""

from dataclasses import replace

from sqlmodel import Session

from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.model import Instant
from gateway.model.plan import Draft
from gateway.outages import Limits, assess, find_candidates, homes_joining
from gateway.outages.connection_losses import detectable_profiles
from gateway.outages.maintenance import plan_maintenance_due
from gateway.outages.plan_watch import plan_watch
from gateway.outages.self_monitoring import NOT_LISTENING, TOPICS_MISSING, plan_missing_topics, plan_not_listening
from gateway.store import apply, listeners
from gateway.store.contexts import maintenance, outage_scan, self_monitoring
from gateway.store.contexts.areas import Detectable
from gateway.store.contexts.outage import outage_context

LIMITS = Limits()
BY_SHARE = replace(LIMITS, burst_homes=10**9)  # for homes dark for long, when they went dark says nothing any more


def watch(gw: Gateway, now: Instant) -> int:
    """Detects whether homes that lost power did so together, and moves open outages on. Returns how many losses it
    processed."""
    with gw.store.read() as session:
        if not outage_scan.has_work(session, now) and not self_monitoring.has_work(session, now):
            gw.watched_at = now
            return 0
    looked = retry_on_conflict(lambda: _watch(gw, now))
    gw.watched_at = now
    gw.outbox_filled.set()
    return looked


def _watch(gw: Gateway, now: Instant) -> int:
    with gw.store.write() as session:
        outage_scan.lock_watch(session)
        draft = Draft()
        own_outages = {key: draft.copy(row) for key, row in self_monitoring.own_outages(session).items()}
        status = listeners.listening_status(session, now)
        since, missing = status.since, status.dialects_missing
        detectable = Detectable(detectable_profiles(gw.profiles), status.missing_topics)
        plan_not_listening(own_outages.get(NOT_LISTENING), listeners.not_listening_since(session, now), draft,
                           gw.policy, now, missing=missing, watched_at=gw.watched_at)
        if since is not None:
            plan_missing_topics(own_outages.get(TOPICS_MISSING), missing, draft, gw.policy, now)
        apply(session, draft.plan())
        _maintenance(gw, session, now)
        losses = outage_scan.take_unprocessed(session)
        snapshot = outage_scan.snapshot(session, losses, detectable, LIMITS, now)
        verdicts = assess(snapshot, LIMITS)
        joining = homes_joining(snapshot, verdicts, LIMITS)
        context = outage_context(session, Draft(), losses, verdicts, joining, detectable, gw.profiles, now)
        context.listening_since = None if since is None else max(since, gw.clock_jumped_at)
        context.still_dark = {one: {home.site_id for found in find_candidates(left, BY_SHARE) for home in found.homes}
                           for one, left in outage_scan.homes_still_dark(session, detectable, LIMITS, now).items()}
        apply(session, plan_watch(verdicts, joining, context, LIMITS, gw.policy, now))
        return len(losses)


def _maintenance(gw: Gateway, session: Session, now: Instant) -> None:
    for window, area, customers in maintenance.due(session, now):
        draft = Draft()
        scan_again = plan_maintenance_due(draft.copy(window), area, customers, draft, gw.policy, now)
        apply(session, draft.plan())
        if scan_again:
            maintenance.scan_losses_again(session, window)
