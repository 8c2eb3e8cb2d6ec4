"""Explains the SLA clocks of a ticket: what was promised, what is used, and what became of it."""

from collections.abc import Iterator

from gateway.calendars.opening_hours import DAYS, Calendar
from gateway.explain.facts import SlaPolicyFacts
from gateway.explain.format import Explanation, Line, joined_words
from gateway.model import HOUR, MINUTE, Instant, Severity, SlaClock, SlaKind
from gateway.notifications.format_times import TimeFormat
from gateway.tickets.sla.clock import used
from gateway.tickets.sla.policy import ROUND_THE_CLOCK, SlaPolicy

_MET = {
    SlaKind.FIRST_RESPONSE: "somebody had it in hand",
    SlaKind.UPDATE: "nothing more was to be said",
    SlaKind.SOLUTION: "it was over",
}


def sla_lines(clocks: list[tuple[SlaClock, SlaPolicy]], severity: Severity, times: TimeFormat, now: Instant
              ) -> Iterator[Line]:
    """One line for each clock, and the hours by which they count. Each names the version it was decided by."""
    order = list(SlaKind)
    for clock, policy in sorted(clocks, key=lambda one: order.index(one[0].kind)):
        kind = clock.kind.replace("_", " ").capitalize()
        spent = used(clock, policy.calendar(severity), now)
        yield Line("sla", f"{kind} within {working_time(clock.target_ms)} of working time ({clock.policy}): "
                          f"{working_time(spent)} used, {_course(clock, times)}", clock.due_at or clock.ended_at)
    for said in dict.fromkeys(hours_text(policy.calendar(severity)) for _, policy in clocks):
        yield Line("sla", f"Working time is {said}")


def explain_sla_policy(facts: SlaPolicyFacts, times: TimeFormat) -> Explanation:
    """For whom it holds, what it promises by when, and which hours count."""
    policy = facts.policy
    named = [f"{field} {', '.join(sorted(ids))}" for field, ids in vars(policy.applies_to).items() if ids]
    lines = [Line("what", f"This version of {policy.name} was first loaded on {times.exact(facts.first_loaded_at)}",
                  facts.first_loaded_at),
             Line("what", f"It applies to {joined_words(named)}" if named else
                  "It applies to every ticket that no policy above it applies to")]
    for severity, targets in sorted(policy.targets.items(), key=lambda one: -one[0].rank):
        promised = joined_words(f"{kind.replace('_', ' ')} within {working_time(ms)}"
                                for kind, ms in targets.working_ms.items())
        lines.append(Line("sla", f"{severity}: {promised or 'nothing is promised'}; working time is "
                                 f"{hours_text(targets.calendar)}"))
    lines.append(Line("sla", f"A warning comes at {policy.warn_percent} % of a target"))
    frozen = joined_words(sorted(state.replace("_", " ") for state in policy.freezes))
    lines.append(Line("sla", f"The clocks stand still while a ticket is {frozen}" if frozen else
                      "The clocks never stand still"))
    return Explanation(policy.id, "sla_policy", f"The SLA policy {policy.id}", facts.zone, lines)


def working_time(ms: int) -> str:
    """E.g. "8 h", "1 h 30 min", "0 min"."""
    hours, minutes = divmod(ms // MINUTE, HOUR // MINUTE)
    return " ".join(part for part, there in ((f"{hours} h", hours), (f"{minutes} min", minutes or not hours)) if there)


def hours_text(calendar: Calendar) -> str:
    """E.g. "mon-fri 09:00-17:00 in Europe/Berlin, without the public holidays of DE-BY"."""
    if calendar == ROUND_THE_CLOCK:
        return "round the clock"
    spans = {day: ", ".join(f"{begins}-{ends}" for begins, ends in calendar.hours.get(day, ())) for day in DAYS}
    parts: list[list[str]] = []  # days in a row with the same spans
    for day in DAYS:
        if parts and spans[parts[-1][-1]] == spans[day]:
            parts[-1].append(day)
        else:
            parts.append([day])
    said = "; ".join(f"{days[0]}{f'-{days[-1]}' if len(days) > 1 else ''} {spans[days[0]]}" for days in parts
                     if spans[days[0]])
    off = calendar.days_off
    place = "-".join(part for part in (off.country, off.subdivision) if part)
    without = f", without the public holidays of {place}" if place else ""
    closed = f", closed on {', '.join(sorted(day.isoformat() for day in off.closed))}" if off.closed else ""
    return f"{said} in {calendar.zone}{without}{closed}"


def _course(clock: SlaClock, times: TimeFormat) -> str:
    if clock.inherited:
        late = "late by a target that came later, which nobody missed"
    elif clock.missed_at is not None:
        late = f"missed on {times.exact(clock.missed_at)}"
    else:
        late = ""
    if clock.ended_at is not None:
        over = f"until {_MET[clock.kind]} on {times.exact(clock.ended_at)}"
        return f"{over}; {late}" if late else f"{over}, in time"
    if clock.due_at is None:
        return f"and it stands still; {late}" if late else "and it stands still"
    if late:
        return f"{late}; it was due on {times.exact(clock.due_at)}"
    warned = f", warned of on {times.exact(clock.warned_at)}" if clock.warned_at is not None else ""
    return f"due on {times.exact(clock.due_at)}{warned}"
