"""What the listener's worker does with the flow: batches in, commands out, and the word that we listen."""

from collections.abc import Sequence

import structlog

from gateway.detection.batch import Heard
from gateway.flow import Gateway, receive
from gateway.model import Command, Instant
from gateway.store import Away, Conflict, commands, inbox

log = structlog.get_logger()


def receive_all(gw: Gateway, batch: Sequence[Heard], now: Instant) -> None:
    """`receive`, and when that fails halves the batch until the one message at fault lies in the dead letters.

    A database that is away, or too busy with others, is no message's fault: that is raised, and nothing may be
    acknowledged. Two messages that get in each other's way are parted like a failing batch.
    """
    try:
        receive(gw, batch, now)
    except Away:
        raise
    except Exception as error:
        if len(batch) > 1:
            middle = len(batch) // 2
            receive_all(gw, batch[:middle], now)
            receive_all(gw, batch[middle:], now)
            return
        if isinstance(error, Conflict):
            raise
        log.exception("one message cannot be processed", topic_levels=batch[0].topic.count("/") + 1)
        bury(gw, batch[0], f"the gateway failed on it: {type(error).__name__}: {error}", now)


def bury(gw: Gateway, heard: Heard, reason: str, now: Instant) -> None:
    with gw.store.write() as session:
        inbox.bury(session, [(gw.spoken.name_of(heard.topic), heard.topic, heard.payload, reason)],
                   now)


def claim_commands(gw: Gateway, limit: int, now: Instant) -> list[Command]:
    """Commands that are ours to publish, at once and only once: they are marked as sent already."""
    with gw.store.write() as session:
        return commands.claim(session, now, limit)


def say_listening(gw: Gateway, since: Instant | None, now: Instant) -> None:
    with gw.store.write() as session:
        inbox.beat(session, gw.settings.mqtt.client_id, since, now)
