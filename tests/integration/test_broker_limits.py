"""Brokers with limits: what they let us hear is heard and judged, what they do not is named, and asked for again."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.app.main import Running, health_probe
from gateway.config.settings import Mqtt, Settings
from gateway.devices.dialects import understand
from gateway.flow.gateway import Gateway
from gateway.flow.receive import load_announced_topics
from gateway.model import MINUTE, Device, DeviceState
from gateway.model import Route as AnnouncedRoute
from gateway.monitoring.health import Health
from gateway.mqtt import Listener
from gateway.mqtt.repeated_warnings import RepeatedWarnings
from gateway.store import Store, listeners
from tests.drivers.device_client import device_client
from tests.drivers.load_check import count
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.listener_in_process import clock, hundred_sites_profiles, running_listener
from tests.fixtures.servers import Mosquitto, mosquitto_program, wait_until
from tests.fixtures.stub_broker import StubBroker, stub_broker

pytestmark = pytest.mark.slow  # each is hung up on, and connects again

ALL = understand(Settings().dialects).filters


@pytest.fixture
def village(store: Store) -> Store:
    save_hundred_sites(store, 3)
    return store


def claim(store: Store, device_id: str, key: str) -> None:
    with store.write() as session:
        session.add(Device(id=device_id, key=key, profile="pump", site_id="home-0", name=device_id))
        session.flush()
        session.add(DeviceState(device_id=device_id))


def filters_of(*dialects: str) -> set[str]:
    return set(understand(dialects).filters)


def settled(broker: StubBroker, listener: Listener) -> None:
    """It listens, and for a second and a half neither connects again nor asks for anything."""
    def quiet() -> bool:
        before = broker.connections, len(broker.packets)
        time.sleep(1.5)
        return listener.listening and before == (broker.connections, len(broker.packets))

    wait_until(quiet, 40, "the gateway to have learnt what this broker bears")


def hearing(store: Store) -> listeners.ListeningStatus:
    with store.read() as session:
        return listeners.listening_status(session, clock())


def health_of(listener: Listener | None, gw: Gateway | None = None) -> Health:
    """What /readyz says of a gateway with this listener, or of a process of `gw` without one."""
    gw = gw or (listener._gw if listener is not None else None)
    assert gw is not None
    pulse = health_probe(gw, "all", clock)
    pulse.check()
    health = Running(gw, pulse, listener).health()
    pulse.close()
    return health


def measured(broker: StubBroker, store: Store) -> None:
    broker.say("devices/pump-0/telemetry", b'{"ts": %d, "seq": 1, "values": {"flow_temp": 40}}' % clock())
    wait_until(lambda: count(store, "SELECT count(*) FROM reading") == 1, 10, "what is granted to be heard")


def test_a_broker_like_aws_hears_the_fleet_first_and_what_is_not_heard_is_named(village: Store) -> None:
    claim(village, "cabin", "victron:c0619ab")  # of the last dialects in the list
    claim(village, "lamp", "home_assistant:lamp")
    claim(village, "click", "flic:one")
    with stub_broker(StubBroker(a_packet=8, a_connection=50)) as broker, \
            running_listener(village, broker.port) as listener:
        settled(broker, listener)
        held = broker.heard_of("gateway")
        assert len(held) == 50
        assert max(map(len, broker.packets)) <= 8
        assert filters_of("native", "victron", "flic", "home_assistant") <= held
        assert {line.partition(" ")[0] for line in listener.missing_filters} == set(ALL) - held
        assert all("50 subscriptions" in line for line in listener.missing_filters)
        assert not any(one.needed for one in hearing(village).missing)
        assert broker.connections <= 7, "each lesson costs a connection"  # two are for presses and commands
        measured(broker, village)
        health = health_of(listener)
        assert health.ready, "nothing that the fleet speaks is missing"
        assert all(any(wanted in line for line in health.problems) for wanted in set(ALL) - held)


def test_a_device_that_is_claimed_later_takes_the_place_of_what_nobody_speaks(village: Store) -> None:
    with (stub_broker(StubBroker(a_packet=8, a_connection=50)) as broker,
          running_listener(village, broker.port) as listener):
        settled(broker, listener)
        assert not filters_of("flic") <= broker.heard_of("gateway")
        claim(village, "click", "flic:one")
        connections = broker.connections
        wait_until(lambda: filters_of("flic") <= broker.heard_of("gateway"), 30, "the button's topics to be heard")
        settled(broker, listener)
        assert broker.connections == connections
        assert len(broker.heard_of("gateway")) == 50
        assert filters_of("native") <= broker.heard_of("gateway")


def test_what_a_claimed_device_announced_goes_before_dialects_that_nobody_speaks(village: Store) -> None:
    claim(village, "lamp", "home_assistant:lamp")
    with village.write() as session:
        for topic, key in (("acme/lamp/state", "lamp"), *((f"stranger/{number}", "x") for number in range(100))):
            session.add(AnnouncedRoute(source=topic, topic=topic, key=f"home_assistant:{key}", spec="[]", changed_at=1))
    with stub_broker(StubBroker(a_packet=8, a_connection=50)) as broker:
        gw = Gateway(Settings(mqtt=Mqtt(port=broker.port)), village, hundred_sites_profiles(), {})
        load_announced_topics(gw, whole=True)
        listener = Listener(gw, clock)
        listener.start()
        try:
            settled(broker, listener)
            held = broker.heard_of("gateway")
            assert "acme/lamp/state" in held
            assert not any(one.startswith("stranger") for one in held)
            assert not any("stranger" in line for line in listener.missing_filters), "nobody asks for those"
            assert hearing(village).since_of("home_assistant:lamp") is not None
        finally:
            listener.stop()


def wild(wanted: str) -> bool:
    return wanted.endswith("#")


@pytest.mark.parametrize("how", ["refuses", "hangs_up_on"])
def test_a_broker_that_forbids_the_hash_is_heard_otherwise_and_asked_again(village: Store, how: str) -> None:
    claim(village, "lamp", "zigbee2mqtt:lamp")
    wilds = {one for one in ALL if wild(one)}
    ahead = [0]
    broker = StubBroker()
    setattr(broker, how, wild)
    with stub_broker(broker), capture_logs() as logs, \
            running_listener(village, broker.port, now=lambda: clock() + ahead[0]) as listener:
        wait_until(lambda: broker.heard_of("gateway") == set(ALL) - wilds
                   and len(listener.missing_filters) == len(wilds), 60,
                   "all others to be heard, and these named")
        measured(broker, village)
        assert {line.partition(" ")[0] for line in listener.missing_filters} == wilds
        assert all(any(wanted in str(line) for line in logs) for wanted in wilds)
        wait_until(lambda: hearing(village).since_of("zigbee2mqtt:lamp") is None, 10)
        assert hearing(village).since_of("native:pump-0") is not None
        assert hearing(village).since_of("tasmota:any") is not None
        assert not health_of(listener).ready, "the fleet speaks it"
        setattr(broker, how, lambda _filter: False)
        allowed = clock()
        for _ in range(20):
            ahead[0] += 10 * MINUTE
            time.sleep(0.1)
        wait_until(lambda: broker.heard_of("gateway") == set(ALL) and listener.listening, 40, "the rest to be granted")
        wait_until(lambda: listener.problem == "", 10)
        wait_until(lambda: (since := inbox_since(village, ahead[0], "zigbee2mqtt:lamp")) is not None
                   and since >= allowed, 10, "the lamp to be heard since then")


def inbox_since(store: Store, ahead: int, key: str) -> int | None:
    with store.read() as session:
        return listeners.listening_status(session, clock() + ahead).since_of(key)


@pytest.mark.parametrize("most", [1, 3])
def test_a_broker_that_takes_few_filters_in_a_packet_is_asked_in_smaller_ones(village: Store, most: int) -> None:
    with stub_broker(StubBroker(a_packet=most)) as broker, running_listener(village, broker.port) as listener:
        settled(broker, listener)
        assert broker.heard_of("gateway") == set(ALL)
        assert listener.missing_filters == []
        assert listener.problem == ""


def test_a_refused_filter_is_asked_for_again_after_each_reconnection(village: Store) -> None:
    with stub_broker(StubBroker(refuses=lambda one: one == "+/status")) as broker, \
            running_listener(village, broker.port) as listener:
        settled_on = listener.connections
        before = len([1 for some in broker.packets if "+/status" in some])
        broker.hang_up("gateway")
        wait_until(lambda: listener.connections > settled_on and listener.listening, 10)
        assert len([1 for some in broker.packets if "+/status" in some]) > before


def test_a_broker_that_refuses_everything_is_not_called_absent(village: Store) -> None:
    with stub_broker(StubBroker(refuses=lambda _filter: True)) as broker, \
            running_listener(village, broker.port, wait=False) as listener:
        wait_until(lambda: "hear nothing: devices/+/telemetry (native)" in listener.problem, 10)
        assert not listener.listening
        wait_until(lambda: len(hearing(village).missing) == len(ALL), 10)
        assert hearing(village).since is None


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_a_broker_that_keeps_no_retained_messages_lets_us_in_without_a_will(
        village: Store, tmp_path: Path, version: str) -> None:
    if mosquitto_program() is None:
        pytest.skip("mosquitto is not installed")
    broker = Mosquitto(tmp_path, extra="retain_available false\n")
    broker.start()
    try:
        with capture_logs() as logs, running_listener(village, broker.port, version=version) as listener, \
                device_client(broker.port) as devices:
            devices.say("devices/pump-0/telemetry", {"ts": clock(), "seq": 1, "values": {"flow_temp": 40}})
            wait_until(lambda: count(village, "SELECT count(*) FROM reading") == 1, 10)
            assert listener.problem == ""
        assert any("retained" in line.get("reason", "") for line in logs)
    finally:
        broker.stop()


def test_a_broken_connection_while_subscribing_teaches_no_limit(village: Store) -> None:
    fails = iter([True, True])
    with stub_broker(StubBroker(hangs_up_on=lambda _filter: next(fails, False))) as broker, \
            running_listener(village, broker.port) as listener:
        settled(broker, listener)
        assert broker.heard_of("gateway") == set(ALL)
        assert listener.problem == ""


@contextmanager
def two_of_one_name(one: Store, other: Store, port: int, version: str) -> Iterator[list[Listener]]:
    with running_listener(one, port, version=version, wait=False) as first, \
            running_listener(other, port, version=version, wait=False) as second:
        yield [first, second]


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_two_gateways_under_one_client_id_say_so(
        village: Store, mosquitto: Mosquitto, version: str) -> None:
    with two_of_one_name(village, village, mosquitto.port, version) as both:
        wait_until(lambda: all(one.other_listener for one in both), 30, "both to notice")
        for one in both:
            assert "mqtt.client_id" in one.other_listener
            assert any("mqtt.client_id" in line for line in health_of(one).problems)
        # a process that does not listen itself
        wait_until(lambda: any("mqtt.client_id" in line for line in health_of(None, both[0]._gw).problems), 10)
        assert not health_of(None, both[0]._gw).ready


def test_two_gateways_on_two_databases_under_one_client_id_say_so_too(
        village: Store, mosquitto: Mosquitto, tmp_path: Any, sqlite_url: str) -> None:
    shutil.copy(sqlite_url.removeprefix("sqlite:///"), tmp_path / "other.db")
    other = Store(f"sqlite:///{tmp_path}/other.db")
    try:
        with capture_logs() as logs, two_of_one_name(village, other, mosquitto.port, "3.1.1") as both:
            wait_until(lambda: any(one.other_listener for one in both), 40, "one to notice")
            assert any("mqtt.client_id" in line.get("reason", "") for line in logs)
    finally:
        other.close()


def test_a_gateway_that_was_restarted_sees_no_rival_in_its_former_self(village: Store, mosquitto: Mosquitto) -> None:
    with running_listener(village, mosquitto.port):
        pass
    with running_listener(village, mosquitto.port) as listener:
        time.sleep(5)
        assert listener.other_listener == ""


def test_a_wrong_password_is_said_once_and_names_its_setting(village: Store) -> None:
    with stub_broker(StubBroker(lets_in=lambda _client: 4)) as broker, capture_logs() as logs, \
            running_listener(village, broker.port, wait=False) as listener:
        wait_until(lambda: broker.connections >= 4, 20)
        assert "mqtt.password" in listener.problem
        said = [line for line in logs if line["log_level"] == "warning"]
        assert len(said) == 1, said
        assert "mqtt.password" in said[0]["event"]


def test_what_is_repeated_is_counted_and_said_every_five_minutes() -> None:
    with capture_logs() as lines:
        repeats = RepeatedWarnings()
        for second in range(0, 3600, 30):  # an hour of wrong passwords
            repeats.warn("refused", "wrong password", second * 1000)
    assert len(lines) == 12
    assert "times" not in lines[0]
    assert lines[1]["times"] == 10
