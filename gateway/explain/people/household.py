"""Explains a household: how each of them is reached and wants to be, what they were told lately and what not, what
waits until when, and what is promised."""

from collections.abc import Callable, Iterator

from gateway.calendars.opening_hours import next_time_of_day, quiet_until
from gateway.config.quotas import MESSAGES_A_DAY, MESSAGES_AN_HOUR
from gateway.explain.facts import SubjectHistory
from gateway.explain.format import Explanation, Line, counted, joined_words
from gateway.explain.goodwill import credit_text
from gateway.explain.notifications import notification_lines
from gateway.explain.people.channels import channel_lines, shadow_lines
from gateway.explain.people.contacts import contact_lines
from gateway.explain.people.facts import CustomerFacts
from gateway.explain.promises import promise_lines
from gateway.model import (
    RESIDENTS,
    Amount,
    Notification,
    NotificationState,
    Preference,
    Recipient,
    customer,
    person,
)
from gateway.notifications.context import NotificationContext
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.preferences.wanted import in_order, quiet_hours_of
from gateway.notifications.topics import TopicName

NOT_TOLD = (NotificationState.DROPPED, NotificationState.FAILED)
_AMOUNTS = {
    Amount.EVERYTHING: "each message when it is written",
    Amount.NOW: "only what concerns them now",
    Amount.DIGEST: "one message a day",
}


def explain_customer(facts: CustomerFacts, times: TimeFormat) -> Explanation:
    """Why they hear what they hear, and what they would not."""
    household, owners = facts.customer, _owners(facts)
    used = {one.channel for one in facts.contacts if one.stopped_at is None}
    told, untold = split(facts.lately, lambda row: row.state not in NOT_TOLD)
    lines = [*_who(facts)]
    for owner, name in owners.items():
        lines += _wishes(owner, name, facts, times)
    lines += contact_lines(in_order(facts.contacts, facts.choices), owners, facts.sending, facts.channels, times)
    lines += moved("told", told, times, "They were told nothing lately")
    lines += moved("untold", untold, times, "Nothing that was meant for them was left unsent lately")
    lines += moved("held", facts.waiting, times, "Nothing waits for them")
    lines += promise_lines(facts.promises, facts.lately, times)
    lines += [Line("credit", f"{row.shown_as}: {credit_text(row, case, times)}", row.given_at or row.created_at)
              for row, case in facts.credits]
    hour, day = facts.told
    lines.append(Line("limit", f"{counted(hour, 'message')} of at most {MESSAGES_AN_HOUR} within the last hour, {day} "
                               f"of at most {MESSAGES_A_DAY} within the last day; critical news and answers are never "
                               "held back for that"))
    lines += [*channel_lines(facts.sending, facts.channels, used, times), *shadow_lines(facts.sending)]
    return Explanation(household.id, "customer", f"Why {household.name} is told what they are told", facts.zone, lines)


def split(history: SubjectHistory, first: Callable[[Notification], bool]) -> tuple[SubjectHistory, SubjectHistory]:
    """Those for which `first` holds, and the others."""
    def some(which: bool) -> SubjectHistory:
        return SubjectHistory([one for one in history.notifications if first(one[0]) is which], names=history.names,
                              lists=history.lists, contacts=history.contacts)

    return some(True), some(False)


def moved(part: str, history: SubjectHistory, times: TimeFormat, nothing: str) -> Iterator[Line]:
    """Its notifications under another heading."""
    if not history.notifications:
        yield Line(part, nothing)
        return
    for line in notification_lines(history, times):
        yield line._replace(part=part)


def _owners(facts: CustomerFacts) -> dict[Recipient, str]:
    """Whoever has contacts or a choice of their own → the name."""
    owners = {customer(facts.customer.id): facts.customer.name}
    return owners | {person(one.id): one.name for one in facts.people}


def _who(facts: CustomerFacts) -> Iterator[Line]:
    household = facts.customer
    yield Line("what", f"{household.name}, language {household.locale}, times in {household.timezone}")
    homes = [home.name for home in facts.homes if home.household_left_at is None]
    yield Line("what", f"Of {joined_words(homes)}" if homes else "They live at no site of ours any more")
    for one in facts.people:
        told = "is told what the household is told" if one.role in RESIDENTS else "is told only what is about them"
        yield Line("what", f"{one.name}, {one.role}, language {one.locale or household.locale}: {told}")


def _wishes(owner: Recipient, name: str, facts: CustomerFacts, times: TimeFormat) -> Iterator[Line]:
    choice = facts.choices.get(owner)
    yield from _quiet(owner, name, facts, times)
    if choice is None:
        yield Line("wish", f"{name} has chosen nothing, so everything is sent")
        return
    if choice.stopped_at is not None:
        yield Line("wish", f"{name} stopped everything on {times.exact(choice.stopped_at)}: only what nobody can mute "
                           "is sent (danger, a visit under way, what they asked for)", choice.stopped_at)
    else:
        groups = [times.catalogue(f"topic_group.{one}") for one in choice.muted]
        without = f", nothing about {joined_words(groups)}" if groups else ""
        yield Line("wish", f"{name} wants {_AMOUNTS[choice.amount]}{without} (since {times.exact(choice.changed_at)})",
                   choice.changed_at)
    if choice.locale is not None:
        yield Line("wish", f"{name} reads {choice.locale}")
    if choice.yearly and choice.well_at is not None:
        yield Line("wish", f"{name} asked to hear once a year that all is well: looked at next on "
                           f"{times.exact(choice.well_at)}, and put off by a week while anything is open or silent",
                   choice.well_at)
    if choice.amount is Amount.DIGEST and choice.stopped_at is None:
        yield _digest(owner, name, choice, facts, times)


def _digest(owner: Recipient, name: str, choice: Preference, facts: CustomerFacts, times: TimeFormat) -> Line:
    """The one message a day: when it goes, and how much it lists."""
    for row, _ in facts.waiting.notifications:
        if row.topic == TopicName.DAILY and row.facts.get("owner") == str(owner) and row.due_at is not None:
            count = sum(one.list_id == row.id for one, _ in facts.waiting.notifications)
            return Line("wish", f"The message of the day {row.id} for {name} goes on {times.exact(row.due_at)}, with "
                                f"{counted(count, 'thing')} so far", row.due_at)
    zone = choice.timezone or facts.customer.timezone
    at = next_time_of_day(choice.digest_at, zone, times.now)
    return Line("wish", f"Nothing waits for the message of the day of {name}; what is written now goes on "
                        f"{times.exact(at)}", at)


def _quiet(owner: Recipient, name: str, facts: CustomerFacts, times: TimeFormat) -> Iterator[Line]:
    choice = facts.choices.get(owner)
    begins, ends, zone = quiet_hours_of(choice, NotificationContext(customer=facts.customer))
    whose = "their own" if choice is not None and choice.own_quiet else "the household's"
    if begins is None or ends is None or begins == ends:
        yield Line("quiet", f"{name} has no quiet hours")
        return
    until = quiet_until(begins, ends, zone, times.now)
    there = TimeFormat(times.catalogue, zone, times.now)
    if until is not None:
        yield Line("quiet", f"{name}, {begins}-{ends} in {zone} ({whose}): quiet now, it opens on "
                            f"{there.exact(until)}", until)
        return
    next_one = next_time_of_day(begins, zone, times.now)
    yield Line("quiet", f"{name}, {begins}-{ends} in {zone} ({whose}): open now, quiet again from "
                        f"{there.exact(next_one)}", next_one)
