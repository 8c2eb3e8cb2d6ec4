"""The course of what a rule judged around its alarm, to be drawn and said: limit, how long, between which values."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from gateway.devices.profiles import Profile
from gateway.model import Alarm, Instant, Outage
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.charts.geometry import ChartFacts, Course, Span, Threshold
from gateway.notifications.charts.signals import signal_name, with_unit
from gateway.notifications.entries import in_language
from gateway.notifications.format_times import TimeFormat, capital
from gateway.notifications.format_values import number
from gateway.notifications.topics import TopicName

CHARTED = frozenset({TopicName.FAULT_FOUND, TopicName.PLEASE_LOOK, TopicName.WORSE, TopicName.RESOLVED})
"""Messages that a chart helps to understand."""


class Around(NamedTuple):
    """What a device has measured around its fault."""

    since: Instant
    until: Instant
    readings: list[tuple[Instant, str]]  # when, and its signals as JSON; oldest first


class FaultCourse(NamedTuple):
    """One signal around a fault."""

    name: str  # of the signal, to stand at the beginning
    facts: ChartFacts  # its title says the same for who cannot see it


def fault_courses(around: Around | None, alarms: Sequence[Alarm], outage: Outage | None, profile: Profile | None,
                  words: Catalogue, say: TimeFormat, judged_only: bool = False) -> Iterator[FaultCourse]:
    """First the signals that an alarm judged, then the others by name, unless `judged_only`; of those that have a
    course."""
    courses = _courses(around)
    judged = [name for alarm in alarms for name in alarm.evidence.get("signals", {})]
    for name in dict.fromkeys(judged if judged_only else (*judged, *sorted(courses))):
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
        since = course[0][0] if judged_only else around.since
        yield FaultCourse(capital(signal_name(name, profile, words)),
                          ChartFacts(text, unit, course, since, around.until, say.zone, limits, spans, say))


def _courses(around: Around | None) -> dict[str, list[tuple[Instant, float]]]:
    courses: dict[str, list[tuple[Instant, float]]] = {}
    for at, signals in around.readings if around is not None else ():
        for name, value in json.loads(signals).items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                courses.setdefault(name, []).append((at, value))
    return courses


def _sentences(name: str, course: Course, limits: Iterable[Threshold], spans: Iterable[Span],
               profile: Profile | None, words: Catalogue, say: TimeFormat) -> Iterator[str]:
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
