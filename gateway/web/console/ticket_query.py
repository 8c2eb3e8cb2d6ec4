"""What the address of the list of tickets asks for: filter, order and page, and addresses of the same list that differ
in one thing."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from fastapi import HTTPException

from gateway.model import Severity, TicketState
from gateway.store.views.ticket_list import Sort, States, TicketFilter

ME = "@me"  # as the owner: whoever looks, so that a view can be everybody's
PATH = "/console/tickets"
_LONGEST = 200  # characters of a value
_PAGES = ("cursor", "before")
_Member = TypeVar("_Member", bound=StrEnum)


@dataclass(frozen=True)
class TicketQuery:
    """As the address says it; "" is the usual."""

    state: str = ""
    severity: str = ""
    owner: str = ""
    provider: str = ""
    area: str = ""
    skill: str = ""
    overdue: str = ""
    risk: str = ""
    text: str = ""
    sort: str = ""  # "-" before it: the other way round
    cursor: str = ""
    before: str = ""  # how many rows are on the pages before this one

    def wanted(self, me: str) -> TicketFilter:
        """`me`: the name of whoever looks. Raises HTTPException 422 for a value that there is not."""
        state = States.OPEN if not self.state else (
            States(self.state) if self.state in tuple(States) else _member(TicketState, self.state, "state"))
        return TicketFilter(
            state, _member(Severity, self.severity, "severity") if self.severity else None,
            me if self.owner == ME else self.owner, self.provider, self.area, self.skill, _yes(self.overdue, "overdue"),
            _yes(self.risk, "risk"), " ".join(self.text.split()))

    @property
    def order(self) -> tuple[Sort, bool]:
        """(by what, whether the other way round)."""
        name = self.sort.removeprefix("-")
        return (_member(Sort, name, "sort") if name else Sort.SEVERITY), self.sort.startswith("-")

    @property
    def rows_before(self) -> int:
        return int(self.before) if self.before.isdecimal() and len(self.before) < 9 else 0

    @property
    def is_filtered(self) -> bool:
        return self.filter_only != TicketQuery()

    @property
    def filter_only(self) -> "TicketQuery":
        return replace(self, sort="", cursor="", before="")

    @property
    def first_page(self) -> "TicketQuery":
        return replace(self, cursor="", before="")

    def address(self, **other: Any) -> str:
        """Of the list that differs in `other`; but for the page itself it is the first one."""
        kept = self if set(other) & set(_PAGES) else self.first_page
        query = replace(kept, **{name: str(value) for name, value in other.items()}).written
        return f"{PATH}?{query}" if query else PATH

    @property
    def written(self) -> str:
        """The query of the address, without what is as usual."""
        return urlencode([(name, value) for name, value in asdict(self).items() if value])

    def sorted_by(self, sort: str) -> str:
        """The address behind a column's name: by it, or the other way round when it is so already."""
        now, turned = self.order
        return self.address(sort=f"-{sort}" if now == sort and not turned else sort)


def read_query(values: Mapping[str, str]) -> TicketQuery:
    """Raises HTTPException 422 for a parameter that there is not: a filter that is not understood may not be ignored
    where somebody acts on all that match."""
    names = set(asdict(TicketQuery()))
    for name, value in values.items():
        if name not in names:
            raise HTTPException(422, f"The list of tickets cannot be filtered by {name[:40]!r}")
        if len(value) > _LONGEST or "\0" in value:
            raise HTTPException(422, f"The value of {name!r} is too long")
    query = TicketQuery(**values)
    query.wanted("")
    _ = query.order
    return query


def parse_query(text: str) -> TicketQuery:
    return read_query(dict(parse_qsl(text)))


def _member(kind: type[_Member], value: str, name: str) -> _Member:
    if value not in tuple(kind):
        raise HTTPException(422, f"There is no {name} {value[:40]!r}; expected one of: {', '.join(kind)}")
    return kind(value)


def _yes(value: str, name: str) -> bool:
    if value not in ("", "true", "false"):
        raise HTTPException(422, f"{name} is {value[:40]!r}; expected true or false")
    return value == "true"
