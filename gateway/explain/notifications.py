"""The lines of an explanation about notifications: who was sent what, when, and who was not and why."""

from collections.abc import Iterable, Iterator, Mapping

from gateway.explain.facts import NotificationCount, SubjectHistory
from gateway.explain.format import Line, counted, joined_words
from gateway.model import Attempt, AttemptOutcome, ConsentSource, Contact, Notification, NotificationState, Reason
from gateway.notifications.entries import actor_name, entry_sentence
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.messages import topic_name
from gateway.notifications.reasons import reason_sentence

OUTCOMES = {
    AttemptOutcome.REFUSED: "refused for good",
    AttemptOutcome.UNKNOWN: "outcome never learnt",
    AttemptOutcome.STARTED: "under way",
    AttemptOutcome.POSTPONED: "put off, because our own machine had no room for it",
    AttemptOutcome.SHADOW: "worded and kept here, in the shadow mode",
}


def notification_lines(history: SubjectHistory, times: TimeFormat) -> Iterator[Line]:
    """A line for each notification, oldest first."""
    if not history.notifications:
        yield Line("told", "Nobody has been told anything")
    for row, attempts in history.notifications:
        yield Line("told", _one(row, attempts, history, times), row.done_at or row.created_at)


def notification_count_lines(alike: Iterable[NotificationCount], times: TimeFormat) -> Iterator[Line]:
    """A line for each message that many customers got, or did not get, with how many they are."""
    for one in alike:
        whom, what = counted(one.customers, "customer"), f"“{topic_text(one.topic, times)}”"
        were = "was" if one.customers == 1 else "were"
        first, last = times.exact(one.first), times.exact(one.last)
        at = f" on {first}" if first == last else f" between {first} and {last}"
        why = f": {_reason(one.reason, times)}" if one.reason else ""
        said = {
            NotificationState.SENT: f"{were} told {what}{at}",
            NotificationState.DROPPED: f"{were} not told {what}{why}",
            NotificationState.HELD: f"{'waits' if one.customers == 1 else 'wait'} for {what}{why}",
            NotificationState.FAILED: f"could not be told {what}{why}",
            NotificationState.UNKNOWN: f"may or may not have been told {what}{why}",
            NotificationState.SHADOW: f"would have been told {what}{at}, and nobody was: the mode is shadow",
        }
        soon = f"{'is' if one.customers == 1 else 'are'} about to be told {what}"
        yield Line("told", f"{whom} {said.get(one.state, soon)}", one.last)


def timeline_lines(history: SubjectHistory, times: TimeFormat, of: Mapping[str, str] | None = None) -> Iterator[Line]:
    """`of`: id → how entries of that subject begin, where the story has more than one."""
    for entry in history.entries:
        whose = "" if of is None else of.get(entry.subject_id, "")
        what = entry_sentence(entry, times.catalogue, times.zone)
        who = actor_name(entry.by, times.catalogue)
        yield Line("history", f"{times.exact(entry.at)} {whose}{what} ({who})", entry.at)


def _one(row: Notification, attempts: list[Attempt], history: SubjectHistory, times: TimeFormat) -> str:
    whom, what = history.names.get(row.recipient, str(row.recipient)), f"“{topic_text(row.topic, times)}”"
    tried = _tried(attempts)
    at = row.done_at if row.done_at is not None else row.created_at
    why = _reason(row.reason, times)
    match row.state:
        case NotificationState.SENT:
            first = next(iter(_went_out(attempts)), None)
            channel = first.channel if first is not None else "an unknown channel"
            at = first.finished_at or at if first is not None else at
            contact = history.contacts.get(first.contact_id) if first is not None else None
            after = f", after {tried}" if tried else ""
            return (f"{whom} was told {what} by {channel} on {times.exact(at)}{after}{_opened(row, attempts, times)}"
                    f"{_consent(contact, times)}")
        case NotificationState.HELD:
            told_by = history.lists.get(row.list_id or "")  # the one message a day that they want
            due_at = row.due_at if told_by is None else told_by.due_at or row.due_at
            until = f" until {times.exact(due_at)}" if due_at is not None else ""
            return f"{whom} waits for {what}{until}: {why}"
        case NotificationState.DROPPED:
            return f"{whom} was not told {what}: {why}"
        case NotificationState.FAILED:
            trouble = f" ({tried})" if tried else ""
            return f"{whom} could not be told {what}: {why}{trouble}{_listed(row, history, times)}"
        case NotificationState.UNKNOWN:
            went = joined_words([f"by {one.channel} on {times.exact(one.finished_at or one.started_at)}"
                                 for one in _went_out(attempts)])
            went = f" (it went out {went})" if went else ""
            return f"Whether {whom} was told {what} is not known: {why}{went}{_listed(row, history, times)}"
        case NotificationState.SHADOW if not attempts:
            return (f"{whom} would not have been reached with {what}: {why}; the mode is shadow, so nobody was "
                    "asked to ring them")
        case NotificationState.SHADOW:
            return (f"{whom} would have been told {what} by {attempts[-1].channel} on {times.exact(at)}; the mode is "
                    "shadow, so it was not sent")
        case _:
            trouble = f"; so far {tried}" if tried else ""
            return f"{whom} is about to be told {what}, written on {times.exact(row.created_at)}{trouble}"


