"""Readings are kept as long as the operator says, on either database, however late they came and how often."""

from gateway.flow.housekeeping import adjust_to_clock_jump, forget, prepare_partitions
from gateway.model import DAY, HOUR, Instant, Reading
from gateway.store import Store
from tests.drivers.story import Story, begin


def keep_house(story: Story) -> None:
    """What the clock does from time to time. A drop that has to wait for somebody is tried again."""
    prepare_partitions(story.gw, story.now)
    for _ in range(10):
        forget(story.gw, story.now)


def kept(story: Story) -> list[Instant]:
    return sorted(reading.at for reading in story.all(Reading))


def says_again(story: Story, at: Instant, seq: int) -> None:
    """What the device said at that time, which it repeats, or sends only now."""
    story.receive("devices/alice-pump/telemetry", {"ts": at, "seq": seq, "values": {"flow_temp": 40}})


def test_a_month_of_readings_is_kept_and_what_is_older_goes(both_stores: Store) -> None:
    story = begin(both_stores)
    began = story.now
    keep_house(story)
    for _ in range(34):
        story.says("alice-pump", flow_temp=40)
        story.now += DAY
    keep_house(story)
    assert kept(story) == [began + day * DAY for day in range(5 - 1, 34)]
    says_again(story, began + 10 * DAY, 11)  # the network repeats what it had brought
    says_again(story, began + 10 * DAY + HOUR, 1000)  # and brings what it had held
    assert len(kept(story)) == 31
    story.now += 60 * DAY
    keep_house(story)
    assert kept(story) == []


def test_what_comes_later_than_readings_are_kept_is_stored_once_and_goes_in_its_time(both_stores: Store) -> None:
    story = begin(both_stores)
    story.gw.settings = story.gw.settings.model_copy(update={"readings_days": 2})
    keep_house(story)
    for _ in range(2):
        says_again(story, story.now - 20 * DAY, 7)
    keep_house(story)
    assert kept(story) == [story.now - 20 * DAY]
    story.now += 2 * DAY + HOUR
    keep_house(story)
    assert kept(story) == []


def test_nothing_is_forgotten_because_our_clock_was_set_wrong_for_an_hour(both_stores: Store) -> None:
    story = begin(both_stores)
    keep_house(story)
    story.says("alice-pump", flow_temp=40)
    said = story.now
    for jump in (365 * DAY, -365 * DAY):
        story.now += HOUR + jump
        adjust_to_clock_jump(story.gw, jump, story.now)
        keep_house(story)
        assert kept(story) == [said]
    story.now += 32 * DAY
    keep_house(story)
    assert kept(story) == []
