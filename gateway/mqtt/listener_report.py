"""What a listener reports to the database: since when it listens, which topic filters it wants, and which it misses."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from gateway.devices.dialects import Dialect
from gateway.flow.gateway import Gateway
from gateway.model import Instant
from gateway.mqtt.subscriptions import Subscriptions
from gateway.store import listeners
from gateway.store.devices import device_registry
from gateway.store.listeners import MissingFilter

NAMED = 100  # announced topics that are not heard, and devices not heard for it; past this only their dialect


class ListenerReport(NamedTuple):
    """What a listener reports besides since when it listens; see store.listeners.ListeningStatus."""

    later: Mapping[str, Instant | None] = {}
    missing: Sequence[MissingFilter] = ()
    problem: str = ""


def record_listening(gw: Gateway, since: Instant | None, now: Instant, report: ListenerReport | None = None,
                     process: str = "") -> str:
    """Records since when this gateway listens (None: not now). Returns the process that last did under this client
    id."""
    report = report or ListenerReport()
    with gw.store.write() as session:
        return listeners.record_heartbeat(session, gw.settings.mqtt.client_id, since, now, later=report.later,
                                          missing=report.missing, problem=report.problem, process=process)


def filters_to_subscribe(gw: Gateway) -> tuple[dict[str, bool], set[str]]:
    """(topic filter → whether a dialect has it, False: a device announced it; most important first. Which of them the
    fleet or a mapping needs).

    Important are mappings and the dialects of claimed devices, then what such devices have announced, then discovery,
    then the dialects nobody uses yet.
    """
    own = {dialect.NAME for dialect in gw.mapped}
    with gw.store.read() as session:
        used = own | device_registry.dialects_in_use(session, [dialect.NAME for dialect in gw.dialects.dialects])

    def fixed(some: Iterable[Dialect]) -> dict[str, bool]:
        return {one: True for dialect in some for one in dialect.FILTERS}

    dialects = gw.dialects.dialects
    first = fixed(dialect for dialect in dialects if dialect.NAME in used)
    announced = dict.fromkeys(sorted(gw.dialects.routes), False)
    needed = first.keys() | announced.keys()
    wanted = dict(first)
    for some in (announced, fixed(gw.dialects.discovery), fixed(dialects)):
        wanted |= {one: is_fixed for one, is_fixed in some.items() if one not in wanted}
    return wanted, needed


def build_report(gw: Gateway, subscriptions: Subscriptions, since: Instant | None, needed: Collection[str],
                 problem: str) -> ListenerReport:
    """What differs from having been subscribed to everything since `since`."""
    refused = subscriptions.missing_filters()
    later: dict[str, Instant | None] = {}
    missing = []
    for dialect in gw.dialects.dialects:
        moments = [subscriptions.granted_at(one) for one in dialect.FILTERS]
        heard = [at for at in moments if at is not None]
        if len(heard) < len(moments):
            later[dialect.NAME] = None
        elif since is not None and max(heard, default=since) > since:
            later[dialect.NAME] = max(heard)
        missing += [MissingFilter(one, dialect.NAME, refused.pop(one), one in needed) for one in dialect.FILTERS
                    if one in refused]
    routes = gw.dialects.routes
    owners = {one: gw.dialects.owners(one) for one in refused if one in routes}
    keys = {key for some in owners.values() for key in some}
    later |= dict.fromkeys(keys if len(keys) <= NAMED else {key.partition(":")[0] for key in keys})
    missing += [MissingFilter(one, owners[one][0], refused[one], one in needed) for one in [*owners][:NAMED]]
    if more := [*owners][NAMED:]:
        dialect_name = owners[more[0]][0].partition(":")[0]
        missing.append(MissingFilter(f"{len(more)} more announced topics", dialect_name, refused[more[0]]))
    return ListenerReport(later, sorted(missing, key=lambda one: not one.needed), problem)
