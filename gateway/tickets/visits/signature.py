"""A signature on a technician's screen: strokes of whole points, drawn anew by us and never shown as they came."""

import re
from dataclasses import dataclass
from hashlib import sha256

from gateway.model import Instant, Signature, Visit

WIDTH, HEIGHT = 600, 200  # of the field that is drawn on
NAME = 80  # characters
POINTS = 3000  # of all strokes: more than a slow hand needs
LONGEST = POINTS * 8  # characters of that
_STROKE = re.compile(r"\d{1,3},\d{1,3}(?: \d{1,3},\d{1,3})*", re.ASCII)


class Undrawable(ValueError):
    """What came is no drawing of ours."""


@dataclass(frozen=True)
class Signed:
    """By whom, and how: a name that was typed, a drawing, or both."""

    name: str = ""
    drawing: str = ""  # as `strokes` takes it


def signed(name: str, drawing: str) -> Signed | None:
    """None when nobody has signed. Raises Undrawable."""
    name, drawing = " ".join(name.split())[:NAME], drawing.strip()
    if not drawing:
        return Signed(name) if name else None
    return Signed(name, ";".join(" ".join(f"{x},{y}" for x, y in stroke) for stroke in strokes(drawing)))


def strokes(drawing: str) -> list[list[tuple[int, int]]]:
    """`1,2 3,4;5,6` → its strokes, within the field. Raises Undrawable."""
    if len(drawing) > LONGEST:
        raise Undrawable("too long")
    found = []
    for stroke in drawing.split(";"):
        if not _STROKE.fullmatch(stroke):
            raise Undrawable("not points")
        points = [point.split(",") for point in stroke.split(" ")]
        found.append([(int(x), int(y)) for x, y in points])
    points_of_all = [point for stroke in found for point in stroke]
    if len(points_of_all) > POINTS or any(x > WIDTH or y > HEIGHT for x, y in points_of_all):
        raise Undrawable("outside the field")
    return found


def path_of(drawing: str) -> str:
    """The `d` of an SVG path: a dot for a stroke of one point."""
    return "".join(f"M{stroke[0][0]} {stroke[0][1]}" + ("h0" if len(stroke) == 1 else "".join(
        f"L{x} {y}" for x, y in stroke[1:])) for stroke in strokes(drawing))


def signature_row(row_id: str, given: Signed, visit: Visit, site_id: str, note: str, now: Instant) -> Signature:
    """`note`: what the page said was done when they signed."""
    return Signature(id=row_id, visit_id=visit.id, site_id=site_id, name=given.name, drawing=given.drawing,
                     shown=sha256(note.encode()).hexdigest(), created_at=now)
