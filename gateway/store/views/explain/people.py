"""Loads what explains a message, a household or a local firm."""

from collections.abc import Collection, Mapping
from itertools import takewhile
from typing import Any

from sqlalchemy import ColumnElement, func, or_
from sqlmodel import Session, col, select

from gateway.config.field_types import limit_of_each
from gateway.config.phone_numbers import PHONE
from gateway.explain.facts import SubjectHistory
from gateway.explain.people.facts import (
    ChannelStates,
    CustomerFacts,
    NotAsked,
    NotificationFacts,
    Pause,
    ProviderFacts,
    Sending,
)
from gateway.model import (
    DAY,
    HOUR,
    AttemptOutcome,
    ChannelUse,
    Contact,
    Entry,
    EntryKind,
    Goodwill,
    GoodwillCase,
    Instant,
    Notification,
    NotificationState,
    Offer,
    Person,
    Promise,
    PromiseState,
    Provider,
    Recipient,
    RecipientKind,
    Site,
    Technician,
    Visit,
    customer,
    person,
    provider,
)
from gateway.notifications.pacing.breaker import failed_on_the_way
from gateway.notifications.preferences.wanted import in_order
from gateway.store import outbox
from gateway.store.contexts.providers import provider_loads
from gateway.store.customers.preferences import choices_of
from gateway.store.households import contacts_of, households
from gateway.store.views.explain.work import history_of
from gateway.tickets.dispatch.provider_ranking import IDLE
from gateway.tickets.dispatch.track_record import NO_RECORD

LATELY = 14 * DAY  # back from now: what they were told, and what they were asked
MOST = 60  # messages, and offers, the newest
MOST_RANKINGS = 300  # of others, among which it is sought why a firm was not asked
MOST_REASONS = 20  # of these
RUN = 50  # tries of a channel, to find since when it fails
_WAITS = (NotificationState.QUEUED, NotificationState.HELD, NotificationState.SENDING)
_NOBODY = (EntryKind.NOBODY_LEFT, EntryKind.WAITS_FOR_OPENING)


def notification_facts(session: Session, notification_id: str, sending: Sending, now: Instant
                       ) -> NotificationFacts | None:
    """One message with all that explains it; None for no such id."""
    row = session.get(Notification, notification_id)
    if row is None:
        return None
    context = outbox.load_contexts(session, [row], sending.channels, sending.knows_repeats)[row.id]
    contacts, owners = _reached(session, row.recipient)
    ordered = list(in_order(contacts, context.choices))
    history = history_of(session, [row])
    zone = next((one.timezone for one in (context.customer, context.provider, context.site) if one is not None), "UTC")
    return NotificationFacts(
        row, history.notifications[0][1], context, ordered, history, zone, sending,
        channel_states(session, sending, {one.channel for one in contacts}, now), owners,
        told_in=session.get(Notification, row.list_id) if row.list_id and row.state in _WAITS else None)


def customer_facts(session: Session, customer_id: str, sending: Sending, now: Instant) -> CustomerFacts | None:
    """One household with all that explains it; None for no such id."""
    home = households(session, [(customer_id, None)]).get((customer_id, None))
    if home is None:
        return None
    owners = {customer(customer_id), *(person(one.id) for one in home.people)}
    to_them = or_(*(_to(one) for one in sorted(owners)))
    contacts = home.contacts
    sites = session.exec(select(Site).where(Site.customer_id == customer_id).order_by(col(Site.id)))
    promises = session.exec(select(Promise).where(
        Promise.recipient_kind == RecipientKind.CUSTOMER, Promise.recipient_id == customer_id,
        Promise.state == PromiseState.OPEN).order_by(col(Promise.made_at), col(Promise.due_at)))
    credits = session.exec(select(Goodwill).where(Goodwill.customer_id == customer_id)
                           .order_by(col(Goodwill.created_at).desc(), col(Goodwill.id)).limit(MOST)).all()
    cases = {one.id: one for one in session.exec(select(GoodwillCase).where(
        col(GoodwillCase.id).in_({one.case_id for one in credits})))}
    lately, waiting = _messages(session, to_them, now)
    return CustomerFacts(
        home.customer, home.people, contacts, choices_of(session, owners), list(sites), lately, waiting, list(promises),
        [(one, cases.get(one.case_id)) for one in credits], _messages_lately(session, customer_id, now), sending,
        channel_states(session, sending, {one.channel for one in contacts}, now))


def provider_facts(session: Session, provider_id: str, sending: Sending, now: Instant) -> ProviderFacts | None:
    """One firm with all that explains it; None for no such id."""
    firm = session.get(Provider, provider_id)
    if firm is None:
        return None
    load = provider_loads(session, now)
    contacts = contacts_of(session, {provider(provider_id)})[provider(provider_id)]
    people = session.exec(select(Technician).where(
        Technician.provider_id == provider_id, col(Technician.ended_at).is_(None)).order_by(col(Technician.id)))
    offers = session.exec(select(Offer).where(
        Offer.provider_id == provider_id, or_(col(Offer.closed_at).is_(None), col(Offer.offered_at) > now - LATELY))
        .order_by(col(Offer.closed_at).is_not(None), col(Offer.offered_at).desc(), col(Offer.id)).limit(MOST)).all()
    visits = session.exec(select(Visit).where(Visit.provider_id == provider_id, col(Visit.done_at).is_(None))
                          .order_by(col(Visit.window_from), col(Visit.id)).limit(MOST))
    lately, waiting = _messages(session, _to(provider(provider_id)), now)
    return ProviderFacts(
        firm, list(people), contacts, list(offers), _rankings_without(session, provider_id, now), list(visits),
        load.before.get(provider_id, IDLE), load.records.get(provider_id, NO_RECORD), lately, waiting, sending,
        channel_states(session, sending, {one.channel for one in contacts}, now))


