"""A paho client that receives telemetry at QoS 1, acknowledges it, and does nothing else: what every gateway on paho
pays at least."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

RECEIVE_MAXIMUM = 4_000  # as the gateway's mqtt.queue


@contextmanager
def bare_paho(port: int, version: str, messages: int) -> Iterator["Receiver"]:
    """In a process of its own, subscribed, until the end of the block."""
    process = subprocess.Popen([sys.executable, "-m", __name__, str(port), version, str(messages)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        receiver = Receiver(process)
        receiver.wait_for("subscribed")
        yield receiver
    finally:
        process.kill()
        process.communicate()


class Receiver:
    """That process, as seen from here."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process, self.pid = process, process.pid

    def wait_for(self, word: str) -> None:
        """Until it says so: `subscribed`, or `acknowledged`, which is all messages."""
        assert self._process.stdout is not None
        if (said := self._process.stdout.readline().strip()) != word:
            raise SystemExit(f"the bare paho client ended: expected {word!r}, got {said!r}")


def _receive(port: int, version: str, messages: int) -> None:
    v5 = version == "5"
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bare-paho", manual_ack=True,
                         protocol=MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311)
    left = messages

    def on_message(client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        nonlocal left
        client.ack(message.mid, message.qos)
        left -= 1
        if not left:
            print("acknowledged", flush=True)

    def on_connect(client: paho.Client, *_: Any) -> None:
        client.subscribe("devices/+/telemetry", qos=1)

    def on_subscribe(*_: Any) -> None:
        print("subscribed", flush=True)

    client.on_message, client.on_connect, client.on_subscribe = on_message, on_connect, on_subscribe
    how: dict[str, Any] = {}
    if v5:
        how["properties"] = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        how["properties"].ReceiveMaximum = RECEIVE_MAXIMUM
    client.connect("127.0.0.1", port, **how)
    client.loop_forever()


if __name__ == "__main__":
    _receive(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
