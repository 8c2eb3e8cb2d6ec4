"""Loads maintenance windows: which are due, which customers they concern, and homes to check afterwards."""

from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, select

from gateway.model import Area, Instant, MaintenanceWindow
from gateway.store.views.pagination import Order, Page, page

_BELOW = """WITH RECURSIVE below(id) AS (SELECT id FROM area WHERE id = :area UNION SELECT a.id FROM area a JOIN below
            ON a.parent_id = below.id)"""
_CUSTOMERS = text(f"""{_BELOW} SELECT DISTINCT s.customer_id FROM below JOIN site_area sa ON sa.area_id = below.id
                      JOIN site s ON s.id = sa.site_id ORDER BY s.customer_id""")
_WAKE = text(f"""{_BELOW} UPDATE loss SET unprocessed = :yes
                 WHERE ended_at IS NULL AND died_at BETWEEN :since AND :until
                 AND site_id IN (SELECT sa.site_id FROM below JOIN site_area sa ON sa.area_id = below.id)""")


def due(session: Session, now: Instant) -> list[tuple[MaintenanceWindow, str, list[str]]]:
    """(window, name of its area, customers in it) of each whose time has come."""
    rows = session.exec(
        select(MaintenanceWindow, Area.name).join(Area, col(Area.id) == MaintenanceWindow.area_id)
        .where(col(MaintenanceWindow.next_at) <= now).order_by(MaintenanceWindow.id)
        .with_for_update(of=MaintenanceWindow))
    found = []
    for window, name in rows.all():
        customers = [row[0] for row in session.connection().execute(_CUSTOMERS, {"area": window.area_id})]
        session.expunge(window)
        found.append((window, name, customers))
    return found


def reset_looked_at(session: Session, window: MaintenanceWindow) -> None:
    """The watch looks again at the homes that went dark in it and are dark still."""
    session.connection().execute(_WAKE, {"area": window.area_id, "since": window.from_at, "until": window.until_at,
                                         "yes": True})


def windows(session: Session, cursor: str | None, limit: int) -> Page:
    """Rows are (MaintenanceWindow, Area), the latest first."""
    wanted = select(MaintenanceWindow, Area).join(Area, col(Area.id) == MaintenanceWindow.area_id)
    return page(session, wanted, Order((MaintenanceWindow.from_at, MaintenanceWindow.id)), cursor, limit)


def window(session: Session, window_id: str) -> Any | None:
    """(MaintenanceWindow, Area)."""
    wanted = select(MaintenanceWindow, Area).join(Area, col(Area.id) == MaintenanceWindow.area_id)
    return session.exec(wanted.where(MaintenanceWindow.id == window_id)).first()


def exists(session: Session, area_id: str) -> bool:
    return session.get(Area, area_id) is not None
