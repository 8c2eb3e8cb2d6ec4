"""Sends a household the link to all that is open at its homes, and ends it: one works at a time."""

from contextlib import suppress

from sqlmodel import Session

from gateway.flow.accounts.audit import write_act
from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.flow.people import check_contacts
from gateway.model import DAY, HOUR, MINUTE, Actor, ActorKind, Customer, Instant, LinkPurpose, Subject, SubjectKind
from gateway.model import customer as customer_as_recipient
from gateway.model.plan import Draft, NoSuch, Plan, Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.topics import TopicName
from gateway.store import apply
from gateway.store.views.console import customer_page
from gateway.store.views.customer import household
from gateway.tickets.new_rows import link, notify
from gateway.tickets.sla.follow import complete

LIVES = 365 * DAY  # then a new one is asked for
ONCE_IN_BY_DESK, ONCE_IN_BY_PAGE = MINUTE, 6 * HOUR  # whoever was given a ticket's link cannot flood its household


def send_household_link(gw: Gateway, customer_id: str, who: Actor, now: Instant) -> str:
    """To the first contact of theirs that is in use, never to whoever asks: the message's id. Raises NoSuch for nobody
    who lives anywhere, and Refused when nothing can be sent to them or it was sent just before."""

    def once() -> str:
        with gw.store.write() as session:
            plan, sent = _sent(gw, session, customer_id, who, now)
            apply(session, plan)
            write_act(session, "send_household_link", ("customer", customer_id), plan, who, now)
        return sent

    sent = retry_on_conflict(once)
    gw.outbox_filled.set()
    return sent


def renew_household_link(gw: Gateway, customer_id: str, who: Actor, now: Instant) -> None:
    """The old one opens nothing any more, and a new one goes to the household, all at once. Where nothing can be sent
    to them the old one is over all the same. Raises NoSuch."""

    def once() -> None:
        with gw.store.write() as session:
            plan = _ended(gw, session, customer_id, now)
            apply(session, plan)
            with suppress(Refused):
                sent, _ = _sent(gw, session, customer_id, who, now)
                apply(session, sent)
                plan = Plan([*plan.add, *sent.add], plan.change)
            write_act(session, "renew_household_link", ("customer", customer_id), plan, who, now)

    retry_on_conflict(once)
    gw.outbox_filled.set()


def end_household_link(gw: Gateway, customer_id: str, who: Actor, now: Instant) -> None:
    """It opens nothing any more; ended already is as good. Raises NoSuch."""

    def once() -> None:
        with gw.store.write() as session:
            plan = _ended(gw, session, customer_id, now)
            apply(session, plan)
            write_act(session, "end_household_link", ("customer", customer_id), plan, who, now)

    retry_on_conflict(once)


def _ended(gw: Gateway, session: Session, customer_id: str, now: Instant) -> Plan:
    if session.get(Customer, customer_id) is None:
        raise NoSuch(f"there is no customer {customer_id}")
    draft = Draft()
    for row in household.links_to_end(session, customer_id):
        draft.copy(row).revoked_at = now
    session.expunge_all()
    return complete(draft, gw.policy, now)


def _sent(gw: Gateway, session: Session, customer_id: str, who: Actor, now: Instant) -> tuple[Plan, str]:
    if not household.lives_somewhere(session, customer_id):
        raise NoSuch(f"there is no customer {customer_id} who lives anywhere")
    check_contacts(gw, session, customer_id)
    once_in = ONCE_IN_BY_PAGE if who.kind is ActorKind.CUSTOMER else ONCE_IN_BY_DESK
    about = Subject(SubjectKind.CUSTOMER, customer_id)
    known = household.household_link(session, customer_id, now)
    if known is not None and customer_page.sent_since(session, customer_id, TopicName.HOUSEHOLD_LINK, now - once_in):
        raise Refused(RefusedReason.PAGE_JUST_SENT)
    page = known or link(gw.policy, LinkPurpose.HOUSEHOLD, about, now, now + LIVES)
    message = notify(gw.policy, customer_as_recipient(customer_id), TopicName.HOUSEHOLD_LINK, about,
                     page.id if known is None else now // MINUTE, now,
                     facts={}, link_id=page.id)
    return Plan([*([] if known is not None else [page]), message]), message.id
