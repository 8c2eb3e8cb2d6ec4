"""Stores unclaimed devices: who publishes and is in no fleet, how often and since when; the oldest make room."""

from collections.abc import Mapping

from sqlalchemy import bindparam, delete, func, insert, update
from sqlmodel import Session, col, select

from gateway.model import Instant, Note, Unclaimed
from gateway.store.chunks import chunks
from gateway.store.devices.bridges import claimed_among

MOST_UNCLAIMED = 10_000  # a stranger inventing names must not fill the disk


def note_unclaimed(session: Session, heard: Mapping[str, tuple[int, str]], now: Instant) -> None:
    """Counts messages of devices that nobody has claimed. `heard`: key → (number of messages, a topic of one). Above
    MOST_UNCLAIMED devices, those silent for longest are deleted."""
    if not heard:
        return
    keys = sorted(heard)
    known = {key for some in chunks(keys) for key in session.exec(
        select(Unclaimed.key).where(col(Unclaimed.key).in_(some)))}
    connection = session.connection()
    if known:
        connection.execute(update(Unclaimed).where(col(Unclaimed.key) == bindparam("whose")).values(
            messages=Unclaimed.messages + bindparam("more"), last_seen_at=now), [
                {"whose": key, "more": heard[key][0]} for key in keys if key in known])
    new = [{"key": key, "topic": heard[key][1], "first_seen_at": now, "last_seen_at": now, "messages": heard[key][0]}
           for key in keys if key not in known][:MOST_UNCLAIMED]
    if new:
        _forget_strangers(session, len(new))
        connection.execute(insert(Unclaimed), new)


def _forget_strangers(session: Session, wanted: int) -> None:
    """Deletes the unclaimed devices silent for longest, and their dialect notes, to make room for `wanted` more."""
    too_many = session.exec(select(func.count()).select_from(Unclaimed)).one() + wanted - MOST_UNCLAIMED
    if too_many <= 0:
        return
    silent = select(Unclaimed.key).order_by(col(Unclaimed.last_seen_at), col(Unclaimed.key)).limit(too_many)
    gone = list(session.exec(silent))
    for some in chunks(gone):
        session.connection().execute(delete(Unclaimed).where(col(Unclaimed.key).in_(some)))
        above = {key.rpartition("/")[0] for key in some} - set(some)  # notes of a device may lie with its node
        noted = session.exec(select(Note.source).where(col(Note.source).in_([*some, *above])).distinct()).all()
        missing_topics = set(noted) - claimed_among(session, noted)
        lately = set(session.exec(select(Unclaimed.key).where(col(Unclaimed.key).in_(sorted(missing_topics & above)))))
        forgotten = missing_topics - lately
        session.connection().execute(delete(Note).where(col(Note.source).in_(forgotten)))
