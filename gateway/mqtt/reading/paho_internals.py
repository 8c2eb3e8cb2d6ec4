"""All that we touch of paho's private parts, in one place; tests/unit/mqtt/test_paho_internals.py holds paho to it."""

import time
from typing import Any

import paho.mqtt.client as paho

# what `use_socket` and `note_bytes_received` write; paho 2.1 knew the second by another name
PRIVATE = ("_sock", "_last_bytes_received")


def missing(client: Any) -> list[str]:
    """What of it this version of paho lacks: where anything is missing, leave all reading to paho."""
    return [name for name in PRIVATE if not hasattr(client, name)]


def use_socket(client: paho.Client, sock: Any) -> None:
    """From here on paho reads, writes and closes `sock` instead of the socket that it opened."""
    client._sock = sock


def note_bytes_received(client: paho.Client) -> None:
    """For paho's keep-alive, as if it had read the bytes itself. Only for a client without a thread of its own."""
    client._last_bytes_received = time.monotonic()
