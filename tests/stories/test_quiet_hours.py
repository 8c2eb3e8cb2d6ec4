"""Quiet hours over the nights on which the clock is set: what waits goes out once, at the opening where they live."""

import pytest

from gateway.model import (
    HOUR,
    MINUTE,
    SECOND,
    Attempt,
    Instant,
    Notification,
    NotificationState,
    Preference,
    Reason,
    ReasonKind,
    RecipientKind,
    customer,
    from_iso,
)
from gateway.store import Store
from tests.drivers.story import Story, begin
from tests.fixtures.household import move_in

pytestmark = pytest.mark.slow
ALICE, ALICE_SMS = "alice@example.com", "+41791234567"


@pytest.fixture
def story(both_stores: Store) -> Story:
    return begin(both_stores)


def sleeps(story: Story, zone: str, since: str = "22:00", until: str = "07:00", who: str = "alice") -> None:
    """They choose their own quiet hours, in their own time zone."""
    kind = RecipientKind.CUSTOMER if who == "alice" else RecipientKind.PERSON
    with story.gw.store.write() as session:
        session.add(Preference(id=f"{kind}/{who}", owner_kind=kind, owner_id=who, own_quiet=True, quiet_from=since,
                               quiet_until=until, timezone=zone, changed_at=story.now))


def leak(story: Story, at: str, device: str = "alice-pump") -> None:
    """At that time of the night the water pressure has been low for ten minutes, which is no danger."""
    story.now = from_iso(at) - 10 * MINUTE
    story.says(device, pressure=0.2)
    story.now = from_iso(at)
    story.says(device, pressure=0.2)
    story.wait()


def asleep_until(story: Story, at: Instant, device: str = "alice-pump") -> None:
    """Nothing changes until then, and the clock looks at that moment."""
    story.now = at
    story.says(device, pressure=0.2)
    story.wait()


def held(story: Story) -> Notification:
    return story.one(Notification, Notification.topic == "fault_found")


NIGHTS = [
    # zone, from, until, told at, opens, hours in between
    ("Europe/Berlin", "22:00", "07:00", "2027-03-27T22:30:00+01:00", "2027-03-28T07:00:00+02:00", 7.5),
    ("Europe/Berlin", "22:00", "07:00", "2027-10-30T22:30:00+02:00", "2027-10-31T07:00:00+01:00", 9.5),
    ("Europe/Berlin", "22:00", "02:30", "2027-03-28T00:30:00+01:00", "2027-03-28T03:00:00+02:00", 1.5),
    ("Europe/Berlin", "22:00", "02:30", "2027-10-31T00:30:00+02:00", "2027-10-31T02:30:00+01:00", 3.0),
    ("Europe/Berlin", "22:00", "02:30", "2027-10-31T02:15:00+02:00", "2027-10-31T02:30:00+01:00", 1.25),
    ("Europe/Berlin", "02:15", "08:00", "2027-03-28T03:10:00+02:00", "2027-03-28T08:00:00+02:00", 4 + 50 / 60),
    ("Australia/Sydney", "22:00", "07:00", "2027-10-02T22:30:00+10:00", "2027-10-03T07:00:00+11:00", 7.5),
    ("Australia/Sydney", "22:00", "07:00", "2027-04-03T22:30:00+11:00", "2027-04-04T07:00:00+10:00", 9.5),
    ("Australia/Sydney", "22:00", "02:30", "2027-10-03T00:30:00+10:00", "2027-10-03T03:00:00+11:00", 1.5),
    ("Australia/Sydney", "22:00", "02:30", "2027-04-04T00:30:00+11:00", "2027-04-04T02:30:00+10:00", 3.0),
    ("Australia/Lord_Howe", "22:00", "07:00", "2027-04-03T22:30:00+11:00", "2027-04-04T07:00:00+10:30", 9.0),
]