def _went_out(attempts: list[Attempt]) -> list[Attempt]:
    return [one for one in attempts if one.outcome == AttemptOutcome.SENT]


def _opened(row: Notification, attempts: list[Attempt], times: TimeFormat) -> str:
    """Whether somebody opened it, and by which channels it went out because nobody did."""
    too = [f"nobody opened it by {times.exact(one.started_at)}, so it went by {one.channel} too"
           for one in _went_out(attempts)[1:]]
    has_it = next((one.delivered_at for one in _went_out(attempts) if one.delivered_at is not None), None)
    if has_it is not None:
        too.append(f"the other side said on {times.exact(has_it)} that it has it")
    if row.opened_at is not None:
        too.append(f"opened on {times.exact(row.opened_at)}")
    elif row.open_by is not None:
        too.append(f"if nobody opens it by {times.exact(row.open_by)}, another channel is taken")
    elif row.reason is not None:
        too.append(f"nobody had opened it, and it went by no other channel: {_reason(row.reason, times)}")
    return "".join(f"; {one}" for one in too)


def _consent(contact: Contact | None, times: TimeFormat) -> str:
    """Since when we have the contact, and from whom, where that is not the fleet file."""
    if contact is None or contact.consent_at is None or contact.consent_by is ConsentSource.IMPORTED:
        return ""
    who = "they themselves" if contact.consent_by is ConsentSource.THEMSELVES else contact.consent_who or "an agent"
    return f"; {who} gave us that contact on {times.exact(contact.consent_at)}"


def _listed(row: Notification, history: SubjectHistory, times: TimeFormat) -> str:
    """On which list the dispatcher reads that they could not be told; "" when that was a message of its own."""
    at = history.lists.get(row.list_id or "")
    if at is None:
        return ""
    match at.state:
        case NotificationState.SENT:
            return f"; they are on the dispatcher's list {at.id} of {times.exact(at.done_at or at.created_at)}"
        case NotificationState.DROPPED:
            return f"; the dispatcher's list {at.id} was not needed: {_reason(at.reason, times)}"
        case NotificationState.FAILED | NotificationState.UNKNOWN:
            return f"; they are on the dispatcher's list {at.id}, which may not have arrived"
        case _:
            return f"; they will be on the dispatcher's list {at.id}, on {times.exact(at.due_at or at.created_at)}"


def _reason(reason: Reason | None, times: TimeFormat) -> str:
    return "" if reason is None else reason_sentence(reason.stored(), times.catalogue)


def _tried(attempts: list[Attempt]) -> str:
    """The tries that did not arrive."""
    failed = [f"{one.channel}: {OUTCOMES.get(one.outcome, one.outcome)}{f', {one.why}' if one.why else ''}"
              for one in attempts if one.outcome != AttemptOutcome.SENT]
    if not failed:
        return ""
    each_once = list(dict.fromkeys(failed))
    return f"{counted(len(failed), 'other try').replace('trys', 'tries')} ({joined_words(each_once)})"


def topic_text(topic: str, times: TimeFormat) -> str:
    """How people call it; of one that this gateway does not know, its own name."""
    try:
        return topic_name(topic, times.catalogue)
    except KeyError:  # written by a newer gateway
        return topic.replace("_", " ")
