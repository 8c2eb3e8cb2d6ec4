"""Two at once: whoever is second finds that it is settled, and nothing is opened, taken or told twice."""

import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from sqlmodel import col, select

from gateway.config.profiles_and_mappings import load_profiles
from gateway.config.settings import Settings
from gateway.detection.batch import MqttMessage
from gateway.flow.act import act
from gateway.flow.deliver import deliver
from gateway.flow.gateway import Gateway
from gateway.flow.receive import receive
from gateway.flow.sweep import sweep
from gateway.model import Actor, ActorKind, Callback, Notification, Offer, PressRecord, Ticket, Visit
from gateway.model.plan import Refused
from gateway.notifications.channels import Channel, Outcome, Sent
from gateway.notifications.messages import Message
from gateway.store import Store
from gateway.tickets.actions import AcceptOffer, CancelCallback, ConnectCallback, FinishCallback
from tests.drivers.at_once import at_once
from tests.drivers.device_client import device_client, recording_topics
from tests.drivers.load_check import (
    HOMES,
    LoadCheck,
    all_stored,
    assert_nothing_lost,
    assert_one_of_each,
    count,
    publishing,
    rows,
)
from tests.fixtures.gateway_process import GatewayProcess
from tests.fixtures.hundred_sites import save_hundred_sites, write_profiles
from tests.fixtures.servers import Mosquitto, WebhookServer, wait_until

pytestmark = pytest.mark.slow
NOW = time.time_ns() // 1_000_000


@pytest.fixture
def gw(both_stores: Store, tmp_path: Path) -> Gateway:
    save_hundred_sites(both_stores, 20, "http://127.0.0.1:1")
    return Gateway(Settings(), both_stores, load_profiles(write_profiles(tmp_path / "profiles")), {})


def break_down(gw: Gateway, homes: Sequence[int]) -> list[Offer]:
    """The pumps of these homes break; the offers that the firm gets."""
    receive(gw, [MqttMessage(f"devices/pump-{home}/fault", b'{"code": "E7"}') for home in homes], NOW)
    with gw.store.read() as session:
        return list(session.exec(select(Offer).order_by(col(Offer.id))))


def test_of_two_people_who_accept_exactly_one_gets_the_job(gw: Gateway) -> None:
    for offer in break_down(gw, range(10)):
        accept = AcceptOffer(offer.id, "Karin")
        results = at_once(*[partial(act, gw, accept, Actor(ActorKind.PROVIDER, str(who)), NOW) for who in range(4)])
        assert Counter(type(result) for result in results) == {type(None): 1, Refused: 3}, results
    assert count(gw.store, "SELECT count(*) FROM visit") == 10
    assert count(gw.store, "SELECT count(*) FROM ticket WHERE state = 'assigned'") == 10
    assert count(gw.store, "SELECT count(*) FROM notification WHERE topic = 'technician_assigned'") == 10


def test_an_offer_that_is_accepted_while_it_lapses_is_one_or_the_other(gw: Gateway) -> None:
    for home in range(10):
        (offer,) = (o for o in break_down(gw, [home]) if o.state == "pending")
        said, _ = at_once(partial(act, gw, AcceptOffer(offer.id), Actor(ActorKind.PROVIDER), offer.expires_at - 1),
                          partial(sweep, gw, offer.expires_at))
        with gw.store.read() as session:
            offer = session.get_one(Offer, offer.id)
            ticket = session.get_one(Ticket, offer.ticket_id)
            visits = session.exec(select(Visit).where(Visit.ticket_id == ticket.id)).all()
        if said is None:
            assert (offer.state, ticket.state, len(visits)) == ("accepted", "assigned", 1)
        else:
            assert isinstance(said, Refused), said
            assert (offer.state, ticket.state, len(visits)) == ("lapsed", "new", 0)


def test_of_two_agents_at_one_callback_exactly_one_has_it(gw: Gateway) -> None:
    receive(gw, [MqttMessage("devices/button-1a/press", b'{"id": "1"}')], NOW)
    with gw.store.read() as session:
        callback = session.exec(select(Callback)).one()
    results = at_once(*[partial(act, gw, ConnectCallback(callback.id), Actor(ActorKind.AGENT, str(who)), NOW)
                        for who in range(6)])
    assert Counter(type(result) for result in results) == {type(None): 1, Refused: 5}
    ends = at_once(partial(act, gw, FinishCallback(callback.id, "helped"), Actor(ActorKind.AGENT, "1"), NOW),
                   partial(act, gw, CancelCallback(callback.id, "wrong number"), Actor(ActorKind.AGENT, "2"), NOW))
    assert Counter(type(result) for result in ends) == {type(None): 1, Refused: 1}


