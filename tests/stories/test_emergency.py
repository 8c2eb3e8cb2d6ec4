"""A call for help: whoever presses an emergency button reaches a person at any hour, and reads whom else to ring."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from gateway.__main__ import app
from gateway.app.main import warn_of_buttons
from gateway.callbacks.numbers.emergency_numbers import NUMBERS, emergency_number
from gateway.config.fleet_file import BadFleet, FleetSettings, read_fleet
from gateway.detection.batch import MqttMessage
from gateway.devices.profiles import compile_profile
from gateway.devices.registration import DeviceRequest
from gateway.flow.administer import retire
from gateway.flow.receive import receive
from gateway.model import (
    HOUR,
    MINUTE,
    Actor,
    ActorKind,
    Callback,
    CallbackKind,
    CallOutcome,
    Contact,
    Device,
    DeviceState,
    Reason,
    ReasonKind,
    RecipientKind,
    Site,
    emergency,
    from_iso,
)
from gateway.notifications.channels import NotSent, Outcome, Sent, Unknown
from gateway.store import Store
from gateway.store.devices import device_registry
from gateway.store.fleet import save_dispatcher_contacts
from gateway.tickets.actions import (
    AcknowledgePage,
    AttemptCallback,
    ClaimCallback,
    ConnectCallback,
    FinishCallback,
    MissCallback,
    MoveIn,
)
from gateway.tickets.new_rows import subject_of
from tests import ROOT
from tests.drivers.device_cli import commands
from tests.drivers.story import Story, begin
from tests.fixtures.on_call_team import TEAM
from tests.fixtures.sample_fleet import SAMPLE_FLEET

NIGHT = from_iso("2026-11-24T02:00:00Z")  # three in the morning, and nobody at the desk
DESK_HOURS = {day: [("08:00", "17:00")] for day in ("mon", "tue", "wed", "thu", "fri")}
SOS = "profile: sos\nname: {en: emergency button, de: Notrufknopf}\nbutton: {emergency: true}\n"
ON_CALL = [{"channel": "sms", "address": "+41790000001"}, {"channel": "email", "address": "night@example.com"}]


def at_night(store: Store, **service: Any) -> Story:
    """Alice's button is an emergency button; it is three in the morning."""
    service = {"callback_hours": DESK_HOURS, "callback_timezone": "Europe/Zurich", "country": "CH", **service}
    story = begin(store, **service)
    story.gw.profiles["button"] = replace(compile_profile(SOS, "sos.yaml"), id="button")
    story.now = NIGHT
    return story


@pytest.fixture
def story(both_stores: Store) -> Story:
    return at_night(both_stores, emergency=ON_CALL)


# who is told

def test_everybody_on_call_is_told_at_once_at_night(story: Story) -> None:
    story.press("alice-button", "p1")
    story.wait(seconds=1)
    callback = story.one(Callback)
    assert (callback.emergency, callback.urgent) == (True, True)
    assert callback.promised_by == NIGHT + 15 * MINUTE  # the desk opens in five hours
    for address in ("+41790000001", "night@example.com"):
        assert story.told_to(address) == [f"Call for help: Alice Keller ({callback.id})"]
    [told] = [message.text for message in story.messages if message.to == "night@example.com"]
    assert "Lindenweg 1, 8001 Wiesental" in told
    assert "call 112" in told
    assert story.told_to("desk@example.com") == []


@pytest.mark.parametrize("ts", [0, 1000, NIGHT + 4000 * 24 * HOUR, "no time"])
def test_whoever_is_on_call_is_told_no_time_of_a_clock_that_is_wrong(story: Story, ts: object) -> None:
    story.receive("devices/alice-button/press", {"id": "p1", "kind": "single", "ts": ts})
    story.wait()
    told = [one for one in story.messages if one.to == "night@example.com"]
    assert len(told) == 1
    assert "03:00" in told[0].text
    assert "1970" not in told[0].text


def retired(story: Story, device: str = "alice-button") -> None:
    with story.gw.store.write() as session:
        retire(session, device, story.gw.policy, False, Actor(ActorKind.OPERATOR), story.now)


