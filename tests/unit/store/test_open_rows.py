"""What is open at a site is known by one statement, and a finding reads by indexes, however much there is."""

import json
from typing import Any

import pytest

from gateway.config.settings import Settings
from gateway.detection.batch import MqttMessage
from gateway.flow.gateway import Gateway
from gateway.flow.receive import receive
from gateway.model import Alarm, Need, Person, PersonRole, PersonSite, Severity, SuppressedBy
from gateway.store import Store
from gateway.store.sites.open_rows import open_rows_at
from tests.drivers.query_plans import recorded, scanned
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.listener_in_process import hundred_sites_profiles

NOON = 1_795_435_200_000
HOMES = [f"home-{number}" for number in range(5)]
GROWS = ("alarm", "button_test", "callback", "customer", "device", "device_state", "due", "job", "job_ticket", "link",
         "offer", "on_call_page", "person", "person_site", "promise", "site", "site_area", "sla_clock", "ticket",
         "visit")
SMALL = ("offer_pending", "offer_open", "visit_out")
FAULT = b'{"code": "E7"}'


@pytest.fixture
def gw(both_stores: Store) -> Gateway:
    save_hundred_sites(both_stores, len(HOMES))
    return Gateway(Settings(), both_stores, hundred_sites_profiles(), {})


def say(topic: str, payload: bytes) -> MqttMessage:
    return MqttMessage(f"devices/{topic}", payload, False)


def alarm(number: int, **values: Any) -> Alarm:
    return Alarm(id=f"A-{number}", device_id=f"pump-{number}", site_id=f"home-{number}", rule="silent",
                 severity=Severity.MINOR, cause="", skill="heating", opened_at=NOON, **values)


def lives_at(number: int, *needs: Need) -> list[Person | PersonSite]:
    return [Person(id=f"P-{number}", customer_id=f"family-{number}", name="", role=PersonRole.OWNER, needs=list(needs)),
            PersonSite(id=f"P-{number}/home-{number}", person_id=f"P-{number}", site_id=f"home-{number}")]


def test_each_kind_is_named_at_the_sites_where_it_is_open_and_nowhere_else(gw: Gateway) -> None:
    receive(gw, [say("pump-0/fault", FAULT), say("button-1a/press", json.dumps({"id": "1"}).encode())], NOON)
    with gw.store.write() as session:
        session.add_all(row for row in lives_at(2, Need.POWER_DEPENDENT) + lives_at(3) if isinstance(row, Person))
        session.flush()
        session.add_all(row for row in lives_at(2) + lives_at(3) if isinstance(row, PersonSite))
        session.add(alarm(4, suppressed_by_kind=SuppressedBy.HUB, suppressed_by_id="button-2a"))
    with gw.store.read() as session:
        there = open_rows_at(session, HOMES)
        assert open_rows_at(session, HOMES[3:]).tickets == open_rows_at(session, []).tickets == set()
    assert {site: who.id for site, who in there.customers.items()} == {
        f"home-{number}": f"family-{number}" for number in range(5)}
    assert (there.outages, there.windows) == (False, False)
    assert (there.tickets, there.callbacks, there.needs) == ({"home-0"}, {"home-1"}, {"home-2"})
    assert (there.waiting_for_hub, there.areas, there.button_tests, there.pages) == ({"home-2"}, set(), set(), set())


def test_a_finding_reads_no_growing_table_from_end_to_end(gw: Gateway) -> None:
    receive(gw, [say("pump-0/fault", FAULT), say("button-0a/press", json.dumps({"id": "1"}).encode())], NOON)
    with recorded(gw.store) as asked:
        receive(gw, [say("pump-0/telemetry", json.dumps({"seq": 1, "values": {"flow_temp": 80}}).encode())], NOON + 1)
        receive(gw, [say("pump-1/fault", FAULT)], NOON + 2)
    selects = [one for one in asked if one[0].startswith(("SELECT", "WITH"))]
    assert len(selects) > 20
    assert [name for one in selects for name in scanned(gw.store, *one, GROWS, SMALL)] == []


def test_a_repeated_press_reads_its_own_device_s_answers_and_not_all_that_are_queued(gw: Gateway) -> None:
    press = say("button-0a/press", json.dumps({"id": "1"}).encode())
    receive(gw, [press], NOON)
    with recorded(gw.store) as asked:
        receive(gw, [press], NOON + 1)
    (answers,) = [one for one in asked if one[0].startswith("SELECT") and "FROM command" in one[0]]
    if gw.store.sqlite:  # PostgreSQL counts its rows and chooses
        with gw.store.read() as session:
            plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {answers[0]}", answers[1]).all()
        assert [row for row in plan if "command_queued" in str(row)] == []
        assert [row for row in plan if "command_of" in str(row)] != []
