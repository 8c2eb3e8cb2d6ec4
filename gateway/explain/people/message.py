"""Explains one message: who, by which contact, when, why not by another, each try, and what may still become of it."""

from collections.abc import Iterator

from gateway.explain.format import Explanation, Line
from gateway.explain.notifications import OUTCOMES, notification_lines, topic_text
from gateway.explain.people.channels import channel_lines, shadow_lines
from gateway.explain.people.contacts import named, why_each_contact
from gateway.explain.people.facts import NotificationFacts
from gateway.model import Attempt, AttemptOutcome, Notification, NotificationState
from gateway.notifications.decide import has_quota, why_obsolete, why_superseded
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.preferences.wanted import cannot_be_muted
from gateway.notifications.reasons import reason_sentence
from gateway.notifications.topics import TOPICS, Priority
from gateway.notifications.undelivered.unopened import channels_sent

_WAITS = (NotificationState.QUEUED, NotificationState.HELD)


def explain_notification(facts: NotificationFacts, times: TimeFormat) -> Explanation:
    """Why it went, or did not, and what is still to come."""
    row, what = facts.notification, topic_text(facts.notification.topic, times)
    whom = facts.history.names.get(row.recipient, str(row.recipient))
    lines = [Line("what", f"“{what}” for {whom}, about {row.subject_kind} {row.subject_id}, written on "
                          f"{times.exact(row.created_at)}", row.created_at), *_kind(row)]
    lines += notification_lines(facts.history, times)
    lines += why_each_contact(facts, times)
    lines += [line for attempt in facts.attempts for line in _try(attempt, facts, times)]
    lines += _fell_over(facts, times)
    lines += _next(facts, times)
    used = {one.channel for one in facts.contacts}
    lines += channel_lines(facts.sending, facts.channels, used, times)
    lines += shadow_lines(facts.sending)
    return Explanation(row.id, "notification", f"Why {row.id}: {what}", facts.zone, lines)


def _kind(row: Notification) -> Iterator[Line]:
    """What follows from which message it is."""
    topic = TOPICS.get(row.topic)
    if topic is None:
        yield Line("why", "Written by another version of the gateway: this one does not know that message")
        return
    hours = "it waits for no quiet hours" if row.critical or topic.passes_quiet_hours else "it waits for quiet hours"
    mute = "nobody can mute it" if cannot_be_muted(row) else f"whoever mutes {topic.group} does not get it"
    limit = "counts for how many messages they get" if has_quota(row) else "goes however many messages they had"
    urgent = "Critical" if row.critical else Priority(row.priority).name.replace("_", " ").capitalize()
    yield Line("why", f"{urgent}: {hours}, {mute}, and it {limit}")


def _try(one: Attempt, facts: NotificationFacts, times: TimeFormat) -> Iterator[Line]:
    contact = facts.history.contacts.get(one.contact_id)
    to = one.channel if contact is None else named(contact)
    outcome = "handed over" if one.outcome == AttemptOutcome.SENT else OUTCOMES.get(one.outcome, str(one.outcome))
    why = f": {one.why}" if one.why else ""
    ended = "" if one.finished_at is None else f" on {times.exact(one.finished_at)}"
    words = f", in your own wording ({one.wording})" if one.wording else (
        ", in the built-in wording" if one.outcome in (AttemptOutcome.SENT, AttemptOutcome.SHADOW) else "")
    back = facts.notification.retried_at
    again = " (before it was taken up again)" if back is not None and one.started_at < back else ""
    yield Line("tried", f"On {times.exact(one.started_at)} by {to}: {outcome}{ended}{words}{why}{again}",
               one.started_at)


def _fell_over(facts: NotificationFacts, times: TimeFormat) -> Iterator[Line]:
    row = facts.notification
    if row.retried_at is not None:
        yield Line("tried", f"Taken up again on {times.exact(row.retried_at)}: what failed until then, failed with the "
                            "channel and not with the message, or somebody asked for it", row.retried_at)
    if len(channels_sent(facts.context)) > 1:
        yield Line("tried", "Nobody opened it in time, so it went by another channel too")


def _next(facts: NotificationFacts, times: TimeFormat) -> Iterator[Line]:
    row = facts.notification
    if facts.told_in is not None and facts.told_in.due_at is not None and row.state in _WAITS:
        yield Line("next", f"It goes with the message of the day {facts.told_in.id} on "
                           f"{times.exact(facts.told_in.due_at)}", facts.told_in.due_at)
    elif row.state in _WAITS and row.due_at is not None:
        yield Line("next", f"It is looked at on {times.exact(row.due_at)}, and goes if it is still true then",
                   row.due_at)
    if row.state is NotificationState.SENT and row.open_by is not None:
        yield Line("next", f"Unless somebody opens it by {times.exact(row.open_by)}, another channel is taken",
                   row.open_by)
    if row.state in _WAITS:
        over = why_obsolete(row, facts.context, times.now) or why_superseded(row, facts.context, times.now)
        if over is not None:
            yield Line("next", f"As things are now it would not go: {reason_sentence(over.stored(), times.catalogue)}")
