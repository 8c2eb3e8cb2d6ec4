"""A call for help while a feeder is dark: who is on call reads of it before ten thousand others read of the dark."""

import threading
import time
from typing import Any

import orjson
import pytest
from sqlalchemy import insert

from gateway.detection.batch import MqttMessage
from gateway.flow.deliver import deliver
from gateway.flow.receive import receive
from gateway.flow.sweep import sweep
from gateway.flow.watch import watch
from gateway.model import SECOND, Contact, Notification
from gateway.notifications.channels import Channel, Outcome, Sent
from gateway.store import Store
from tests.drivers.story import NOON, Story
from tests.fixtures.servers import wait_until
from tests.stories.test_emergency import ON_CALL, at_night
from tests.stories.test_outage_of_ten_thousand import BATCH, HOMES, count, populate

PAGED_WITHIN = 5  # seconds


def dark(story: Story) -> None:
    """All homes of the feeder lose power; everybody is to be told, and nobody is yet."""
    populate(story)
    with story.gw.store.write() as session:
        session.connection().execute(insert(Contact), [
            {"id": f"k-h{number}", "owner_kind": "customer", "owner_id": f"h{number}", "channel": "email",
             "address": f"h{number}@example.com", "position": 0} for number in range(HOMES)])
    lost = orjson.dumps({"state": "lost"})
    for start in range(0, HOMES, BATCH):
        story.listen()
        receive(story.gw, [MqttMessage(f"devices/h{number}/status", lost, True)
                           for number in range(start, start + BATCH)], story.now)
    for _ in range(5):
        story.now += SECOND
        story.listen()
        while sweep(story.gw, story.now) + watch(story.gw, story.now):
            pass
    assert waiting(story) == HOMES


def waiting(story: Story) -> int:
    return count(story, Notification, Notification.topic == "outage", Notification.state == "queued")


@pytest.mark.slow
def test_whoever_is_on_call_is_paged_while_ten_thousand_messages_wait(both_stores: Store) -> None:
    story = at_night(both_stores, emergency=ON_CALL)
    story.now = NOON  # the homes were heard a moment before
    dark(story)
    told: dict[str, float] = {}

    def keep(address: str, message: Any, ref: str) -> Outcome:
        told.setdefault(address, time.monotonic())
        return Sent("ok")

    story.gw.channels.update(email=Channel("email", "long", keep), sms=Channel("sms", "short", keep))
    worker = threading.Thread(target=deliver, args=(story.gw, story.now))
    worker.start()
    try:
        wait_until(lambda: len(told) >= 50, 30, "the first of the ten thousand to be told")
        pressed = time.monotonic()
        story.press("alice-button", "p1")
        wait_until(lambda: "night@example.com" in told and "alice@example.com" in told, 30, "the page")
        left = waiting(story)
    finally:
        story.gw.attempts_in_progress.stopping = True
        worker.join(30)
    assert told["night@example.com"] - pressed < PAGED_WITHIN
    assert told["+41790000001"] - pressed < PAGED_WITHIN
    assert told["alice@example.com"] - pressed < PAGED_WITHIN
    assert left > HOMES / 2
