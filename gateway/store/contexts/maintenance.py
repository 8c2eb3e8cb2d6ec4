"""Loads the maintenance windows whose time has come, and has the homes in them checked afterwards."""


from sqlalchemy import text
from sqlmodel import Session, col, select

from gateway.model import Area, Instant, MaintenanceWindow

_BELOW = """WITH RECURSIVE below(id) AS (SELECT id FROM area WHERE id = :area UNION SELECT a.id FROM area a JOIN below
            ON a.parent_id = below.id)"""
_CUSTOMERS = text(f"""{_BELOW} SELECT DISTINCT s.customer_id FROM below JOIN site_area sa ON sa.area_id = below.id
                      JOIN site s ON s.id = sa.site_id ORDER BY s.customer_id""")
_WAKE = text(f"""{_BELOW} UPDATE loss SET unprocessed = :yes
                 WHERE ended_at IS NULL AND died_at BETWEEN :since
                 AND :until AND site_id IN (SELECT sa.site_id FROM below JOIN site_area sa ON sa.area_id = below.id)""")


def due(session: Session, now: Instant) -> list[tuple[MaintenanceWindow, str, list[str]]]:
    """(window, name of its area, ids of the customers in it) of each window whose next_at is past; locked."""
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


def scan_losses_again(session: Session, window: MaintenanceWindow) -> None:
    """Has the watch scan again the homes that lost power within `window` and are still without."""
    session.connection().execute(_WAKE, {"area": window.area_id, "since": window.from_at, "until": window.until_at,
                                         "yes": True})


def area_exists(session: Session, area_id: str) -> bool:
    return session.get(Area, area_id) is not None
