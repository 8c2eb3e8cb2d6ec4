"""An emergency button proves itself: its test press is heard and answered, and whoever misses it is rung."""

import pytest
from sqlmodel import col, delete

from gateway.devices.profiles import compile_profile
from gateway.flow.plan_button_tests import plan_button_tests
from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    ButtonTest,
    Callback,
    CallOutcome,
    Contact,
    Device,
    Due,
    Entry,
    Instant,
    Need,
    Person,
    PersonRole,
    PersonSite,
    PressRecord,
    Site,
    local,
)
from gateway.model.plan import Draft
from gateway.notifications.channels import NotSent, Sent
from gateway.store import Store, apply
from gateway.store.contexts.planning import planning_contexts
from gateway.tickets.actions import AttemptCallback, ConnectCallback, FinishCallback, MissCallback
from gateway.tickets.alarms.withdrawal import plan_retired
from tests.drivers.nothing_waits import waiting
from tests.drivers.story import Story, begin
from tests.drivers.timelines import actor

SOS = """
profile: sos
name: {en: emergency button, de: Notrufknopf}
signals: {battery: {unit: "%"}}
button: {emergency: true}
"""


@pytest.fixture
def story(both_stores: Store) -> Story:
    """Alice's button is an emergency button."""
    story = begin(both_stores, country="CH", emergency=[{"channel": "email", "address": "night@example.com"}])
    return with_profile(story, SOS)


def with_profile(story: Story, text: str) -> Story:
    """Alice's button has this profile from now on."""
    story.gw.profiles["sos"] = compile_profile(text, "sos.yaml")
    with story.gw.store.write() as session:
        session.get_one(Device, "alice-button").profile = "sos"
    return story


# the gesture

def test_the_gesture_is_answered_with_the_battery_and_calls_nobody(story: Story) -> None:
    story.says("alice-button", battery=80)
    story.press("alice-button", "p1", kind="test")
    story.wait(minutes=20)
    [reply] = story.replies_to_devices
    assert (reply["press_id"], reply["state"], reply["battery"]) == ("p1", "test_heard", 80)
    assert story.one(PressRecord).kind == "test"
    assert story.callbacks == []
    assert story.told_to("night@example.com") == []


def test_a_test_that_the_network_repeats_is_answered_again_and_written_down_once(story: Story) -> None:
    story.press("alice-button", "p1", kind="test")
    story.send_replies()
    story.press("alice-button", "p1", kind="test")
    assert [(reply["press_id"], reply["state"], reply.get("battery")) for reply in story.replies_to_devices] == [
        ("p1", "test_heard", None)] * 2
    assert len(story.all(PressRecord)) == 1


def test_a_test_changes_nothing_of_the_call_that_somebody_waits_for(story: Story) -> None:
    story.press("alice-button", "p1")
    story.wait(minutes=1)
    before, timeline = story.one(Callback), story.all(Entry)
    story.press("alice-button", "p2", kind="test")
    assert story.one(Callback) == before
    assert story.all(Entry) == timeline
    assert [reply["state"] for reply in story.replies_to_devices] == ["callback_scheduled", "test_heard"]


def test_any_press_but_the_gesture_is_a_call_for_help(story: Story) -> None:
    for number, kind in enumerate(("single", "double", "triple", "many", "long", "urgent")):
        story.press("alice-button", f"p{number}", kind=kind)
        story.wait(seconds=20)
    assert story.one(Callback).emergency
    assert story.one(Callback).presses == 6


def test_whoever_pressed_sees_who_comes_to_the_telephone(story: Story) -> None:
    story.press("alice-button", "p1")
    callback = story.one(Callback)
    story.act(AttemptCallback(callback.id), "agent Dana Meier")
    story.wait(seconds=30)
    story.press("alice-button", "p2")  # they press again, while the telephone rings
    replies = story.replies_to_devices
    assert [(reply["press_id"], reply["state"], reply.get("who")) for reply in replies] == [
        ("p1", "callback_scheduled", None), ("p1", "coming", "Dana Meier"), ("p2", "coming", "Dana Meier")]
    assert all("call 112" in reply["notice"] for reply in replies)


# asked, reminded, missed

