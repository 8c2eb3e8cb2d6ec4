"""Turns a command row into its API model."""

from gateway.model import Command as Row
from gateway.notifications.catalogue import Catalogue
from gateway.web.api.models import Command


def command_of(row: Row, catalogue: Catalogue) -> Command:
    """`catalogue`: in which language `why` is said."""
    why = None if row.reason is None else catalogue(f"reason.{row.reason}")
    return Command(**row.model_dump(), why=why)
