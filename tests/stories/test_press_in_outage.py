"""Somebody presses before, in, beside and after a power cut, and hears what is true at that moment."""

import pytest

from gateway.callbacks.queue import Waiting, due_order
from gateway.model import (
    DISPATCHER,
    GATEWAY,
    HOUR,
    MINUTE,
    Callback,
    CallOutcome,
    Due,
    MaintenanceWindow,
    Need,
    Promise,
    customer,
    person,
)
from gateway.outages.maintenance import plan_maintenance
from gateway.store import Store, apply
from gateway.tickets.actions import ClaimCallback, ConnectCallback, FinishCallback, OpenCallback
from tests.fixtures.outage_fleet import LEFT, RIGHT
from tests.fixtures.sos_homes import SosStory, begin_sos_story

pytestmark = pytest.mark.slow


@pytest.fixture
def quarter(both_stores: Store) -> SosStory:
    return begin_sos_story(both_stores)


def texts(quarter: SosStory, home: str) -> list[str]:
    return [" ".join(message.text.split()) for message in quarter.messages if message.to == f"{home}@example.com"]


# --- before it is confirmed


def test_a_press_just_before_the_outage_is_answered_by_it_when_it_is_confirmed(quarter: SosStory) -> None:
    quarter.press("a0-ring", "one")
    quarter.wait(minutes=2)
    assert quarter.call.outage_id is None
    quarter.lose(*LEFT, seconds=1)
    callback = quarter.call
    assert (callback.state, callback.outage_id) == ("requested", quarter.outage.id), "it may be about that"
    quarter.wait(seconds=4)
    callback, outage = quarter.call, quarter.outage
    assert (outage.state, callback.state, callback.outage_id) == ("confirmed", "answered", outage.id)
    assert quarter.heard(customer("a0")) == ["callback_scheduled", "outage"], "one message, not two"
    assert "we promised to call you. This message is the answer" in texts(quarter, "a0")[-1]
    assert [(one.kind, one.state) for one in quarter.all(Promise)] == [("callback_by", "cancelled")]
    assert [due.at for due in quarter.all(Due, Due.subject_id == callback.id)] == [None]
    assert quarter.timeline(callback.id)[-2:] == [
        f"It may be about the outage {outage.id}",
        f"The outage {outage.id} is the answer: they were told, and nobody needs to call"]
    assert "Answered Family a0, who pressed the button" in quarter.timeline(outage.id)
    assert "press once more" not in texts(quarter, "a0")[-1], "their button has not been heard since the home is dark"
    quarter.press("a0-ring", "two")
    assert sorted(one.state for one in quarter.calls) == ["answered", "requested"], "who presses again is called"
    quarter.wait(minutes=70)
    assert [one.state for one in quarter.calls if one.outage_id == outage.id] == ["answered", "requested"]


def test_a_press_while_it_is_suspected_is_linked_at_once(quarter: SosStory) -> None:
    quarter.lose(*LEFT, seconds=0.5)
    assert quarter.outage.state == "suspected"
    quarter.press("a0-ring", "one")
    assert [(one.state, one.outage_id) for one in quarter.calls] == [("requested", quarter.outage.id)]
    quarter.wait(seconds=4)
    assert [one.state for one in quarter.calls] == ["answered"]


def test_a_suspicion_that_is_dismissed_costs_nobody_their_call(quarter: SosStory) -> None:
    quarter.press("a0-ring", "one")
    promised = quarter.call.promised_by
    quarter.lose(*LEFT)
    assert quarter.call.outage_id == quarter.outages[0].id
    quarter.back(*LEFT)
    quarter.wait(seconds=4)
    callback = quarter.call
    assert quarter.outages[0].state == "dismissed"
    assert (callback.state, callback.outage_id, callback.promised_by) == ("requested", None, promised)
    assert quarter.timeline(callback.id)[-1] == f"{quarter.outages[0].id} was no outage: they are called as promised"
    assert quarter.heard(customer("a0")) == ["callback_scheduled"]


@pytest.mark.parametrize("why", ["urgent", "taken", "long before"])
def test_some_are_called_all_the_same(quarter: SosStory, why: str) -> None:
    quarter.press("a0-ring", "one", "long" if why == "urgent" else "single")
    if why == "taken":
        quarter.act(ClaimCallback(quarter.call.id))
    elif why == "long before":
        quarter.live(minutes=12)
    quarter.lose(*LEFT)
    quarter.wait(seconds=4)
    callback = quarter.call
    assert quarter.outage.state == "confirmed"
    assert callback.closed_at is None
    assert callback.outage_id == (None if why == "long before" else quarter.outage.id), "whoever calls sees it"
    assert quarter.heard(customer("a0"))[-1] == "outage", "their home is in it"


