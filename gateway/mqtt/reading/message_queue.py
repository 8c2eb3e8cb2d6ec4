"""The messages that were read and are not yet acknowledged, in order, each with what acknowledges it."""

import paho.mqtt.client as paho

from gateway.detection.batch import MqttMessage


class MessageQueue:
    """Two lists side by side, because an object for each message costs as much as reading it (measured)."""

    def __init__(self) -> None:
        self.messages: list[MqttMessage] = []
        self.mids: list[int | None] = []  # only good on the connection they came by; None: needs no acknowledgement

    def __len__(self) -> int:
        return len(self.messages)

    def add(self, message: paho.MQTTMessage) -> None:
        """One that paho has read."""
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "(topic is not UTF-8)"
        self.messages.append(MqttMessage(topic, bytes(message.payload), message.retain))
        self.mids.append(message.mid if message.qos else None)

    def first(self, count: int) -> tuple[list[MqttMessage], list[int]]:
        """The first `count` messages, and the ids of those among them that are to be acknowledged."""
        return self.messages[:count], [mid for mid in self.mids[:count] if mid is not None]

    def remove_first(self, count: int) -> None:
        del self.messages[:count], self.mids[:count]

    def forget_unacknowledged(self) -> None:
        """The connection is gone: what was to be acknowledged on it comes again, under a new id; the rest would not."""
        self.messages[:] = [message for message, mid in zip(self.messages, self.mids, strict=True) if mid is None]
        self.mids[:] = [None] * len(self.messages)

    def take_messages(self) -> list[MqttMessage]:
        """All of them, where nothing is acknowledged; the queue is empty then."""
        messages = self.messages[:]
        self.remove_first(len(messages))
        return messages
