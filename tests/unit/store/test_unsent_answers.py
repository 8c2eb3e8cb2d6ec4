"""Of the answers that have not left yet a batch reads those to its own presses, however many wait behind a flood."""

import json

import pytest

from gateway.config.settings import Settings
from gateway.detection.batch import MqttMessage
from gateway.flow.gateway import Gateway
from gateway.flow.receive import receive
from gateway.model import MINUTE
from gateway.model.plan import Draft
from gateway.store import Store
from gateway.store.contexts.planning import planning_contexts
from tests.drivers.load_check import count, rows
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.listener_in_process import hundred_sites_profiles

NOON = 1_795_435_200_000


@pytest.fixture
def gw(both_stores: Store) -> Gateway:
    save_hundred_sites(both_stores, 2)
    return Gateway(Settings(), both_stores, hundred_sites_profiles(), {})


def press(*ids: str, button: str = "button-0a") -> list[MqttMessage]:
    return [MqttMessage(f"devices/{button}/press", json.dumps({"id": name}).encode(), False) for name in ids]


def test_a_batch_reads_the_unsent_answers_to_its_own_presses(gw: Gateway) -> None:
    receive(gw, press("p1", "p2", "p3") + press("q1", "q2", button="button-1b"), NOON)
    with gw.store.read() as session:
        contexts = planning_contexts(session, Draft(), set(), {"button-0a": {"p2"}, "button-1b": {"q1", "q9"}})
    assert {button: set(context.unsent_replies) for button, context in contexts.items()} == {
        "button-0a": {"p2"}, "button-1b": {"q1"}}


def test_a_press_that_is_repeated_before_its_answer_has_left_is_answered_once(gw: Gateway) -> None:
    receive(gw, press("p1", "p2"), NOON)
    for minute in range(1, 4):
        receive(gw, press("p1", "p1", "p2"), NOON + minute * MINUTE)
    assert rows(gw.store, "SELECT press_id FROM command ORDER BY press_id") == [("p1",), ("p2",)]
    assert count(gw.store, "SELECT presses FROM callback") == 2
