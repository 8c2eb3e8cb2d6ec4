"""The notification outbox: claims due notifications with a lease, loads their context, records each attempt; one story,
from the claim to the outcome."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    and_,
    bindparam,
    delete,
    func,
    literal,
    literal_column,
    or_,
    text,
    union_all,
)
from sqlalchemy import select as columns_of
from sqlmodel import Session, col, select, update

from gateway.callbacks.numbers.telephones import Telephone
from gateway.config.quotas import MESSAGES_AN_HOUR, UNDELIVERED_WITHIN
from gateway.model import (
    DAY,
    MINUTE,
    Attempt,
    AttemptOutcome,
    Callback,
    ChannelUse,
    Contact,
    Customer,
    Device,
    Due,
    DueKind,
    Instant,
    Link,
    LinkPurpose,
    MemberState,
    Notification,
    NotificationState,
    Offer,
    Outage,
    Provider,
    Recipient,
    RecipientKind,
    Site,
    SubjectKind,
    Ticket,
    Visit,
    customer,
    provider,
)
from gateway.model.plan import Draft, Plan
from gateway.notifications.context import NotificationContext, Undelivered
from gateway.notifications.decide import UNSURE, has_quota
from gateway.notifications.lifecycle import MAY_STILL_ARRIVE, Action, move
from gateway.notifications.pacing.breaker import PAUSED_AFTER, PROBE_EVERY, paused_until
from gateway.notifications.preferences.wanted import in_order
from gateway.notifications.topics import SLA_TOPICS, Priority, TopicName
from gateway.notifications.undelivered.plan import ALL_OTHERS, Failure, Lists, daily_occurrence
from gateway.store import apply, changes, households
from gateway.store.contexts import sla
from gateway.store.contexts.on_call import pages_about
from gateway.store.contexts.promises import open_promises, withdraw_promises_of
from gateway.store.contexts.visits import same_trip
from gateway.store.customers.all_is_well import unwell
from gateway.store.customers.companions import pieces_beside_others
from gateway.store.customers.contacts_gone import gone_within
from gateway.store.customers.preferences import choices_of
from gateway.store.devices.button_tests import open_tests
from gateway.store.households import Whose, telephones
from gateway.store.plain_rows import is_one_of, plain_rows, rows_by_id, write_alike
from gateway.store.search.index import follow_contact

LEASE = 2 * MINUTE  # longer than the slowest channel takes; after it another worker takes over

# built once: putting a statement together costs as much as running it, and a message waits for each of them
_NOW: BindParameter[Any] = bindparam("now")
_LIMIT: BindParameter[Any] = bindparam("limit")
_PRIORITY: BindParameter[Any] = bindparam("priority")
# asked whether any row is due, PostgreSQL reads the finished ones until it meets one (measured)
_FIRST_DUE = union_all(*(
    columns_of(literal(int(one)), func.min(Notification.due_at))
    .where(col(Notification.priority) == one, col(Notification.due_at).is_not(None)) for one in Priority))
_DUE = (select(Notification).where(col(Notification.priority) == _PRIORITY, col(Notification.due_at) <= _NOW)
        .order_by(col(Notification.due_at)).limit(_LIMIT)
        .with_for_update(skip_locked=True))  # SQLite leaves the locking out: it has one writer anyway
# only what these recipients were told: an outage tells ten thousand; the caller tells a customer from a firm of that id
_SAID = select(Notification).where(is_one_of(Notification.subject_id), is_one_of(Notification.recipient_id, "to"),
                                   or_(col(Notification.lease).is_(None), col(Notification.lease) != bindparam("but")))
_TRIES = (select(Attempt).join(Notification, col(Notification.id) == col(Attempt.notification_id))
          .where(is_one_of(Notification.subject_id), is_one_of(Notification.recipient_id, "to"))
          .order_by(col(Attempt.started_at)))
_CHANNEL: BindParameter[Any] = bindparam("channel")
_NEWEST = (select(Attempt).where(col(Attempt.channel) == _CHANNEL, col(Attempt.finished_at).is_not(None),
                                 or_(col(Attempt.bundle_id).is_(None),  # of several that left as one, one counts
                                     col(Attempt.bundle_id) == col(Attempt.notification_id)))
           .order_by(col(Attempt.started_at).desc()).limit(_LIMIT))
_SINCE: BindParameter[Any] = bindparam("since")
# as the partial index says it: with a parameter in place of the value SQLite would not use it
NOT_TOLD: ColumnElement[bool] = literal_column(
    f"notification.state IN ('{NotificationState.FAILED}', '{NotificationState.UNKNOWN}')")
_PROBED = select(Attempt.id).where(col(Attempt.channel) == _CHANNEL, col(Attempt.started_at) > _SINCE,
                                   col(Attempt.finished_at).is_(None))
_RECENT = (columns_of(col(Notification.id), col(Notification.recipient_id), col(Notification.done_at),
                      col(Notification.due_at), col(Notification.state))
           .where(is_one_of(Notification.recipient_id, "to"),
                  col(Notification.recipient_kind) == RecipientKind.CUSTOMER, or_(
                      and_(col(Notification.state).in_(
                          (NotificationState.SENT, NotificationState.UNKNOWN, NotificationState.SHADOW)),
                           col(Notification.done_at) > _SINCE),
                      col(Notification.state) == NotificationState.SENDING)))
_HELD = select(Notification).where(is_one_of(Notification.id)).order_by(col(Notification.id)).with_for_update()


def latest_attempts(session: Session, channel: str, limit: int = 50) -> list[Attempt]:
    """The last tries over one channel whose outcome is known, the newest first."""
    return list(session.exec(_NEWEST, params={"channel": channel, "limit": limit}))


def paused_channels(session: Session, channels: Iterable[str], now: Instant) -> dict[str, Instant]:
    """Of these, those whose last tries have all failed → when one may go to see; later while one is under way."""
    found = {}
    for channel in channels:
        tries = latest_attempts(session, channel, PAUSED_AFTER)
        until = paused_until(tries)
        if until is not None:
            ended = until - PROBE_EVERY
            is_probed = session.exec(_PROBED, params={"channel": channel, "since": max(ended, now - LEASE)}).first()
            found[channel] = until if is_probed is None else max(until, now + PROBE_EVERY)
    return found


def channel_use(session: Session, channels: Iterable[str]) -> list[ChannelUse]:
    """What these channels have used, locked until the transaction ends."""
    names = sorted(channels)
    if not names:
        return []
    insert_missing = """INSERT INTO channel_use (channel, spent_until, queue_until) VALUES (:channel, 0, 0)
                        ON CONFLICT (channel) DO NOTHING"""
    session.connection().execute(text(insert_missing), [{"channel": name} for name in names])
    return list(session.exec(select(ChannelUse).where(col(ChannelUse.channel).in_(names))
                             .order_by(col(ChannelUse.channel)).with_for_update()))


def due_priorities(session: Session, now: Instant) -> list[Priority]:
    """Of which something is due, the most urgent first. A cheap look that takes no lock: the outbox is asked often and
    is mostly empty."""
    return sorted(Priority(priority) for priority, first in session.connection().execute(_FIRST_DUE)
                  if first is not None and first <= now)


def claim(session: Session, now: Instant, limit: int, lease: str, kept_free: Mapping[Priority, int] | None = None
          ) -> list[Notification]:
    """Takes up to `limit` due notifications for the holder of `lease`, the most urgent first; one whose holder died
    comes back after LEASE. `kept_free`: of `limit`, how many are for more urgent ones only."""
    due: list[Notification] = []
    for priority in due_priorities(session, now):  # one statement each: there the index has them in order
        room = limit - (kept_free or {}).get(priority, 0) - len(due)
        if room > 0:
            due += plain_rows(session, Notification, _DUE, {"now": now, "limit": room, "priority": priority})
    for row in due:
        move(row, Action.CLAIM, now, due_at=now + LEASE)
        row.lease = lease
    write_alike(session, due, ("state", "due_at", "lease", "done_at"))
    return due


def expire_offers(session: Session, offer_ids: Sequence[str], now: Instant) -> None:
    """Offers that could not be told need not be waited for: their time is over, and the sweep asks the next firm."""
    if offer_ids:
        connection = session.connection()
        connection.execute(update(Offer).where(col(Offer.id).in_(offer_ids), col(Offer.closed_at).is_(None))
                           .values(expires_at=now))
        connection.execute(update(Due).where(
            col(Due.subject_id).in_(offer_ids), col(Due.kind) == DueKind.OFFER_EXPIRES, col(Due.at).is_not(None))
            .values(at=now))


def leave_out_offers(session: Session, offer_ids: Sequence[str], why: str) -> None:
    """That nobody answers these says nothing of the firms."""
    if offer_ids:
        session.connection().execute(update(Offer).where(col(Offer.id).in_(offer_ids)).values(left_out=why))


def close_undeliverable(session: Session, contexts: Iterable[NotificationContext], now: Instant) -> None:
    """Tries that a dead worker left open: whether they arrived will never be known."""
    for context in contexts:
        for attempt in context.attempts:
            if attempt.outcome == AttemptOutcome.STARTED:
                attempt.outcome, attempt.finished_at = AttemptOutcome.UNKNOWN, now
                attempt.why = "the gateway stopped while handing it over"
                session.connection().execute(update(Attempt).where(col(Attempt.id) == attempt.id).values(
                    outcome=attempt.outcome, finished_at=now, why=attempt.why))


def leases_held(session: Session, leases: Mapping[str, str]) -> dict[str, Notification]:
    """Of notification id → lease those that are still ours, by id, as they stand now; nothing may be written about one
    another worker took over.

    They are locked until the transaction ends."""
    return {row.id: row for row in plain_rows(session, Notification, _HELD, {"ids": list(leases)})
            if row.lease == leases[row.id]}


def stop_contact(session: Session, contact_id: str, now: Instant, why: str) -> bool:
    """The address is gone: nothing is sent there again until somebody corrects it. False: it was known before."""
    statement = update(Contact).where(col(Contact.id) == contact_id, col(Contact.stopped_at).is_(None))
    stopped = session.connection().execute(statement.values(stopped_at=now, stopped_why=why)).rowcount > 0
    if stopped:
        follow_contact(session, contact_id)
    return stopped


def unopened(session: Session, now: Instant, limit: int) -> list[Notification]:
    """What was sent and has not been opened in time, the oldest first, locked until the transaction ends."""
    return list(session.exec(select(Notification).where(
        col(Notification.open_by) <= now, Notification.state == NotificationState.SENT)
        .order_by(col(Notification.open_by)).limit(limit).with_for_update(skip_locked=True)))


def waits_for_opening(session: Session, page: Link) -> bool:
    """Whether anything that was sent waits for somebody to open this page."""
    return session.exec(select(Notification.id).where(*_opened_by(page)).limit(1)).first() is not None


def record_opening(session: Session, page: Link, now: Instant) -> None:
    """Somebody has opened this page."""
    session.connection().execute(update(Notification).where(*_opened_by(page)).values(open_by=None, opened_at=now))


def _opened_by(page: Link) -> tuple[Any, ...]:
    whose = (col(Notification.recipient_id) == page.subject_id if page.purpose is LinkPurpose.HOUSEHOLD
             else col(Notification.link_id) == page.id)
    return (col(Notification.open_by).is_not(None), whose, Notification.recipient_kind == RecipientKind.CUSTOMER)


def release_lease(session: Session, lease: str, now: Instant) -> None:
    """What was claimed in a transaction whose end we never learnt, and was not handed over: as if it had not been."""
    mine = session.exec(select(Notification).where(Notification.lease == lease).with_for_update()).all()
    session.connection().execute(delete(Attempt).where(
        col(Attempt.notification_id).in_([row.id for row in mine]), col(Attempt.outcome) == AttemptOutcome.STARTED))
    for row in mine:
        move(row, Action.RETRY, now, due_at=now)
    session.flush()
    tried = set(session.exec(select(Attempt.notification_id).where(
        col(Attempt.notification_id).in_([row.id for row in mine]),
        col(Attempt.outcome).in_((AttemptOutcome.UNKNOWN, AttemptOutcome.SENT)))))
    draft = Draft()
    withdraw_promises_of(session, draft, [row.id for row in mine if row.id not in tried], now)
    apply(session, draft.plan())


def record_late_outcome(session: Session, notification_id: str, attempt_id: str, ref: str, at: Instant) -> None:
    """A try that was written off while it was being handed over has arrived after all."""
    session.connection().execute(update(Attempt).where(
        col(Attempt.id) == attempt_id, col(Attempt.outcome) != AttemptOutcome.SENT).values(
        outcome=AttemptOutcome.SENT, finished_at=at, why=None, ref=ref))
    row = session.exec(select(Notification).where(Notification.id == notification_id).with_for_update()).one_or_none()
    if row is not None and row.state in MAY_STILL_ARRIVE:
        move(row, Action.SEND, at)
        row.reason = None
        changes.record(session, Plan([row]))
    session.flush()


def load_contexts(session: Session, notifications: Sequence[Notification], channels: Iterable[str],
                  knows_repeats: frozenset[str] = frozenset()) -> dict[str, NotificationContext]:
    """The present truth about each notification, by its id; a fixed number of queries however many there are."""
    subjects, usable = {row.subject_id for row in notifications}, set(channels)
    recipients = {row.recipient for row in notifications}
    customer_ids = {one.id for one in recipients if one.kind == RecipientKind.CUSTOMER}
    about_tickets = [row for row in notifications if row.subject_kind == SubjectKind.TICKET]
    named = {row.occurrence for row in about_tickets}  # ids of visits and offers, among others
    named |= {row.facts["visit_id"] for row in about_tickets if "visit_id" in row.facts}
    tickets = rows_by_id(session, Ticket, _about_a(SubjectKind.TICKET, notifications))
    callbacks = rows_by_id(session, Callback, _about_a(SubjectKind.CALLBACK, notifications))
    outages = rows_by_id(session, Outage, _about_a(SubjectKind.OUTAGE, notifications))
    members = households.members(session, outages, customer_ids)
    dark = {key: row for key, rows in members.items() for row in rows
            if row.back_at is None and row.state == MemberState.AFFECTED}
    visits = rows_by_id(session, Visit, named | {row.visit_id for row in tickets.values() if row.visit_id})
    offers = rows_by_id(session, Offer, named)
    about_devices = _about_a(SubjectKind.DEVICE, notifications)
    works: list[Ticket | Callback] = [*tickets.values(), *callbacks.values()]
    siblings, attempts = _said_before(session, notifications, subjects, recipients)
    pages = {row.id: _page(row, siblings[row.subject_id, row.recipient]) for row in notifications}
    links = rows_by_id(session, Link, {link_id for link_id in pages.values() if link_id})
    devices = rows_by_id(session, Device, {row.device_id for row in works if row.device_id is not None} | about_devices)
    tests = open_tests(session, about_devices)
    here = {row.site_id for row in works} | {row.site_id for rows in members.values() for row in rows} | {
        devices[one].site_id for one in about_devices}
    sites = rows_by_id(session, Site, here | {row.site_id for row in links.values() if row.site_id})
    providers = rows_by_id(session, Provider, {row.provider_id for row in visits.values()} | {
        one.id for one in recipients if one.kind == RecipientKind.PROVIDER})
    whose = {row.id: _whose(row, tickets, callbacks, devices) for row in notifications}
    homes = households.households(session, ((to.id, site_id) for to, site_id in whose.values()
                                            if to.kind is RecipientKind.CUSTOMER))
    customers = {home.customer.id: home.customer for home in homes.values()}
    customers |= rows_by_id(session, Customer, {row.customer_id for row in works} - customers.keys())
    reached = {key: home.for_messages for key, home in homes.items()}
    choices = choices_of(session, {one.owner for some in reached.values() for one in some})
    contacts = households.contacts_of(session, {one for one in recipients if one.kind is not RecipientKind.CUSTOMER})
    numbers = _numbers(session, notifications, tickets, callbacks, devices)
    recent, on_call = _recent(session, notifications), pages_about(session, notifications)
    undelivered = _undelivered(session, [row.id for row in notifications if row.topic == TopicName.UNDELIVERED_LIST])
    undelivered |= gone_within(session, notifications)
    together = same_trip(session, tickets)
    promised = open_promises(session, subjects.union(
        (visit.job_id for visit in visits.values()), *together.values()))
    anew = _promised_anew(session, [callbacks[row.subject_id] for row in notifications
                                    if row.topic == TopicName.CALLBACK_CANCELLED])
    clocks = sla.of_tickets(session, {row.subject_id for row in notifications if row.topic in SLA_TOPICS})
    not_well = unwell(session, notifications)
    contexts: dict[str, NotificationContext] = {}
    for row in notifications:
        ticket, callback = tickets.get(row.subject_id), callbacks.get(row.subject_id)
        work, to = ticket or callback, row.recipient
        place = work or (devices[row.subject_id] if row.subject_id in about_devices else None)
        visit = (visits.get(row.facts.get("visit_id") or row.occurrence)
                 or visits.get((ticket and ticket.visit_id) or ""))
        firm = to.id if to.kind == RecipientKind.PROVIDER else (visit.provider_id if visit else "")
        others = tuple(other for other in siblings[row.subject_id, to] if other.id != row.id)
        key = to.id, whose[row.id][1]
        home = homes.get(key) if to.kind is RecipientKind.CUSTOMER else None
        mine = tuple(one for one in (in_order(reached[key], choices, row.topic) if home else contacts[to])
                     if one.channel in usable)
        contexts[row.id] = NotificationContext(
            ticket=ticket, callback=callback, is_promised_anew=row.subject_id in anew, visit=visit,
            offer=offers.get(row.occurrence),
            customer=customers.get(work.customer_id if work else to.id),
            outage=outages.get(row.subject_id), dark_home=dark.get((row.subject_id, to)),
            site=sites.get(place.site_id) if place else None,
            homes=households.homes_of(row, place, members, sites, links.get(pages[row.id] or "")),
            device=devices.get((work and work.device_id) or row.subject_id), button_test=tests.get(row.subject_id),
            provider=providers.get(firm), link=links.get(pages[row.id] or ""), telephones=numbers.get(row.id, ()),
            contacts=mine,
            choices={one: choices[one] for one in {it.owner for it in reached[key]} & choices.keys()}
            if home and choices else {},
            residents={one.id: one for one in home.residents} if home else {},
            is_well=row.id not in not_well, can_be_rung=bool(home and not mine and home.telephones),
            attempts=tuple(one for one in attempts[row.id] if not _is_over(one, row)),
            siblings=others, sla_clocks=tuple(clocks.get(row.subject_id, ())),
            sent=frozenset((other.id, attempt.contact_id) for other in others for attempt in attempts[other.id]
                           if attempt.outcome == AttemptOutcome.SENT),
            maybe_sent=frozenset((other.id, attempt.contact_id) for other in others for attempt in attempts[other.id]
                                 if attempt.outcome in UNSURE),
            knows_repeats=knows_repeats, undelivered=undelivered.get(row.id, ()), pages=tuple(on_call[row.subject_id]),
            same_trip=together.get(row.subject_id, frozenset()),
            promises=tuple(one for subject in {row.subject_id, visit.job_id if visit else "",
                                               *together.get(row.subject_id, ())}
                           for one in promised[subject] if one.recipient_id in ("", to.id)),
            shadowed=frozenset((other.id, attempt.contact_id) for other in others for attempt in attempts[other.id]
                               if attempt.outcome == AttemptOutcome.SHADOW),
            shadow_recent=tuple(recent[to.id, True]) if to.kind == RecipientKind.CUSTOMER else (),
            recent=tuple(recent[to.id, False]) if to.kind == RecipientKind.CUSTOMER else (),
        )
    return contexts


def _about_a(kind: SubjectKind, notifications: Iterable[Notification]) -> set[str]:
    return {row.subject_id for row in notifications if row.subject_kind == kind}


def _recent(session: Session, notifications: Sequence[Notification]) -> defaultdict[tuple[str, bool], list[Instant]]:
    """(customer, False) → when they were told anything else within the last day, or are being told it now; oldest
    first. With True: when they would have been, in the shadow mode."""
    found: defaultdict[tuple[str, bool], list[Instant]] = defaultdict(list)
    customers = {row.recipient_id for row in notifications if has_quota(row)}
    if customers:
        claimed_at = max(row.due_at or 0 for row in notifications) - LEASE
        these = {row.id for row in notifications}
        rows = [row for row in session.connection().execute(
            _RECENT, {"to": list(customers), "since": claimed_at - DAY}) if row.id not in these]
        beside = pieces_beside_others(session, [(row.recipient_id, row.id) for row in rows], MESSAGES_AN_HOUR)
        for one, customer_id, done_at, due_at, state in rows:
            if one not in beside:
                found[customer_id, state == NotificationState.SHADOW].append(
                    done_at or (due_at or claimed_at + LEASE) - LEASE)
    for times in found.values():
        times.sort()
    return found


def is_over_quota(session: Session, customer_id: str, now: Instant) -> bool:
    """Whether the dispatcher has been told within a day that this customer gets too many messages."""
    days = [daily_occurrence(customer_id, now // DAY - ago) for ago in (0, 1)]
    return session.exec(select(Notification.id).where(
        Notification.recipient_kind == RecipientKind.DISPATCHER, Notification.recipient_id == "",
        Notification.topic == TopicName.TOO_MANY_MESSAGES, col(Notification.occurrence).in_(days),
        col(Notification.created_at) > now - DAY)).first() is not None


def without_told_today(session: Session, rows: Sequence[Notification], now: Instant) -> list[Notification]:
    """Those on whose subject nothing was written to the dispatcher within a day."""
    told = set(session.exec(select(Notification.subject_id, Notification.topic).where(
        col(Notification.subject_id).in_({row.subject_id for row in rows}),
        Notification.recipient_kind == RecipientKind.DISPATCHER, col(Notification.created_at) > now - DAY,
    ))) if rows else set()
    return [row for row in rows if (row.subject_id, row.topic) not in told]


def dispatcher_lists(session: Session, failures: Sequence[Failure], now: Instant) -> tuple[Lists, dict[str, str]]:
    """The lists that these failures may come on, and outage id → the name of its area.

    One worker at a time until its transaction ends: two would begin a list each. A list is open while nobody has
    claimed it, and who puts people on it holds its row, so that it cannot leave without them. It is not waited for:
    whoever has claimed it may be waiting for us, to put others on the next.
    """
    if session.connection().dialect.name == "postgresql":
        session.connection().execute(text("SELECT pg_advisory_xact_lock(7294412)"))
    outages = {one.notification.subject_id for one in failures if one.notification.subject_kind == SubjectKind.OUTAGE}
    lists = Lists()
    for about in sorted({*outages, ALL_OTHERS.id}):
        of_it = (Notification.topic == TopicName.UNDELIVERED_LIST, Notification.subject_id == about)
        newest = session.exec(select(Notification).where(*of_it).order_by(
            col(Notification.created_at).desc(), col(Notification.id).desc()).limit(1)).first()
        if newest is not None:
            lists.newest[newest.subject] = newest
            lists.open.update(session.exec(select(Notification.id).where(
                Notification.id == newest.id, Notification.state == NotificationState.QUEUED,
                col(Notification.reason).is_(None)).with_for_update(skip_locked=True)))
    lists.lately = session.exec(select(func.count()).select_from(Notification).where(
        Notification.recipient_kind == RecipientKind.DISPATCHER, Notification.recipient_id == "",
        or_(col(Notification.topic) == TopicName.UNDELIVERABLE, col(Notification.subject_id) == ALL_OTHERS.id),
        col(Notification.created_at) > now - UNDELIVERED_WITHIN)).one()
    names = session.exec(select(Outage.id, Outage.name).where(col(Outage.id).in_(outages))).all()
    return lists, dict(names)


def _undelivered(session: Session, list_ids: Iterable[str]) -> dict[str, tuple[Undelivered, ...]]:
    """List → whom it names: each person once, without those who were told after all."""
    ids = list(list_ids)
    if not ids:
        return {}
    rows = session.exec(select(Notification).where(
        col(Notification.list_id).in_(ids),
        col(Notification.state).in_((NotificationState.FAILED, NotificationState.UNKNOWN)))
        .order_by(col(Notification.created_at))).all()
    named: defaultdict[tuple[str, Recipient], list[Notification]] = defaultdict(list)
    for row in rows:
        named[row.list_id or "", row.recipient].append(row)
    recipients = {recipient for _, recipient in named}
    customers = rows_by_id(session, Customer, {one.id for one in recipients if one.kind == RecipientKind.CUSTOMER})
    providers = rows_by_id(session, Provider, {one.id for one in recipients if one.kind == RecipientKind.PROVIDER})
    names = {customer(row.id): row.name for row in customers.values()}
    names |= {provider(row.id): row.name for row in providers.values()}
    numbers = telephones(session, {(one, None) for one in recipients})
    found: defaultdict[str, list[Undelivered]] = defaultdict(list)
    for (list_id, recipient), missed in named.items():
        found[list_id].append(Undelivered(
            names.get(recipient) or str(recipient), tuple(numbers[recipient, None]),
            tuple(dict.fromkeys(row.topic for row in missed)), missed[-1].reason,
            any(row.state == NotificationState.UNKNOWN for row in missed)))
    return {list_id: tuple(people) for list_id, people in found.items()}


def without_duplicate_offers(session: Session, plan: Plan) -> Plan:
    """Without what would ask the dispatcher a second time to ring because of one message: the database refuses it, and
    everything else with it."""
    asking = [row for row in plan.add if isinstance(row, Notification) and row.topic == TopicName.UNDELIVERABLE]
    if not asking:
        return plan
    asked = set(session.exec(select(Notification.occurrence).where(
        col(Notification.subject_id).in_({row.subject_id for row in asking}),
        Notification.topic == TopicName.UNDELIVERABLE,
        col(Notification.occurrence).in_([row.occurrence for row in asking]))))
    again = {row.id for row in asking if row.occurrence in asked}
    return replace(plan, add=[row for row in plan.add if not (isinstance(row, Notification) and row.id in again)])


def _page(row: Notification, said: Iterable[Notification]) -> str | None:
    """The link it carries: later news of an outage leads to the page that the first one led to."""
    if row.link_id is not None or row.subject_kind != SubjectKind.OUTAGE:
        return row.link_id
    return next((before.link_id for before in said if before.link_id is not None), None)


def _promised_anew(session: Session, ended: Sequence[Callback]) -> set[str]:
    """Which of these callbacks have an open one after them: of the same home and kind."""
    if not ended:
        return set()
    still = set(session.exec(select(Callback.site_id, Callback.kind).where(
        col(Callback.closed_at).is_(None), col(Callback.site_id).in_([one.site_id for one in ended]))))
    return {one.id for one in ended if (one.site_id, one.kind) in still}


def _whose(row: Notification, tickets: Mapping[str, Ticket], callbacks: Mapping[str, Callback],
           devices: Mapping[str, Device]) -> Whose:
    """Whom it tells, and of which site: nobody is told of a home in which they do not live. An outage may be at any."""
    ticket = tickets.get(row.subject_id)
    work: Callback | Ticket | Device | None = ticket
    if ticket is None or ticket.outage_id is not None:
        work = callbacks.get(row.subject_id)
    if row.subject_kind is SubjectKind.DEVICE:
        work = devices.get(row.subject_id)
    return row.recipient, work.site_id if work is not None else None


def _numbers(session: Session, notifications: Iterable[Notification], tickets: Mapping[str, Ticket],
             callbacks: Mapping[str, Callback], devices: Mapping[str, Device]) -> dict[str, tuple[Telephone, ...]]:
    """Of what asks the dispatcher to ring somebody → the numbers to ring."""
    asking = {row.occurrence: row for row in notifications if row.topic == TopicName.UNDELIVERABLE}
    failed = rows_by_id(session, Notification, set(asking))
    whose = {asking[row.id].id: _whose(row, tickets, callbacks, devices) for row in failed.values()}
    numbers = telephones(session, set(whose.values()))
    return {asking_id: tuple(numbers[one]) for asking_id, one in whose.items()}


def _is_over(attempt: Attempt, row: Notification) -> bool:
    """Whether it failed before somebody had it tried again: then it counts no more."""
    return (row.retried_at is not None and attempt.started_at < row.retried_at
            and attempt.outcome in (AttemptOutcome.FAILED, AttemptOutcome.REFUSED))


def _said_before(
    session: Session, notifications: Sequence[Notification], subjects: set[str], recipients: set[Recipient],
) -> tuple[defaultdict[tuple[str, Recipient], list[Notification]], defaultdict[str, list[Attempt]]]:
    """Every notification about these subjects by (subject, recipient), and every try by notification, oldest first;
    those that are at hand are not read again."""
    mine = {row.id for row in notifications}
    siblings: defaultdict[tuple[str, Recipient], list[Notification]] = defaultdict(list)
    attempts: defaultdict[str, list[Attempt]] = defaultdict(list)
    params = {"ids": list(subjects), "to": sorted({recipient.id for recipient in recipients})}
    others = plain_rows(session, Notification, _SAID, {**params, "but": notifications[0].lease or "" if mine else ""})
    for row in sorted([*notifications, *(one for one in others if one.id not in mine)], key=lambda one: one.created_at):
        siblings[row.subject_id, row.recipient].append(row)
    for attempt in plain_rows(session, Attempt, _TRIES, params):
        attempts[attempt.notification_id].append(attempt)
    return siblings, attempts
