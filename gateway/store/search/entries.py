"""Queries of the index: whose entries have all of these words. What each reads is bounded, however common a word is."""

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, literal_column, or_, select, union_all
from sqlmodel import Session, col

from gateway.model import SearchEntry, SearchField, SearchTerm
from gateway.store.search.terms import Word

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
    query = _owners(tuple(fields), len(first.ranges), tuple(len(one.ranges) for one in others), owner.key)
    owners = session.connection().scalars(query, _values([first, *others])).all()
    return set(owners), len(owners) >= MOST


def _rarest(session: Session, words: Sequence[Word], fields: Sequence[SearchField]) -> Word | None:
    """The word with the fewest terms; None when one of them has none at all."""
    ranges = [word for word in words for _ in word.ranges]
    counts = session.connection().execute(_counts(tuple(fields), len(ranges)), _values(words)).one()
    total: defaultdict[Word, int] = defaultdict(int)
    for word, count in zip((word for word in ranges for _ in fields), counts, strict=True):
        total[word] += count
    return min(words, key=lambda word: total[word]) if all(total[word] for word in words) else None


# Statements are made once for each form of a question: to make one takes ten times as long as the database to answer.
# The values travel beside it: nothing that is typed is ever a part of it.


def _values(words: Sequence[Word]) -> dict[str, str]:
    ranges = [part for word in words for part in word.ranges]
    return {f"low{place}": part.low for place, part in enumerate(ranges)} | {
        f"high{place}": part.high for place, part in enumerate(ranges)}


@lru_cache(maxsize=200)
def _counts(fields: tuple[SearchField, ...], ranges: int) -> Any:
    return select(*(
        select(func.count()).select_from(_first(kind, place, _COUNTED).subquery()).scalar_subquery()
        for place in range(ranges) for kind in fields))


@lru_cache(maxsize=500)
def _owners(fields: tuple[SearchField, ...], first: int, others: tuple[int, ...], owner: str) -> Any:
    """Of the entries with the first word, which has so many ranges, and with all the others."""
    ends = list(accumulate(others, initial=first))
    rest = [range(*between) for between in pairwise(ends)]
    parts = [_with_all(kind, place, rest).subquery() for kind in fields for place in range(first)]
    found = union_all(*(select(part.c.entry_id) for part in parts)).subquery()
    return select(getattr(SearchEntry, owner)).join(found, found.c.entry_id == col(SearchEntry.id))


def _with_all(kind: SearchField, place: int, others: Sequence[range]) -> Select[int]:
    """Entries with a term of this range and one of each other word. What it reads is bounded: the terms of the range,
    and for each a few steps down an index. A plain EXISTS might be turned into a join that reads all of a common word.
    """
    driving = _first(kind, place, _SCANNED if others else MOST).subquery("driving")
    query = select(driving.c.entry_id).order_by(driving.c.term, driving.c.entry_id).limit(MOST)
    for word in others:
        query = query.where(or_(*(
            select(literal_column("1")).select_from(SearchTerm).where(
                col(SearchTerm.entry_id) == driving.c.entry_id, *_between(one)).limit(1).scalar_subquery().is_not(None)
            for one in word)))
    return query


def _first(kind: SearchField, place: int, most: int) -> Select[int, str]:
    """In the order of an index, also where only their number matters: PostgreSQL, which plans without looking at the
    values, would otherwise read the whole table and hope to have enough soon."""
    return (select(col(SearchTerm.entry_id), col(SearchTerm.term))
            .where(col(SearchTerm.field) == kind, *_between(place))
            .order_by(col(SearchTerm.term), col(SearchTerm.entry_id)).limit(literal_column(str(most))))


def _between(place: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The terms of that range."""
    return col(SearchTerm.term) >= bindparam(f"low{place}"), col(SearchTerm.term) < bindparam(f"high{place}")
