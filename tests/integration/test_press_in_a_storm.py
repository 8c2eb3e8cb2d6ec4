"""A call for help in the midst of ten thousand readings and as many messages due; a gateway as it really runs."""

import json
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import insert

from device_sim.load.generator import blast
from gateway.model import Contact, Customer, Notification, Subject, SubjectKind, customer
from gateway.store import Store
from tests.drivers.device_client import device_client
from tests.drivers.load_check import count
from tests.fixtures.gateway_process import GatewayProcess
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.listener_in_process import clock
from tests.fixtures.outbox_rows import note
from tests.fixtures.servers import HOST, Mosquitto, WebhookServer, wait_until

MANY = 10_000
EACH_DAY = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
NOTHING = Subject(SubjectKind.GATEWAY, "test")
WAITING = "SELECT count(*) FROM notification WHERE topic = 'test' AND due_at IS NOT NULL"


def fill_outbox(store: Store, hook: str) -> None:
    """Ten thousand people are to be told something now."""
    names, now = [f"c{number}" for number in range(MANY)], clock()
    with store.write() as session:
        connection = session.connection()
        connection.execute(insert(Customer), [
            {"id": name, "name": name, "locale": "en", "timezone": "UTC"} for name in names])
        connection.execute(insert(Contact), [
            {"id": f"k-{name}", "owner_kind": "customer", "owner_id": name, "channel": "webhook", "position": 0,
             "address": f"{hook}/{name}"} for name in names])
        connection.execute(insert(Notification), [
            note(f"N-{name}", "test", 1, now, customer(name), NOTHING).model_dump() for name in names])


@pytest.mark.slow
def test_a_call_for_help_reaches_whoever_is_on_call_within_five_seconds(
        memory_only_mosquitto: Mosquitto, webhook_server: WebhookServer, store: Store, sqlite_url: str, tmp_path: Path,
) -> None:
    save_hundred_sites(store, 3, webhook_server.url)
    on_call = [{"channel": "webhook", "address": f"{webhook_server.url}/on-call"}]
    more = {"SERVICE__EMERGENCY": json.dumps(on_call), "SERVICE__CALLBACK_HOURS": json.dumps(EACH_DAY)}
    topics = [f"devices/pump-{number}/telemetry" for number in range(3)]
    reading = json.dumps({"ts": clock(), "seq": 1, "values": {"flow_temp": 40}}).encode()
    with (device_client(memory_only_mosquitto.port) as devices,
          GatewayProcess(tmp_path, sqlite_url, memory_only_mosquitto.port, more=more) as gateway):
        gateway.wait_until_listening(store)
        fill_outbox(store, webhook_server.url)
        webhook_server.wait(10)
        storm = threading.Thread(target=blast, args=(
            HOST, memory_only_mosquitto.port, topics, lambda number: (topics[number % 3], reading), MANY))
        storm.start()
        pressed = time.time()
        devices.say("devices/button-1a/press", {"id": "sos", "kind": "urgent", "ts": clock()})
        wait_until(lambda: any(post.path == "/on-call" for post in list(webhook_server.posts)), 30, "the page")
        left = count(store, WAITING)
        wait_until(lambda: devices.commands("button-1a"), 30, "the answer on the button")
        storm.join()
    paged_at = next(post.at for post in webhook_server.posts if post.path == "/on-call")
    assert paged_at - pressed < 5
    assert left > MANY / 2
    assert len(devices.commands("button-1a")) == 1
    assert gateway.validation_errors() == []