ASKED, HEARD = "Please test your emergency button", "We have heard your emergency button"


def all_tests(story: Story) -> list[ButtonTest]:
    return sorted(story.all(ButtonTest), key=lambda test: test.planned_for)


def open_test(story: Story) -> ButtonTest:
    assert left_waiting(story) == []
    return story.one(ButtonTest, col(ButtonTest.closed_at).is_(None))


def left_waiting(story: Story) -> list[str]:
    """What waits without a deadline, or without whoever the table of its states names."""
    with story.gw.store.read() as session:
        return waiting(session, story.now - 1)


def wait_until(story: Story, at: Instant) -> None:
    """The clock looks when the test wants it to."""
    while story.now < at:
        [due] = [one.at for one in story.all(Due, Due.subject_id == "alice-button") if one.at is not None]
        story.wait(seconds=(min(due if due > story.now else at, at) - story.now) / 1000)


def asked(story: Story) -> ButtonTest:
    """Time passes until Alice is asked."""
    plan_button_tests(story.gw, story.now)
    wait_until(story, open_test(story).planned_for)
    test = open_test(story)
    assert test.state == "asked"
    return test


def told(story: Story, words: str) -> list[str]:
    return [subject for subject in story.told_to("alice@example.com") if words in subject]


def test_every_emergency_button_has_one_test_planned_by_day(story: Story) -> None:
    for _ in range(3):
        plan_button_tests(story.gw, story.now)
    test = open_test(story)
    assert (test.device_id, test.state) == ("alice-button", "planned")
    assert DAY <= test.planned_for - story.now <= 31 * DAY
    assert 10 <= local(test.planned_for, "Europe/Zurich").hour < 17


def test_they_are_asked_once_by_message_and_told_how(story: Story) -> None:
    test = asked(story)
    [message] = [one for one in story.messages if ASKED in one.subject]
    assert (message.to, test.id in message.subject) == ("alice@example.com", True)
    assert "Tap the button twice, then press it and hold it." in message.text
    assert "any other press is a call for help" in message.text
    assert test.answer_by == story.now + 3 * DAY
    assert story.callbacks == []


def test_the_gesture_passes_the_test_and_the_next_one_is_a_month_away(story: Story) -> None:
    test = asked(story)
    story.wait(minutes=30)
    story.says("alice-button", battery=80)
    story.press("alice-button", "p1", kind="test")
    story.wait(seconds=1)
    passed = story.one(ButtonTest, ButtonTest.id == test.id)
    assert (passed.state, passed.press_id, passed.battery) == ("passed", "p1", 80)
    [message] = [one for one in story.messages if HEARD in one.subject]
    assert "its battery is at 80 %" in message.text
    following = open_test(story)
    assert (following.state, following.passed_before) == ("planned", passed.closed_at)
    assert 30 * DAY <= following.planned_for - (passed.closed_at or 0) < 31 * DAY
    story.wait(minutes=4 * 24 * 60)  # nobody is reminded or rung
    assert told(story, "A reminder") == []
    assert story.callbacks == []


def test_a_test_that_nobody_asked_for_counts_too_and_is_told_once(story: Story) -> None:
    plan_button_tests(story.gw, story.now)
    first = open_test(story)
    for number in range(5):
        story.press("alice-button", f"p{number}", kind="test")
        story.wait(seconds=30)
    assert story.one(ButtonTest, ButtonTest.id == first.id).state == "passed"
    assert len(all_tests(story)) == 2
    assert len(told(story, HEARD)) == 1
    assert [reply["state"] for reply in story.replies_to_devices] == ["test_heard"] * 5


