"""Why a message, a household or a firm is as it is: facts in, sentences out, without any fixture."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.config.field_types import Rate
from gateway.explain.people.channels import channel_lines, shadow_lines
from gateway.explain.people.contacts import contact_lines
from gateway.explain.people.facts import ChannelStates, CustomerFacts, Pause, ProviderFacts, Sending
from gateway.explain.people.firm import explain_provider
from gateway.explain.people.household import explain_customer
from gateway.model import (
    MINUTE,
    ConsentSource,
    Contact,
    Customer,
    Preference,
    Provider,
    RecipientKind,
    customer,
    from_iso,
)
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.preferences.choose import WAITS_FOR_CODE
from gateway.notifications.preferences.wanted import BY_THEMSELVES
from gateway.tickets.dispatch.provider_ranking import Workload

NOON = from_iso("2026-11-23T12:00:00+01:00")  # a Monday in Zurich
TIMES = TimeFormat(catalogue_for("en"), "Europe/Zurich", NOON)
ALICE = Customer(id="alice", name="Alice", timezone="Europe/Zurich", quiet_from="22:00", quiet_until="07:00")
SENDING = Sending(channels=frozenset({"email", "sms"}), paused_together=frozenset({"email", "sms"}))
NOTHING = ChannelStates()
OPEN_ALL_DAY = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


def contact(**more: Any) -> Contact:
    values: dict[str, Any] = {"id": "k", "owner_kind": RecipientKind.CUSTOMER, "owner_id": "alice", "channel": "email",
                              "address": "alice@example.com"}
    return Contact(**(values | more))


@pytest.mark.parametrize(("how", "said"), [
    ({}, "in use; it came with the fleet file"),
    ({"stopped_at": NOON, "stopped_why": "no such mailbox"}, "stopped on Mon 23 Nov 12:00:00: no such mailbox; it came "
                                                             "with the fleet file"),
    ({"stopped_at": NOON, "stopped_why": BY_THEMSELVES},
     "stopped on Mon 23 Nov 12:00:00 by whoever it belongs to; it came with the fleet file"),
    ({"stopped_at": NOON, "stopped_why": WAITS_FOR_CODE},
     "not in use yet: since Mon 23 Nov 12:00:00 it waits for the code that we sent there; it came with the fleet file"),
    ({"consent_by": ConsentSource.THEMSELVES, "consent_at": NOON},
     "in use; they gave it themselves, and proved it with the code that we sent there on Mon 23 Nov 12:00:00"),
    ({"consent_by": ConsentSource.AGENT, "consent_at": NOON, "consent_who": "Anna"},
     "in use; Anna wrote it down as they said it on Mon 23 Nov 12:00:00"),
    ({"channel": "phone", "address": "+41791234567"},
     "a telephone: people ring there, no message goes to it; it came with the fleet file"),
    ({"channel": "chat"}, "no channel chat is set up here; it came with the fleet file"),
])
def test_a_contact_says_how_it_stands_and_from_whom_we_have_it(how: dict[str, Any], said: str) -> None:
    one = contact(**how)
    [line] = contact_lines([one], {customer("alice"): "Alice"}, SENDING, NOTHING, TIMES)
    assert line.text.endswith(f", {said}")
    assert one.address not in line.text


@pytest.mark.parametrize(("now", "said"), [
    ("2026-11-23T12:00:00+01:00", "open now, quiet again from Mon 23 Nov 22:00:00"),
    ("2026-11-23T23:30:00+01:00", "quiet now, it opens on Tue 24 Nov 07:00:00"),
    ("2026-10-25T01:30:00+02:00", "quiet now, it opens on Sun 25 Oct 07:00:00"),  # a night of 25 hours
])
def test_a_household_says_when_its_quiet_hours_open(now: str, said: str) -> None:
    times = replace(TIMES, now=from_iso(now))
    lines = [one.text for one in explain_customer(CustomerFacts(ALICE), times).lines if one.part == "quiet"]
    assert lines == [f"Alice, 22:00-07:00 in Europe/Zurich (the household's): {said}"]


@pytest.mark.parametrize(("begins", "ends"), [(None, None), ("22:00", "22:00")])
def test_who_chose_no_quiet_hours_has_none(begins: str | None, ends: str | None) -> None:
    choice = Preference(id="customer/alice", owner_kind=RecipientKind.CUSTOMER, owner_id="alice", own_quiet=True,
                        quiet_from=begins, quiet_until=ends, changed_at=NOON)
    facts = CustomerFacts(ALICE, choices={customer("alice"): choice})
    assert [one.text for one in explain_customer(facts, TIMES).lines if one.part == "quiet"] == [
        "Alice has no quiet hours"]


def test_a_channel_says_since_when_it_is_paused_and_what_it_takes() -> None:
    states = ChannelStates({"sms": Pause(NOON - MINUTE, NOON + MINUTE, "no answer")}, {"sms": NOON + 2 * MINUTE})
    sending = replace(SENDING, limits={"sms": Rate(5, 15 * MINUTE)})
    assert [one.text for one in channel_lines(sending, states, {"sms", "email"}, TIMES)] == [
        "sms is paused since Mon 23 Nov 11:59:00, because it fails (no answer); one message goes on Mon 23 Nov "
        "12:01:00, to see whether it works again",
        "sms takes 5 messages in 15 min at most: one more may go on Mon 23 Nov 12:02:00; what is critical does not "
        "wait for that"]
    assert not [*shadow_lines(sending)]
    [shadow] = shadow_lines(replace(sending, mode="shadow", live_areas=("lindenweg",)))
    assert "nothing leaves, but for homes in lindenweg, except" in shadow.text


@pytest.mark.parametrize(("firm", "load", "hours", "capacity"), [
    ({"hours": OPEN_ALL_DAY}, Workload(), "mon-sun 00:00-24:00 in Europe/Zurich: open now",
     "Takes 3 visits a day, as the file says; today 0, and 0 offers without an answer: room for 3 more"),
    ({"hours": {"tue": [["08:00", "12:00"]]}, "emergency": True, "own_capacity": 2}, Workload(1, 1, out=("Karin",)),
     "tue 08:00-12:00 in Europe/Zurich: closed until Tue 24 Nov 08:00:00; it takes critical work outside these hours",
     "Takes 2 visits a day, as the firm says itself; today 1, and 1 offer without an answer: full; out now: Karin"),
    ({}, Workload(), "it has no opening hours: closed, with no opening within a year",
     "Takes 3 visits a day, as the file says; today 0, and 0 offers without an answer: room for 3 more"),
])
def test_a_firm_says_whether_it_is_open_and_has_room(firm: dict[str, Any], load: Workload, hours: str, capacity: str
                                                     ) -> None:
    row = Provider(id="kunz", name="Kunz", timezone="Europe/Zurich", capacity=3, **firm)
    said = {one.part: one.text for one in explain_provider(ProviderFacts(row, workload=load), TIMES).lines}
    assert (said["hours"], said["capacity"]) == (hours, capacity)
