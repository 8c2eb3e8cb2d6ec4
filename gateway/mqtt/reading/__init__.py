"""Reads messages beside paho: whole PUBLISH packets straight out of one large buffer, all else by paho's own reader."""

from gateway.mqtt.reading.message_queue import MessageQueue
from gateway.mqtt.reading.publish_reader import PublishReader

__all__ = ["MessageQueue", "PublishReader"]