def test_the_button_that_misses_its_test_brings_a_person_to_the_telephone(story: Story) -> None:
    test = asked(story)
    wait_until(story, (test.asked_at or 0) + 36 * HOUR + 15 * HOUR)
    assert len(told(story, "A reminder: please test")) == 1
    reminded = story.one(ButtonTest, ButtonTest.id == test.id).reminded_at
    assert reminded is not None
    assert 10 <= local(reminded, "Europe/Zurich").hour < 17
    wait_until(story, test.answer_by or 0)
    missed = story.one(ButtonTest, ButtonTest.id == test.id)
    callback = story.one(Callback)
    assert (missed.state, missed.callback_id) == ("missed", callback.id)
    assert (callback.kind, callback.origin, callback.device_id) == ("check", "test_missed", "alice-button")
    assert open_test(story).state == "planned"
    assert told(story, "We will call you") == []  # nobody promised them a call
    # the agent rings, they find the button, and it is heard
    story.act(AttemptCallback(callback.id))
    story.act(ConnectCallback(callback.id))
    story.press("alice-button", "p1", kind="test")
    story.act(FinishCallback(callback.id, "the button lay in a drawer", CallOutcome.INFORMED))
    assert [one.state for one in all_tests(story)] == ["missed", "passed", "planned"]


def test_a_gateway_that_was_away_for_all_that_time_asks_nobody_to_hurry_and_has_them_rung(story: Story) -> None:
    test = asked(story)
    story.wait(minutes=5 * 24 * 60)
    assert told(story, "A reminder") == []
    assert story.one(ButtonTest, ButtonTest.id == test.id).state == "missed"
    assert story.one(Callback).origin == "test_missed"
    assert open_test(story).state == "planned"


def test_the_button_is_heard_before_anybody_could_ring(story: Story) -> None:
    test = asked(story)
    wait_until(story, (test.answer_by or 0) + MINUTE)
    story.press("alice-button", "p1", kind="test")
    story.wait(seconds=1)
    assert story.one(Callback).state == "cancelled"
    assert left_waiting(story) == []


# who can only be rung

def test_whom_no_message_reaches_is_rung_instead(story: Story) -> None:
    with story.gw.store.write() as session:
        session.exec(delete(Contact).where(col(Contact.owner_id) == "alice"))
    test = asked(story)
    callback = story.one(Callback)
    assert (callback.kind, callback.origin, test.callback_id) == ("check", "test_due", callback.id)
    story.act(AttemptCallback(callback.id))
    story.act(ConnectCallback(callback.id))
    story.press("alice-button", "p1", kind="test")
    story.act(FinishCallback(callback.id, "tested together", CallOutcome.WAS_TEST))
    assert story.one(ButtonTest, ButtonTest.id == test.id).state == "passed"
    assert len(all_tests(story)) in (2, 3)


def test_whoever_has_only_a_landline_is_rung_and_never_reminded(story: Story) -> None:
    with story.gw.store.write() as session:
        session.add(Person(id="erna", customer_id="alice", name="Erna", role=PersonRole.OWNER,
                           needs=[Need.LANDLINE_ONLY]))
        session.flush()
        session.add(PersonSite(id="erna/alice-home", person_id="erna", site_id="alice-home"))
    test = asked(story)
    assert told(story, ASKED) == []
    callback = story.one(Callback)
    assert callback.origin == "test_due"
    story.act(AttemptCallback(callback.id))
    story.act(MissCallback(callback.id))
    wait_until(story, test.answer_by or 0)
    assert told(story, "reminder") == []
    missed = story.one(ButtonTest, ButtonTest.id == test.id)
    assert (missed.state, missed.callback_id is not None) == ("missed", True)


# an emergency while a test is asked

def test_a_press_without_the_gesture_pages_and_says_that_a_test_was_asked_for(story: Story) -> None:
    test = asked(story)
    story.press("alice-button", "p1")
    story.wait(seconds=1)
    callback = story.one(Callback)
    assert callback.kind == "emergency"
    [page] = [one for one in story.messages if one.to == "night@example.com"]
    assert "We had asked for a test of the button" in page.text
    assert "Please treat it as a call for help" in page.text
    story.act(ConnectCallback(callback.id))
    assert open_test(story).id == test.id
    story.act(FinishCallback(callback.id, "it was the test", CallOutcome.WAS_TEST))
    passed = story.one(ButtonTest, ButtonTest.id == test.id)
    assert (passed.state, passed.callback_id) == ("passed", callback.id)
    assert open_test(story).state == "planned"


def test_another_outcome_leaves_the_test_open(story: Story) -> None:
    test = asked(story)
    story.press("alice-button", "p1")
    callback = story.one(Callback)
    story.act(ConnectCallback(callback.id))
    story.act(FinishCallback(callback.id, "she had fallen", CallOutcome.HELP_SENT))
    assert open_test(story).id == test.id


