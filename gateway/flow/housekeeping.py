"""Housekeeping: deletes old readings and dead letters, corrects stored times after a clock jump, and counts what waits
for nothing."""

import logging

from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.model import DAY, Instant
from gateway.monitoring import metrics
from gateway.outages.self_monitoring import plan_clock_jump
from gateway.store import apply, changes, clock_jumps, retention
from gateway.store.accounts import audit, desk, flows, open_pages, sent_acts, sessions
from gateway.store.customers import contact_checks, pending_acts, sent_tests
from gateway.store.firms.forget import forget_time_off
from gateway.store.firms.portraits import forget_unused
from gateway.store.readings import partitions
from gateway.store.views.unwatched import unwatched
from gateway.store.visits import photos, signatures

_log = logging.getLogger(__name__)


def adjust_to_clock_jump(gw: Gateway, jumped: int, now: Instant) -> None:
    """After our own clock jumped by `jumped` ms: shifts all deadlines, so that nothing counts as silent or overdue
    because of it, and notifies the operator."""
    gw.clock_jumped_at = now

    def once() -> None:
        with gw.store.write() as session:
            if clock_jumps.shift_deadlines(session, jumped, now):
                changes.record_many(session)
                apply(session, plan_clock_jump(jumped, gw.policy, now))

    retry_on_conflict(once)
    gw.outbox_filled.set()


def clamp_future_times(gw: Gateway, now: Instant, everywhere: bool = False) -> None:
    """Sets stored times that lie in the future, written while our clock was ahead, to `now`; `everywhere`: in large
    tables too."""
    with gw.store.write() as session:
        clock_jumps.clamp_future_times(session, now,
                                       clock_jumps.PAST_TIMES if everywhere else clock_jumps.CLAMPED_OFTEN)


def prepare_partitions(gw: Gateway, now: Instant) -> None:
    """Creates the partitions for readings of the coming days, on PostgreSQL, and logs why it cannot."""
    if (obstacle := partitions.prepare(gw.store, now, gw.settings.readings_days)) is not None:
        _log.warning("%s", obstacle)


def forget(gw: Gateway, now: Instant) -> int:
    """Drops partitions of readings past their retention, deletes a bounded number of other readings, dead letters and
    losses past theirs, and what is old in the change feed and at the console; returns how many messages it deleted one
    by one. In the day after our clock jumped it keeps all messages."""
    kept_since = now - gw.settings.readings_days * DAY
    clock_is_sure = abs(now - gw.clock_jumped_at) > DAY  # by a clock that is wrong all readings would be old
    if clock_is_sure:
        partitions.drop_old(gw.store, kept_since)  # a transaction each: what holds the whole table must be over at once
    with gw.store.write() as session:
        flows.forget_old(session, now)
        retention.delete_old_losses(session, now)
        retention.delete_old_answers(session, now)
        retention.delete_old_surveys(session, now)
        retention.delete_old_goodwill(session, now)
        forget_time_off(session, now)
        forget_unused(session)
        changes.forget_changes(session)
        audit.forget_old(session, now)
        sessions.forget_old(session, now)
        open_pages.forget_old(session, now)
        sent_acts.forget_old(session, now)
        photos.forget_old(session, now)
        pending_acts.forget_old(session, now)
        contact_checks.forget_old(session, now)
        sent_tests.forget_old(session, now)
        signatures.forget_old(session, now)
        desk.forget_old(session, now)
        return retention.delete_old_messages(session, kept_since) if clock_is_sure else 0


def count_unwatched(gw: Gateway, now: Instant) -> None:
    """Sets the gauge of what is open and would never be looked at again, and logs which: a mistake of ours."""
    with gw.store.read() as session:
        left = unwatched(session)
    metrics.UNWATCHED.set(len(left))
    if left:
        _log.error("open, and no deadline runs for it: %s", ", ".join(f"{one.kind} {one.id}" for one in left[:10]))
