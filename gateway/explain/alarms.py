"""Explains an alarm: its rule and values, the waiting times, the ticket, and who was notified."""

from collections.abc import Iterator
from typing import Any

from gateway.detection.device_state import MANY, SILENT, STALE, STICKS
from gateway.detection.presses import CALM, COUNTED_FOR
from gateway.devices.profiles import Profile
from gateway.explain.facts import AlarmFacts
from gateway.explain.format import Explanation, Line, joined_words, signals_text
from gateway.explain.notifications import notification_lines, timeline_lines
from gateway.model import SECOND, Alarm, Command, Device, Instant, LinkState, Outage, RemoteFixOutcome, SuppressedBy
from gateway.model.states import NOT_TRIED, FixedBy
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.format_values import text as plain
from gateway.notifications.reasons import reason_sentence

_WOULD = {"ticket": "open a ticket", "record": "record it"}


def explain_alarm(facts: AlarmFacts, profile: Profile | None, times: TimeFormat) -> Explanation:
    """Why there is this alarm, what held it back, and what became of it."""
    alarm = facts.alarm
    lines = [Line("what", f"{alarm.cause}: {facts.device.name} ({facts.device.id}) at {facts.site.name}",
                  alarm.opened_at),
             Line("what", f"Rule {alarm.rule}, severity {alarm.severity}{_since(alarm, times)}"),
             *evidence_lines(alarm, profile, times), *_suppression_lines(facts, times),
             *_remote_fix_lines(facts, times), *_outcome_lines(facts, times)]
    if coming := _next(facts, times):
        lines.append(Line("next", coming, alarm.suppressed_until))
    if facts.ticket is not None or facts.history.notifications:
        lines += notification_lines(facts.history, times)
    if facts.ticket is None:
        lines += timeline_lines(facts.history, times)
    return Explanation(alarm.id, "alarm", f"Why {alarm.id}: {alarm.cause}", facts.zone, lines)


def _since(alarm: Alarm, times: TimeFormat) -> str:
    if alarm.known_at - alarm.opened_at < SECOND:
        return ""
    return f"; since {times.exact(alarm.opened_at)}, known at {times.exact(alarm.known_at)}"


def evidence_lines(alarm: Alarm, profile: Profile | None, times: TimeFormat) -> Iterator[Line]:
    """Lines of what the alarm rests on; a key that has no wording here is shown as it stands."""
    why = {name: given for name, given in alarm.evidence.items() if name not in ("cause", "first_try", "closed")}
    if alarm.rule == SILENT:
        yield from _silence_lines(why, times)
    elif alarm.rule == STALE:
        last = why.get("last_data")
        heard = "It has sent no measurement yet" if last is None else f"Its last measurement is of {times.exact(last)}"
        yield Line("why", f"{heard}; one is expected every {_every(why.get('data_ms'), times)}, so this one by "
                          f"{_when(why.get('due'), times)}")
    elif alarm.rule.startswith("fault:"):
        text = f" “{plain(why['text'])}”" if why.get("text") else ""
        yield Line("why", f"The device itself reported {plain(why.get('code', alarm.rule[6:]))}{text}")
    elif alarm.rule == STICKS:
        yield Line("why", "The button itself says that its contact is held" if why.get("held") else
                   f"It was pressed {why.get('presses', 'more often')} times within "
                   f"{times.duration(COUNTED_FOR)}: no finger does that")
        yield Line("why", f"It is over when nobody has pressed it for {times.duration(CALM)}")
    elif alarm.rule == MANY:
        yield Line("why", f"The device reported more than {why.get('most', 'so many')} faults at once: the first have "
                          f"an alarm each, the others this one together, beginning with {plain(why.get('code'))}")
    else:
        yield from _rule_lines(alarm, why, profile, times)
    if why.get("passed"):
        yield Line("why", f"It was over before it was heard of, on {times.exact(why['heard_at'])}", why["heard_at"])
    known = {"when", "clear", "for_ms", "signals", "code", "text", "link", "link_at", "last_heard", "last_data", "due",
             "link_ms", "data_ms", "would", "most", "passed", "heard_at", "held", "presses", "first"}
    for name, given in why.items():
        if name not in known:
            said = joined_words(map(plain, given)) if isinstance(given, list) and given else plain(given)
            yield Line("why", f"{name.replace('_', ' ')}: {said}")