def test_the_same_troubles_heard_by_many_at_once_open_one_thing_each(gw: Gateway) -> None:
    faults = [MqttMessage(f"devices/pump-{home}/fault", b'{"code": "E7"}') for home in range(20)]

    def hear(number: int) -> None:
        dice = random.Random(number)
        presses = [MqttMessage(f"devices/button-{home}{side}/press", json.dumps({"id": f"{number}-{home}"}).encode())
                   for home in range(20) for side in "ab"]
        mine = [*faults, *presses]
        dice.shuffle(mine)
        for start in range(0, len(mine), 7):
            receive(gw, mine[start : start + 7], NOW + number)

    results = at_once(*[partial(hear, number) for number in range(6)])
    assert results == [None] * 6
    assert Counter(rows(gw.store, "SELECT device_id FROM ticket")) == Counter((f"pump-{n}",) for n in range(20))
    assert Counter(rows(gw.store, "SELECT site_id FROM callback")) == Counter((f"home-{n}",) for n in range(20))
    with gw.store.read() as session:
        assert len(session.exec(select(PressRecord)).all()) == 6 * 40
        assert {callback.presses for callback in session.exec(select(Callback))} == {12}
    assert count(gw.store, "SELECT count(*) FROM notification WHERE topic = 'fault_found'") == 20
    assert count(gw.store, "SELECT count(*) FROM notification WHERE topic = 'callback_scheduled'") == 20


def test_of_many_workers_who_deliver_exactly_one_hands_each_message_over(gw: Gateway) -> None:
    handed: list[str] = []

    def send(address: str, message: Message, ref: str) -> Outcome:
        handed.append(ref)
        time.sleep(0.005)  # as a server would take: long enough for the others to come along
        return Sent("ok")

    gw.channels["webhook"] = Channel("webhook", "long", send)
    break_down(gw, range(20))
    looked = at_once(*[partial(deliver, gw, NOW)] * 4)
    assert sum(number for number in looked if isinstance(number, int)) >= 40, looked
    assert Counter(Counter(handed).values()) == {1: 40}  # each customer, and the firm for each
    with gw.store.read() as session:
        assert {note.state for note in session.exec(select(Notification))} == {"sent"}
    assert count(gw.store, "SELECT count(*) FROM attempt") == 40


@pytest.mark.timeout(180)
def test_two_gateways_that_share_the_traffic_open_one_of_each_and_lose_nothing(
        memory_only_mosquitto: Mosquitto, webhook_server: WebhookServer, postgres_url: str, tmp_path: Path) -> None:
    share = {"MQTT__SHARE": "gateway"}
    with (closing(Store(postgres_url)) as store, device_client(memory_only_mosquitto.port) as devices,
          recording_topics(memory_only_mosquitto.port) as ear):
        save_hundred_sites(store, HOMES, webhook_server.url)
        with (GatewayProcess(tmp_path, postgres_url, memory_only_mosquitto.port, client_id="anna", more=share) as anna,
              GatewayProcess(tmp_path, postgres_url, memory_only_mosquitto.port, client_id="ben", more=share) as ben):
            anna.wait_until_listening(store)
            ben.wait_until_listening(store)
            traffic = LoadCheck(devices, random.Random(3), expected_s=6)
            with publishing(traffic):
                wait_until(lambda: len(traffic.broken) > HOMES * 0.7 and traffic.sent > 3000, 60, "enough to break")
            wait_until(lambda: all_stored(store, traffic), 60, "everything to arrive")
            waiting = "SELECT count(*) FROM notification WHERE due_at IS NOT NULL"
            wait_until(lambda: not count(store, waiting), 60, "everybody to be told")
            assert min(anna.measure("messages_received_total"), ben.measure("messages_received_total")) > 500
            anna.stop()
            ben.stop()
        assert_nothing_lost(store, traffic)
        assert_one_of_each(store, traffic)
        assert ear.twice == set()  # of two that could have sent it, one did
        posts = Counter(post.headers["webhook-id"] for post in webhook_server.posts)
        assert set(posts.values()) == {1}
        assert anna.validation_errors() + ben.validation_errors() == []
