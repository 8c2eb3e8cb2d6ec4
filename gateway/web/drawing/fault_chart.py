"""The course of what a rule judged around its alarm, drawn for a page."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from gateway.devices.profiles import Profile
from gateway.model import Alarm, Outage
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.charts.fault_course import Around, fault_courses
from gateway.notifications.format_times import TimeFormat
from gateway.web.drawing.chart import NARROW, WIDTH, draw


class FaultChart(NamedTuple):
    """One signal around a fault."""

    name: str  # of the signal, to stand at the beginning
    svg: Markup
    text: str  # the same for who cannot see it


def fault_chart(around: Around | None, alarms: Sequence[Alarm], outage: Outage | None, profile: Profile | None,
                words: Catalogue, say: TimeFormat, narrow: bool = False) -> FaultChart | None:
    """Of the first signal that an alarm judged; else of the first by name, unless `narrow`: on a phone nobody looks at
    what has nothing to do with the fault. None: there is no course to draw."""
    for one in fault_courses(around, alarms, outage, profile, words, say, judged_only=narrow):
        svg = draw(one.facts, NARROW if narrow else WIDTH)
        if svg is not None:
            return FaultChart(one.name, svg, one.facts.title)
    return None
