"""hand_over: puts a message into the words of the moment and gives it to its channel."""

from collections.abc import Sequence
from dataclasses import replace
from time import monotonic

from gateway.config.settings import Settings
from gateway.flow.messages.attempts import DeliveryContext, FinishedAttempt, StartedAttempt, WordedMessage, log
from gateway.flow.messages.mail_extras import with_extras
from gateway.model import (
    SECOND,
    Instant,
    Notification,
    RecipientKind,
)
from gateway.monitoring import file_descriptors
from gateway.notifications import signed_links
from gateway.notifications.channels import Channel, NotSent, Outcome, Unknown
from gateway.notifications.context import NotificationContext
from gateway.notifications.invites.mail_invite import invite_for
from gateway.notifications.messages import Message
from gateway.notifications.preferences.codes import code_of
from gateway.notifications.preferences.links import one_click_of_several, preferences_url
from gateway.notifications.preferences.wanted import passes_a_stop
from gateway.notifications.shadow import InShadow
from gateway.notifications.template_values import Signature, facts_of, reader_of
from gateway.notifications.topics import TopicName
from gateway.notifications.wording.overrides import BrokenWording


def hand_over(gw: DeliveryContext, hand_over: StartedAttempt, now: Instant, began: float) -> FinishedAttempt:
    """Hands over one message, or several as one. Never raises: what went wrong is an outcome."""
    worded = [(piece, _worded(gw, piece, now)) for piece in hand_over.pieces or (hand_over,)]
    going = [(piece, words) for piece, words in worded if isinstance(words, WordedMessage)]
    message = _together(gw, [words for _, words in going])
    leaving = [going] if message is not None else [[one] for one in going]
    became = {one.notification.id: done for some in leaving for (one, _), done in zip(
        some, _send(gw, some, message or some[0][1].message, now, began), strict=True)}
    each = [became[piece.notification.id] if isinstance(words, WordedMessage) else
            FinishedAttempt(words, now + int((monotonic() - began) * SECOND)) for piece, words in worded]
    return each[0]._replace(each=each) if hand_over.pieces else each[0]


def _together(gw: DeliveryContext, words: Sequence[WordedMessage]) -> Message | None:
    """The one message that they are; None: each leaves by itself."""
    if len(words) < 2:
        return None
    try:
        message = gw.messages.together([(one.message, one.facts) for one in words])
        return replace(message, unsubscribe=one_click_of_several(
            words[0].facts.preferences, (one.message.unsubscribe for one in words)))
    except Exception:
        log.exception("%d messages could not be worded as one", len(words))
        return None


def _worded(gw: DeliveryContext, hand_over: StartedAttempt, now: Instant) -> WordedMessage | NotSent:
    """Its words as of now; NotSent when there are none: what leaves in the same message need not wait for it."""
    row, contact = hand_over.notification, hand_over.contact
    try:
        settings = gw.settings
        service = settings.service
        signed = Signature(service.name, service.phone, service.callback_timezone, service.country,
                           settings.branding)
        context = hand_over.context
        if contact.owner_kind is RecipientKind.PERSON:
            context = replace(context, reader=context.residents.get(contact.owner_id))
        locale = reader_of(row, context, signed.zone)[1]
        items = [_item(gw, one, replace(about, reader=context.reader), signed, locale, now)
                 for one, about in context.items]
        facts = facts_of(row, context, now, _link(settings, context, now), signed, gw.messages.catalogues,
                         may_be_second=hand_over.may_be_second, next_word=hand_over.next_word,
                         passes_stop=passes_a_stop(row, context.choices.get(contact.owner)),
                         preferences=_preferences(settings, hand_over), code=_code(settings, row),
                         items=[line for line, _ in items])
        if row.topic == TopicName.CONTACT_CODE:  # whose address it is nobody knows yet: it names nobody
            facts = replace(facts, reader="", customer="", number="", preferences="")
        facts = with_extras(gw, row, context, contact.channel, facts, locale, now)
        message = gw.messages.word(row.topic, locale, facts, gw.channels[contact.channel].form)
        broken = [*message.broken, *(one for _, more in items for one in more)]
        message = replace(message, unsubscribe=facts.unsubscribe, invite=invite_for(
            row, context, facts, gw.messages.catalogues.best_for(locale)))
        return WordedMessage(message, facts, broken)
    except Exception as error:
        log.exception("notification %s (%s) could not be worded", row.id, row.topic)
        ours = isinstance(error, OSError | MemoryError)  # a time zone that cannot be read just now
        return NotSent(False, f"could not be worded ({type(error).__name__})", kind="unusable", ours=ours)


