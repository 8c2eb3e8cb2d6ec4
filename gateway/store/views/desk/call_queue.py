"""Queries for the desk: who waits for a call, in which order, and who is rung next."""

from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, literal_column, select
from sqlmodel import Session, col

from gateway.callbacks.lifecycle import IN_HAND, WAITING
from gateway.callbacks.queue import Waiting, due_order
from gateway.model import Actor, Callback, CallbackKind, CallbackState, Customer, Instant, Need, Outage, Site
from gateway.store.devices.device_registry import sites_with
from gateway.store.households import needs_at

_OF_THE_SAME_MINUTE = 8  # more callbacks are looked at, for the order among those of the same promised minute
PLACE = (col(Site.name), col(Site.street), col(Site.postcode), col(Site.town))


class Show(StrEnum):
    """Which of the open callbacks."""

    ALL = "all"
    HELP = "help"
    """Calls for help."""
    NO_HELP = "no_help"
    """All others."""
    LATE = "late"
    """They were promised a call by now."""
    MINE = "mine"
    """That whoever looks has taken."""
    OUTAGE = "outage"
    """They may be about an outage."""


class Place(NamedTuple):
    """Where a home is."""

    name: str
    street: str
    postcode: str
    town: str

    @property
    def shown(self) -> str:
        return ", ".join(part for part in (self.street, f"{self.postcode} {self.town}".strip()) if part) or self.name


class Call(NamedTuple):
    """A callback, and what its line says."""

    callback: Callback
    customer: str
    place: Place
    needs: frozenset[Need]
    outage: str | None  # the area of the outage that it may be about


def counts(session: Session) -> dict[Show, int]:
    """How many are open: all, calls for help, and the others."""
    is_help = col(Callback.kind) == CallbackKind.EMERGENCY
    found = {bool(helps): count for helps, count in session.execute(
        select(is_help, func.count()).select_from(Callback).where(_OPEN).group_by(is_help))}
    helps, others = found.get(True, 0), found.get(False, 0)
    return {Show.ALL: helps + others, Show.HELP: helps, Show.NO_HELP: others}


def count(session: Session, now: Instant, show: Show, me: str = "") -> int:
    return session.scalar(select(func.count()).select_from(Callback).where(_OPEN, *_which(show, now, me))) or 0


def newest_help(session: Session) -> Call | None:
    """The call for help that came last, of those that nobody has taken."""
    row = session.execute(_CALL.where(_OPEN, _FOR_HELP, col(Callback.state) == CallbackState.REQUESTED)
                          .order_by(col(Callback.requested_at).desc(), col(Callback.id)).limit(1)).first()
    if row is None:
        return None
    callback, name, outage, *place = row
    return Call(callback, name, Place(*place), frozenset(), outage)


def first(session: Session, now: Instant, most: int, show: Show = Show.ALL, me: str = "",
          emergency_profiles: Collection[str] = ()) -> list[Call]:
    """In the order of the desk. `me`: the agent, as callbacks name them; `emergency_profiles`: of emergency buttons."""
    rows = session.execute(
        _CALL.where(_OPEN, *_which(show, now, me))
        .order_by(col(Callback.kind) != CallbackKind.EMERGENCY, col(Callback.state).not_in(WAITING),
                  func.coalesce(Callback.ring_from, 0) > now, col(Callback.promised_by), col(Callback.id))
        .limit(most + _OF_THE_SAME_MINUTE)).all()
    sites = {callback.site_id for callback, *_ in rows}
    needs = needs_at(session, sites)
    buttons = sites_with(session, sites, emergency_profiles) if sites and emergency_profiles else frozenset()
    of = {callback.id: Call(callback, name, Place(*place), needs.get(callback.site_id, frozenset()), outage)
          for callback, name, outage, *place in rows}
    waiting = [Waiting(one.callback, one.needs, one.callback.site_id in buttons) for one in of.values()]
    return [of[one.callback.id] for one in due_order(waiting, now)[:most]]


def next_to_ring(session: Session, who: Actor, now: Instant, emergency_profiles: Collection[str]) -> Callback | None:
    """The first whose time has come and that nobody else has; None: nobody is to be rung now."""
    for call in first(session, now, 30, emergency_profiles=emergency_profiles):
        callback = call.callback
        if callback.state in IN_HAND and callback.agent != str(who):
            continue
        if callback.state in WAITING and (callback.ring_from or 0) <= now:
            return callback
    return None


_OPEN: ColumnElement[bool] = col(Callback.closed_at).is_(None)
# as its partial index says it: with a parameter in place of the value SQLite would not use it
_FOR_HELP: ColumnElement[bool] = literal_column(f"callback.kind = '{CallbackKind.EMERGENCY}'")
_CALL = (select(Callback, col(Customer.name), col(Outage.name), *PLACE).join(Site, col(Site.id) == Callback.site_id)
         .join(Customer, col(Customer.id) == Callback.customer_id)
         .outerjoin(Outage, col(Outage.id) == Callback.outage_id))


def _which(show: Show, now: Instant, me: str) -> tuple[ColumnElement[bool], ...]:
    match show:
        case Show.HELP:
            return (_FOR_HELP,)
        case Show.NO_HELP:
            return (col(Callback.kind) != CallbackKind.EMERGENCY,)
        case Show.LATE:
            return col(Callback.promised_by) < now, col(Callback.state).in_(WAITING)
        case Show.MINE:
            return col(Callback.agent) == me, col(Callback.state).in_(IN_HAND | {CallbackState.CONNECTED})
        case Show.OUTAGE:
            return (col(Callback.outage_id).is_not(None),)
    return ()
