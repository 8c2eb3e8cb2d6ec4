"""`gateway explain` and GET /api/v1/explain/{id}: why, told so that nobody has to look anything up."""

import json
from pathlib import Path

import pytest
from sqlmodel import select
from typer.testing import Result

from gateway.model import (
    HOUR,
    MINUTE,
    Alarm,
    Attempt,
    AttemptOutcome,
    Callback,
    IncompleteReason,
    MemberState,
    Notification,
    Offer,
    Outage,
    OutageKind,
    OutageMember,
    OutageState,
    Reason,
    ReasonKind,
    Severity,
    Subject,
    SubjectKind,
    SuppressedBy,
    Visit,
    VisitOutcome,
    customer,
)
from gateway.notifications.channels import NotSent, Sent
from gateway.store import Store
from gateway.tickets.actions import Arrive, Depart, Finish
from tests.drivers.command_line import gateway
from tests.drivers.story import HEAT_PUMP, NOON, Story, begin
from tests.drivers.web_driver import is_problem, web_story
from tests.fixtures.outbox_rows import note


@pytest.fixture
def story(both_stores: Store) -> Story:
    return begin(both_stores)


def test_a_visit_says_what_went_otherwise_than_promised(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    story.accept()
    visit = story.one(Visit)
    story.keep_saying("alice-pump", 242, flow_temp=80.0)
    assert any("planned, and 2 questions to the technician without an answer" in line
               for line in story.explained(story.ticket.id))
    story.act(Arrive(visit.id), "technician Karin Kunz")
    story.act(Finish(visit.id, "stuck", VisitOutcome.INCOMPLETE, IncompleteReason.PART_MISSING, ("valve",),
                     story.now + HOUR), "technician Karin Kunz")
    assert any("incomplete (part missing: valve), expected on Mon 23 Nov 18:" in line
               for line in story.explained(story.ticket.id))
    lines = story.explained(story.ticket.id)
    for said in ("Asked whoever is to go there how things stand", "nobody is on the way", "On hold until"):
        assert any(said in line for line in lines), said


def test_an_alarm_says_which_rule_which_values_and_who_was_told_when(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0, pressure=1.5)
    story.wait(seconds=1)
    alarm = story.one(Alarm)
    assert story.explained(alarm.id, "what") == [
        "The heat pump is overheating: Heat pump (alice-pump) at Alice's house", "Rule overheating, severity critical"]
    assert story.explained(alarm.id, "why") == [
        "The rule says: flow_temp > 75.0", "It was given: flow_temp 80 °C",
        "It was so from Mon 23 Nov 13:00:00 on, and one reading is enough", "It is over when: flow_temp < 65.0"]
    assert story.explained(alarm.id, "became") == [
        f"Ticket {story.ticket.id} is offered", "Still open, since Mon 23 Nov 13:00:00 (1 s ago)"]
    people = story.explained(alarm.id, "told")
    assert any(line.startswith("Alice Keller was told “fault found” by email on Mon 23 Nov 13:00:0") for line in people)
    assert any(line.startswith("Kunz Heating was told “") for line in people)


def test_an_alarm_that_waited_says_how_long_and_since_when(story: Story) -> None:
    story.says("alice-pump", pressure=0.4)
    for _ in range(5):
        story.wait(minutes=2)
        story.says("alice-pump", pressure=0.4)
    alarm = story.one(Alarm)
    assert "That had to last 10 min, and did, from Mon 23 Nov 13:00:00 on" in story.explained(alarm.id, "why")
    assert (alarm.opened_at, alarm.known_at) == (NOON, NOON + 10 * MINUTE)
    assert story.explained(alarm.id, "what")[1] == (
        "Rule low_pressure, severity minor; since Mon 23 Nov 13:00:00, known at Mon 23 Nov 13:10:00")


def test_a_silent_device_says_when_it_was_last_heard_and_what_was_expected(story: Story) -> None:
    story.says("alice-pump", flow_temp=40.0)
    story.wait(minutes=6)
    alarm = story.one(Alarm)
    assert story.explained(alarm.id, "why")[0] == (
        "It was last heard on Mon 23 Nov 13:00:00; something is expected every 5 min, so by Mon 23 Nov 13:05:00")


def test_a_fault_that_the_device_named_is_told_as_its_own_word(story: Story) -> None:
    story.receive("devices/alice-pump/fault", {"code": "E7", "active": True, "ts": story.now, "text": "HP switch"})
    assert "The device itself reported E7 “HP switch”" in story.explained(story.one(Alarm).id, "why")


def test_a_ticket_says_why_this_firm_and_not_the_other(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    story.wait(seconds=1)
    why = story.one(Offer).evidence
    firm = story.explained(story.ticket.id, "provider")
    assert firm[0] == "Kunz Heating was asked on Mon 23 Nov 13:00:00 and has not answered yet"
    assert firm[1] == f"… because they were first of 2: {'; '.join(why['eligible'][0]['reasons'])}"
    assert firm[2] == f"… after them came Seeblick Service: {'; '.join(why['eligible'][1]['reasons'])}"
    assert why["eligible"][0]["reasons"]

    story.accept("Karin Kunz")
    visit = story.one(Visit)
    story.act(Depart(visit.id))
    story.act(Finish(visit.id, "Pump replaced"))
    story.wait(seconds=1)
    became = story.explained(story.ticket.id, "became")
    assert any(line.startswith(f"Visit {visit.id} by Karin Kunz of Kunz Heating, promised between") for line in became)
    assert any(line.startswith("Resolved by technician on") and "Pump replaced" in line for line in became)
    assert any(line.endswith("(provider)") for line in story.explained(story.ticket.id, "history"))


def test_every_time_that_was_told_is_named_with_what_became_of_it_and_what_took_its_place(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    story.wait()
    story.accept("Karin Kunz")
    story.wait()
    story.wait(minutes=200)
    story.act(Depart(story.one(Visit).id, minutes=50))
    story.wait()
    names = {row.topic: row.id for row in story.all(Notification) if row.recipient_id == "alice"}
    assert [line for line in story.explained(story.ticket.id, "became") if line.startswith("Promised")] == [
        f"Promised to say something again by Mon 23 Nov 13:30:00, told by fault found {names['fault_found']}: kept on "
        "Mon 23 Nov 13:00:00",
        f"Promised an arrival by Mon 23 Nov 17:00:00, told by technician assigned {names['technician_assigned']} and "
        "the page: corrected in time on Mon 23 Nov 16:20:00",
        f"Promised an arrival at about Mon 23 Nov 17:10:00, told by on the way {names['on_the_way']} and the page, "
        "instead of Mon 23 Nov 17:00:00: still to be kept"]


def test_somebody_who_was_not_told_is_named_with_the_reason(story: Story) -> None:
    story.replies = lambda address: (NotSent(permanent=True, why="no such mailbox", gone=True)
                                     if address == "alice@example.com" else Sent("ok"))
    story.says("alice-pump", flow_temp=80.0)
    story.wait()
    story.wait(seconds=1)
    [line] = [line for line in story.explained(story.ticket.id, "told") if "“fault found”" in line]
    assert line.startswith("Alice Keller was told “fault found” by sms")
    assert "after 1 other try (email: refused for good, no such mailbox)" in line


def test_what_was_dropped_or_failed_is_told_with_the_reason(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    ticket = story.ticket.id
    with story.gw.store.write() as session:
        for name, state, reason in (("D", "dropped", Reason(ReasonKind.FIXED_FIRST)),
                                    ("F", "failed", Reason(ReasonKind.NO_CONTACT)),
                                    ("H", "held", Reason(ReasonKind.QUIET_HOURS)),
                                    ("U", "unknown", Reason(ReasonKind.LAST_TRY, {"last": "the line broke"}))):
            session.add(note(f"N-{name}", "resolved", name, NOON, customer("bob"), Subject(SubjectKind.TICKET, ticket),
                             state=state, reason=reason, due_at=NOON + MINUTE if state == "held" else None))
    lines = story.explained(ticket, "told")
    assert any(line.startswith("Bob Meier was not told “") and line.endswith("”: already fixed before anyone was told")
               for line in lines)
    assert any("could not be told" in line and "no contact on a configured channel" in line for line in lines)
    assert any("until Mon 23 Nov 13:01:00: quiet hours" in line for line in lines)
    assert any(line.startswith("Whether Bob Meier was told") and "the line broke" in line for line in lines)


def test_a_callback_says_who_pressed_and_what_was_promised(story: Story) -> None:
    story.press("alice-button", "p1")
    story.press("alice-button", "p2")
    story.wait(seconds=1)
    callback = story.one(Callback)
    what = story.explained(callback.id, "what")
    assert what[0] == "Somebody wants to be called at Alice's house: 2 presses of Help button (pressed)"
    assert "asked for on Mon 23 Nov 13:00:00, promised by Mon 23 Nov 14:00:00" in what[1]
    [scheduled] = story.notifications("callback_scheduled")
    assert story.explained(callback.id, "became") == [
        f"Promised a call by Mon 23 Nov 14:00:00, told by callback scheduled {scheduled.id} and the page: "
        "still to be kept"]
    assert any("Alice Keller was told" in line for line in story.explained(callback.id, "told"))


def test_a_device_says_where_each_rule_stands_and_what_is_missing(story: Story) -> None:
    assert story.explained("alice-pump", "link") == ["It has not been heard yet"]
    story.says("alice-pump", flow_temp=80.0)
    story.wait(seconds=30)
    assert story.explained("alice-pump", "rule") == [
        "Its last values: flow_temp 80 °C",
        "Rule overheating (flow_temp > 75.0): alarm since Mon 23 Nov 13:00:00 (30 s ago)",
        "Rule low_pressure (pressure < 0.5): cannot be judged, pressure has not been measured yet"]
    story.says("alice-pump", flow_temp=40.0, pressure=0.4)
    assert story.explained("alice-pump", "rule")[1:] == [
        "Rule overheating (flow_temp > 75.0): all is well",
        "Rule low_pressure (pressure < 0.5): true since Mon 23 Nov 13:00:30 (0 s ago), and has to last 10 min: alarm "
        "at Mon 23 Nov 13:10:30 (in 10 min)"]
    clocks = story.explained("alice-pump", "clock")
    assert clocks[0] == "Last heard: Mon 23 Nov 13:00:30 (0 s ago)"
    assert "It would count as silent at Mon 23 Nov 13:05:30 (in 5 min)" in clocks
    assert "It would count as stale at Mon 23 Nov 13:30:30 (in 30 min)" in clocks
    assert "over after 30 s" in story.explained("alice-pump", "history")[0]


def test_an_outage_says_how_many_of_how_many_and_how_unlikely_that_is(story: Story) -> None:
    with story.gw.store.write() as session:
        session.add(Outage(id="X-1", key="feeder-7", area_id="feeder-7", name="Feeder 7", kind=OutageKind.FEEDER,
                           dark=1, homes=2, state=OutageState.CONFIRMED, began_at=NOON, last_at=NOON,
                           suspected_at=NOON + 1000,
                           confirmed_at=NOON + 4000, etr_at=NOON + 60 * MINUTE,
                           evidence={"k": 2, "n": 2, "p": 0.001, "p_value": 1e-7, "since": NOON - MINUTE, "until": NOON,
                                "how": "share", "found_by_silence": 1,
                                "held_back": {"tickets_cancelled": 1, "homes": 2}}))
        session.flush()
        for home, state in (("alice-home", "restored"), ("bob-home", "nested")):
            session.add(OutageMember(id=f"X-1/{home}", outage_id="X-1", site_id=home, customer_id=home[:-5],
                                     state=MemberState(state), died_at=NOON, joined_at=NOON))
    assert story.explained("X-1", "why") == [
        "2 of 2 live homes went dark between Mon 23 Nov 12:59:00 and Mon 23 Nov 13:00:00",
        "That is too large a share of the homes there for chance",
        "Chance alone would do that once in 10 million times (p-value 1e-07)",
        "In such a time any one home is lost once in 1,000 times (p = 0.001)",
        "1 home of them by silence, without the broker's word"]
    assert story.explained("X-1", "members") == ["1 home still dark on their own account",
                                            "1 home back, by their own proof", "With a fault of their own: Bob's flat"]
    assert story.explained("X-1", "waited") == [
        "1 ticket that single homes had opened before it was known was cancelled"]
    assert story.explained("X-1", "next") == [
        "On Mon 23 Nov 14:00:00 (in 1 h) the estimate is over: if it still lasts, its customers are told so, with a "
        "new one or none"]
    assert "confirmed on Mon 23 Nov 13:00:04, 4 s after it began" in story.explained("X-1", "became")


def test_an_alarm_held_back_by_an_outage_names_it(story: Story) -> None:
    with story.gw.store.write() as session:
        session.add(Outage(id="X-2", key="feeder-7", name="Feeder 7", kind=OutageKind.FEEDER,
                           state=OutageState.CONFIRMED, began_at=NOON, last_at=NOON, suspected_at=NOON))
        session.add(Alarm(id="A-1", device_id="alice-pump", site_id="alice-home", rule="silent",
                          severity=Severity.MAJOR, cause="The device does not answer", skill="",
                          opened_at=NOON, suppressed_by_kind=SuppressedBy.OUTAGE, suppressed_by_id="X-2"))
    assert story.explained("A-1", "waited") == ["Held back: explained by outage X-2 (Feeder 7, confirmed)"]
    assert story.explained("A-1", "became")[0] == "No ticket of its own"


def test_an_alarm_that_latched_flaps_or_is_only_watched_says_so(story: Story) -> None:
    with story.gw.store.write() as session:
        for name, rule, more in (
                ("A-L", "latched", {"latch": True, "cleared_at": NOON}), ("A-F", "flaps", {"flapping": True}),
                ("A-M", "watched", {"dry_run": True, "evidence": {"would": "ticket"}}),
                ("A-H", "held", {"suppressed_by_kind": SuppressedBy.RULE, "suppressed_by_id": "latched",
                                 "evidence": {"depends_on": ["latched", "via"]}})):
            session.add(Alarm(id=name, device_id="alice-pump", site_id="alice-home", rule=rule, severity=Severity.MINOR,
                              cause="Odd", skill="", opened_at=NOON, **more))
    assert story.explained("A-L", "became")[-1] == (
        "All is normal since Mon 23 Nov 13:00:00 (0 s ago); it stays open until somebody has acknowledged it")
    assert "It comes and goes all the time: one alarm and one ticket for all of it" in story.explained("A-F", "became")
    assert story.explained("A-M", "became")[0] == (
        "Nothing: the rule is only watched. In earnest it would open a ticket")
    assert story.explained("A-H", "waited") == ["Held back: explained by latched, another fault of the same device"]
    assert "depends on: latched and via" in story.explained("A-H", "why")


def test_every_try_is_seen_when_a_message_is_still_on_its_way(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    [row] = story.notifications("fault_found")
    with story.gw.store.write() as session:
        session.add(Attempt(id="S-1", notification_id=row.id, contact_id="x", channel="email", started_at=NOON,
                            outcome=AttemptOutcome.FAILED, why="the server was busy"))
    [line] = [line for line in story.explained(story.ticket.id, "told") if "“fault found”" in line]
    assert line == ("Alice Keller is about to be told “fault found”, written on Mon 23 Nov 13:00:00; so far 1 other "
                    "try (email: failed, the server was busy)")


def test_the_api_answers_the_same_lines_and_needs_a_key(store: Store) -> None:
    there = web_story(store)
    there.break_down()
    with store.read() as session:
        alarm = session.exec(select(Alarm)).one()
    with there.client() as stranger:
        assert stranger.get(f"{there.base}/api/v1/explain/alice-pump").status_code == 401
    with there.client(there.key("read")) as reader:
        body = reader.get(f"{there.base}/api/v1/explain/{alarm.id}").json()
        missing = is_problem(reader.get(f"{there.base}/api/v1/explain/A-NOSUCH1"), 404)
    assert (body["kind"], body["timezone"]) == ("alarm", "Europe/Zurich")
    assert "The device itself reported E7" in [line["text"] for line in body["lines"]]
    assert body["lines"][0]["at"].endswith("Z")
    assert "alarm, ticket, callback, outage, device, notification" in missing["detail"]


def test_the_command_explains_in_the_terminal_and_as_json(sqlite_url: str, tmp_path: Path) -> None:
    store = Store(sqlite_url)
    story = begin(store)
    story.says("alice-pump", flow_temp=80.0)
    alarm = story.one(Alarm).id
    store.close()
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "heat-pump.yaml").write_text(HEAT_PUMP, encoding="utf-8")

    def run(*words: str) -> Result:
        return gateway(tmp_path, "explain", *words, GATEWAY_DATABASE_URL=sqlite_url)

    shown = run(alarm)
    assert shown.exit_code == 0, shown.stderr
    assert "The rule says: flow_temp > 75.0" in shown.stdout
    assert "times in Europe/Zurich" in shown.stdout
    assert json.loads(run(alarm, "--json").stdout)["kind"] == "alarm"
    wrong = run("A-NOSUCH1")
    assert wrong.exit_code == 1
    assert "'A-NOSUCH1' is no alarm" in wrong.stderr
