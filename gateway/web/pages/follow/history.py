"""What has happened with a ticket so far, in the reader's words: every visit, whatever came of it."""

from collections.abc import Iterator
from typing import NamedTuple

from gateway.model import EntryKind, Instant, Provider, Visit, VisitOutcome, VisitState
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.format_values import language_name
from gateway.store.views.customer.history import TicketHistory, Trip


class Note(NamedTuple):
    """What somebody wrote, in the language that they write."""

    label: str
    text: str
    locale: str


class PastEvent(NamedTuple):
    """One line of what has happened so far."""

    at: Instant
    what: str
    note: Note | None = None


def visit_events(history: TicketHistory, words: Catalogue, say: TimeFormat) -> list[PastEvent]:
    """Who took it, set out, arrived, could not finish it or could not come, of every visit; the moved windows, and what
    they wrote themselves."""
    past = [event for trip in history.trips for event in _of_trip(trip, words)]
    past += _moves(history, words, say)
    return past + [PastEvent(at, words("page.past_you_wrote", words=said)) for at, said in history.wrote]


def _moves(history: TicketHistory, words: Catalogue, say: TimeFormat) -> Iterator[PastEvent]:
    """Each window that was moved: from what was promised before, and to what."""
    before = ""
    for one in history.moves:
        begin, end = (one.parameters.get(name) for name in ("window_from", "window_until"))
        if not isinstance(begin, int) or not isinstance(end, int):
            continue
        span = say.span(begin, end)
        if one.kind == EntryKind.WINDOW_MOVED:
            yield PastEvent(one.at, words("page.past_window_moved_from", before=before, span=span) if before
                            else words("page.past_window_moved", span=span))
        before = span


def note_of(visit: Visit, provider: Provider, words: Catalogue) -> Note | None:
    """The technician's note; it says so when it is in another language than the reader's."""
    if not visit.note:
        return None
    return Note(note_label(visit, provider, words), visit.note, provider.locale)


def note_label(visit: Visit, provider: Provider, words: Catalogue) -> str:
    """`Note by Ben:` or `Note by Ben, in German:`"""
    who = visit.technician or provider.name
    if is_their_language(provider, words):
        return words("page.note_by", who=who)
    return words("page.note_by_in", who=who, language=language_name(provider.locale, words.locale))


def is_their_language(provider: Provider, words: Catalogue) -> bool:
    """Whether the reader reads what its people write; `de-CH` is no other language than `de`."""
    return provider.locale[:2] == words.locale[:2]


def _of_trip(trip: Trip, words: Catalogue) -> Iterator[PastEvent]:
    visit, provider = trip
    who = visit.technician or provider.name
    yield PastEvent(visit.created_at, words("page.past_assigned", firm=provider.name))
    if visit.en_route_at is not None:
        yield PastEvent(visit.en_route_at, words("page.past_on_the_way", who=who))
    if visit.on_site_at is not None:
        yield PastEvent(visit.on_site_at, words("page.past_on_site", who=who))
    if visit.done_at is None:
        return
    if visit.handed_back_at is not None:
        yield PastEvent(visit.handed_back_at, words("page.past_handed_back", firm=provider.name))
    elif visit.state is VisitState.CANCELLED:
        yield PastEvent(visit.done_at, words("page.past_called_off", firm=provider.name))
    elif visit.outcome is VisitOutcome.INCOMPLETE and visit.incomplete is not None:
        yield PastEvent(visit.done_at, words(f"page.past_unfinished_{visit.incomplete}", who=who),
                        note_of(visit, provider, words))
    elif visit.outcome is VisitOutcome.COMPLETE:
        yield PastEvent(visit.done_at, words("page.past_says_done", who=who), note_of(visit, provider, words))
