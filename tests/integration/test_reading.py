"""A real broker's messages come out of our reader as they went in: both versions, with TLS and without."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.config.settings import Mqtt
from gateway.detection.batch import MqttMessage
from gateway.mqtt.client import connect_options, make_client, send_acknowledgements, wait_for
from gateway.mqtt.reading import MessageQueue, PublishReader
from gateway.store import Store
from tests.drivers.device_client import device_client
from tests.drivers.load_check import count, rows
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.listener_in_process import clock, received, running_listener
from tests.fixtures.servers import Mosquitto, free_port, mosquitto_program, wait_until

pytestmark = pytest.mark.slow  # real brokers

VERSIONS = pytest.mark.parametrize("version", ["3.1.1", "5"])
LINES = pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
ROOM = 50  # messages taken at a time


@dataclass
class Broker:
    plain: Mosquitto
    tls_port: int
    ca: Path

    def settings(self, tls: bool, version: str) -> dict[str, Any]:
        return {"version": version} | ({"port": self.tls_port, "tls": True, "ca_file": self.ca} if tls else
                                       {"port": self.plain.port})


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    if mosquitto_program() is None or shutil.which("openssl") is None:
        pytest.skip("mosquitto or openssl is not installed")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-subj", "/CN=broker", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2",
                    "-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")],
                   check=True, capture_output=True)
    port = free_port()
    mosquitto = Mosquitto(tmp_path, extra=f"autosave_on_changes false\nlistener {port} 127.0.0.1\n"
                          f"certfile {tmp_path}/cert.pem\nkeyfile {tmp_path}/key.pem\n")
    mosquitto.start()
    try:
        yield Broker(mosquitto, port, tmp_path / "cert.pem")
    finally:
        mosquitto.stop()


class Receiver:
    """Reads and acknowledges, and nothing else."""

    def __init__(self, mqtt: Mqtt) -> None:
        self.queue, self.messages, self.by_paho = MessageQueue(), list[MqttMessage](), 0
        self._client, self._subscribed = make_client(mqtt, "receiver", clean=False), False
        self._reader = PublishReader(self._client)
        self._client.on_message = self._on_message
        self._client.on_connect = lambda client, *_rest: client.subscribe("#", 1)
        self._client.on_subscribe = self._on_subscribe
        # it reads nothing while a test publishes, however long that takes
        self._client.connect(mqtt.host, mqtt.port, 3600, **connect_options(mqtt, clean=False))
        wait_until(lambda: self.turn() and self._subscribed, what="the broker to let us listen")

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        self.by_paho += 1
        self.queue.add(message)

    def _on_subscribe(self, *_all: Any) -> None:
        self._subscribed = True

    def turn(self) -> bool:
        wait_for(self._client.socket(), True, self._client.want_write(), 0 if self._reader.ready else 0.05)
        self._reader.read(self.queue, ROOM)
        messages, mids = self.queue.first(ROOM)
        self.queue.remove_first(ROOM)
        self.messages += messages
        send_acknowledgements(self._client, mids)
        self._client.loop_misc()
        self._client.loop_write()
        return True

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_write()


@VERSIONS
@LINES
def test_every_kind_of_message_comes_as_it_was_sent(broker: Broker, version: str, tls: bool) -> None:
    receiver = Receiver(Mqtt(**broker.settings(tls, version)))
    publisher = make_client(Mqtt(port=broker.plain.port, version=version), "publisher", clean=True)
    publisher.max_inflight_messages_set(1000)
    publisher.connect("127.0.0.1", broker.plain.port)
    publisher.loop_start()
    expected = []
    for number in range(600):
        topic = ("devices/pump-1/telemetry", "häuser/ß/温度")[number % 2]
        size = {0: 20_000, 50: 90_000}.get(number % 100, (0, 60, 200)[number % 3])
        properties = None
        if version == "5" and number % 5 == 0:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.MessageExpiryInterval = 600
            properties.UserProperty = ("trace", str(number // 50))
        qos = number % (3 if number % 7 == 0 else 2)
        publisher.publish(topic, b"x" * size, qos, properties=properties).wait_for_publish(20)
        expected.append(MqttMessage(topic, b"x" * size))
    try:
        wait_until(lambda: receiver.turn() and len(receiver.messages) >= len(expected), 30, "all messages")
        assert receiver.messages == expected
        assert receiver.by_paho < 20, "only the large ones"
    finally:
        publisher.disconnect()
        publisher.loop_stop()
        receiver.close()


@VERSIONS
@LINES
def test_a_backlog_is_stored_in_order_and_acknowledged_once(store: Store, broker: Broker, version: str, tls: bool
                                                            ) -> None:
    save_hundred_sites(store, 3)
    how = broker.settings(tls, version)
    with running_listener(store, **how):
        pass  # from now on the broker keeps what it gets for us
    with device_client(broker.plain.port) as devices:
        for seq in range(3000):
            devices.say("devices/pump-0/telemetry", {"ts": clock() + seq, "seq": seq, "values": {"flow_temp": 40}})
        devices.flush()
    with running_listener(store, **how):
        wait_until(lambda: count(store, "SELECT count(*) FROM reading") >= 3000, 60, "the backlog")
    assert [seq for (seq,) in rows(store, "SELECT seq FROM reading ORDER BY id")] == list(range(3000))
    before = received()
    with running_listener(store, **how), device_client(broker.plain.port) as devices:
        devices.say("devices/pump-0/telemetry", {"ts": clock() + 3000, "seq": 3000, "values": {"flow_temp": 40}})
        wait_until(lambda: count(store, "SELECT count(*) FROM reading") > 3000, 20, "the last one")
    assert received() == before + 1, "what was acknowledged came again"
