"""A letter taken apart for the HTML of a mail: what of it is a sentence, what a table, and what stands at its edges."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple
from urllib.parse import quote

_ROW = re.compile(r"([^\W\d_][^:.,;!?\n]{0,27}?)[ \u00a0\u202f]?:[ \u00a0]+(\S.*)")  # `Who: Karin Kunz`
_NUMBERED = re.compile(r"\d+\. ")
_INITIALS = 2


@dataclass(frozen=True)
class Part:
    """One piece of a letter, from top to bottom: lines of text, or rows of a name and a value."""

    lines: Sequence[tuple[str, str]] = ()  # (text, where it leads or "")
    rows: Sequence[tuple[str, str]] = ()
    person: "Person | None" = None  # who comes, above the rows
    is_chart: bool = False


class Person(NamedTuple):
    """Somebody who comes, as the letter calls them."""

    label: str  # e.g. Who
    name: str  # e.g. Karin Kunz, Kunz Heating
    initials: str


def with_person(parts: Sequence[Part], technician: str, firm: str) -> list[Part]:
    """With whoever comes as the person they are: in place of the row that names them, else below the greeting."""
    name = technician or firm
    for at, part in enumerate(parts):
        found = next((row for row in part.rows if name and f"{row[1]},".startswith(f"{name},")), None)
        if found is not None:
            others = [row for row in part.rows if row != found]
            shown = replace(part, person=Person(*found, initials(name)), rows=others)
            return [*parts[:at], shown, *parts[at + 1:]]
    if not name:
        return [*parts]
    whole = f"{technician}, {firm}" if technician and firm and firm != technician else name
    return [*parts[:1], Part(person=Person("", whole, initials(name))), *parts[1:]]


def parts_of(letter: str, edges: Sequence[str], chart: str, links: Sequence[str], unbroken: str = ""
             ) -> list[Part]:
    """`edges`: links of the button and below; what brings them stands elsewhere. `chart`: the text in whose place a
    picture goes. `links`: ours that a line may end with; what people wrote leads nowhere. `unbroken`: a telephone
    number, in which no line shall end."""
    parts: list[Part] = []
    for paragraph in letter.strip().split("\n\n"):
        lines = paragraph.strip("\n").split("\n")
        if lines[-1] in edges or not paragraph.strip():
            continue
        if unbroken:
            lines = [line.replace(unbroken, unbroken.replace(" ", "\u00a0")) for line in lines]
        parts += [Part(is_chart=True)] if chart and paragraph == chart else _pieces(lines, links)
    return parts


def initials(name: str) -> str:
    """`KK` of Karin Kunz; "" of a name that has none."""
    words = [word for word in name.split() if word[0].isalpha()]
    some = words if len(words) <= _INITIALS else [words[0], words[-1]]
    return "".join(word[0] for word in some).upper()


def telephone_link(phone: str) -> str:
    """`tel:` and the number as it can be dialled; "" when there is none."""
    dialled = re.sub(r"[^\d+*#]", "", phone)
    return f"tel:{quote(dialled, safe='+*')}" if any(one.isdigit() for one in dialled) else ""


def _pieces(lines: Sequence[str], links: Sequence[str]) -> Iterator[Part]:
    for is_row, some in groupby(lines, lambda line: _row(line) is not None):
        rows = list(some)
        found = [pair for pair in map(_row, rows) if pair is not None] if is_row else []
        if len(found) > 1 and len(found) == len(rows):
            yield Part(rows=found)
        else:
            yield Part(lines=[_led(line, links) for line in rows])


def _row(line: str) -> tuple[str, str] | None:
    found = None if _NUMBERED.match(line) else _ROW.fullmatch(line)
    return (found[1].strip(), found[2]) if found else None


def _led(line: str, links: Sequence[str]) -> tuple[str, str]:
    """`1. It works again: https://…` → the words, and where they lead."""
    for link in links:
        if link and line.endswith(link):
            return line.removesuffix(link).rstrip(" :\u00a0\u202f") or link, link
    return line, ""