def _rule_lines(alarm: Alarm, why: dict[str, Any], profile: Profile | None, times: TimeFormat) -> Iterator[Line]:
    yield Line("why", f"The rule says: {why.get('when', '?')}")
    if why.get("signals"):
        yield Line("why", f"It was given: {signals_text(why['signals'], profile)}")
    if why.get("for_ms"):
        yield Line("why", f"That had to last {times.duration(why['for_ms'])}, and did, from "
                          f"{times.exact(alarm.opened_at)} on", alarm.opened_at)
    else:
        yield Line("why", f"It was so from {times.exact(alarm.opened_at)} on, and one reading is enough",
                   alarm.opened_at)
    yield Line("why", f"It is over when: {why.get('clear', '?')}")


def _silence_lines(why: dict[str, Any], times: TimeFormat) -> Iterator[Line]:
    heard = why.get("last_heard")
    last = "It has never been heard" if heard is None else f"It was last heard on {times.exact(heard)}"
    if why.get("link") == LinkState.LOST:
        at = why.get("link_at")
        yield Line("why", "The broker said that its connection was lost" + (f", on {times.exact(at)}" if at else ""))
        yield Line("why", f"{last}; it had until {_when(why.get('due'), times)} to come back")
    else:
        yield Line("why", f"{last}; something is expected every {_every(why.get('link_ms'), times)}, so by "
                          f"{_when(why.get('due'), times)}")


def _suppression_lines(facts: AlarmFacts, times: TimeFormat) -> Iterator[Line]:
    alarm, held = facts.alarm, facts.suppressed_by
    still = alarm.closed_at is None and facts.ticket is None
    begin = "Held back" if still else "It was held back"
    if isinstance(held, Outage):
        alone = "" if facts.ticket is None else "; its home stayed dark when the others were back"
        yield Line("waited", f"{begin}: explained by outage {held.id} ({held.name or held.kind}, {held.state}){alone}")
    elif isinstance(held, Device):
        yield Line("waited", f"{begin}: it speaks through {held.name} ({held.id}), which "
                             f"{'is' if still else 'was'} silent itself")
    elif alarm.suppressed_by_kind == SuppressedBy.MAINTENANCE:
        yield Line("waited", f"{begin}: power {'is' if still else 'was'} switched off there on purpose, as announced")
    elif alarm.suppressed_by is not None:
        of_it = ", another fault of the same device" if alarm.suppressed_by_kind == SuppressedBy.RULE else ""
        yield Line("waited", f"{begin}: explained by {alarm.suppressed_by_id}{of_it}")
    elif alarm.suppressed_until is not None:
        yield Line("waited", "It waits a moment, in case its area or the hub it speaks through is out as a whole")
    if alarm.suppressed_until is not None:
        yield Line("waited", f"Nobody is sent before {times.ago(alarm.suppressed_until)}", alarm.suppressed_until)
    if alarm.try_until is not None:
        yield Line("waited", f"The try from afar has until {times.ago(alarm.try_until)}", alarm.try_until)


def _remote_fix_lines(facts: AlarmFacts, times: TimeFormat) -> Iterator[Line]:
    first = facts.alarm.evidence.get("first_try")
    if first is None:
        return
    what = first.get("words", {}).get("en", first.get("command", "a command"))
    at, command = first.get("at"), facts.command
    yield Line("tried", f"Before anybody is sent: {what}, {_when(at, times)}", at)
    if facts.alarm.fixed_by is FixedBy.COMMAND:
        yield Line("tried", "It worked: the fault was over, and nobody had to come")
    elif first.get("outcome"):
        outcome = RemoteFixOutcome(first["outcome"])
        said = times.catalogue(f"remote_fix.{outcome}", when=_when(at, times))
        yield Line("tried", f"Result: {'it was not tried: ' if outcome in NOT_TRIED else ''}{said}")
    if command is not None:
        yield Line("tried", f"Command {command.id} is {command.state}" + _command_reason(command, times))


