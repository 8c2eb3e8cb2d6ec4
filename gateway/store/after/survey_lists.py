"""What customers answered when they were asked how it went: one by one, added up by firm, and as a file."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import case, func
from sqlmodel import Session, col, select

from gateway.model import Customer, Instant, Provider, Survey, SurveyMark, Ticket, Visit, to_iso
from gateway.store import Store
from gateway.store.after.csv_lines import csv_lines
from gateway.store.views.pagination import Order, Page, page

COLUMNS = ("ticket_id", "customer_id", "provider_id", "provider", "asked_at", "answered_at", "works", "ease", "care",
           "words")
PART = 500  # rows that are read at once
_WITH_FIRM = (select(Survey, Provider).outerjoin(Visit, col(Visit.id) == Survey.visit_id)
              .outerjoin(Provider, col(Provider.id) == Visit.provider_id))
_FILTERS: dict[str, Any] = {
    "ticket": lambda value: Survey.ticket_id == value, "provider": lambda value: Visit.provider_id == value,
    "works": lambda value: col(Survey.works).is_(value),
    "answered": lambda value: col(Survey.answered_at).is_not(None) if value else col(Survey.answered_at).is_(None),
    "since": lambda value: col(Survey.asked_at) >= value, "until": lambda value: col(Survey.asked_at) < value,
}


class Share(NamedTuple):
    """How many of those who answered a question said that it was good."""

    good: int
    of: int

    @property
    def percent(self) -> int | None:
        """None: nobody has answered it."""
        return round(100 * self.good / self.of) if self.of else None


class FirmAnswers(NamedTuple):
    """What was said of the visits of one firm; without a firm nobody had to come."""

    provider: Provider | None
    asked: int
    answered: int
    works: Share
    ease: Share
    care: Share


def surveys(session: Session, wanted: Mapping[str, Any], cursor: str | None, limit: int) -> Page:
    """Rows are (Survey, Provider or None), those that were asked last first."""
    query = _WITH_FIRM.where(*(_FILTERS[name](value) for name, value in wanted.items()))
    return page(session, query, Order((Survey.asked_at, Survey.id)), cursor, limit)


def survey_of_ticket(session: Session, ticket_id: str) -> tuple[Survey, Provider | None] | None:
    found = session.exec(_WITH_FIRM.where(Survey.ticket_id == ticket_id)).first()
    return None if found is None else (found[0], found[1])


def summary(session: Session, since: Instant, until: Instant) -> tuple[FirmAnswers, list[FirmAnswers]]:
    """(all together, by firm: the one with most answers first) of those asked in that time."""
    counts = [func.count(), func.count(col(Survey.answered_at)),
              _count(col(Survey.works).is_(True)), func.count(col(Survey.works)),
              _count(Survey.ease == SurveyMark.GOOD), func.count(col(Survey.ease)),
              _count(Survey.care == SurveyMark.GOOD), func.count(col(Survey.care))]
    rows = session.execute(
        select(Visit.provider_id, *counts).select_from(Survey)
        .outerjoin(Visit, col(Visit.id) == Survey.visit_id)
        .where(col(Survey.asked_at) >= since, col(Survey.asked_at) < until).group_by(col(Visit.provider_id))).all()
    firms = {one.id: one for one in session.exec(select(Provider).where(
        col(Provider.id).in_([row[0] for row in rows if row[0] is not None])))}
    found = [_answers(firms.get(row[0] or ""), [int(value or 0) for value in row[1:]]) for row in rows]
    total = [sum(int(row[place] or 0) for row in rows) for place in range(1, 9)]
    return _answers(None, total), sorted(found, key=lambda one: (
        -one.answered, one.provider.name if one.provider is not None else ""))


def survey_file(store: Store, since: Instant | None, until: Instant | None) -> Iterator[str]:
    """All that were asked in that time, as CSV, the newest first."""
    return csv_lines(COLUMNS, _lines(store, since, until))


def named(session: Session, row: Survey) -> tuple[Ticket, Customer]:
    """Whose it is, and about which ticket."""
    return session.get_one(Ticket, row.ticket_id), session.get_one(Customer, row.customer_id)


def _count(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))


def _answers(provider: Provider | None, counts: list[int]) -> FirmAnswers:
    asked, answered, *shares = counts
    works, ease, care = (Share(good, of) for good, of in zip(shares[::2], shares[1::2], strict=True))
    return FirmAnswers(provider, asked, answered, works, ease, care)


def _lines(store: Store, since: Instant | None, until: Instant | None) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    wanted = {name: at for name, at in (("since", since), ("until", until)) if at is not None}
    while True:
        with store.read() as session:
            found = surveys(session, wanted, cursor, PART)
        for row, firm in found.rows:
            yield {"ticket_id": row.ticket_id, "customer_id": row.customer_id, "provider_id": firm and firm.id,
                   "provider": firm and firm.name, "asked_at": to_iso(row.asked_at),
                   "answered_at": None if row.answered_at is None else to_iso(row.answered_at), "works": row.works,
                   "ease": row.ease, "care": row.care, "words": row.words}
        cursor = found.next
        if cursor is None:
            return
