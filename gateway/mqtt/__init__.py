"""Broker ⇄ flow: what comes in is acknowledged only after its commit, what goes out was committed first."""

from gateway.mqtt.broker_probe import probe
from gateway.mqtt.listener import Listener

__all__ = ["Listener", "probe"]
