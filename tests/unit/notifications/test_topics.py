"""Each kind of message is registered with all its rules, worded in every language, and has its row in the manual."""

import re
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any

import pytest

from gateway.model import (
    DAY,
    DISPATCHER,
    HOUR,
    Contact,
    LinkPurpose,
    Notification,
    Reason,
    ReasonKind,
    Recipient,
    RecipientKind,
    Severity,
    Subject,
    SubjectKind,
    customer,
    emergency,
    provider,
)
from gateway.notifications.catalogues import catalogues
from gateway.notifications.compose import compose
from gateway.notifications.context import NotificationContext
from gateway.notifications.decide import Drop, Send, decide
from gateway.notifications.stored_facts import keys_of
from gateway.notifications.topics import TOPICS, Priority, Topic, TopicName, Urgency, before_equals, never
from gateway.notifications.undelivered.plan import undeliverable
from tests import ROOT

NOON = 1_700_000_000_000
HER_TICKET = Subject(SubjectKind.TICKET, "T-1")
EVERY = pytest.mark.parametrize("topic", TOPICS.values(), ids=lambda topic: topic.name)
OFF_DUTY = {  # how docs/messages.md names who is told
    RecipientKind.CUSTOMER: "customer", RecipientKind.PROVIDER: "provider", RecipientKind.DISPATCHER: "dispatcher",
    RecipientKind.EMERGENCY: "service.emergency", RecipientKind.ON_CALL: "whoever is on call",
    RecipientKind.TECHNICIAN: "technician", RecipientKind.PERSON: "helper",
}