def test_a_neighbour_who_pressed_before_is_told_that_it_is_around_them(quarter: SosStory) -> None:
    quarter.press("b4-ring", "one")
    quarter.lose(*LEFT, *RIGHT[:4])
    quarter.wait(seconds=1)
    quarter.living_speak()
    quarter.wait(seconds=4)
    assert [(one.state, one.outage_id) for one in quarter.calls] == [("answered", quarter.outage.id)]
    assert "a device of yours still speaks to us" in texts(quarter, "b4")[-1]
    assert "press once more" in texts(quarter, "b4")[-1]


# --- beside it, and while the power comes back


def test_next_door_is_told_so_and_hears_when_it_is_over(quarter: SosStory) -> None:
    quarter.lose(*LEFT, *RIGHT[:4])
    quarter.wait(seconds=4)
    quarter.press("b4-ring", "one")
    quarter.wait(seconds=1)
    assert "Whether yours has power we cannot see" in texts(quarter, "b4")[-1]
    quarter.live(minutes=5)
    quarter.back(*LEFT, *RIGHT)
    quarter.live(minutes=2)
    assert quarter.outage.state == "restored"
    assert quarter.heard(customer("b4")) == ["outage", "outage_over"]
    assert "If yours is not back, press your button, and we call you" in texts(quarter, "b4")[-1]
    assert quarter.heard(customer("a0")) == ["outage", "outage_over"]
    assert quarter.heard(customer("c0")) == []


def test_next_door_hears_that_it_takes_longer(quarter: SosStory) -> None:
    for _ in range(3):
        quarter.lose(*LEFT, seconds=1)
        quarter.live(minutes=60, step=4)
        quarter.back(*LEFT)
        quarter.live(minutes=40, step=4)
    quarter.lose(*LEFT, *RIGHT[:4])
    quarter.wait(seconds=4)
    quarter.press("b4-ring", "one")
    since = quarter.now
    quarter.live(minutes=90, step=2)
    assert quarter.heard(customer("b4"), since) == ["outage", "outage_longer"]
    assert "We write to you when it is over there." in texts(quarter, "b4")[-1]


def test_while_others_have_power_again_a_press_is_answered_with_when_we_look(quarter: SosStory) -> None:
    quarter.lose(*LEFT)
    quarter.wait(seconds=4)
    quarter.live(minutes=10)
    quarter.back("a2", "a3", "a4")
    quarter.live(minutes=1)
    assert quarter.outage.state == "restoring"
    quarter.press("a0-ring", "one")
    quarter.wait(seconds=1)
    assert [one.state for one in quarter.calls] == ["answered"]
    assert "Yours is not back yet, as far as your devices say." in texts(quarter, "a0")[-1]
    assert quarter.last_told(customer("a0"), "outage").facts["look_by"] == quarter.outage.next_at
    quarter.press("a0-ring", "two")
    assert sorted(one.state for one in quarter.calls) == ["answered", "requested"]


def test_whose_home_is_back_before_the_others_is_told_so(quarter: SosStory) -> None:
    quarter.lose(*LEFT)
    quarter.wait(seconds=4)
    quarter.live(minutes=10)
    quarter.back("a0")
    quarter.live(minutes=1)
    quarter.press("a0-ring", "one")
    quarter.wait(seconds=1)
    assert "your own home has power again as far as we can tell" in texts(quarter, "a0")[-1]


@pytest.mark.parametrize("home", ["a0", "a1"])
def test_a_home_that_stayed_dark_is_called(quarter: SosStory, home: str) -> None:
    quarter.lose(*LEFT)
    quarter.wait(seconds=4)
    quarter.live(minutes=10)
    quarter.back(*(one for one in LEFT if one != home))
    quarter.live(minutes=12)
    assert (quarter.outage.state, quarter.members("nested")) == ("restored", {home})
    quarter.press("a0-ring", "one")
    assert [(one.state, one.outage_id) for one in quarter.calls] == [("requested", quarter.outage.id)]