def test_a_retired_button_that_calls_for_help_is_heard_and_marked_as_such(story: Story) -> None:
    retired(story)
    story.press("alice-button", "p1")
    story.press("alice-button", "p1")  # the network repeats it
    story.wait(seconds=1)
    callback = story.one(Callback)
    assert (callback.emergency, callback.site_id, callback.presses) == (True, "alice-home", 1)
    for address in ("+41790000001", "night@example.com"):
        assert story.told_to(address) == [f"Call for help: Alice Keller ({callback.id})"]
    [told] = [message.text for message in story.messages if message.to == "night@example.com"]
    assert "This button was retired. It hung there last, and may be somewhere else by now." in told
    assert "Lindenweg 1, 8001 Wiesental" in told
    assert story.replies_to_devices == []  # its address is no longer its own
    story.press("alice-button", "p2")
    story.wait(seconds=20)
    assert story.one(Callback).presses == 2


def test_who_moved_in_after_the_button_was_retired_is_not_told_that_they_pressed(story: Story) -> None:
    retired(story)
    story.wait(minutes=1)
    story.act(MoveIn("alice-home", "bob"))
    story.press("alice-button", "p1")
    story.wait(seconds=1)
    assert len(story.notifications("emergency_press")) == 2
    [told] = story.notifications("callback_scheduled")
    assert (told.recipient_id, told.reason) == ("bob", Reason(ReasonKind.NOT_THEIR_BUTTON))


def test_a_retired_button_says_nothing_else_and_nothing_once_its_address_is_claimed_anew(story: Story) -> None:
    retired(story)
    story.press("alice-button", "p0", retained=True)
    story.press("alice-button", "p1", "test")
    story.says("alice-button", battery=3.0)
    story.wait(seconds=1)
    assert (story.callbacks, story.messages) == ([], [])
    story.gw.profiles["button"] = replace(story.gw.profiles["button"], emergency=False)
    story.press("alice-button", "p2")  # an ordinary wish of a button that is no longer anybody's
    assert story.callbacks == []
    with story.gw.store.write() as session:
        device_registry.add(session, DeviceRequest("new-button", "native:alice-button", "button", "bob-home"))
    story.press("alice-button", "p3")
    assert [one.site_id for one in story.callbacks] == ["bob-home"]


def test_an_ordinary_press_at_night_waits_for_the_desk(story: Story) -> None:
    story.gw.profiles["button"] = replace(story.gw.profiles["button"], emergency=False)
    story.press("alice-button", "p1")
    story.wait(seconds=1)
    assert story.one(Callback).promised_by > NIGHT + 5 * HOUR
    assert story.notifications("emergency_press") == []


def test_every_press_is_told_again_also_when_somebody_sees_to_it(story: Story) -> None:
    for press_id in ("p1", "p2", "p3"):
        story.press("alice-button", press_id)
        story.wait(seconds=20)
        story.acknowledge(story.one(Callback))
    assert story.one(Callback).presses == 3
    assert len(story.told_to("night@example.com")) == 3
    assert len(story.told_to("alice@example.com")) == 1


def test_a_press_that_the_network_repeats_is_told_once(story: Story) -> None:
    for _ in range(3):
        story.press("alice-button", "p1")
        story.wait(seconds=19)
    assert len(story.told_to("night@example.com")) == 1


def test_a_call_for_help_while_they_wait_for_an_ordinary_call(story: Story) -> None:
    """Charlie asked to be called in the morning; now his keypad says panic."""
    with story.gw.store.write() as session:
        session.get_one(Site, "charlie-home").country = "GB"
    story.gw.profiles["button"] = replace(story.gw.profiles["button"], emergency=False)
    story.press("charlie-button", "p1")
    story.wait(minutes=1)
    story.press("charlie-button", "p2", kind="urgent")
    story.wait(seconds=1)
    ordinary, callback = sorted(story.all(Callback), key=lambda one: one.requested_at)
    assert (ordinary.kind, ordinary.presses, ordinary.state) == ("ordinary", 1, "requested")
    assert (callback.kind, callback.presses) == ("emergency", 1)
    assert callback.promised_by == story.now - 1000 + 15 * MINUTE
    assert len(story.told_to("night@example.com")) == 1
    first, second = [message for message in story.messages if message.to == "charlie@example.com"]
    assert "rescue" not in first.text
    assert "This is not a rescue service. If anyone is in danger, call 999 now." in second.text
    assert second.subject.startswith("Your call for help has reached us")