def rows_of_the_manual() -> dict[str, tuple[str, str]]:
    """Topic → (to whom, is dropped when) as docs/messages.md has it."""
    text = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8").partition("## Who hears what")[2]
    found: dict[str, tuple[str, str]] = {}
    for line in text.partition("\n## ")[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4:
            found |= dict.fromkeys(re.findall(r"`(\w+)`", cells[0]), (cells[1], cells[3]))
    return found


MANUAL = rows_of_the_manual()


def test_every_name_is_registered_once() -> None:
    assert set(TOPICS) == set(TopicName)
    assert all(TOPICS[name].name is name for name in TopicName)


@pytest.mark.parametrize("rule", ["audience", "subjects", "facts", "urgency", "passes_quiet_hours", "required",
                                  "obsolete_when", "life"])
def test_what_must_be_said_of_a_topic_has_no_default(rule: str) -> None:
    field = next(field for field in fields(Topic) if field.name == rule)
    assert field.default is MISSING
    assert field.default_factory is MISSING


LIVES = {HOUR: "after an hour", DAY: "after a day", 2 * DAY: "after two days", 7 * DAY: "after a week",
         30 * DAY: "after a month"}


@EVERY
def test_what_nothing_makes_pointless_is_dropped_when_it_is_too_old_and_what_is_still_true_is_not(topic: Topic) -> None:
    to = DISPATCHER if RecipientKind.DISPATCHER in topic.audience else Recipient(min(topic.audience), "x")
    row = compose("N-1", to, topic.name, Subject(min(topic.subjects), "S-1"), 1, 0, facts={})
    contact = Contact(id="c", owner_kind=to.kind, owner_id=to.id, channel="email", address="a@example.com")
    there = NotificationContext(contacts=(contact,))
    if topic.obsolete_when is never and topic.only_after is None:
        assert topic.life is not None
        assert isinstance(decide(row, there, topic.life - 1), Send)
        assert decide(row, there, topic.life) == Drop(Reason(ReasonKind.TOO_OLD))
    elif topic.obsolete_when is not never:
        assert decide(row, there, 40 * DAY) != Drop(Reason(ReasonKind.TOO_OLD))


@EVERY
def test_a_topic_has_its_template_and_its_name_in_every_language(topic: Topic) -> None:
    assert (ROOT / "gateway" / "notifications" / "templates" / f"{topic.name}.j2").is_file()
    for locale in catalogues().locales:
        assert catalogues().best_for(locale).has(f"topic.{topic.name}"), locale


@EVERY
def test_a_topic_has_its_row_in_the_manual_and_the_manual_is_true(topic: Topic) -> None:
    assert topic.name in MANUAL, "docs/messages.md: Who hears what"
    to, dropped = MANUAL[topic.name]
    if topic.name is not TopicName.TEST:
        assert {kind for kind, words in OFF_DUTY.items() if words in to} == topic.audience
        until = LIVES[topic.life or 0] if topic.obsolete_when is never and topic.only_after is None else ""
        assert dropped == until if until else "after a" not in dropped


def test_the_manual_names_no_topic_that_is_gone() -> None:
    assert set(MANUAL) == set(TopicName)


@EVERY
def test_the_rules_of_a_topic_fit_each_other(topic: Topic) -> None:
    if topic.urgency is Urgency.CRITICAL:
        assert topic.passes_quiet_hours
        assert not topic.has_quota, "what is critical never waits"
    if RecipientKind.CUSTOMER not in topic.audience:
        assert topic.required, "only customers choose what they are told"
        assert not topic.has_quota
    if topic.has_quota or topic.obsolete_when is never:
        assert topic.life, "what may be held back, or is true for ever, is one day no longer worth sending"
    else:
        assert topic.life is None, "it is worth sending as long as it is true"
    if topic.falls_over:
        assert topic.urgency is not Urgency.ORDINARY
        assert topic.link is LinkPurpose.FOLLOW, "else nobody can be seen to open it"
        assert RecipientKind.CUSTOMER in topic.audience
    told_before = topic.only_after.topics if topic.only_after is not None else frozenset()
    for other in topic.supersedes | told_before:
        assert other is not topic.name
        assert TOPICS[other].audience & topic.audience, "they reach the same people"
        assert TOPICS[other].subjects & topic.subjects, "about the same thing"


@EVERY
def test_a_message_is_critical_as_its_topic_says(topic: Topic) -> None:
    critical = {topic.is_critical(Severity.MAJOR), topic.is_critical(Severity.CRITICAL),
                topic.is_critical(answers=True)}
    assert critical == {Urgency.ORDINARY: {False}, Urgency.CRITICAL: {True}}.get(topic.urgency, {True, False})


def test_what_answers_a_press_is_critical_and_news_of_an_outage_is_not() -> None:
    outage = TOPICS[TopicName.OUTAGE]
    assert outage.is_critical(answers=True)
    assert not outage.is_critical()


# --- writing one

ALICE = customer("alice")


def written(to: Recipient = ALICE, topic: TopicName = TopicName.FAULT_FOUND, subject: Subject = HER_TICKET,
            says: str = "device", link_id: str | None = None, severity: str = "") -> Notification:
    return compose("N-1", to, topic, subject, 1, NOON, facts={says: "Pump"}, link_id=link_id, severity=severity)


def test_a_message_is_due_at_once_and_has_a_column_for_whom_it_is_and_what_it_is_about() -> None:
    row = written(link_id="L-1", severity=Severity.CRITICAL)
    assert (row.topic, row.occurrence, row.due_at, row.critical) == (TopicName.FAULT_FOUND, "1", NOON, True)
    assert row.recipient == ALICE
    assert row.subject == HER_TICKET


@pytest.mark.parametrize(("write", "words"), [
    (lambda: written(provider("kunz")), "fault_found to a provider"),
    (lambda: written(ALICE, TopicName.UNDELIVERABLE), "expected one of dispatcher"),
    (lambda: written(subject=Subject(SubjectKind.OUTAGE, "X-1")), "about a outage"),
    (lambda: written(says="colour"), "says nothing of colour"),
    (lambda: written(DISPATCHER, TopicName.GATEWAY_FAULT, Subject(SubjectKind.OUTAGE, "X-1"), "what", "L-1"),
     "carries no link"),
])
def test_what_the_registry_does_not_allow_is_not_written(write: Callable[[], Notification], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        write()


def test_the_dispatcher_reads_all_that_a_lost_message_would_have_said() -> None:
    everything = keys_of(TOPICS[TopicName.UNDELIVERABLE].facts)
    assert all(keys_of(topic.facts) <= everything for topic in TOPICS.values())


@pytest.mark.parametrize(("recipient", "words"), [
    (customer("alice"), "customer/alice"), (provider("kunz"), "provider/kunz"), (DISPATCHER, "dispatcher"),
    (emergency(2), "emergency/2"),
])
def test_a_recipient_is_written_as_the_api_shows_it(recipient: Recipient, words: str) -> None:
    assert str(recipient) == words


def test_never_is_never() -> None:
    assert never(written(), NotificationContext(), NOON) is None


@pytest.mark.parametrize(("topic", "subject", "more", "priority"), [
    (TopicName.EMERGENCY_PRESS, SubjectKind.CALLBACK, {}, Priority.CALL_FOR_HELP),
    (TopicName.CALLBACK_SCHEDULED, SubjectKind.CALLBACK, {"call_for_help": True}, Priority.CALL_FOR_HELP),
    (TopicName.UNDELIVERABLE, SubjectKind.CALLBACK, {"call_for_help": True}, Priority.CALL_FOR_HELP),
    (TopicName.CALLBACK_SCHEDULED, SubjectKind.CALLBACK, {}, Priority.WAITED_FOR),
    (TopicName.OUTAGE, SubjectKind.OUTAGE, {"answers": True}, Priority.WAITED_FOR),
    (TopicName.PLEASE_LOOK, SubjectKind.TICKET, {}, Priority.WAITED_FOR),
    (TopicName.SLA_MISSED, SubjectKind.TICKET, {}, Priority.WAITED_FOR),
    (TopicName.OFFER, SubjectKind.TICKET, {}, Priority.CRITICAL),
    (TopicName.FAULT_FOUND, SubjectKind.TICKET, {"severity": "critical"}, Priority.CRITICAL),
    (TopicName.FAULT_FOUND, SubjectKind.TICKET, {"severity": "major"}, Priority.ORDINARY),
    (TopicName.OUTAGE, SubjectKind.OUTAGE, {}, Priority.ORDINARY),
])
def test_what_leaves_first(topic: TopicName, subject: SubjectKind, more: dict[str, Any], priority: Priority) -> None:
    assert TOPICS[topic].priority(subject, **more) == priority


@pytest.mark.parametrize(("was", "becomes"), [
    (Priority.CALL_FOR_HELP, Priority.CALL_FOR_HELP), (Priority.WAITED_FOR, Priority.WAITED_FOR),
    (Priority.CRITICAL, Priority.WAITED_FOR), (Priority.ORDINARY, Priority.CRITICAL)])
def test_a_home_that_comes_first_comes_before_its_equals_and_never_before_a_call_for_help(was: Priority,
                                                                                          becomes: Priority) -> None:
    assert before_equals(was) is becomes


def test_a_message_about_a_call_for_help_that_did_not_arrive_comes_first_too() -> None:
    call = Subject(SubjectKind.CALLBACK, "C-1")
    page = compose("N-1", emergency(1), TopicName.EMERGENCY_PRESS, call, 1, NOON, facts={})
    assert undeliverable("N-2", page, "Nina", Reason(ReasonKind.NO_CONTACT), NOON).priority == Priority.CALL_FOR_HELP
