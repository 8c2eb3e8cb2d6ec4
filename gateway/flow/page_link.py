"""page_link: sends a household the link to its page, while somebody has it on the telephone."""

from sqlmodel import Session

from gateway.flow.accounts.audit import write_act
from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.model import MINUTE, Actor, Customer, Instant, Link, LinkPurpose, Subject, customer
from gateway.model.plan import NoSuch, Plan, Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.topics import TopicName
from gateway.store import apply, households
from gateway.store.views.console import customer_page
from gateway.store.views.console.customer_page import OwnPage
from gateway.tickets.new_rows import FOLLOW_FOR, link, notify

ONCE_IN = MINUTE


def send_page_link(gw: Gateway, customer_id: str, about: Subject, who: Actor, now: Instant) -> None:
    """To the first contact of theirs that is in use, as every other message. Raises NoSuch for what is not theirs or is
    over, and Refused when nothing can be sent to them, or it was sent within the last minute."""

    def once() -> None:
        with gw.store.write() as session:
            if session.get(Customer, customer_id) is None:
                raise NoSuch(f"there is no customer {customer_id}")
            page = next((one for one in customer_page.own_pages(session, customer_id) if one.subject == about), None)
            if page is None:
                raise NoSuch(f"customer {customer_id} has no open {about.kind} {about.id}")
            _check_contacts(gw, session, customer_id)
            if customer_page.sent_since(session, customer_id, TopicName.PAGE_LINK, now - ONCE_IN):
                raise Refused(RefusedReason.PAGE_JUST_SENT)
            row = customer_page.live_page(session, page, now)
            added = [] if row is not None else [_new_link(gw, page, now)]
            notification = notify(gw.policy, customer(customer_id), TopicName.PAGE_LINK, about, now // ONCE_IN, now,
                                  facts={}, link_id=(row or added[0]).id)
            plan = Plan([*added, notification])
            apply(session, plan)
            write_act(session, "send_page_link", ("customer", customer_id), plan, who, now)

    retry_on_conflict(once)
    gw.outbox_filled.set()


def _new_link(gw: Gateway, page: OwnPage, now: Instant) -> Link:
    return link(gw.policy, LinkPurpose.FOLLOW, page.subject, now, now + FOLLOW_FOR, page.site_id)


def _check_contacts(gw: Gateway, session: Session, customer_id: str) -> None:
    home = households.households(session, [(customer_id, None)])[customer_id, None]
    if not any(one.channel in gw.channels and one.stopped_at is None for one in home.for_messages):
        raise Refused(RefusedReason.NOTHING_TO_SEND_TO)