def test_without_service_emergency_the_dispatcher_is_told_at_any_hour(both_stores: Store) -> None:
    story = at_night(both_stores)
    story.press("alice-button", "p1", kind="urgent")
    story.wait(seconds=1)
    assert [subject for subject in story.told_to("desk@example.com") if subject.startswith("Call for help")]


def test_a_call_that_nobody_made_is_told_to_the_dispatcher_too(story: Story) -> None:
    story.press("alice-button", "p1")
    story.wait(seconds=1)
    story.wait(minutes=16)
    callback = story.one(Callback)
    assert story.told_to("desk@example.com") == [f"{callback.id}: a promised call has not been made"]
    assert len(story.told_to("night@example.com")) == 2


def test_what_could_not_be_told_in_time_is_dropped_when_somebody_has_settled_it(story: Story) -> None:
    story.replies = unreachable("+41790000001")
    story.press("alice-button", "p1")
    callback = story.one(Callback)
    story.act(ConnectCallback(callback.id))
    story.act(FinishCallback(callback.id, "She had pressed it by mistake"))
    story.wait(seconds=1)
    assert all(note.reason == Reason(ReasonKind.CALLBACK_OVER) for note in story.notifications("emergency_press"))


def unreachable(*addresses: str, permanent: bool = False) -> Callable[[str], Outcome]:
    return lambda address: NotSent(permanent, "no answer") if address in addresses else Sent("ok")


@pytest.mark.parametrize("permanent", [False, True])
def test_the_dispatcher_rings_when_one_of_them_cannot_be_told(story: Story, permanent: bool) -> None:
    story.replies = unreachable("+41790000001", permanent=permanent)
    story.press("alice-button", "p1")
    for _ in range(11):
        story.wait(seconds=5)
    assert len(story.told_to("night@example.com")) == 1
    [told] = [message for message in story.messages if message.to == "desk@example.com"]
    assert told.subject.startswith("Call for help from Alice Keller: number 1 of service.emergency could not be told")
    assert "Alice Keller called for help" in told.text
    assert "Lindenweg 1, 8001 Wiesental" in told.text


def test_who_could_not_be_told_is_tried_for_hours_and_the_dispatcher_hears_of_it_once(story: Story) -> None:
    story.replies = unreachable("+41790000001")
    story.press("alice-button", "p1")
    for _ in range(6):
        story.wait(minutes=10)
    assert len([one for one in story.told_to("desk@example.com") if "could not be told" in one]) == 1
    story.replies = lambda address: Sent("ok")
    story.wait(minutes=10)
    assert [one for one in story.told_to("+41790000001") if one.startswith("Call for help")]


@pytest.mark.parametrize("then", [
    [NotSent(True, "no such number")],  # the third try ends it
    [NotSent(False, "no descriptor is left", ours=True), NotSent(True, "no such number")],
    [NotSent(False, "no answer"), Unknown("it fell silent"), Unknown("it fell silent")],
])
def test_however_it_goes_wrong_the_dispatcher_hears_of_it_once_and_nobody_else_waits_for_it(
        story: Story, then: list[Outcome]) -> None:
    """What is written twice under one name cannot be written at all, and everybody's messages would stand behind it."""
    answers = [NotSent(False, "no answer"), NotSent(False, "no answer"), *then]
    story.replies = lambda address: (answers.pop(0) if address == "+41790000001" and answers else Sent("ok"))
    story.press("alice-button", "p1")
    for seconds in (*[5] * 11, 60, 60, 60):
        story.wait(seconds=seconds)
    assert answers == []
    [told] = [one for one in story.told_to("desk@example.com") if "number 1 of service.emergency" in one]
    assert told.startswith("Call for help from Alice Keller: number 1 of service.emergency could not be told")
    assert {note.state for note in story.notifications("emergency_press")} <= {
        "sent", "failed", "unknown", "dropped"}


