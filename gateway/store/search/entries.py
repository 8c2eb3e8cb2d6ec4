"""Queries of the index: whose entries have all of these words. What each reads is bounded, however common a word is."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, literal_column, or_, select, union_all
from sqlmodel import Session, col

from gateway.model import SearchEntry, SearchField, SearchTerm
from gateway.store.search.terms import Range, Word

MOST = 40  # entries looked at; those with the rarest word, exact before begun
_SCANNED = 2000  # terms of the rarest word; who types two words that everybody has is asked for a third
_COUNTED = 500  # terms of a word, to see which is the rarest


def owners_with(session: Session, words: Sequence[Word], fields: Sequence[SearchField], owner: Any
             ) -> tuple[set[str], bool]:
    """The customers or sites in whose entries all these words are, and whether there may be more."""
    first = _rarest(session, words, fields) if len(words) > 1 else words[0]
    if first is None:
        return set(), False
    others = [one for one in words if one is not first]
    parts = [_with_all(kind, part, others).subquery() for kind in fields for part in first.ranges]
    found = union_all(*(select(part.c.entry_id) for part in parts)).subquery()
    owners = session.connection().scalars(select(owner).join(found, found.c.entry_id == col(SearchEntry.id))).all()
    return set(owners), len(owners) >= MOST


def _rarest(session: Session, words: Sequence[Word], fields: Sequence[SearchField]) -> Word | None:
    """The word with the fewest terms; None when one of them has none at all."""
    parts = [(word, kind, part) for word in words for kind in fields for part in word.ranges]
    counts = session.connection().execute(select(*(
        select(func.count()).select_from(_first(kind, part, _COUNTED).subquery()).scalar_subquery()
        for _, kind, part in parts))).one()
    total: defaultdict[Word, int] = defaultdict(int)
    for (word, _, _), count in zip(parts, counts, strict=True):
        total[word] += count
    return min(words, key=lambda word: total[word]) if all(total[word] for word in words) else None


def _with_all(kind: SearchField, part: Range, others: Sequence[Word]) -> Select[int]:
    """Entries with a term of this range and one of each other word. What it reads is bounded: the terms of the range,
    and for each a few steps down an index. A plain EXISTS might be turned into a join that reads all of a common word.
    """
    driving = _first(kind, part, _SCANNED if others else MOST).subquery("driving")
    query = select(driving.c.entry_id).order_by(driving.c.term, driving.c.entry_id).limit(MOST)
    for word in others:
        query = query.where(or_(*(
            select(literal_column("1")).select_from(SearchTerm).where(
                col(SearchTerm.entry_id) == driving.c.entry_id, *_between(one)).limit(1).scalar_subquery().is_not(None)
            for one in word.ranges)))
    return query


def _first(kind: SearchField, part: Range, most: int) -> Select[int, str]:
    """In the order of an index, also where only their number matters: PostgreSQL, which plans without looking at the
    values, would otherwise read the whole table and hope to have enough soon."""
    return (select(col(SearchTerm.entry_id), col(SearchTerm.term)).where(_within(kind, part))
            .order_by(col(SearchTerm.term), col(SearchTerm.entry_id)).limit(literal_column(str(most))))


def _within(kind: SearchField, part: Range) -> ColumnElement[bool]:
    return and_(col(SearchTerm.field) == kind, *_between(part))


def _between(part: Range) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The values travel beside the statement: nothing that is typed is ever a part of it."""
    return (col(SearchTerm.term) >= bindparam(None, part.low), col(SearchTerm.term) < bindparam(None, part.high))
