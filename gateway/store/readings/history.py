"""Reads the stored readings for a backtest, device by device, in order of receipt."""

from collections.abc import Iterator

import orjson
from sqlalchemy import text
from sqlmodel import Session, col, select

from gateway.backtest import Place, Row
from gateway.model import Device, Instant, Site

NO_LIMIT = 2**62
_READINGS = text("SELECT received_at, at, signals FROM reading WHERE device_id = :device AND at >= :since "
                 "AND at < :until ORDER BY received_at, id")
_MINUTES = text("SELECT DISTINCT received_at / 60000 FROM reading WHERE at >= :since AND at < :until")
_LAST = text("SELECT max(received_at), count(*) FROM reading WHERE at >= :since AND at < :until")


def places(session: Session) -> list[Place]:
    """Every device in use with its site and customer, ordered by device id."""
    rows = session.execute(select(Device, Site).join(Site, col(Site.id) == Device.site_id)
                           .where(col(Device.retired_at).is_(None)).order_by(Device.id))
    return [Place(device.id, device.profile, site.id, site.customer_id, key=device.key, name=device.name,
                  timezone=site.timezone)
            for device, site in rows]


def rows(session: Session, device_id: str, since: Instant | None, until: Instant | None) -> Iterator[Row]:
    """One device's readings as (received_at, at, signals), in order of receipt. `since` and `until` (ms) compare with
    the device's own time `at`."""
    bound = {"device": device_id, "since": since or 0, "until": until or NO_LIMIT}
    loads = orjson.loads
    for received_at, at, signals in session.connection().execute(_READINGS, bound):
        yield received_at, at, loads(signals)


def time_range(session: Session, since: Instant | None, until: Instant | None) -> tuple[Instant, int, list[int]]:
    """(when the last reading was received, 0 for none; their number; the minutes since 1970 in which any was)."""
    bound = {"since": since or 0, "until": until or NO_LIMIT}
    last, count = session.connection().execute(_LAST, bound).one()
    return last or 0, count, [int(row[0]) for row in session.connection().execute(_MINUTES, bound)]