def channel_states(session: Session, sending: Sending, used: Collection[str], now: Instant) -> ChannelStates:
    """Of those that are used."""
    pauses = {}
    for name, probe_at in outbox.paused_channels(session, sorted(sending.paused_together & set(used)), now).items():
        tries = [one for one in outbox.latest_attempts(session, name, RUN)
                 if one.outcome not in (AttemptOutcome.POSTPONED, AttemptOutcome.SHADOW)]
        failed = list(takewhile(failed_on_the_way, tries))
        pauses[name] = Pause(failed[-1].started_at, probe_at,
                             next((one.why for one in failed if one.why), None) or "it does not answer")
    busy = {}
    limits = {key for name, key in limit_of_each(sending.limits).items() if name in used}
    for use in session.exec(select(ChannelUse).where(col(ChannelUse.channel).in_(limits))):
        rate = sending.limits[use.channel]
        if not rate.room(use.spent_until, now):
            busy[use.channel] = max(use.queue_until, use.spent_until - rate.within + round(rate.each))
    return ChannelStates(pauses, busy)


def _reached(session: Session, to: Recipient) -> tuple[list[Contact], dict[Recipient, str]]:
    """The contacts of whoever a message is for, and whose they are; people of a household are reached for it."""
    if to.kind is RecipientKind.CUSTOMER:
        home = households(session, [(to.id, None)]).get((to.id, None))
        if home is None:
            return [], {}
        return home.for_messages, {to: home.customer.name} | {person(one.id): one.name for one in home.people}
    named: Provider | Person | None = None
    if to.kind is RecipientKind.PROVIDER:
        named = session.get(Provider, to.id)
    elif to.kind is RecipientKind.PERSON:
        named = session.get(Person, to.id)
    nobody = "the dispatcher" if to.kind is RecipientKind.DISPATCHER else str(to)
    name = nobody if named is None else named.name
    return [one for one in contacts_of(session, {to})[to] if one.channel != PHONE], {to: name}


def _to(one: Recipient) -> ColumnElement[bool]:
    return (col(Notification.recipient_id) == one.id) & (col(Notification.recipient_kind) == one.kind)


def _messages(session: Session, to_them: ColumnElement[bool], now: Instant) -> tuple[SubjectHistory, SubjectHistory]:
    """(what became of what was written lately, what waits whenever it was written), each oldest first."""
    newest = select(Notification).where(to_them).order_by(col(Notification.created_at).desc(), col(Notification.id))
    done = session.exec(newest.where(col(Notification.created_at) > now - LATELY,
                                     col(Notification.state).not_in(_WAITS)).limit(MOST)).all()
    waiting = session.exec(newest.where(col(Notification.state).in_(_WAITS)).limit(MOST)).all()
    return history_of(session, done[::-1]), history_of(session, waiting[::-1])


def _messages_lately(session: Session, customer_id: str, now: Instant) -> tuple[int, int]:
    """As many messages as their limit counts, within an hour and a day."""
    def since(at: Instant) -> int:
        return session.exec(select(func.count()).select_from(Notification).where(
            _to(customer(customer_id)), col(Notification.done_at) > at,
            col(Notification.state).in_((NotificationState.SENT, NotificationState.UNKNOWN)))).one()

    return since(now - HOUR), since(now - DAY)


def _rankings_without(session: Session, provider_id: str, now: Instant) -> list[NotAsked]:
    """Why others were asked about a ticket and this firm was not, or nobody was; newest first, each reason once."""
    rankings = [(one.offered_at, one.ticket_id, one.evidence) for one in session.exec(
        select(Offer).where(Offer.provider_id != provider_id, col(Offer.offered_at) > now - LATELY)
        .order_by(col(Offer.offered_at).desc(), col(Offer.id)).limit(MOST_RANKINGS))]
    rankings += [(one.at, one.subject_id, one.evidence) for one in session.exec(
        select(Entry).where(col(Entry.kind).in_(_NOBODY), col(Entry.at) > now - LATELY)
        .order_by(col(Entry.at).desc(), col(Entry.id).desc()).limit(MOST_RANKINGS))]
    asked = set(session.exec(select(Offer.ticket_id).where(
        Offer.provider_id == provider_id, col(Offer.ticket_id).in_({ticket for _, ticket, _ in rankings}))))
    found: dict[tuple[str, str], NotAsked] = {}
    for at, ticket, evidence in sorted(rankings, key=lambda one: (-one[0], one[1])):
        reason = _against(provider_id, evidence, ticket in asked)
        if reason:
            found.setdefault((ticket, reason), NotAsked(at, ticket, reason))
    return list(found.values())[:MOST_REASONS]


def _against(provider_id: str, evidence: Mapping[str, Any], asked: bool) -> str:
    """What a ranking says against it; "": nothing, or it does not name it."""
    for refused in evidence.get("refused", []):
        if refused["provider_id"] == provider_id:
            return str(refused["reason"])
    elsewhere = evidence.get("elsewhere") or {}
    if provider_id in elsewhere.get("providers", []):
        return str(elsewhere["reason"])
    for one in evidence.get("eligible", []):
        if one["provider_id"] == provider_id and not asked:
            return f"it could have been asked, and others came first: it was number {one['rank']}"
    return ""