def test_planned_work_is_the_answer_until_its_end(quarter: SosStory) -> None:
    window = MaintenanceWindow(id="W-1", area_id="feeder-9a", from_at=quarter.now + HOUR,
                               until_at=quarter.now + 3 * HOUR, created_at=0,
                               words={"en": "a new cable", "de": "ein neues Kabel"})
    with quarter.gw.store.write() as session:
        apply(session, plan_maintenance(window, GATEWAY, quarter.now))
    quarter.live(minutes=46, step=2)
    quarter.press("a0-ring", "one")
    quarter.wait(seconds=1)
    assert [(one.state, one.outage_id) for one in quarter.calls] == [("answered", None)]
    assert "Why: a new cable." in texts(quarter, "a0")[-1]
    assert "press once more, and we call you" in texts(quarter, "a0")[-1]
    assert quarter.timeline(quarter.call.id)[0].startswith("The button was pressed (single); planned work in")
    quarter.press("a0-ring", "two")
    assert sorted(one.state for one in quarter.calls) == ["answered", "requested"]
    quarter.act(ConnectCallback(next(one.id for one in quarter.calls if one.closed_at is None)))
    quarter.act(FinishCallback(next(one.id for one in quarter.calls if one.closed_at is None), "",
                               CallOutcome.INFORMED))
    quarter.live(minutes=140, step=2)
    quarter.press("b4-ring", "three")
    quarter.press("a0-ring", "four")
    assert [one.state for one in quarter.calls if one.closed_at is None] == ["requested", "requested"]


# --- homes that are rung first


def test_a_power_cut_with_an_emergency_button_in_it(quarter: SosStory) -> None:
    quarter.lose(*LEFT)
    quarter.wait(seconds=4)
    checks = {row.site_id: row for row in quarter.callbacks if row.kind == "check"}
    assert set(checks) == {"a1", "a2", "a3"}, "two buttons that may be dead, and somebody who depends on power"
    assert {row.promised_by for row in checks.values()} == {quarter.now + 15 * MINUTE}
    assert {row.outage_id for row in checks.values()} == {quarter.outage.id}
    assert quarter.heard(person("hugo")) == ["button_dead"]
    helper = next(message.text for message in quarter.messages if message.to == "hugo@example.com")
    assert "ring +41 44 668 18 01" in helper
    assert "(House a1)" not in helper, "the helper knows the address, not what we call it"
    read = texts(quarter, "a1")[-1]
    assert "your emergency button does not work until the power is back. We will ring you" in read
    assert "If anyone is in danger, call your local emergency number now." in read, "never us"
    assert "emergency button" not in texts(quarter, "a4")[-1]
    assert "We will ring you" not in texts(quarter, "a4")[-1]
    queue = due_order([Waiting(row, {"a3": frozenset({Need.POWER_DEPENDENT})}.get(site, frozenset()), site != "a3")
                       for site, row in checks.items()], quarter.now)
    assert queue[0].callback.site_id == "a3", "they depend on power"
    assert "To be rung first: 3 homes where somebody depends on power or an emergency button" in quarter.timeline(
        quarter.outage.id)
    assert quarter.heard(DISPATCHER) == [], "somebody is at the desk, and has them in the queue"
    told = quarter.notifications("outage")
    first = min(row.priority for row in told)
    assert {row.recipient_id for row in told if row.priority == first} == {"a1", "a2", "a3"}, "they hear of it first"
    quarter.live(minutes=5)
    quarter.act(ClaimCallback(checks["a3"].id))
    quarter.back("a1")
    quarter.says("a1-sos", battery=80.0)
    quarter.wait(seconds=1)
    assert quarter.heard(person("hugo")) == ["button_dead", "button_works"]
    states = {row.site_id: row.state for row in quarter.callbacks}
    assert states == {"a1": "cancelled", "a2": "requested", "a3": "claimed"}
    quarter.back("a2", "a3", "a4")
    quarter.wait(seconds=1)
    assert {row.site_id: row.state for row in quarter.callbacks} == {
        "a1": "cancelled", "a2": "cancelled", "a3": "claimed"}, "who has taken the call goes on"


def test_outside_the_hours_of_the_desk_one_page_names_them_all(both_stores: Store) -> None:
    quarter = begin_sos_story(both_stores)
    service = quarter.gw.settings.service.model_copy(update={
        "callback_hours": {"tue": [("08:00", "17:00")]}, "callback_timezone": "Europe/Zurich"})
    quarter.gw.settings = quarter.gw.settings.model_copy(update={"service": service})
    quarter.lose(*LEFT)
    quarter.wait(seconds=4)
    [page] = quarter.notifications("please_look")
    assert (page.facts["reason"], page.facts["homes"]) == ("ring_homes", 3)
    assert "Whoever is on call was paged about the homes to ring first" in " ".join(
        quarter.explained(quarter.outage.id, "why"))
    assert [home["telephone"] for home in page.facts["to_ring"]] == ["+41 44 668 18 03", "+41 44 668 18 01", ""]
    assert quarter.timeline(page.subject_id)[0] == "To be rung (without power, and they need it)"
    assert "The telephone number of Family a3, Family a1 was in the message to the dispatcher" in (
        quarter.timeline(page.subject_id))
    [dead] = quarter.notifications("button_dead")
    assert "The telephone number of Family a1 was in the message to Hugo" in quarter.timeline(dead.subject_id)
    quarter.act(ConnectCallback(page.subject_id))
    quarter.act(FinishCallback(page.subject_id, "has a battery for the night", CallOutcome.INFORMED))
    quarter.live(minutes=14)
    assert len(quarter.notifications("please_look")) == 1, "once for the outage, not once for each home"


