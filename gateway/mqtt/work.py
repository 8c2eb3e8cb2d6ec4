"""What the listener's worker does with the flow: batches in, commands out, and the word that we listen."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import structlog

from gateway.detection.batch import Heard
from gateway.dialects import Dialect
from gateway.flow import Gateway, receive
from gateway.model import Command, Instant
from gateway.mqtt.subscriptions import Subscriptions
from gateway.store import Away, Conflict, commands, inbox, voices
from gateway.store.inbox import Missing

NAMED = 100  # announced topics that are not heard, and devices not heard for it; past this only their dialect

log = structlog.get_logger()


class Hears(NamedTuple):
    """What a listener says of its hearing, besides since when: see inbox.Hearing."""

    later: Mapping[str, Instant | None] = {}
    missing: Sequence[Missing] = ()
    problem: str = ""


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


def say_listening(gw: Gateway, since: Instant | None, now: Instant, hears: Hears | None = None,
                  process: str = "") -> str:
    """Returns which process said so before under the same client id."""
    hears = hears or Hears()
    with gw.store.write() as session:
        return inbox.beat(session, gw.settings.mqtt.client_id, since, now, later=hears.later, missing=hears.missing,
                          problem=hears.problem, process=process)


def wanted_filters(gw: Gateway) -> tuple[dict[str, bool], set[str]]:
    """(filter → is it fixed, the most important first; which of them the fleet or a mapping needs).

    Important are mappings and the dialects of claimed devices, then what such devices have announced, then discovery,
    then the dialects nobody uses yet, last what strangers have announced.
    """
    own = {dialect.NAME for dialect in gw.mapped}
    with gw.store.read() as session:
        used = own | voices.dialects_in_use(session, [dialect.NAME for dialect in gw.spoken.dialects])
        claimed = voices.claimed_topics(session) & gw.spoken.routes.keys()

    def fixed(some: Iterable[Dialect]) -> dict[str, bool]:
        return {one: True for dialect in some for one in dialect.FILTERS}

    dialects = gw.spoken.dialects
    first = fixed(dialect for dialect in dialects if dialect.NAME in used)
    needed = first.keys() | claimed
    rest = (fixed(gw.spoken.discovery), fixed(dialects), dict.fromkeys(sorted(gw.spoken.routes), False))
    wanted = first | {one: False for one in sorted(claimed) if one not in first}
    for some in rest:
        wanted |= {one: is_fixed for one, is_fixed in some.items() if one not in wanted}
    return wanted, needed


def what_is_heard(gw: Gateway, subscriptions: Subscriptions, since: Instant | None, needed: Collection[str],
                  problem: str) -> Hears:
    """What differs from hearing everything `since`."""
    refused = subscriptions.not_heard()
    later: dict[str, Instant | None] = {}
    missing = []
    for dialect in gw.spoken.dialects:
        moments = [subscriptions.granted_at(one) for one in dialect.FILTERS]
        heard = [at for at in moments if at is not None]
        if len(heard) < len(moments):
            later[dialect.NAME] = None
        elif since is not None and max(heard, default=since) > since:
            later[dialect.NAME] = max(heard)
        missing += [Missing(one, dialect.NAME, refused.pop(one), one in needed) for one in dialect.FILTERS
                    if one in refused]
    routes = gw.spoken.routes
    owners = {one: [str(route.spec["key"]) for route in routes[one]] for one in refused if one in routes}
    keys = {key for some in owners.values() for key in some}
    later |= dict.fromkeys(keys if len(keys) <= NAMED else {key.partition(":")[0] for key in keys})
    missing += [Missing(one, owners[one][0], refused[one], one in needed) for one in [*owners][:NAMED]]
    if more := [*owners][NAMED:]:
        dialect_name = owners[more[0]][0].partition(":")[0]
        missing.append(Missing(f"{len(more)} more announced topics", dialect_name, refused[more[0]]))
    return Hears(later, sorted(missing, key=lambda one: not one.needed), problem)
