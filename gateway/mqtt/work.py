"""What the listener's worker does with the flow: batches in, commands out, and the word that we listen."""

from collections.abc import Sequence

import structlog

from gateway.detection.batch import Heard
from gateway.flow import Gateway, receive
from gateway.model import Command, Instant
from gateway.store import Conflict, commands, inbox
from gateway.store.faults import is_the_datas

log = structlog.get_logger()


def receive_all(gw: Gateway, batch: Sequence[Heard], now: Instant) -> None:
    """`receive`, and when a message is at fault halves the batch until that one lies in the dead letters.

    Raises whatever is no message's fault (see store/faults.py): then nothing may be acknowledged, and all of it waits.
    Two messages that get in each other's way are parted like a failing batch.
    """
    try:
        receive(gw, batch, now)
    except Exception as error:
        if not (isinstance(error, Conflict) or is_the_datas(error)):
            raise
        if len(batch) > 1:
            middle = len(batch) // 2
            receive_all(gw, batch[:middle], now)
            receive_all(gw, batch[middle:], now)
            return
        if isinstance(error, Conflict):
            raise
        _bury_if_it_fails_again(gw, batch[0], now)


def _bury_if_it_fails_again(gw: Gateway, heard: Heard, now: Instant) -> None:
    """What fails twice in the same way, while the database can still write down that it did, fails for ever."""
    try:
        receive(gw, [heard], now)
    except Exception as error:
        if not is_the_datas(error):
            raise
        log.exception("one message cannot be processed", topic_levels=heard.topic.count("/") + 1)
        bury(gw, heard, f"the gateway failed on it: {type(error).__name__}: {error}", now)


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
