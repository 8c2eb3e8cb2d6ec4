"""What is open has a deadline; where a mistake of ours has lost it, the gauge and the log say so."""

import pytest
from prometheus_client import REGISTRY
from sqlmodel import col, update

from gateway.flow.housekeeping import count_unwatched
from gateway.model import Callback, Due, Job, Offer, OnCallPage, Visit
from gateway.store import Store
from gateway.tickets.actions import ConnectCallback, Depart
from tests.drivers.story import Story, begin


@pytest.fixture
def story(both_stores: Store) -> Story:
    story = begin(both_stores)
    story.says("alice-pump", flow_temp=80.0)
    story.wait()
    return story


def counted(story: Story) -> float | None:
    count_unwatched(story.gw, story.now)
    return REGISTRY.get_sample_value("gateway_unwatched")


def lose_deadlines(story: Story, *subject_ids: str) -> None:
    with story.gw.store.write() as session:
        session.connection().execute(update(Due).where(col(Due.subject_id).in_(subject_ids)).values(at=None))


def test_all_that_is_open_is_watched(story: Story) -> None:
    assert counted(story) == 0
    story.accept()
    assert counted(story) == 0
    story.act(Depart(story.one(Visit).id), "provider")
    assert counted(story) == 0


def test_an_offer_without_a_deadline_is_counted_and_so_is_its_job(story: Story,
                                                                  caplog: pytest.LogCaptureFixture) -> None:
    lose_deadlines(story, story.one(Offer).id, story.one(Job).id)
    assert counted(story) == 2
    assert story.one(Offer).id in caplog.text


def test_a_visit_without_a_deadline_is_counted_and_so_is_its_job(story: Story) -> None:
    story.accept()
    lose_deadlines(story, story.one(Visit).id)
    assert counted(story) == 2


def test_a_call_that_nobody_promises_any_more_is_counted_and_so_is_one_without_an_outcome(story: Story) -> None:
    story.press("alice-button", "p1")
    assert counted(story) == 0
    callback = story.one(Callback)
    with story.gw.store.write() as session:
        session.connection().execute(update(Due).where(col(Due.subject_id) == callback.id).values(at=None))
    assert counted(story) == 1
    story.act(ConnectCallback(callback.id))
    assert counted(story) == 0
    with story.gw.store.write() as session:
        session.connection().execute(update(OnCallPage).values(next_at=None))
    assert counted(story) == 2, "the call, and the page about it"