def test_who_is_no_longer_in_the_settings_is_no_longer_told(story: Story) -> None:
    fewer = story.gw.settings.service.model_copy(update={"emergency": ON_CALL[1:]})
    story.gw.settings = story.gw.settings.model_copy(update={"service": fewer})
    with story.gw.store.write() as session:
        save_dispatcher_contacts(session, story.gw.settings, story.now)
    left = [(row.owner, row.address) for row in story.all(Contact) if row.owner_kind == RecipientKind.EMERGENCY]
    assert left == [(emergency(1), "night@example.com")]
    story.press("alice-button", "p1")
    story.wait(seconds=1)
    assert (len(story.told_to("night@example.com")), story.told_to("+41790000001")) == (1, [])


# what whoever pressed is told

def test_the_answers_say_that_this_is_no_rescue_service(story: Story) -> None:
    story.press("alice-button", "p1")
    story.wait(seconds=1)
    reply = story.replies_to_devices[0]
    assert reply["notice"] == "This is not a rescue service. If anyone is in danger, call 112 now."
    assert reply["emergency_number"] == "112"
    [letter] = [message.text for message in story.messages if message.to == "alice@example.com"]
    assert reply["notice"] in letter


def test_an_ordinary_press_is_answered_without_it(story: Story) -> None:
    story.gw.profiles["button"] = replace(story.gw.profiles["button"], emergency=False)
    story.press("alice-button", "p1")
    assert {"notice", "emergency_number"}.isdisjoint(story.replies_to_devices[0])


def test_two_presses_without_an_id_in_one_moment_are_two(story: Story) -> None:
    """A press waited in the broker with the next one: neither may cost the other its answer."""
    with story.gw.store.write() as session:
        session.get_one(Device, "alice-button").key = "zigbee2mqtt:alice"
    receive(story.gw, [MqttMessage("zigbee2mqtt/alice", b'{"action":"single"}'), MqttMessage("zigbee2mqtt/alice",
                       b'{"action":"sos"}')], story.now)
    assert story.one(Callback).presses == 2


# the fleet

def errors(fleet: str, known: FleetSettings) -> list[str]:
    try:
        read_fleet(fleet, "fleet.yaml", known)
    except BadFleet as bad:
        return bad.errors
    return []


@pytest.mark.parametrize(("service", "warnings"), [
    ({"callback_hours": None}, ["service.emergency", "callback_hours"]), ({"emergency": ON_CALL}, [])])
def test_a_gateway_that_runs_with_such_a_fleet_already_says_so_when_it_starts(
        store: Store, service: dict[str, Any], warnings: list[str]) -> None:
    story = at_night(store, **service)
    with capture_logs() as said:
        warn_of_buttons(story.gw)
    assert [words in one["event"] for one, words in zip(said, warnings, strict=True)] == [True] * len(warnings)


def test_a_fleet_with_an_emergency_button_needs_somebody_on_call_and_a_number() -> None:
    line = 1 + SAMPLE_FLEET[:SAMPLE_FLEET.index("{id: alice-button")].count("\n")
    site = 1 + SAMPLE_FLEET[:SAMPLE_FLEET.index("{id: alice-home")].count("\n")
    assert errors(SAMPLE_FLEET, FleetSettings(emergency=["button"], country="CH")) == []
    assert errors(SAMPLE_FLEET, FleetSettings(emergency=["button"], on_call=False, country="CH")) == [
        f"fleet.yaml:{line}: devices[1].profile: 'button' is an emergency button, and service.emergency lists nobody — "
        "expected a contact there that is reached at any hour, a web hook that forwards, or people in "
        "on_call.emergency"]
    unknown = errors(SAMPLE_FLEET, FleetSettings(emergency=["button"]))
    assert unknown[0] == (
        f"fleet.yaml:{site}: sites[0].country: no country, and 'alice-button' there is an emergency button — expected "
        "the site's country (ISO 3166, e.g. GB) or service.country, so that answers can name its emergency number")
    assert len(unknown) == 2  # Charlie's too
    assert errors(SAMPLE_FLEET, FleetSettings(on_call=False)) == []  # nobody has one