@pytest.mark.parametrize(("zone", "since", "until", "told", "opens", "hours"), NIGHTS)
def test_what_waits_goes_out_once_when_their_morning_begins(
        story: Story, zone: str, since: str, until: str, told: str, opens: str, hours: float) -> None:
    sleeps(story, zone, since, until)
    leak(story, told)
    row, morning = held(story), from_iso(opens)
    assert (row.state, row.reason) == (NotificationState.HELD, Reason(ReasonKind.QUIET_HOURS))
    assert row.due_at == morning
    assert morning - story.now == round(hours * HOUR), "counted in hours that pass, not on the wall clock"
    asleep_until(story, morning - SECOND)
    assert story.messages == [] or {one.to for one in story.messages}.isdisjoint({ALICE, ALICE_SMS})
    story.wait(seconds=1)
    assert held(story).state is NotificationState.SENT
    asleep_until(story, morning + 2 * HOUR)  # the hour that comes twice has come twice
    assert len(story.told_to(ALICE)) == 1
    assert story.told_to(ALICE_SMS) == []
    assert len(story.all(Attempt, Attempt.notification_id == row.id)) == 1


@pytest.mark.parametrize("at", ["2027-03-28T03:00:00+02:00", "2027-10-31T02:30:00+02:00", "2027-10-31T02:30:00+01:00"])
def test_danger_wakes_them_on_those_nights_too(story: Story, at: str) -> None:
    sleeps(story, "Europe/Berlin")
    story.now = from_iso(at)
    story.says("alice-pump", flow_temp=80.0)
    story.wait(seconds=1)
    assert len(story.told_to(ALICE)) == 1


def test_a_night_with_an_hour_twice_brings_one_message_and_no_second_word_before_the_morning(story: Story) -> None:
    """Everything that a night has to say is said once it is over, as it stands then."""
    sleeps(story, "Europe/Berlin")
    leak(story, "2027-10-30T22:30:00+02:00")
    morning = from_iso("2027-10-31T07:00:00+01:00")
    story.keep_saying("alice-pump", (morning - story.now) / MINUTE - 1, pressure=0.2)
    assert story.told_to(ALICE) == []
    story.keep_saying("alice-pump", 30, pressure=0.2)
    assert len(story.told_to(ALICE)) == 1
    assert [row.state for row in story.notifications("still_looking")
            if row.recipient == customer("alice")].count(NotificationState.SENT) == 0


def test_what_is_over_before_the_morning_wakes_nobody(story: Story) -> None:
    sleeps(story, "Europe/Berlin")
    leak(story, "2027-03-27T22:30:00+01:00")
    story.keep_saying("alice-pump", 120, pressure=1.5)
    asleep = from_iso("2027-03-28T07:00:00+02:00")
    story.now = asleep
    story.says("alice-pump", pressure=1.5)
    story.wait(seconds=1)
    assert story.told_to(ALICE) == []
    assert held(story).state is NotificationState.DROPPED
    assert {row.state for row in story.notifications("resolved")} == {NotificationState.DROPPED}


def test_an_hour_that_they_changed_meanwhile_counts(story: Story) -> None:
    """They switch their quiet hours off in the night: what waits is looked at when it was due, and goes out once."""
    sleeps(story, "Europe/Berlin")
    leak(story, "2027-10-30T22:30:00+02:00")
    with story.gw.store.write() as session:
        row = session.get_one(Preference, "customer/alice")
        row.quiet_until = "08:00"
    asleep_until(story, from_iso("2027-10-31T07:00:00+01:00"))
    assert held(story).due_at == from_iso("2027-10-31T08:00:00+01:00")
    story.wait(minutes=60)
    assert len(story.told_to(ALICE)) == 1


def test_two_of_one_household_sleep_at_their_own_times(story: Story) -> None:
    """Erna is in Sydney this month, where it is day; the household's own box and Emil are asleep."""
    move_in(story)
    sleeps(story, "Australia/Sydney", who="erna")
    sleeps(story, "Europe/Berlin", who="emil")
    with story.gw.store.write() as session:
        session.add(Preference(id="customer/arber", owner_kind=RecipientKind.CUSTOMER, owner_id="arber",
                               changed_at=story.now, stopped_at=story.now))
    leak(story, "2027-10-30T23:30:00+02:00", "arber-pump")
    assert story.told_to("+41790000001") != []
    assert story.told_to("emil@example.com") == []
