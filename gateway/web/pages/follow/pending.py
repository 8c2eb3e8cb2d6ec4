"""What a customer has just done, as their page says it: what happens next, and how long they can take it back."""

from collections.abc import Sequence
from typing import NamedTuple

from gateway.model import CustomerAct, Instant, PendingAct, PendingOutcome
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.format_times import TimeFormat
from gateway.store.views.pages import FollowedTicket


class PendingNews(NamedTuple):
    """Something that they have done, or somebody else of their household."""

    text: str
    tone: str  # good | warn: it could not be done
    take_back: str = ""  # its id, while it can be


def news(lately: Sequence[PendingAct], facts: FollowedTicket, words: Catalogue, now: Instant) -> list[PendingNews]:
    """`lately`: what waits or was over lately, the newest first; of what was over only the newest is said."""
    say = TimeFormat(words, facts.site.timezone, now)
    waits = [one for one in lately if one.closed_at is None]
    over = [one for one in lately if one.closed_at is not None and one.outcome is not PendingOutcome.REPLACED]
    last = max(over, key=lambda one: one.closed_at or 0, default=None)
    said = [PendingNews(_waits(one, words, say), "good", one.id) for one in waits]
    if last is not None and not (waits and last.outcome is PendingOutcome.TAKEN_BACK):
        said.append(_came_of_it(last, words, say))
    return said


def _waits(one: PendingAct, words: Catalogue, say: TimeFormat) -> str:
    if not one.photos:
        return words(f"page.pending.{one.kind}", **_places(one, say))
    count = len(one.photos)
    if one.words:
        return words.plural("page.pending.tell_photos", count, count=count, words=one.words)
    return words.plural("page.pending.photos", count, count=count)


def _came_of_it(one: PendingAct, words: Catalogue, say: TimeFormat) -> PendingNews:
    only_photos = one.photos and not one.words
    if one.outcome is PendingOutcome.DONE and only_photos:
        return PendingNews(words.plural("page.said.photos", len(one.photos), count=len(one.photos)), "good")
    if one.outcome is PendingOutcome.DONE:
        return PendingNews(words(f"page.said.{one.kind}", **_places(one, say)), "good")
    what = words("page.act.photos" if only_photos else f"page.act.{one.kind}")
    if one.outcome is PendingOutcome.TAKEN_BACK:
        return PendingNews(words("page.taken_back", what=what), "good")
    return PendingNews(words("page.not_done", what=what), "warn")


def too_late(one: PendingAct, words: Catalogue) -> str:
    """Why it cannot be taken back any more, and what they can do instead."""
    if one.outcome is PendingOutcome.DONE:
        return f"{words('page.take_back_too_late')} {words(f'page.instead.{one.kind}')}"
    return words("page.take_back_not_there")


def _places(one: PendingAct, say: TimeFormat) -> dict[str, str]:
    match one.kind:
        case CustomerAct.MOVE if one.window_from is not None and one.window_until is not None:
            return {"span": say.span(one.window_from, one.window_until)}
        case CustomerAct.TELL:
            return {"words": one.words}
    return {}
