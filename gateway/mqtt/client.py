"""Creates a paho MQTT client with the settings' protocol version, session, login and TLS."""

import select
import ssl
import struct
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.config.settings import Mqtt

KEEP_SESSION = 7 * 24 * 3600  # seconds the broker keeps our session and its queue; MQTT 5 keeps none unless told
KEEPALIVE = 15  # seconds: a broker that hangs is noticed within two of them


def make_client(mqtt: Mqtt, client_id: str, clean: bool) -> paho.Client:
    """A client that acknowledges nothing by itself."""
    v5 = mqtt.version == "5"
    how: dict[str, Any] = {} if v5 else {"clean_session": clean}
    client = paho.Client(
        CallbackAPIVersion.VERSION2, client_id=client_id, manual_ack=True, reconnect_on_failure=False,
        protocol=MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311, **how,
    )
    if mqtt.username is not None:
        client.username_pw_set(mqtt.username, mqtt.password.get_secret_value() if mqtt.password else None)
    if mqtt.tls:
        client.tls_set(
            ca_certs=str(mqtt.ca_file) if mqtt.ca_file else None,
            certfile=str(mqtt.cert_file) if mqtt.cert_file else None,
            keyfile=str(mqtt.key_file) if mqtt.key_file else None,
            cert_reqs=ssl.CERT_REQUIRED,
        )
    return client


def connect_options(mqtt: Mqtt, clean: bool) -> dict[str, Any]:
    """More arguments for `connect`: in MQTT 5 the session expiry, and how many messages may be unacknowledged."""
    if mqtt.version != "5":
        return {}
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 0 if clean else KEEP_SESSION
    properties.ReceiveMaximum = mqtt.queue  # this is the back-pressure: never more than this unacknowledged
    return {"clean_start": clean, "properties": properties}


def publish_options(mqtt: Mqtt, seconds: int) -> dict[str, Any]:
    """More arguments for `publish`: in MQTT 5 after how many seconds the broker drops the message."""
    if mqtt.version != "5":
        return {}
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.MessageExpiryInterval = max(seconds, 1)
    return {"properties": properties}


def send_acknowledgements(client: paho.Client, mids: list[int]) -> None:
    """All PUBACKs of a batch in one write: one by one they cost more than reading the messages (measured).

    Only for a client without a thread of its own. A connection that breaks meanwhile is left to paho to notice.
    """
    while client.want_write():  # never into the middle of a packet that paho is sending
        wait_for(client.socket(), reading=False, writing=True, seconds=KEEPALIVE)
        if client.loop_write() != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return
    left = memoryview(struct.pack(f">{len(mids)}I", *[_PUBACK | mid for mid in mids]))
    while left:
        sock: Any = client.socket()
        if sock is None:
            return
        try:
            left = left[sock.send(left):]
        except (BlockingIOError, ssl.SSLWantWriteError):
            wait_for(sock, reading=False, writing=True, seconds=KEEPALIVE)
        except OSError:
            return


def wait_for(sock: Any, reading: bool, writing: bool, seconds: float, or_read: Any = None) -> bool:
    """Waits until there is something to read or room to write, at most `seconds`; returns whether to try writing.
    `or_read`: another socket, at which something to read is waited for too.

    By poll: select takes no descriptor above 1023, so a thousand visitors of the web would cost us the broker.
    """
    poll = select.poll()
    if reading or writing:  # else one that has hung up would wake us again and again
        poll.register(sock, (select.POLLIN if reading else 0) | (select.POLLOUT if writing else 0))
    if or_read is not None:
        poll.register(or_read, select.POLLIN)
    return any(what & ~select.POLLIN for _, what in poll.poll(seconds * 1000))


_PUBACK = 0x40_02_0000  # packet type, remaining length, and room for the packet id
