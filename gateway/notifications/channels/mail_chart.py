"""Draws the chart of a fault for a mail: a small PNG on a light ground of its own, so that it is read in dark mode too.

It holds lines and figures only; the words stand beside it in the mail, in the reader's letters and size.
"""

from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

from gateway.model import local
from gateway.notifications.charts.geometry import ChartFacts, Frame, Plot, axis_label, pieces, plot, times_between

if TYPE_CHECKING:  # it takes 5 MB, which not everybody needs
    from PIL import ImageDraw, ImageFont

_TWICE = 2  # pixels for each of the frame's: screens are fine
_SMOOTH = 2  # drawn so much larger and made smaller again: Pillow's lines have steps
_GROUND, _EDGE, _GRID, _TEXT = "#f8f9f8", "#cfd5d1", "#dfe3df", "#4a565c"  # page.css, a little darker on its ground
_COURSE, _LIMIT = "#0b6e7f", "#a11b1b"
_SPANS = {"alarm": "#f3dedd", "outage": "#e4e7e5"}
_SIZE, _PER_TICK = 15, 78
_COLOURS = 48  # of the palette: lines and figures need no more


def drawn(facts: ChartFacts, frame: Frame) -> bytes:
    """A PNG; of a course that cannot be drawn an empty ground."""
    from PIL import Image, ImageDraw

    factor = _TWICE * _SMOOTH
    canvas = Image.new("RGB", (frame.width * factor, frame.height * factor), _GROUND)
    found = plot(facts, frame)
    if found is not None:
        _lines(ImageDraw.Draw(canvas), facts, found, factor)
    picture = canvas.reduce(_SMOOTH)
    pen = ImageDraw.Draw(picture)
    pen.rounded_rectangle((0, 0, picture.width - 1, picture.height - 1), 20, outline=_EDGE, width=2)
    if found is not None:
        _figures(pen, facts, found)
    file = BytesIO()
    picture.quantize(_COLOURS, Image.Quantize.FASTOCTREE).save(file, "PNG")
    return file.getvalue()


def _lines(pen: "ImageDraw.ImageDraw", facts: ChartFacts, found: Plot, factor: int) -> None:
    scale = found.scale
    left, top, right, bottom = scale.frame.left, scale.frame.top, scale.right, scale.bottom
    for span in sorted(facts.spans, key=lambda one: one.kind, reverse=True):  # the alarm above the outage
        until = facts.until if span.until is None else span.until
        if span.since <= facts.until and until >= facts.since:
            begin = scale.x(span.since)
            pen.rectangle(_box(begin, top, max(scale.x(until), begin + 2), bottom, factor),
                          fill=_SPANS[span.kind])
    for value in found.axis:
        pen.line(_box(left, scale.y(value), right, scale.y(value), factor), fill=_GRID, width=factor)
    for at in times_between(facts, scale.plot_w // _PER_TICK):
        pen.line(_box(scale.x(at), top, scale.x(at), bottom, factor), fill=_GRID, width=factor)
    for limit in facts.thresholds:
        for dash in range(left, right, 12):
            pen.line(_box(dash, scale.y(limit.value), min(dash + 7, right), scale.y(limit.value), factor), fill=_LIMIT,
                     width=2 * factor)
    for piece in pieces(found.course, scale):
        places = [(x * factor, y * factor) for x, y in piece]
        if len(places) > 1:
            pen.line(places, fill=_COURSE, width=int(2.5 * factor), joint="curve")
        for x, y in (places[0], places[-1]):
            pen.circle((x, y), 1.25 * factor if len(places) > 1 else 3 * factor, fill=_COURSE)


def _figures(pen: "ImageDraw.ImageDraw", facts: ChartFacts, found: Plot) -> None:
    scale, font = found.scale, _font()
    for value in found.axis:
        pen.text(((scale.frame.left - 8) * _TWICE, scale.y(value) * _TWICE), axis_label(value, found.axis, facts.say),
                 fill=_TEXT, font=font, anchor="rm")
    for at in times_between(facts, scale.plot_w // _PER_TICK):
        x = min(scale.x(at), scale.frame.width - 24)
        pen.text((x * _TWICE, (scale.bottom + 7) * _TWICE), f"{local(at, facts.zone):%H:%M}", fill=_TEXT, font=font,
                 anchor="mt")


def _box(left: float, top: float, right: float, bottom: float, factor: int) -> tuple[float, float, float, float]:
    return left * factor, top * factor, right * factor, bottom * factor


@cache
def _font() -> "ImageFont.FreeTypeFont | ImageFont.ImageFont":
    """Pillow's own: the same on every machine."""
    from PIL import ImageFont

    return ImageFont.load_default(_SIZE * _TWICE)
