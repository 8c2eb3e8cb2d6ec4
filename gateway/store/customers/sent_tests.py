"""Queries for test messages that were sent lately: by whom, and to which address."""

from sqlalchemy import delete, text
from sqlmodel import Session, col, select

from gateway.model import DAY, HOUR, Instant, SentTest

KEPT = DAY  # so long the same key sends nothing again


def lock_sending(session: Session) -> None:
    """Until the transaction ends: two are counted one after the other. SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(text("SELECT pg_advisory_xact_lock(7294414)"))


def of_last_hour(session: Session, account: str, to_hash: str, now: Instant) -> tuple[list[Instant], list[Instant]]:
    """(those of the account, those to the address), the oldest first."""
    def when(condition: bool) -> list[Instant]:
        return list(session.exec(select(SentTest.at).where(condition, col(SentTest.at) > now - HOUR)
                                 .order_by(col(SentTest.at))))

    return when(SentTest.account == account), when(SentTest.to_hash == to_hash)


def forget_old(session: Session, now: Instant) -> None:
    session.connection().execute(delete(SentTest).where(col(SentTest.at) < now - KEPT))