def _command_reason(command: Command, times: TimeFormat) -> str:
    return "" if command.reason is None else f": {times.catalogue(f'reason.{command.reason}')}"


def _outcome_lines(facts: AlarmFacts, times: TimeFormat) -> Iterator[Line]:
    alarm, ticket = facts.alarm, facts.ticket
    if ticket is not None:
        again = f", round {ticket.round}" if ticket.round > 1 else ""
        yield Line("became", f"Ticket {ticket.id} is {ticket.state}{again}", ticket.opened_at)
        if alarm.declined_at is not None:
            yield Line("became", f"Nobody is sent for it: the customer said no to the price on "
                                 f"{times.exact(alarm.declined_at)}", alarm.declined_at)
    elif alarm.dry_run:
        would = _WOULD.get(alarm.evidence.get("would", ""), "count")
        yield Line("became", f"Nothing: the rule is only watched. In earnest it would {would}")
    elif alarm.suppressed_by is None and alarm.try_until is None and alarm.fixed_by is None:
        yield Line("became", "No ticket: it is only recorded")
    else:
        yield Line("became", "No ticket of its own")
    if alarm.acknowledged_at is not None:
        yield Line("became", f"Acknowledged by {alarm.acknowledged_by} on {times.exact(alarm.acknowledged_at)}")
    if alarm.flapping:
        yield Line("became", "It comes and goes all the time: one alarm and one ticket for all of it")
    if alarm.evidence.get("came_back"):
        yield Line("became", f"It went away and came back {alarm.evidence['came_back']} times, each time too soon to "
                             "count as over")
    if alarm.closed_at is None and alarm.cleared_at is not None and alarm.suppressed_until is not None:
        yield Line("became", f"All is normal since {times.ago(alarm.cleared_at)}; it is over if it stays so until "
                             f"{times.exact(alarm.suppressed_until)}", alarm.cleared_at)
    elif alarm.closed_at is None and alarm.cleared_at is not None:
        yield Line("became", f"All is normal since {times.ago(alarm.cleared_at)}; it stays open until somebody has "
                             "acknowledged it", alarm.cleared_at)
    elif alarm.closed_at is None:
        yield Line("became", f"Still open, since {times.ago(alarm.opened_at)}", alarm.opened_at)
    else:
        closed = alarm.evidence.get("closed")
        because = "" if closed is None else f": {reason_sentence(closed, times.catalogue)}"
        yield Line("became", f"Over since {times.exact(alarm.closed_at)}, after "
                             f"{times.duration(alarm.closed_at - alarm.opened_at)}{because}", alarm.closed_at)


def _next(facts: AlarmFacts, times: TimeFormat) -> str:
    """What will happen to an alarm that is held back; "" = nothing that is not said elsewhere."""
    alarm = facts.alarm
    if alarm.closed_at is not None or alarm.cleared_at is not None or facts.ticket is not None or alarm.dry_run:
        return ""
    if alarm.suppressed_until is not None:
        return (f"On {times.ago(alarm.suppressed_until)}, if nothing explains it by then, it is dealt with as a fresh "
                "fault")
    if isinstance(facts.suppressed_by, Outage):
        return ("It ends when the device is heard again. If its home is still dark when nobody else has come back for "
                "a while, it gets a ticket of its own")
    if alarm.suppressed_by is not None:
        return "When what explains it is over it has a while to go away too; then it is dealt with as a fresh fault"
    return ""


def _when(at: Instant | None, times: TimeFormat) -> str:
    return "at an unknown time" if at is None else times.exact(at)


def _every(length: int | None, times: TimeFormat) -> str:
    return "so often" if length is None else times.duration(length)
