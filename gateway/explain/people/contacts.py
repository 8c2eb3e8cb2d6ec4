"""Words each contact of somebody: whether it is in use, since when we have it and from whom, and, for one message, why
it went there or not."""

from collections.abc import Iterable, Iterator, Mapping

from gateway.config.phone_numbers import PHONE
from gateway.explain.format import Line, counted
from gateway.explain.people.facts import ChannelStates, NotificationFacts, Sending
from gateway.model import AttemptOutcome, ConsentSource, Contact, NotificationState, Recipient
from gateway.notifications.decide import contacts_notified_before, next_contact
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.preferences.choose import WAITS_FOR_CODE, masked
from gateway.notifications.preferences.wanted import BY_THEMSELVES, is_for, why_unwanted
from gateway.notifications.reasons import reason_sentence
from gateway.notifications.topics import TOPICS

_ALIVE = (NotificationState.QUEUED, NotificationState.HELD, NotificationState.SENDING)


def contact_lines(contacts: Iterable[Contact], owners: Mapping[Recipient, str], sending: Sending,
                  channels: ChannelStates, times: TimeFormat) -> Iterator[Line]:
    """One line for each, in the order in which they are tried; each owner's are numbered."""
    number: dict[Recipient, int] = {}
    for one in contacts:
        number[one.owner] = number.get(one.owner, 0) + 1
        whose = owners.get(one.owner, str(one.owner))
        yield Line("contact", f"{whose}, {number[one.owner]}: {named(one)}, {_standing(one, sending, channels, times)}"
                              f"{consent(one, times)}", one.stopped_at)
    if not number:
        yield Line("contact", "No way to reach them is known")


def why_each_contact(facts: NotificationFacts, times: TimeFormat) -> Iterator[Line]:
    """Why the message went to this contact and to no other, or will."""
    for one in facts.contacts:
        whose = facts.owners.get(one.owner, str(one.owner))
        yield Line("contact", f"{named(one)} of {whose}: {_why(one, facts, times)}{consent(one, times)}")
    if not facts.contacts:
        yield Line("contact", "No way to reach them is known")


def named(contact: Contact) -> str:
    """E.g. "email a…@example.com": enough to know it by, and no more."""
    return f"{contact.channel} {masked(contact)}"


def consent(contact: Contact, times: TimeFormat) -> str:
    """Since when we have it, and from whom."""
    since = "" if contact.consent_at is None else f" on {times.exact(contact.consent_at)}"
    match contact.consent_by:
        case ConsentSource.THEMSELVES:
            return f"; they gave it themselves, and proved it with the code that we sent there{since}"
        case ConsentSource.AGENT:
            return f"; {contact.consent_who or 'an agent'} wrote it down as they said it{since}"
    return f"; it came with the fleet file{since}"


def _standing(contact: Contact, sending: Sending, channels: ChannelStates, times: TimeFormat) -> str:
    stopped = _stopped(contact, times)
    if stopped:
        return stopped
    unusable = _not_set_up(contact, sending)
    if unusable:
        return unusable
    pause = channels.paused.get(contact.channel)
    return "in use" if pause is None else f"in use, but the channel is paused since {times.exact(pause.since)}"


def _stopped(contact: Contact, times: TimeFormat) -> str:
    if contact.stopped_at is None:
        return ""
    at, why = times.exact(contact.stopped_at), contact.stopped_why
    if why == WAITS_FOR_CODE:
        return f"not in use yet: since {at} it waits for the code that we sent there"
    if why in (None, "", BY_THEMSELVES):
        return f"stopped on {at} by whoever it belongs to"
    return f"stopped on {at}: {why}"


def _not_set_up(contact: Contact, sending: Sending) -> str:
    if contact.channel == PHONE:
        return "a telephone: people ring there, no message goes to it"
    return "" if contact.channel in sending.channels else f"no channel {contact.channel} is set up here"


def _why(contact: Contact, facts: NotificationFacts, times: TimeFormat) -> str:
    """What was tried there, else why nothing was, else that its turn has not come."""
    tried = [one for one in facts.attempts if one.contact_id == contact.id]
    went = next((one for one in tried if one.outcome in (AttemptOutcome.SENT, AttemptOutcome.SHADOW)), None)
    if went is not None:
        would = "it would have gone there" if went.outcome is AttemptOutcome.SHADOW else "it went there"
        return f"{would} on {times.exact(went.finished_at or went.started_at)}"
    against = _stopped(contact, times) or _not_set_up(contact, facts.sending) or _unfit(contact, facts, times)
    before = f"tried {counted(len(tried), 'time')} in vain" if tried else ""
    if against or before:
        return "; ".join(filter(None, (before, against)))
    return _turn(contact, facts, times)


def _unfit(contact: Contact, facts: NotificationFacts, times: TimeFormat) -> str:
    row, context, topic = facts.notification, facts.context, TOPICS.get(facts.notification.topic)
    if topic is not None and topic.channel not in (None, contact.channel):
        return f"this message goes by {topic.channel} alone"
    if not is_for(row, contact):
        return "this message is for one of them alone, and that is not this one"
    unwanted = why_unwanted(row, context.choices.get(contact.owner))
    if unwanted is not None:
        return reason_sentence(unwanted.stored(), times.catalogue)
    told = contacts_notified_before(row, context)
    if told is not None and contact.id not in told:
        return "what it takes back was not said there"
    return ""


def _turn(contact: Contact, facts: NotificationFacts, times: TimeFormat) -> str:
    row = facts.notification
    pause = facts.channels.paused.get(contact.channel)
    paused = "" if pause is None else (f"; the channel is paused since {times.exact(pause.since)}, and the next try is "
                                       f"made on {times.exact(pause.probe_at)}")
    if row.state in _ALIVE:
        first = next_contact(row, facts.context)
        return ("it is the next to be tried" if first is not None and first.id == contact.id
                else "others come before it") + paused
    went = next((one.channel for one in facts.attempts if one.outcome == AttemptOutcome.SENT), None)
    if went is None:
        return f"it was not its turn{paused}"
    if contact.channel == went:
        return f"one copy by {went} is enough"
    if row.open_by is not None:
        return f"it comes after {went}, which took it; its turn is when nobody opens it{paused}"
    return f"it comes after {went}, which took it{paused}"
