"""Finds the home that a caller speaks of, by what they say: a street, a number of ours, their telephone."""

from typing import NamedTuple

from sqlalchemy import func, select
from sqlmodel import Session, col

from gateway.model import Callback, Site, Ticket

MOST = 30  # places


class Address(NamedTuple):
    """A home by where it is: who lives there is not said before the caller has shown that they do."""

    site_id: str
    shown: str


def places_like(session: Session, typed: str) -> list[Address]:
    """The best first."""
    text = " ".join(typed.split())
    row = session.get(Ticket, text.upper()) or session.get(Callback, text.upper())
    if row is not None:
        site = session.get_one(Site, row.site_id)
        return [Address(site.id, site.address or site.name)]
    begins = func.lower(col(Site.street)).startswith(text.lower(), autoescape=True)
    rows = session.scalars(select(Site).where(begins).order_by(col(Site.street), col(Site.id)).limit(MOST))
    return [Address(site.id, site.address or site.name) for site in rows]