def test_a_country_without_a_number_that_we_know_is_named() -> None:
    fleet = SAMPLE_FLEET.replace("lat: 47.37,", "country: UK, lat: 47.37,")
    [wrong] = errors(fleet, FleetSettings(emergency=["button"], country="CH"))
    assert "sites[0].country: 'UK' has no emergency number that we know" in wrong
    [wrong] = errors(SAMPLE_FLEET.replace("lat: 47.37,", "country: Schweiz, lat: 47.37,"), FleetSettings())
    assert "sites[0].country: 'Schweiz' — expected a country as two capital letters (ISO 3166), e.g. CH" in wrong


def test_gateway_check_refuses_the_fleet_until_somebody_is_on_call(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(re.sub(
        r"\n +- \{channel: sms.*", "", SAMPLE_FLEET.replace("profile: button", "profile: emergency-button")))
    settings = (f"profiles: {ROOT / 'profiles'}\nchannels: {{email: {{host: h, sender: a@b.c}}, webhook: {{}}}}\n"
                "service: {country: CH")
    desk = "callback_hours: {mon: [['08:00', '17:00']]}"
    hook = "emergency: [{channel: webhook, address: 'https://alarm.example.com/in'}]"

    def check(service: str) -> tuple[int, str]:
        (tmp_path / "gateway.yaml").write_text(f"{settings}{service}}}\n")
        result = CliRunner().invoke(app, ["check", "--config", str(tmp_path / "gateway.yaml"), "--fleet",
                                          str(tmp_path / "fleet.yaml")],
                                    env={"GATEWAY_CHANNELS__WEBHOOK__SECRET": "whsec_c2VjcmV0c2VjcmV0c2VjcmV0"})
        return result.exit_code, result.output.replace("\n", "")

    code, said = check("")
    assert code == 1
    assert "'emergency-button' is an emergency button, and service.emergency lists nobody" in said
    code, said = check(f", {hook}")
    assert code == 1
    assert "'emergency-button' has a button, and service.callback_hours is not set" in said
    assert "would be promised a call at 00:13" in said
    assert check(f", {hook}, {desk}")[0] == 0
    code, said = check(", emergency: [{channel: fax, address: x}]")
    assert (code, "service.emergency: channel 'fax'" in said) == (1, True)


def test_a_single_device_is_not_claimed_as_one_either(tmp_path: Path, sqlite_url: str, store: Store,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    run = commands(tmp_path, sqlite_url, store, monkeypatch)
    told = run("add", "sos-1", "--profile", "emergency-button", "--site", "alice-home", code=1).output.replace("\n", "")
    assert "profile: 'emergency-button' is an emergency button, and service.emergency lists nobody" in told
    assert "site: 'alice-home': no country, and 'sos-1' there is an emergency button" in told


# the numbers

@pytest.mark.parametrize(("country", "number"), [
    ("DE", "112"), ("CH", "112"), ("AT", "112"), ("FR", "112"), ("GB", "999"), ("US", "911"), ("CA", "911"),
    ("AU", "000"), ("NZ", "111"), ("JP", "119"), ("KR", "119"), ("IN", "112"), ("CN", "120"), ("BR", "192"),
    ("ZA", "112"), ("UK", ""), ("", ""), ("XX", "")])
def test_numbers_that_everybody_knows(country: str, number: str) -> None:
    assert emergency_number(country) == number


def test_the_table_agrees_with_libphonenumbers_patterns_but_for_a_few_that_are_named() -> None:
    """Theirs are patterns of what connects; where they are older, or leave out a department of France, ours stands."""
    differ = {country for country, number in NUMBERS.items() if not phonenumbers.is_emergency_number(number, country)}
    assert differ == {"CI", "CW", "GF", "GH", "GP", "HN", "HT", "LK", "MF", "NF", "NG", "RS", "SX", "UZ"}
    assert len(NUMBERS) > 200


# a life of its own

def a_team_at_night(store: Store) -> Story:
    """It is Friday night; Max is on call for emergencies, and after him Nina."""
    story = begin(store, TEAM, callback_hours=DESK_HOURS, callback_timezone="Europe/Zurich", country="CH")
    story.gw.profiles["button"] = replace(compile_profile(SOS, "sos.yaml"), id="button")
    story.now = from_iso("2026-11-27T22:13:00Z")
    return story


def test_on_friday_night_the_first_on_call_sleeps_and_the_second_rings(both_stores: Store) -> None:
    story = a_team_at_night(both_stores)
    story.press("alice-button", "p1")
    story.wait(seconds=1)
    callback = story.one(Callback)
    assert story.told_to("max@example.com") == [f"Hilferuf: Alice Keller ({callback.id})"]
    assert story.told_to("+41790000003") == []
    story.wait(seconds=60)
    assert len(story.told_to("+41790000003")) == 1
    story.act(AcknowledgePage(subject_of(story.one(Callback))), "agent Nina Roth")
    taken = story.one(Callback)
    assert (taken.state, taken.agent) == ("claimed", "agent Nina Roth")
    assert (story.replies_to_devices[-1]["press_id"], story.replies_to_devices[-1]["state"]) == ("p1", "coming")
    story.act(AttemptCallback(callback.id, "Alice Keller"), "agent Nina Roth")
    story.act(MissCallback(callback.id), "agent Nina Roth")
    story.act(AttemptCallback(callback.id, "Frau Huber, neighbour"), "agent Nina Roth")
    story.act(ConnectCallback(callback.id), "agent Nina Roth")
    story.act(FinishCallback(callback.id, "Frau Huber is with her", CallOutcome.HELP_SENT), "agent Nina Roth")
    assert story.one(Callback).outcome is CallOutcome.HELP_SENT
    before = len(story.messages)
    story.wait(minutes=120)
    assert len(story.messages) == before


def test_a_call_for_help_never_ends_by_itself(both_stores: Store) -> None:
    """Nobody answers the page, nobody answers the telephone: it goes on and on."""
    story = a_team_at_night(both_stores)
    story.press("alice-button", "p1")
    for number in range(12):
        story.wait(minutes=2)
        if number % 3 == 0:
            story.act(AttemptCallback(story.one(Callback).id), "agent Max Frei")
            story.act(MissCallback(story.one(Callback).id), "agent Max Frei")
    callback = story.one(Callback)
    assert (callback.state, callback.tries) == ("requested", 4)
    assert len(story.told_to("max@example.com")) > 3
    assert not story.notifications("callback_tried")
    assert not story.notifications("callback_expired")


def test_who_has_taken_a_call_for_help_and_says_nothing_has_it_no_longer(both_stores: Store) -> None:
    story = a_team_at_night(both_stores)
    story.press("alice-button", "p1")
    story.wait(seconds=1)
    story.act(ClaimCallback(story.one(Callback).id), "agent Max Frei")
    paged = len(story.told_to("max@example.com"))
    story.wait(minutes=5)
    assert story.one(Callback).state == "requested"
    assert len(story.told_to("max@example.com")) == paged + 1


def test_an_ordinary_wish_never_absorbs_a_call_for_help_nor_the_other_way_round(story: Story) -> None:
    """Two buttons of one home: each has one open request."""
    with story.gw.store.write() as session:
        session.add(Device(id="alice-hall", key="native:alice-hall", profile="help", site_id="alice-home", name="Hall"))
        session.add(DeviceState(device_id="alice-hall"))
    story.gw.profiles["help"] = replace(story.gw.profiles["button"], emergency=False)
    for number in range(5):
        story.press("alice-hall", f"h{number}")
        story.press("alice-button", f"b{number}")
        story.wait(seconds=20)
    found = {callback.kind: callback for callback in story.callbacks}
    assert {kind: callback.presses for kind, callback in found.items()} == {"ordinary": 5, "emergency": 5}
    assert len(story.replies_to_devices) == 10
    assert len(story.told_to("night@example.com")) == 5
    story.act(ConnectCallback(found[CallbackKind.ORDINARY].id))
    story.act(FinishCallback(found[CallbackKind.ORDINARY].id, "settled", CallOutcome.INFORMED))
    assert story.one(Callback, Callback.kind == CallbackKind.EMERGENCY).state == "requested"


def test_a_finger_that_does_not_stop_is_told_with_its_number(story: Story) -> None:
    for number in range(200):
        story.press("alice-button", f"p{number}")
        story.wait(seconds=0.5)
    assert story.one(Callback).presses == 200
    assert len(story.replies_to_devices) == 200
    assert len(story.told_to("night@example.com")) <= 11  # the first at once, then every ten seconds
