"""Queries for whoever calls during an outage: what is known at a home, who there has been told, and what others have
said already."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import func
from sqlmodel import Session, col, select

from gateway.callbacks.call_context.facts import Around, CallFacts
from gateway.devices.profiles import Profile
from gateway.model import (
    Callback,
    CallbackOrigin,
    Instant,
    Notification,
    NotificationState,
    Outage,
    Recipient,
    RecipientKind,
    Site,
)
from gateway.notifications.stored_facts import OutageAnswerFacts
from gateway.notifications.topics import TopicName
from gateway.store.search.found import Found
from gateway.store.views.call_context import call_facts
from gateway.store.views.customer.outage import FollowedOutage, followed_outage

MOST = 30  # homes that a caller may mean
_TOPICS = (TopicName.OUTAGE, TopicName.OUTAGE_LONGER, TopicName.OUTAGE_OVER, TopicName.OUTAGE_FALSE)
# of a message's facts: what its household needs, which buttons it has, and what it was promised
_OF_THE_HOUSEHOLD = frozenset(("can_press", "emergency_button_dead", "we_ring", "promised"))
_FOR_ANYBODY = OutageAnswerFacts.__optional_keys__ - _OF_THE_HOUSEHOLD


class Home(NamedTuple):
    """A home by where it is: who lives there is not said before the caller has shown that they do."""

    site_id: str
    shown: str


class ToldCount(NamedTuple):
    """How many messages of one kind there were about an outage, by what became of them, and when the last went."""

    topic: str
    state: NotificationState
    messages: int
    last_at: Instant | None


class OutageCall(NamedTuple):
    """What there is to know when somebody calls from a home."""

    facts: CallFacts  # of the home and the outage: nothing of the household's own troubles
    page: FollowedOutage | None  # what their page shows; None: there is no page yet, or no outage
    told: Sequence[Notification]  # to this household about the outage, the newest first
    counts: Sequence[ToldCount]  # to all of them


def homes_found(session: Session, found: Found) -> list[Home]:
    """The homes that a search has found, itself or by who lives there, the best first."""
    ids = [hit.site_id for hit in (*found.tickets, *found.callbacks, *found.sites, *found.devices) if hit.site_id]
    customers = {hit.customer_id for hit in (*found.customers, *found.people) if hit.customer_id}
    customers |= {caller.customer_id for caller in found.callers}
    if customers:
        ids += session.exec(select(Site.id).where(
            col(Site.customer_id).in_(customers), col(Site.household_left_at).is_(None)).limit(MOST))
    rows = {site.id: site for site in session.exec(select(Site).where(col(Site.id).in_(ids[:MOST * 2])))}
    known = [rows[one] for one in dict.fromkeys(ids) if one in rows][:MOST]
    return [Home(site.id, site.address or site.name) for site in known]


def outage_call(session: Session, site_id: str, profiles: Mapping[str, Profile], now: Instant,
                about: Outage | None = None) -> OutageCall | None:
    """None: there is no such home. `about`: they ask about this outage, whatever else is out there."""
    site = session.get(Site, site_id)
    if site is None:
        return None
    call = Callback(id="", site_id=site.id, customer_id=site.customer_id, origin=CallbackOrigin.AGENT, requested_at=now,
                    promised_by=now)  # is not stored: they have rung us
    facts = call_facts(session, call, profiles, now)
    if about is not None and (facts.around.outage is None or facts.around.outage.id != about.id):
        facts = replace(facts, around=Around(about))
    outage = facts.around.outage
    told = [] if outage is None else _told_household(session, outage, site)
    facts = replace(facts, tickets=(), callbacks=(), alarms=(), visits=(), promises=(), told=[
        row.model_copy(update={"facts": {name: value for name, value in row.facts.items() if name in _FOR_ANYBODY}})
        for row in told])
    if outage is None:
        return OutageCall(facts, None, [], [])
    return OutageCall(facts, followed_outage(session, outage.id, site.id, now), told, _counts(session, outage))


def _told_household(session: Session, outage: Outage, site: Site) -> list[Notification]:
    """Only what is said to those who live there now."""
    to = Recipient(RecipientKind.CUSTOMER, site.customer_id)
    return list(session.exec(
        select(Notification).where(Notification.recipient_id == to.id, Notification.subject_id == outage.id,
                                   Notification.recipient_kind == to.kind, col(Notification.topic).in_(_TOPICS),
                                   Notification.created_at >= (site.household_since or 0))
        .order_by(col(Notification.created_at).desc(), col(Notification.id))))


def _counts(session: Session, outage: Outage) -> list[ToldCount]:
    rows = session.exec(
        select(Notification.topic, Notification.state, func.count(), func.max(Notification.done_at))
        .where(Notification.subject_id == outage.id, col(Notification.topic).in_(_TOPICS),
               Notification.recipient_kind == RecipientKind.CUSTOMER)
        .group_by(col(Notification.topic), col(Notification.state))
        .order_by(col(Notification.topic), col(Notification.state)))
    return [ToldCount(topic, NotificationState(state), count, last_at) for topic, state, count, last_at in rows]
