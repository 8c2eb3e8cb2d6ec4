"""The broker we start keeps what it acknowledged, and the probe says in plain words what another one would lose."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from device_sim.load.generator import blast
from gateway.config.settings import Mqtt, Settings
from gateway.devices.dialects import understand
from gateway.mqtt.broker_probe import BrokerReport, findings_of, probe
from gateway.mqtt.local_broker import (
    Broker,
    NoBroker,
    free_port,
    installed_brokers,
    mosquitto_config,
    nats_config,
    start_broker,
)

pytestmark = pytest.mark.slow  # real brokers and devices, started anew for each story

FOUND = installed_brokers()
KINDS = [pytest.param(kind, marks=[] if kind in FOUND else [pytest.mark.skip(reason=f"{kind} is not installed")])
         for kind in ("mosquitto", "nats")]


def test_the_configuration_keeps_what_mosquitto_would_lose(tmp_path: Path) -> None:
    lines = mosquitto_config(tmp_path, 18883).splitlines()

    assert {"persistence true", f"persistence_location {tmp_path}/", "max_queued_messages 1000000000",
            "autosave_interval 1",
            "autosave_on_changes true"} <= set(lines)
    assert "autosave_on_changes false" in mosquitto_config(tmp_path, 18883, "each second")


def test_anonymous_clients_are_let_in_on_loopback_only(tmp_path: Path) -> None:
    config = mosquitto_config(tmp_path, 18883)

    assert [line for line in config.splitlines() if line.startswith("listener")] == ["listener 18883 127.0.0.1"]
    assert 'mqtt { listen: "127.0.0.1:18883"' in nats_config(tmp_path, 18883)


def test_our_nats_server_writes_to_the_disk_each_second_and_hands_out_again_after_five(tmp_path: Path) -> None:
    config = nats_config(tmp_path, 18883)

    assert 'sync_interval: "1s"' in config
    assert 'ack_wait: "5s"' in config


@pytest.mark.parametrize("kind", KINDS)
def test_what_we_started_is_known_by_its_settings(kind: str, tmp_path: Path) -> None:
    with start_broker(tmp_path, save="each second", find=lambda: {kind: FOUND[kind]}) as broker:
        assert broker.ours == {"mosquitto": "mosquitto-each-second", "nats": "nats"}[kind]


def test_started_as_root_it_stays_root_and_only_then(tmp_path: Path) -> None:
    assert "user root" in mosquitto_config(tmp_path, 18883, root=True).splitlines()
    assert "user root" not in mosquitto_config(tmp_path, 18883, root=False).splitlines()


def _start(kind: str, data: Path, port: int = 0) -> Broker:
    return start_broker(data, port, find=lambda: {kind: FOUND[kind]})


def _listener(port: int) -> tuple[paho.Client, list[bytes]]:
    """A session named "keeper" that subscribes to everything and collects payloads."""
    heard: list[bytes] = []
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="keeper", clean_session=False)

    def remember(_client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        heard.append(bytes(message.payload))

    client.on_message = remember
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client, heard


def _leave(client: paho.Client) -> None:
    client.disconnect()
    client.loop_stop()


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_acknowledged_survives_kill_9(kind: str, tmp_path: Path) -> None:
    data = tmp_path / "a town"  # with a space, as people have them
    with _start(kind, data) as broker:
        client, _ = _listener(broker.port)
        answered: list[int] = []
        client.on_subscribe = lambda *_: answered.append(1)
        client.subscribe("devices/#", qos=1)
        _wait(lambda: bool(answered))
        _leave(client)
        report = blast(broker.host, broker.port, ["devices/a/press"], lambda n: ("devices/a/press", b"%09d" % n), 1_200)
        if kind == "mosquitto":  # it writes its file just after it acknowledges
            _wait(lambda: (file := data / "mosquitto.db").exists() and b"000001199" in file.read_bytes())
        broker.process.send_signal(signal.SIGKILL)
        broker.process.wait()
    with _start(kind, data) as broker:
        client, heard = _listener(broker.port)
        _wait(lambda: len(set(heard)) >= report.acked)
        _leave(client)

    assert report.acked == 1_200
    assert sorted({int(payload) for payload in heard}) == list(range(1_200))


def _wait(true: Any, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)


def test_a_second_broker_in_the_same_directory_is_refused(tmp_path: Path) -> None:
    with start_broker(tmp_path) as broker, pytest.raises(NoBroker, match=f"process {broker.process.pid}"):
        start_broker(tmp_path)


def test_the_directory_is_free_again_once_the_broker_ended(tmp_path: Path) -> None:
    start_broker(tmp_path).stop()
    with start_broker(tmp_path) as broker:
        assert broker.process.poll() is None


def test_a_broker_that_a_killed_gateway_left_behind_is_ended_and_nothing_is_lost(tmp_path: Path) -> None:
    start = ("import pathlib, sys, time\nfrom gateway.mqtt.local_broker import start_broker\n"
             "broker = start_broker(pathlib.Path(sys.argv[1]))\n"
             "print(broker.port, broker.process.pid, flush=True)\ntime.sleep(60)")
    gateway = subprocess.Popen([sys.executable, "-c", start, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert gateway.stdout is not None
    port, orphan = map(int, gateway.stdout.readline().split())
    gateway.kill()
    gateway.wait()
    gateway.stdout.close()
    assert _listens(port)
    with start_broker(tmp_path) as broker:
        assert broker.process.pid != orphan
        assert not _listens(port)


def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(NoBroker, match=r"did not start.*in use"):
        start_broker(tmp_path, taken.getsockname()[1])


def test_without_any_broker_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(NoBroker, match="apt install mosquitto"):
        start_broker(tmp_path, find=dict)


@pytest.mark.parametrize("kind", KINDS)
def test_the_probe_finds_nothing_against_the_broker_we_start(kind: str, tmp_path: Path) -> None:
    with _start(kind, tmp_path) as broker:
        report = probe(Mqtt(port=broker.port, version="3.1.1"), broker.ours)

    assert report.keeps_session
    assert report.queued is not None
    assert report.queued >= report.sent > 0
    assert report.losses == []
    assert report.versions == (("3.1.1", "5") if kind == "mosquitto" else ("3.1.1",))


@pytest.fixture
def careless_mosquitto() -> Iterator[int]:
    """The port of a Mosquitto with nothing but its defaults."""
    if "mosquitto" not in FOUND:
        pytest.skip("mosquitto is not installed")
    port = free_port()
    process = subprocess.Popen([str(FOUND["mosquitto"]), "-p", str(port)], stderr=subprocess.DEVNULL)
    _wait(lambda: _listens(port))
    yield port
    process.terminate()
    process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


def test_the_probe_names_what_a_default_mosquitto_loses(careless_mosquitto: int) -> None:
    report = probe(Mqtt(port=careless_mosquitto, version="3.1.1"))

    assert report.queued == 1_000
    assert any("at most 1,000 messages" in loss for loss in report.losses)
    assert any("autosave_on_changes true" in loss for loss in report.losses)
    assert report.window == 20
    assert any("20 messages at a time" in finding.text for finding in report.findings)


def test_the_probe_leaves_no_session_and_no_retained_message_behind(tmp_path: Path) -> None:
    with start_broker(tmp_path) as broker:
        assert probe(Mqtt(port=broker.port)).sent > 0
        time.sleep(1)  # Mosquitto frees an ended session on its next round

    kept = tmp_path / "mosquitto.db"  # written once more as it ends
    assert broker.kind != "mosquitto" or b"gateway-probe" not in kept.read_bytes()


def test_a_broker_that_is_not_there_is_a_finding_and_no_exception() -> None:
    report = probe(Mqtt(port=free_port()))

    assert report.versions == ()
    assert "refused" in report.findings[0].text


def test_a_port_that_never_answers_costs_a_bounded_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        started = time.monotonic()
        report = probe(Mqtt(port=deaf.getsockname()[1]), budget=2)

    assert "lets nobody in" in report.findings[0].text
    assert time.monotonic() - started < 20, "and not for ever"


def test_a_broker_without_sessions_is_named_as_a_loss() -> None:
    report = BrokerReport("", ("3.1.1",), keeps_session=False, queued=0, sent=1_500)

    assert [finding.kind for finding in findings_of(report, "3.1.1", ours=None)] == ["good", "loss"]


def test_forbidden_probe_topics_are_not_called_a_loss() -> None:
    said = findings_of(BrokerReport("", ("5",), keeps_session=None), "5", ours=None)

    assert [finding.kind for finding in said] == ["good", "unknown"]
    assert "gateway-probe/#" in said[1].text


def test_a_version_that_the_broker_does_not_speak_is_named() -> None:
    said = findings_of(BrokerReport("", ("3.1.1",), keeps_session=True, queued=1_500, sent=1_500), "5", ours="nats")

    assert 'set mqtt.version to "3.1.1"' in said[1].text


@pytest.mark.parametrize(("sent", "queued"), [(0, None), (700, 700), (1_500, None)])
def test_a_broker_too_slow_to_be_tried_is_not_called_a_loss(sent: int, queued: int | None) -> None:
    said = findings_of(BrokerReport("", ("5",), keeps_session=True, queued=queued, sent=sent), "5", ours="nats")

    assert [finding.kind for finding in said] == ["good", "unknown", "good"]


def _asked_for(port: int, filters: list[str]) -> int:
    """How many of `filters` the broker grants one client that subscribes to all of them."""
    granted: list[bool] = []
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="all-ears", clean_session=False)
    client.on_subscribe = lambda _client, _data, _mid, reasons, _properties: granted.extend(
        not reason.is_failure for reason in reasons)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for first in range(0, len(filters), 8):
        client.subscribe([(wanted, 1) for wanted in filters[first:first + 8]])
    _wait(lambda: len(granted) == len(filters), 60)
    _leave(client)
    return sum(granted)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mapped", [0, 300])
def test_the_broker_we_start_grants_every_dialect_and_mapping_and_what_devices_announce_later(
        kind: str, mapped: int, tmp_path: Path) -> None:
    known = understand(Settings().dialects).filters + [f"acme/{number}/+/#" for number in range(mapped)]
    announced = [f"heating/boiler/{number}" for number in range(200)]
    with start_broker(tmp_path, find=lambda: {kind: FOUND[kind]}, filters=known) as broker:
        assert _asked_for(broker.port, known + announced) == len(known) + 200


@pytest.mark.parametrize("kind", KINDS)
def test_a_broker_that_was_told_nothing_of_mappings_still_grants_every_dialect(kind: str, tmp_path: Path) -> None:
    known = understand(Settings().dialects).filters
    with _start(kind, tmp_path) as broker:
        assert _asked_for(broker.port, known) == len(known)
