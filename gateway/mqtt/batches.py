"""The listener's worker: passes batches to receive, publishes commands, and records that it is listening."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import structlog

from gateway.detection.batch import MqttMessage
from gateway.devices.dialects import Dialect
from gateway.flow.gateway import Gateway
from gateway.flow.receive import receive
from gateway.model import Command, Instant
from gateway.mqtt.subscriptions import Subscriptions
from gateway.store import Conflict, commands, dead_letters, listeners
from gateway.store.devices import device_registry
from gateway.store.errors import is_bad_input
from gateway.store.listeners import MissingFilter

NAMED = 100  # announced topics that are not heard, and devices not heard for it; past this only their dialect

log = structlog.get_logger()


class ListenerReport(NamedTuple):
    """What a listener says of its hearing, besides since when: see listeners.ListeningStatus."""

    later: Mapping[str, Instant | None] = {}
    missing: Sequence[MissingFilter] = ()
    problem: str = ""


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
        _bury_if_it_fails_again(gw, batch[0], now)


def _bury_if_it_fails_again(gw: Gateway, heard: MqttMessage, now: Instant) -> None:
    """What fails twice in the same way, while the database can still write down that it did, fails for ever."""
    try:
        receive(gw, [heard], now)
    except Exception as error:
        if not is_bad_input(error):
            raise
        log.exception("one message cannot be processed", topic_levels=heard.topic.count("/") + 1)
        save_dead_letters(gw, heard, f"the gateway failed on it: {type(error).__name__}: {error}", now)


def save_dead_letters(gw: Gateway, heard: MqttMessage, reason: str, now: Instant) -> None:
    with gw.store.write() as session:
        dead_letters.save_dead_letters(session, [(gw.spoken.name_of(heard.topic), heard.topic, heard.payload, reason)],
                   now)


def claim_commands(gw: Gateway, limit: int, now: Instant) -> list[Command]:
    """Commands that are ours to publish, at once and only once: they are marked as sent already."""
    with gw.store.write() as session:
        return commands.claim(session, now, limit)


def say_listening(gw: Gateway, since: Instant | None, now: Instant, hears: ListenerReport | None = None,
                  process: str = "") -> str:
    """Returns which process said so before under the same client id."""
    hears = hears or ListenerReport()
    with gw.store.write() as session:
        return listeners.record_heartbeat(session, gw.settings.mqtt.client_id, since, now, later=hears.later,
                                       missing=hears.missing,
                          problem=hears.problem, process=process)


def wanted_filters(gw: Gateway) -> tuple[dict[str, bool], set[str]]:
    """(filter → is it fixed, the most important first; which of them the fleet or a mapping needs).

    Important are mappings and the dialects of claimed devices, then what such devices have announced, then discovery,
    then the dialects nobody uses yet.
    """
    own = {dialect.NAME for dialect in gw.mapped}
    with gw.store.read() as session:
        used = own | device_registry.dialects_in_use(session, [dialect.NAME for dialect in gw.spoken.dialects])

    def fixed(some: Iterable[Dialect]) -> dict[str, bool]:
        return {one: True for dialect in some for one in dialect.FILTERS}

    dialects = gw.spoken.dialects
    first = fixed(dialect for dialect in dialects if dialect.NAME in used)
    announced = dict.fromkeys(sorted(gw.spoken.routes), False)
    needed = first.keys() | announced.keys()
    wanted = dict(first)
    for some in (announced, fixed(gw.spoken.discovery), fixed(dialects)):
        wanted |= {one: is_fixed for one, is_fixed in some.items() if one not in wanted}
    return wanted, needed


def what_is_heard(gw: Gateway, subscriptions: Subscriptions, since: Instant | None, needed: Collection[str],
                  problem: str) -> ListenerReport:
    """What differs from hearing everything `since`."""
    refused = subscriptions.missing_filters()
    later: dict[str, Instant | None] = {}
    missing = []
    for dialect in gw.spoken.dialects:
        moments = [subscriptions.granted_at(one) for one in dialect.FILTERS]
        heard = [at for at in moments if at is not None]
        if len(heard) < len(moments):
            later[dialect.NAME] = None
        elif since is not None and max(heard, default=since) > since:
            later[dialect.NAME] = max(heard)
        missing += [MissingFilter(one, dialect.NAME, refused.pop(one), one in needed) for one in dialect.FILTERS
                    if one in refused]
    routes = gw.spoken.routes
    owners = {one: gw.spoken.owners(one) for one in refused if one in routes}
    keys = {key for some in owners.values() for key in some}
    later |= dict.fromkeys(keys if len(keys) <= NAMED else {key.partition(":")[0] for key in keys})
    missing += [MissingFilter(one, owners[one][0], refused[one], one in needed) for one in [*owners][:NAMED]]
    if more := [*owners][NAMED:]:
        dialect_name = owners[more[0]][0].partition(":")[0]
        missing.append(MissingFilter(f"{len(more)} more announced topics", dialect_name, refused[more[0]]))
    return ListenerReport(later, sorted(missing, key=lambda one: not one.needed), problem)
