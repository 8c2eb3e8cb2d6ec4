"""Puts onto a customer's page what fixed the same fault at the same device before, in the technician's words."""

from dataclasses import replace

from sqlmodel import Session

from gateway.notifications.catalogue import Catalogue
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.format_values import language_name
from gateway.store.views.pages import FollowedTicket
from gateway.store.visits.earlier_fixes import held_here
from gateway.tickets.lifecycle import SETTLED
from gateway.web.pages.follow.history import Note, is_their_language
from gateway.web.pages.ticket_view import FollowPage


def with_helped_before(content: FollowPage, session: Session, facts: FollowedTicket, words: Catalogue, say: TimeFormat
                       ) -> FollowPage:
    """While it is not settled; nothing where it is not known that anything has held."""
    found = held_here(session, facts.ticket, facts.site, say.now) if facts.ticket.state not in SETTLED else None
    if found is None:
        return content
    visit, provider = found
    who, date = visit.technician or provider.name, say.date(visit.done_at or 0)
    label = (words("page.helped_before_by", who=who, date=date) if is_their_language(provider, words) else
             words("page.helped_before_by_in", who=who, date=date,
                   language=language_name(provider.locale, words.locale)))
    return replace(content, helped=Note(label, visit.fix or "", provider.locale))
