"""Which messages leave the house in the shadow mode."""

import pytest

from gateway.config.settings import Service
from gateway.model import (
    DISPATCHER,
    Attempt,
    AttemptOutcome,
    Callback,
    CallbackKind,
    Notification,
    Recipient,
    SubjectKind,
    customer,
    emergency,
    on_call,
    provider,
)
from gateway.notifications.context import NotificationContext
from gateway.notifications.shadow import is_live, stays_here

SHADOW = Service(mode="shadow")
LIVE = Service(mode="shadow", live_areas=["valley"])
HER = customer("alice")
HOME = frozenset({"village", "valley"})  # the village lies in the valley


def note(topic: str, to: Recipient, kind: SubjectKind = SubjectKind.TICKET) -> Notification:
    return Notification(id="N-1", topic=topic, subject_kind=kind, subject_id="X-1", occurrence="1",
                        recipient_kind=to.kind, recipient_id=to.id, priority=3, created_at=0)


def about_a_call(kind: CallbackKind = CallbackKind.ORDINARY) -> NotificationContext:
    return NotificationContext(callback=Callback(id="X-1", site_id="s", customer_id="alice", kind=kind, requested_at=0,
                                                 promised_by=0))


@pytest.mark.parametrize(("topic", "to"), [
    ("fault_found", HER), ("offer", provider("kunz")), ("please_look", DISPATCHER), ("sla_missed", on_call("dana"))])
def test_of_a_ticket_nothing_leaves(topic: str, to: Recipient) -> None:
    assert stays_here(note(topic, to), NotificationContext(), HOME, SHADOW)
    assert not stays_here(note(topic, to), NotificationContext(), HOME, Service())


@pytest.mark.parametrize(("topic", "to"), [
    ("emergency_press", emergency(1)), ("emergency_press", on_call("max")), ("please_look", DISPATCHER)])
def test_what_a_press_asks_for_leaves(topic: str, to: Recipient) -> None:
    asked = note(topic, to, SubjectKind.CALLBACK)
    for kind in (CallbackKind.ORDINARY, CallbackKind.EMERGENCY):
        assert not stays_here(asked, about_a_call(kind), HOME, SHADOW)
    assert stays_here(asked, about_a_call(CallbackKind.CHECK), HOME, SHADOW)  # nobody has asked to be rung


def test_what_customers_are_told_of_their_call_stays_here() -> None:
    assert stays_here(note("callback_scheduled", HER, SubjectKind.CALLBACK), about_a_call(), HOME, SHADOW)


def test_who_was_told_in_earnest_is_told_to_the_end() -> None:
    went = Attempt(id="S-1", notification_id="N-1", contact_id="k", channel="email", started_at=0,
                   outcome=AttemptOutcome.SENT)
    failed = Attempt(id="S-2", notification_id="N-1", contact_id="k", channel="email", started_at=0,
                     outcome=AttemptOutcome.FAILED)
    assert not stays_here(note("fault_found", HER), NotificationContext(attempts=(failed, went)), HOME, SHADOW)
    assert stays_here(note("fault_found", HER), NotificationContext(attempts=(failed,)), HOME, SHADOW)
    for topic in ("undeliverable", "undelivered_list"):  # written only about what was to leave
        assert not stays_here(note(topic, DISPATCHER), NotificationContext(), HOME, SHADOW)


@pytest.mark.parametrize("topic", ["test", "page_link", "household_link", "contact_code"])
def test_a_message_that_somebody_has_asked_for_by_name_leaves(topic: str) -> None:
    assert not stays_here(note(topic, HER), NotificationContext(), HOME, SHADOW)


@pytest.mark.parametrize(("areas", "stays"), [
    (HOME, False), (frozenset({"valley"}), False), (frozenset({"hill"}), True), (frozenset(), True), (None, False)])
def test_what_lies_in_a_live_area_is_on(areas: frozenset[str] | None, stays: bool) -> None:
    assert stays_here(note("fault_found", HER), NotificationContext(), areas, LIVE) is stays


def test_a_command_to_fix_a_device_leaves_only_where_it_is_live() -> None:
    assert is_live(frozenset(), Service())
    assert is_live(HOME, LIVE)
    assert not is_live(HOME, SHADOW)
    assert not is_live(frozenset({"hill"}), LIVE)