def test_a_page_of_a_press_without_a_test_says_nothing_of_one(story: Story) -> None:
    plan_button_tests(story.gw, story.now)
    story.press("alice-button", "p1")
    story.wait(seconds=1)
    [page] = [one for one in story.messages if one.to == "night@example.com"]
    assert "test" not in page.text


def test_a_page_says_why_perhaps_nobody_pressed(story: Story) -> None:
    story.says("alice-button", battery=5)
    story.press("alice-button", "p1")
    story.wait(seconds=1)
    [page] = [one for one in story.messages if one.to == "night@example.com"]
    assert "This may be a ghost press: the button’s battery is nearly empty. Please ring all the same." in page.text


# no time to ask

def test_nobody_is_asked_to_press_a_button_that_is_not_heard(both_stores: Store) -> None:
    story = begin(both_stores, country="CH", emergency=[{"channel": "email", "address": "night@example.com"}])
    text = SOS + "silence: {link: 1h, lost: off, cause: {en: The emergency button is not heard}}\n"
    with_profile(story, text)
    story.says("alice-button", battery=80)
    plan_button_tests(story.gw, story.now)
    wait_until(story, open_test(story).planned_for)
    assert open_test(story).state == "planned"
    assert told(story, ASKED) == []
    for _ in range(40):
        story.says("alice-button", battery=80)
        story.wait(minutes=45)
        if open_test(story).state == "asked":
            break
    assert open_test(story).state == "asked"


def test_an_empty_home_is_not_asked(story: Story) -> None:
    plan_button_tests(story.gw, story.now)
    with story.gw.store.write() as session:
        session.get_one(Site, "alice-home").household_left_at = story.now
    wait_until(story, open_test(story).planned_for)
    assert (open_test(story).state, told(story, ASKED), story.callbacks) == ("planned", [], [])


def test_a_button_that_is_no_longer_tested_ends_its_test(story: Story) -> None:
    asked(story)
    off = SOS.replace("emergency: true", "emergency: true, test: off")
    with_profile(story, off)
    plan_button_tests(story.gw, story.now)
    assert [test.state for test in all_tests(story)] == ["ended"]
    assert [due for due in story.all(Due) if due.at is not None and due.subject_id == "alice-button"] == []


def test_a_gesture_of_its_own_is_told_in_the_profiles_words(story: Story) -> None:
    own = SOS.replace("emergency: true", "emergency: true, test: {every: 14d, answer_within: 1d, "
                                         "gesture: {en: Press the small green button., de: Den grünen Knopf drücken.}}")
    with_profile(story, own)
    test = asked(story)
    [message] = [one for one in story.messages if ASKED in one.subject]
    assert "This is how: Press the small green button." in message.text
    assert test.answer_by == story.now + DAY


def test_whoever_wants_to_know_when_it_was_tested_is_told(story: Story) -> None:
    plan_button_tests(story.gw, story.now)
    assert any("never been tested" in line for line in story.explained("alice-button"))
    story.press("alice-button", "p1", kind="test")
    assert any("Last tested" in line for line in story.explained("alice-button"))


def test_when_no_message_arrives_the_dispatcher_rings_them(story: Story) -> None:
    hers = ("alice@example.com", "+41791234567")
    story.replies = lambda address: NotSent(True, "no such address") if address in hers else Sent("ok")
    test = asked(story)
    story.wait(minutes=1)
    [asking] = [message for message in story.messages if message.to == "desk@example.com"]
    assert "Alice Keller" in asking.subject
    assert "test of the emergency button" in asking.text
    wait_until(story, test.answer_by or 0)
    assert story.one(Callback).origin == "test_missed"


def test_a_retired_button_has_no_test(story: Story) -> None:
    asked(story)
    with story.gw.store.write() as session:
        draft = Draft()
        context = planning_contexts(session, draft, ["alice-button"])["alice-button"]
        plan_retired(context, story.gw.policy, actor("operator"), story.now)
        apply(session, draft.plan())
    assert [test.state for test in all_tests(story)] == ["ended"]
    assert plan_button_tests(story.gw, story.now) == 0
    assert left_waiting(story) == []