def test_a_call_for_help_in_an_outage_still_pages(quarter: SosStory) -> None:
    quarter.lose(*LEFT)
    quarter.wait(seconds=4)
    quarter.press("a2-sos", "help")
    quarter.wait(seconds=1)
    [call] = [row for row in quarter.callbacks if row.kind == "emergency"]
    assert (call.state, call.outage_id) == ("requested", quarter.outage.id)
    assert [row.topic for row in quarter.notifications("emergency_press")] == ["emergency_press"]
    quarter.back(*LEFT)
    quarter.live(minutes=30)
    assert next(row.state for row in quarter.callbacks if row.kind == "emergency") == "requested"


# --- "still out", on the telephone


def say_still_out(quarter: SosStory, home: str) -> Callback:
    """Somebody of that home is rung, and says that there is no power."""
    quarter.act(OpenCallback(home, "they asked", urgent=True))
    call = next(row for row in quarter.calls if row.site_id == home and row.closed_at is None)
    quarter.act(ConnectCallback(call.id))
    quarter.act(FinishCallback(call.id, "all dark", CallOutcome.STILL_OUT))
    return quarter.one(Callback, Callback.id == call.id)


def test_still_out_after_the_others_reopens_the_membership(quarter: SosStory) -> None:
    quarter.lose(*LEFT)
    quarter.wait(seconds=4)
    quarter.live(minutes=10)
    quarter.back(*LEFT)
    quarter.live(minutes=3)
    assert quarter.outage.state == "restored"
    quarter.wait(seconds=1)
    quarter.living_speak()
    call = say_still_out(quarter, "a0")
    outage = quarter.outage
    assert (outage.state, outage.dark, quarter.members("affected")) == ("restoring", 1, {"a0"})
    assert call.outage_id == outage.id
    assert outage.next_at == quarter.now + quarter.gw.settings.service.nested_minutes * MINUTE
    quarter.wait(seconds=1)
    assert "You told us that your home has no power" in texts(quarter, "a0")[-1]
    quarter.live(minutes=12)
    assert (quarter.outage.state, quarter.members("nested")) == ("restored", {"a0"})
    [own] = [row for row in quarter.tickets if row.outage_id is None and row.site_id == "a0"]
    assert (own.device_id, own.skill, own.cause) == (None, "electrical", "no power (said on the telephone)")
    assert any("a device there still speaks to us" in line for line in quarter.timeline(own.id))


def test_still_out_while_it_lasts_makes_the_home_a_part_of_it(quarter: SosStory) -> None:
    quarter.lose(*LEFT, *RIGHT[:4])
    quarter.wait(seconds=4)
    homes = quarter.outage.homes
    say_still_out(quarter, "b4")
    quarter.wait(seconds=1)
    assert (quarter.outage.state, quarter.outage.homes) == ("confirmed", homes + 1)
    assert "b4" in quarter.members("affected")
    assert quarter.heard(customer("b4"))[-1] == "outage"
    quarter.live(minutes=5)
    quarter.back(*LEFT, *RIGHT[:4])
    quarter.live(minutes=1)
    assert (quarter.outage.state, quarter.outage.dark) == ("restoring", 1), "their word still counts"
    quarter.live(minutes=12)
    assert quarter.members("nested") == {"b4"}
    assert [row.site_id for row in quarter.tickets if row.subject == "electrical"] == ["b4"]


def test_still_out_where_nothing_is_known_is_a_ticket(quarter: SosStory) -> None:
    call = say_still_out(quarter, "c0")
    [ticket] = quarter.tickets
    assert (ticket.site_id, ticket.skill, ticket.severity) == ("c0", "electrical", "major")
    assert (call.ticket_id, call.outage_id) == (ticket.id, None)
    say_still_out(quarter, "c0")
    assert len(quarter.tickets) == 1


def test_still_out_of_a_home_that_is_dark_anyway_changes_nothing(quarter: SosStory) -> None:
    quarter.lose(*LEFT)
    quarter.wait(seconds=4)
    before = quarter.outage.dark
    say_still_out(quarter, "a0")
    assert (quarter.outage.dark, len(quarter.tickets)) == (before, 1)
    quarter.live(minutes=5)
    quarter.back(*LEFT)
    quarter.live(minutes=2)
    assert quarter.outage.state == "restored", "its devices went dark and came back: that is proof"
