"""MQTT: the listener that receives and acknowledges messages, and the publisher of commands."""

from gateway.mqtt.broker_probe import probe
from gateway.mqtt.listener import Listener

__all__ = ["Listener", "probe"]
