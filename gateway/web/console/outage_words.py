"""What is said of an outage at the telephone: the words that customers have read, what is not promised, who was told.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from gateway.callbacks.call_context.view import message_read
from gateway.flow.gateway import Gateway
from gateway.flow.telephones import reader_in, word_call
from gateway.model import Instant, NotificationState, Outage, OutageState
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.format_values import locale_name
from gateway.notifications.messages import topic_name
from gateway.store.views.customer.outage import FollowedOutage
from gateway.store.views.desk.outage_calls import OutageCall, ToldCount
from gateway.web.console.pages import WORDS
from gateway.web.pages.outage_view import outage_page_content
from gateway.web.pages.ticket_view import FollowPage


class InWords(NamedTuple):
    """What customers read of an outage, in one language."""

    language: str
    locale: str
    message: Sequence[str]  # that has reached them last; else what they would be told: paragraphs
    page: FollowPage | None


def in_words(gw: Gateway, found: OutageCall, locales: Iterable[str], now: Instant) -> list[InWords]:
    """In each of these languages once, and in ours last."""
    catalogues = {one.locale: one for one in (*(catalogue_for(locale) for locale in locales), WORDS)}
    return [InWords(locale_name(locale), locale, _message_in(gw, found, words, now)
                    or word_call(gw, found.facts, words, now).for_anybody.words, _page_in(gw, found, words, now))
            for locale, words in catalogues.items()]


def _message_in(gw: Gateway, found: OutageCall, words: Catalogue, now: Instant) -> Sequence[str]:
    """The paragraphs of the message that has reached them last, without greeting and signature; none: none has."""
    sent = next((row for row in found.told if row.state is NotificationState.SENT), None)
    if sent is None:
        return ()
    told = next(row for row in found.facts.told if row.id == sent.id)  # without what is the household's alone
    return message_read(told, found.facts, reader_in(gw, words, now)).long_text.strip().split("\n\n")[1:-1]


def _page_in(gw: Gateway, found: OutageCall, words: Catalogue, now: Instant) -> FollowPage | None:
    if found.page is None or not found.facts.around.form:
        return None
    say = TimeFormat(words, found.facts.site.timezone, now)
    return outage_page_content(found.page, words, say, gw.settings.service.country, can_press=False, button_dead=False)


def what_not_to_promise(outage: Outage, page: FollowedOutage | None, say: TimeFormat) -> Iterator[str]:
    """What somebody at the telephone would like to say, and must not."""
    if outage.state is OutageState.SUSPECTED or page is None:
        yield "That it is a power cut: nobody knows yet, and nobody has been told so."
        yield "That it is none, or only theirs."
    etr = page.etr if page is not None else None
    if etr is None:
        yield "Any time at which it ends: there is no estimate. They hear from us when their own home is back."
    elif etr <= say.now or (page is not None and page.longer):
        yield "A new time: it takes longer than we estimated, and any other would be a guess."
    else:
        yield f"That it is over by {say.when(etr)}: this is an estimate from how long others took. Say “we estimate”."
    if outage.state is OutageState.RESTORING:
        yield "That their own home is back because others are: each home shows that by itself."
    yield "That somebody comes to their home: whoever works on it works for all."
    yield "A cause that is not written here, whose homes are out, or a compensation."


def told_words(topic: str, state: NotificationState) -> str:
    return WORDS(f"call.told.{state}", topic=topic_name(topic, WORDS))


def told_all(counts: Sequence[ToldCount], say: TimeFormat) -> list[str]:
    lines = []
    for one in counts:
        last = f", the last {say.when(one.last_at)}" if one.last_at is not None else ""
        homes = f"{one.messages:,} household{'' if one.messages == 1 else 's'}"
        lines.append(f"{told_words(one.topic, one.state)}: {homes}{last}")
    return lines