def _send(gw: DeliveryContext, pieces: Sequence[tuple[StartedAttempt, WordedMessage]], message: Message, now: Instant,
          began: float) -> list[FinishedAttempt]:
    """The one place where something leaves the house: what became of each of these, which `message` tells."""
    started = pieces[0][0]
    first, contact = started.notification, started.contact
    said = _kept(message, gw.channels[contact.channel], [link for _, words in pieces for link in (
        words.facts.link, words.facts.preferences, words.facts.code, *(one["link"] for one in words.facts.items))])
    outcome: Outcome | InShadow
    if started.context.in_shadow:
        outcome = InShadow()
    else:
        try:
            outcome = gw.channels[contact.channel].send(contact.address, message, f"{first.id}_{contact.id}")
        except Exception as error:  # its text may hold an address: only its kind is kept
            log.error("channel %s raised %s for notification %s", contact.channel, type(error).__name__, first.id)
            why = f"the channel broke ({type(error).__name__})"
            outcome = NotSent(False, why, ours=True) if file_descriptors.ran_out(error) else Unknown(why)
        if isinstance(outcome, NotSent) and not outcome.ours and file_descriptors.exhausted():
            outcome = replace(outcome, permanent=False, ours=True, gone=False)  # not every channel says why it failed
    at, channel = now + int((monotonic() - began) * SECOND), gw.channels[contact.channel]
    return [FinishedAttempt(outcome, at, said, words.broken, _own_words(words.message, channel), [
        other.notification.topic for other, _ in pieces if other is not piece]) for piece, words in pieces]


def _item(gw: DeliveryContext, row: Notification, context: NotificationContext, signed: Signature, locale: str,
          now: Instant) -> tuple[dict[str, str], Sequence[BrokenWording]]:
    """A line of a message of the day: what it would have said by itself, and where more stands."""
    link = _link(gw.settings, context, now)
    facts = facts_of(row, context, now, link, signed, gw.messages.catalogues)
    message = gw.messages.word(row.topic, locale, facts, "short")
    return {"what": message.subject, "link": link}, message.broken


def _own_words(message: Message, channel: Channel) -> str:
    """The operator's templates in what that channel says of it: a web hook has the subject and the short text."""
    unused = ".short" if channel.form == "long" else "" if channel.server_each else ".subject"
    return ", ".join(name for name in message.own if not unused or not name.endswith(unused))


def _preferences(settings: Settings, hand_over: StartedAttempt) -> str:
    """Where whoever reads it chooses what they are sent; "" for others than a household."""
    contact = hand_over.contact
    if hand_over.notification.recipient_kind is not RecipientKind.CUSTOMER:
        return ""
    return preferences_url(settings.web.public_url, settings.secret.get_secret_value(), contact,
                           hand_over.context.choices.get(contact.owner))


def _code(settings: Settings, row: Notification) -> str:
    check_id = str(row.facts.get("check_id") or "") if row.topic == TopicName.CONTACT_CODE else ""
    return code_of(settings.secret.get_secret_value(), check_id) if check_id else ""


def _kept(message: Message, channel: Channel, links: Sequence[str]) -> str:
    """What whoever asks is told that they read. Links and codes in it are theirs alone: they are kept nowhere."""
    text = message.short if channel.form == "short" else f"{message.subject}\n\n{message.long_text}"
    for link in filter(None, links):
        text = text.replace(link, "…")
    return text


def _link(settings: Settings, context: NotificationContext, now: Instant) -> str:
    link = context.link
    if link is None or link.revoked_at is not None or link.expires_at <= now:
        return ""
    return signed_links.url(settings.web.public_url, settings.secret.get_secret_value(), link.purpose, link.id)
