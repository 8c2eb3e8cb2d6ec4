"""What a household was credited, as a line of what has happened so far."""

from collections.abc import Sequence
from dataclasses import replace

from sqlmodel import Session

from gateway.model import Price
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.format_values import price
from gateway.store.after.goodwill_lists import CreditTold, credits_for
from gateway.web.pages.follow.history import PastEvent
from gateway.web.pages.ticket_view import FollowPage


def with_credits(content: FollowPage, session: Session, customer_id: str, words: Catalogue) -> FollowPage:
    """The customer's page with what they were credited for this."""
    found = credits_for(session, content.number, customer_id)
    if not found:
        return content
    return replace(content, past=sorted([*content.past, *_events(found, words)], key=lambda event: event.at))


def _events(found: Sequence[CreditTold], words: Catalogue) -> list[PastEvent]:
    return [PastEvent(one.at, words("page.past_credited", price=price(
        Price(f"{one.cents // 100}.{one.cents % 100:02}", one.currency), words.locale))) for one in found]
