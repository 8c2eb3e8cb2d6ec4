"""The broker does not let us hear everything: what we hear is judged, nothing else is, and the operator knows."""

from collections.abc import Mapping

import pytest
from sqlmodel import Session

from gateway.flow.sweep import sweep
from gateway.flow.watch import watch
from gateway.model import HOUR, MINUTE, SECOND, Device, DeviceState, Instant, Notification, Outage, RecipientKind
from gateway.model.states import LinkState
from gateway.store import Store, listeners
from gateway.store.devices import device_states
from gateway.store.listeners import MissingFilter
from tests.drivers.story import NOON, Story, begin
from tests.fixtures.outage_fleet import OutageStory, begin_outage_story

REFUSED = "the broker refuses it: Not authorized"
SENSOR = MissingFilter("tele/+/SENSOR", "tasmota", REFUSED, True)
HOMIE = MissingFilter("homie/#", "homie", REFUSED)


@pytest.fixture
def story(both_stores: Store) -> Story:
    return begin(both_stores)


def hears(story: Story, *missing: MissingFilter, since: Instant | None = NOON - HOUR, client: str = "gateway",
          later: Mapping[str, Instant | None] | None = None) -> None:
    """A gateway says what it hears."""
    missing_topics = {one.dialect: None for one in missing}
    with story.gw.store.write() as session:
        listeners.record_heartbeat(session, client, since, story.now, later=missing_topics if later is None else later,
                                missing=missing)


def look(story: Story, *missing: MissingFilter, seconds: int,
         later: Mapping[str, Instant | None] | None = None) -> None:
    """The clock looks ten times in these seconds, while the gateway says what it hears."""
    for _ in range(10):
        story.now += seconds * SECOND // 10
        hears(story, *missing, later=later)
        sweep(story.gw, story.now)
        watch(story.gw, story.now)


def _tasmota(session: Session, now: Instant) -> None:
    session.add(Device(id="plug", key="tasmota:plug", profile="heat-pump", site_id="bob-home", name="plug"))
    session.flush()
    session.add(DeviceState(device_id="plug", link=LinkState.ONLINE, link_at=now, seen_at=now, due_at=now + 5 * MINUTE))


def with_a_plug(story: Story) -> Story:
    """Bob's plug speaks Tasmota; it was heard just now, like Alice's pump."""
    with story.gw.store.write() as session:
        _tasmota(session, story.now)
    story.says("alice-pump", flow_temp=40.0)
    return story


def told(story: Story) -> list[tuple[str, str]]:
    rows = story.all(Notification, Notification.recipient_kind == RecipientKind.DISPATCHER)
    return [(row.topic, str(row.facts.get("missing", ""))) for row in sorted(rows, key=lambda row: row.created_at)]


def test_the_silence_of_what_is_heard_is_judged_and_no_other(story: Story) -> None:
    with_a_plug(story)
    look(story, SENSOR, seconds=6 * 60)
    assert [(alarm.device_id, alarm.rule) for alarm in story.alarms] == [("alice-pump", "silent")]


def test_a_dialect_that_is_heard_again_gets_its_whole_time_anew(story: Story) -> None:
    with_a_plug(story)
    look(story, SENSOR, seconds=6 * 60)
    back = story.now
    look(story, seconds=4 * 60, later={"tasmota": back})
    assert [alarm.device_id for alarm in story.alarms] == ["alice-pump"]
    look(story, seconds=2 * 60, later={"tasmota": back})
    assert [alarm.device_id for alarm in story.alarms] == ["alice-pump", "plug"]


def test_a_device_whose_own_announced_topics_are_refused_is_not_judged(story: Story) -> None:
    with_a_plug(story)
    look(story, MissingFilter("acme/7", "tasmota:plug", REFUSED, True), seconds=6 * 60)
    assert [alarm.device_id for alarm in story.alarms] == ["alice-pump"]


def test_what_another_gateway_hears_is_heard(story: Story) -> None:
    with_a_plug(story)
    for _ in range(8):
        story.now += MINUTE
        hears(story, SENSOR)
        hears(story, HOMIE, client="other")
        sweep(story.gw, story.now)
        watch(story.gw, story.now)
    assert sorted(alarm.device_id for alarm in story.alarms) == ["alice-pump", "plug"]
    assert told(story) == [], "each hears what the other does not"


def test_the_operator_is_told_what_is_not_heard_once_and_when_it_is_over(story: Story) -> None:
    look(story, SENSOR, seconds=10)
    assert told(story) == []
    look(story, SENSOR, seconds=HOUR // SECOND)
    assert told(story) == [("gateway_fault", "tasmota")]
    look(story, SENSOR, HOMIE, seconds=600)
    assert told(story)[1:] == [("gateway_fault", "homie, tasmota")]
    look(story, seconds=10)
    assert told(story)[2:] == [("gateway_fault_over", "")]
    assert [outage.state for outage in story.all(Outage)] == ["closed"]


def test_the_message_names_dialects_and_filters_and_not_a_missing_broker(story: Story) -> None:
    look(story, SENSOR, seconds=100)
    [note] = story.all(Notification, Notification.topic == "gateway_fault")
    assert (note.facts["what"], note.facts["filters"]) == ("unheard", "tasmota (tele/+/SENSOR)")


def test_what_is_granted_at_the_second_try_is_nobodys_business(story: Story) -> None:
    look(story, SENSOR, seconds=10)
    look(story, seconds=60)
    assert told(story) == []
    assert [outage.state for outage in story.all(Outage)] == ["dismissed"]


def test_a_broker_that_lets_us_hear_nothing_is_not_called_absent(story: Story) -> None:
    for _ in range(10):
        story.now += SECOND
        hears(story, SENSOR, since=None)
        watch(story.gw, story.now)
    assert told(story) == [("gateway_fault", "tasmota")]


def pass_time(quarter: OutageStory, minutes: float) -> None:
    """Who lives and is heard speaks, and the clock looks."""
    quarter.living_speak()
    quarter.now += round(minutes * MINUTE)
    hears(quarter, SENSOR)
    while sweep(quarter.gw, quarter.now) + watch(quarter.gw, quarter.now):
        pass


def test_neighbours_whom_we_do_not_hear_are_no_proof_that_the_power_is_on(both_stores: Store) -> None:
    quarter = begin_outage_story(both_stores)
    pass_time(quarter, minutes=1)
    missing_topics = [f"c{number}" for number in range(4, 10)]
    with quarter.gw.store.write() as session:
        for home in missing_topics:
            session.get_one(Device, f"{home}-pump").key = f"tasmota:{home}"
        device_states.outdate(session, [f"{home}-pump" for home in missing_topics])
    quarter.dark |= set(missing_topics)
    pass_time(quarter, minutes=1)
    for home in ("c0", "c1", "c2", "c3"):
        quarter.receive(f"devices/{home}-pump/status", {"state": "lost"}, retained=True)
        quarter.dark.add(home)
    for _ in range(3):
        pass_time(quarter, minutes=0.5)
    [outage] = [row for row in quarter.outages if row.kind in ("feeder", "place")]
    assert (outage.state, outage.dark, outage.size) == ("confirmed", 4, 4)
