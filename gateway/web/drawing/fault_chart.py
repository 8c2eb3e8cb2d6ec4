"""The course of what a rule judged around its alarm, drawn and said: limit, how long, between which values."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

from gateway.devices.profiles import Profile
from gateway.model import Alarm, Instant, Outage
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.entries import in_language
from gateway.notifications.format_times import TimeFormat, capital
from gateway.notifications.format_values import number
from gateway.store.visits.around_fault import Around
from gateway.web.drawing.chart import NARROW, WIDTH, ChartFacts, Span, Threshold, draw
from gateway.web.pages.alarm_details import signal_name, with_unit


class FaultChart(NamedTuple):
    """One signal around a fault."""

    name: str  # of the signal, to stand at the beginning
    svg: Markup
    text: str  # the same for who cannot see it


def fault_chart(around: Around | None, alarms: Sequence[Alarm], outage: Outage | None, profile: Profile | None,
                words: Catalogue, say: TimeFormat, narrow: bool = False) -> FaultChart | None:
    """Of the first signal that an alarm judged; else of the first by name, unless `narrow`: on a phone nobody looks at
    what has nothing to do with the fault. None: there is no course to draw."""
    courses = _courses(around)
    judged = [name for alarm in alarms for name in alarm.evidence.get("signals", {})]
    for name in dict.fromkeys(judged if narrow else (*judged, *sorted(courses))):
        course = courses.get(name, [])
        if around is None or len(course) < 2:
            continue
        unit = profile.signals[name].unit if profile is not None and name in profile.signals else ""
        limits = [*_thresholds(alarms, name, unit, words)]
        spans = [Span("alarm", in_language(alarm.cause_texts, words), alarm.opened_at,
                      alarm.cleared_at or alarm.closed_at) for alarm in alarms]
        if outage is not None:
            spans.append(Span("outage", words("page.chart.outage", outage=outage.id), outage.began_at,
                              outage.restored_at))
        text = " ".join(_sentences(name, course, limits, spans, profile, words, say))
        since = course[0][0] if narrow else around.since
        svg = draw(ChartFacts(text, unit, course, since, around.until, say.zone, limits, spans,
                              NARROW if narrow else WIDTH, say))
        if svg is not None:
            return FaultChart(capital(signal_name(name, profile, words)), svg, text)
    return None


def _courses(around: Around | None) -> dict[str, list[tuple[Instant, float]]]:
    courses: dict[str, list[tuple[Instant, float]]] = {}
    for at, signals in around.readings if around is not None else ():
        for name, value in json.loads(signals).items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                courses.setdefault(name, []).append((at, value))
    return courses


def _sentences(name: str, course: Sequence[tuple[Instant, float]], limits: Iterable[Threshold],
               spans: Iterable[Span], profile: Profile | None, words: Catalogue, say: TimeFormat) -> Iterator[str]:
    low, high = min(value for _, value in course), max(value for _, value in course)
    yield words("page.chart.course", signal=capital(signal_name(name, profile, words)), since=say.when(course[0][0]),
                until=say.when(course[-1][0]), low=with_unit(name, low, profile, words),
                high=with_unit(name, high, profile, words))
    for limit in limits:
        yield f"{limit.name}."
    for span in spans:
        yield words("page.chart.span" if span.until is not None else "page.chart.still", what=span.name,
                    since=say.when(span.since), until=say.when(span.until or say.now))


def _thresholds(alarms: Iterable[Alarm], signal: str, unit: str, words: Catalogue) -> Iterator[Threshold]:
    """The constants that a rule compares this signal with."""
    seen = set()
    for alarm in alarms:
        pattern = rf"\b{re.escape(signal)}\s*([<>]=?)\s*(-?\d+(?:\.\d+)?)\b"
        for sign, limit in re.findall(pattern, str(alarm.evidence.get("when", ""))):
            if (sign, limit) not in seen:
                seen.add((sign, limit))
                said = f"{sign} {number(float(limit), words.locale, '#,##0.##')} {unit}".strip()
                yield Threshold(float(limit), words("page.chart.limit", limit=said))
