"""The alarm details on a page or in an agent's answer: why it was raised, the latest values, and their course."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from gateway.devices.profiles import Profile
from gateway.model import Alarm, Instant, Reading
from gateway.model.states import NOT_TRIED
from gateway.notifications import format_values
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.charts.signals import signal_name, spaced, with_unit
from gateway.notifications.entries import in_language
from gateway.notifications.format_times import TimeFormat, duration
from gateway.web.pages import sparkline

_ROWS = 10  # signals shown; the rule's own come first
_COMPARISON = re.compile(r"\b([A-Za-z_]\w*)\s*([<>]=?)\s*(-?\d+(?:\.\d+)?)\b")


class SignalDetails(NamedTuple):
    """One signal: its name, last value with unit, and its sparkline's points ("" = nothing to draw)."""

    name: str
    value: str
    course: str


def evidence_rows(alarm: Alarm | None, profile: Profile | None, words: Catalogue, say: TimeFormat
                  ) -> list[tuple[str, str]]:
    """(what, value) pairs behind an alarm: the values judged, the rule, the device's own code, the silence."""
    if alarm is None:
        return []
    facts = alarm.evidence
    pairs = [(signal_name(name, profile, words), with_unit(name, value, profile, words))
             for name, value in facts.get("signals", {}).items()]
    for key, name in (("code", "page.fault_code"), ("text", "page.fault_text")):
        if facts.get(key):
            pairs.append((words(name), format_values.text(facts[key])))
    if facts.get("when"):
        pairs.append((words("page.rule"), _condition(format_values.text(facts["when"]), profile, words)))
    if facts.get("for_ms"):
        pairs.append((words("page.for_time"), duration(facts["for_ms"], words)))
    for key, name in (("last_heard", "page.last_heard"), ("last_data", "page.last_data")):
        if facts.get(key):
            pairs.append((words(name), say.when(facts[key])))
    if "outcome" in facts.get("first_try", {}):
        pairs.append((words("page.first_try"), _remote_fix(facts["first_try"], words, say)))
    return pairs


def _condition(when: str, profile: Profile | None, words: Catalogue) -> str:
    """`flow_temp > 75.0` → `flow temp > 75 °C`; what is no comparison with a number stays as it was written."""
    return _COMPARISON.sub(lambda found: f"{signal_name(found[1], profile, words)} {found[2]} "
                                         f"{with_unit(found[1], float(found[3]), profile, words)}", when)


def _remote_fix(tried: Mapping[str, Any], words: Catalogue, say: TimeFormat) -> str:
    """The remote fix that was tried, when, and its outcome."""
    what, when = in_language(tried["words"], words), say.when(tried["at"])
    outcome = words(f"remote_fix.{tried['outcome']}", when=when)
    if tried["outcome"] in NOT_TRIED:
        return words("page.not_tried", what=what, outcome=outcome)
    return words("page.tried", what=what, when=when, outcome=outcome)


def signal_details(readings: Sequence[Reading], alarm: Alarm | None, profile: Profile | None, words: Catalogue
             ) -> list[SignalDetails]:
    """The last value of each signal in `readings` (oldest first): of those the alarm judged; where it judged none, of
    those that mean something by themselves, as far as the profile says so: a number has a unit."""
    courses: dict[str, list[tuple[Instant, Any]]] = {}
    for reading in readings:
        for name, value in json.loads(reading.signals).items():
            courses.setdefault(name, []).append((reading.at, value))
    judged = [name for name in (alarm.evidence.get("signals", {}) if alarm else {}) if name in courses]
    names = judged or sorted(name for name in courses if _speaks_for_itself(name, profile))
    return [
        SignalDetails(signal_name(name, profile, words), with_unit(name, course[-1][1], profile, words),
                      sparkline.points(_numbers(course)))
        for name, course in ((name, courses[name]) for name in names[:_ROWS])
    ]


def _speaks_for_itself(name: str, profile: Profile | None) -> bool:
    """`linkquality 80` helps nobody at the door."""
    kind = profile.signals.get(name) if profile is not None else None
    return profile is None or (kind is not None and (bool(kind.unit) or kind.type is not float))


def _numbers(course: Iterable[tuple[Instant, Any]]) -> list[tuple[Instant, float]]:
    return [(at, value) for at, value in course if isinstance(value, int | float) and not isinstance(value, bool)]


class Chart(NamedTuple):
    """One signal around a fault."""

    signal: str
    svg: str
    text: str


def chart(readings: Sequence[Reading], alarm: Alarm | None, profile: Profile | None, words: Catalogue, say: TimeFormat
          ) -> Chart | None:
    """Of the signal that the alarm judged, else the first by name; None when there is no course to draw. `readings`:
    the oldest first."""
    courses: dict[str, list[tuple[int, float]]] = {}
    for reading in readings:
        for name, value in json.loads(reading.signals).items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                courses.setdefault(name, []).append((reading.at, value))
    judged = list(alarm.evidence.get("signals", {})) if alarm is not None else []
    for name in (*judged, *sorted(courses)):
        course = courses.get(name, [])
        if points := sparkline.points(course):
            def shown(value: float, name: str = name) -> str:
                return with_unit(name, value, profile, words)

            text = words("call.chart", signal=spaced(name), first=shown(course[0][1]), began=say.when(course[0][0]),
                         last=shown(course[-1][1]), ended=say.when(course[-1][0]),
                         low=shown(min(value for _, value in course)), high=shown(max(value for _, value in course)))
            return Chart(spaced(name), _svg(points, text, _place(alarm, course)), text)
    return None


def _place(alarm: Alarm | None, course: Sequence[tuple[int, float]]) -> float | None:
    """Where on the chart the fault began; None: before or after it."""
    if alarm is None or not course[0][0] <= alarm.opened_at <= course[-1][0]:
        return None
    return (alarm.opened_at - course[0][0]) / (course[-1][0] - course[0][0]) * sparkline.WIDTH


def _svg(points: str, text: str, fault: float | None) -> str:
    mark = "" if fault is None else Markup(
        '<line class="fault" x1="{0}" x2="{0}" y1="0" y2="{1}" stroke="currentColor" stroke-dasharray="2 2" '
        'vector-effect="non-scaling-stroke"/>').format(f"{fault:.1f}", sparkline.HEIGHT)
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" class="spark wide" viewBox="0 0 {0} {1}" preserveAspectRatio="none" '
        'role="img" aria-label="{2}"><polyline points="{3}" fill="none" stroke="currentColor" '
        'vector-effect="non-scaling-stroke"/>{4}</svg>').format(
            sparkline.WIDTH, sparkline.HEIGHT, escape(text), points, mark)
