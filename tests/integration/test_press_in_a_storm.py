"""A call for help in the midst of ten thousand readings and as many messages due; real button, real gateway."""

import json
import re
import threading
import time
from pathlib import Path

import httpx
import pytest
from sqlalchemy import insert

from device_sim.load.generator import blast
from gateway.model import Contact, Customer, Notification, Subject, SubjectKind, customer
from gateway.store import Store
from tests.drivers.button_box import button_box
from tests.drivers.load_check import count
from tests.drivers.web_driver import read
from tests.fixtures.gateway_process import GatewayProcess
from tests.fixtures.hundred_sites import PROFILES, save_hundred_sites, write_profiles
from tests.fixtures.listener_in_process import clock
from tests.fixtures.outbox_rows import note
from tests.fixtures.servers import HOST, Mosquitto, Post, WebhookServer, wait_until

MANY = 10_000
SOS = """
profile: button
name: {en: emergency button, de: Notrufknopf}
silence: off
button: {emergency: true}
"""
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
        memory_only_mosquitto: Mosquitto, webhook_server: WebhookServer, both_stores: Store, node: str, tmp_path: Path,
) -> None:
    store, port = both_stores, memory_only_mosquitto.port
    save_hundred_sites(store, 3, webhook_server.url)
    on_call = [{"channel": "webhook", "address": f"{webhook_server.url}/on-call"}]
    more = {"SERVICE__EMERGENCY": json.dumps(on_call), "SERVICE__CALLBACK_HOURS": json.dumps(EACH_DAY),
            "PROFILES": str(write_profiles(tmp_path / "with-sos", PROFILES | {"button": SOS}))}
    topics = [f"devices/pump-{number}/telemetry" for number in range(3)]
    reading = json.dumps({"ts": clock(), "seq": 1, "values": {"flow_temp": 40}}).encode()
    with (button_box(node, tmp_path / "flash", port, "button-1a") as button,
          GatewayProcess(tmp_path, store.engine.url.render_as_string(hide_password=False), port, more=more) as gateway):
        gateway.wait_until_listening(store)
        button.power()
        button.state(linked=True)
        fill_outbox(store, webhook_server.url)
        webhook_server.wait(10)
        storm = threading.Thread(target=blast, args=(
            HOST, port, topics, lambda number: (topics[number % 3], reading), MANY))
        storm.start()
        button.press()
        assert button.published("press")["kind"] == "single"
        pressed = time.time()
        paged_at = posted(webhook_server, "/on-call").at
        left = count(store, WAITING)
        button.state(light="promised", seconds=30)
        told = posted(webhook_server, "/family-1").body.decode()
        page = httpx.get(gateway.url + re.findall(r"/f/[\w.-]+", told)[0].rstrip("."), timeout=20)
        assert "Your call for help has reached us" in read(page)
        storm.join()
    assert paged_at - pressed < 5
    assert left > MANY / 2
    assert gateway.validation_errors() == []


def posted(server: WebhookServer, path: str) -> Post:
    """The first to that address, once it is there."""
    wait_until(lambda: any(post.path == path for post in list(server.posts)), 30, f"a post to {path}")
    return next(post for post in server.posts if post.path == path)
