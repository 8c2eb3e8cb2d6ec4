"""Broker ⇄ flow: what comes in is acknowledged only after its commit, what goes out was committed first."""

from gateway.mqtt.listener import Listener
from gateway.mqtt.probe import probe

__all__ = ["Listener", "probe"]
