"""Processes a batch of messages; when one of them is at fault, finds it by halving and stores it as a dead letter."""

from collections.abc import Sequence

import structlog

from gateway.detection.batch import MqttMessage
from gateway.flow.gateway import Gateway
from gateway.flow.receive import receive
from gateway.model import Instant
from gateway.store import Conflict, dead_letters
from gateway.store.errors import is_bad_input

log = structlog.get_logger()


def receive_all(gw: Gateway, batch: Sequence[MqttMessage], now: Instant) -> None:
    """`receive`, and when a message is at fault halves the batch until that one lies in the dead letters.

    Raises whatever is no message's fault (see store/errors.py): then nothing may be acknowledged, and all of it waits.
    Two messages that get in each other's way are parted like a failing batch.
    """
    try:
        receive(gw, batch, now)
    except Exception as error:
        if not (isinstance(error, Conflict) or is_bad_input(error)):
            raise
        if len(batch) > 1:
            middle = len(batch) // 2
            receive_all(gw, batch[:middle], now)
            receive_all(gw, batch[middle:], now)
            return
        if isinstance(error, Conflict):
            raise
        _dead_letter_if_it_fails_again(gw, batch[0], now)


def _dead_letter_if_it_fails_again(gw: Gateway, message: MqttMessage, now: Instant) -> None:
    """Stores the message as a dead letter when it fails a second time while the database works."""
    try:
        receive(gw, [message], now)
    except Exception as error:
        if not is_bad_input(error):
            raise
        log.exception("one message cannot be processed", topic_levels=message.topic.count("/") + 1)
        save_dead_letters(gw, message, f"the gateway failed on it: {type(error).__name__}: {error}", now)


def save_dead_letters(gw: Gateway, message: MqttMessage, reason: str, now: Instant) -> None:
    with gw.store.write() as session:
        source = gw.dialects.name_of(message.topic)
        dead_letters.save_dead_letters(session, [(source, message.topic, message.payload, reason)], now)
