"""Explains an outage: its homes, its probability by chance, suppressed notifications, and what comes next."""

from collections.abc import Iterator
from typing import Any

from gateway.explain.facts import OutageFacts
from gateway.explain.format import Explanation, Line, counted, joined_words, odds_text
from gateway.explain.notifications import notification_count_lines, notification_lines, timeline_lines
from gateway.explain.promises import promise_lines
from gateway.model import Instant, MemberState, Outage, OutageKind, OutageState
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.format_values import text as plain
from gateway.notifications.reasons import reason_sentence
from gateway.outages.lifecycle import DARK

_KINDS = {OutageKind.PLACE: "Probably a power cut in {}", OutageKind.FEEDER: "Probably a power cut in {} (feeder)",
          OutageKind.NETWORK: "Probably the carrier {}, not the power"}
_GATEWAY_FAULTS = {
    "!gateway": "Nearly everything fell silent at once: probably our own fault",
    "!deaf": "The gateway does not hear its broker",
    "!unheard": "The broker does not let the gateway hear everything",
    "!clock": "The gateway's own clock jumped",
}
_HOW = {
    "share": "That is too large a share of the homes there for chance",
    "burst": "They went far faster after each other than homes there usually do",
    "everything": "That is nearly everybody, in places that have nothing in common but us: our own fault is likelier "
                  "than theirs",
}
_NOW = {
    OutageState.SUSPECTED: "suspected, and nobody has been told yet",
    OutageState.CONFIRMED: "confirmed",
    OutageState.RESTORING: "ending: at least half of its homes have come back",
    OutageState.RESTORED: "over",
    OutageState.CLOSED: "over and closed",
    OutageState.DISMISSED: "dismissed: it was no outage, or a part of another one",
}
_STATES = {
    MemberState.AFFECTED: "still dark",
    MemberState.RESTORED: "back, by their own proof",
    MemberState.NESTED: "still dark on their own account",
    MemberState.LEFT: "no longer counted: nothing proves whether they have power",
}
_STEPS = (("suspected_at", "suspected"), ("confirmed_at", "confirmed"), ("restoring_at", "coming back"),
          ("restored_at", "restored"), ("closed_at", "closed"))
_WORDED_KEYS = {"k", "n", "p", "p_value", "since", "until", "how", "found_by_silence", "held_back", "absorbed_by",
                "listening", "jumped_ms", "unheard", "doubt", "unheard_filters", "paged_at"}


def explain_outage(facts: OutageFacts, times: TimeFormat) -> Explanation:
    """Why this is an outage, how probable it is by chance, and what was suppressed because of it."""
    outage = facts.outage
    what = _GATEWAY_FAULTS.get(outage.key) or _KINDS.get(outage.kind, "{}").format(outage.name or outage.area_id)
    lines = [Line("what", f"{what}; it began on {times.exact(outage.began_at)}", outage.began_at),
             Line("what", f"It is {_now(outage)}"), *_why(outage.evidence, times),
             *_members(facts), *_held(facts, times), *_steps(facts, times)]
    coming = _next(outage, times)
    if coming:
        lines.append(Line("next", coming, outage.next_at))
    lines += promise_lines(facts.promises, facts.history, times)
    lines += notification_count_lines(facts.notification_counts, times)
    if outage.kind in (OutageKind.NETWORK, OutageKind.GATEWAY):
        lines.append(Line("told", "No customer hears of it: it is the operator's matter"))
    if facts.history.notifications or not facts.notification_counts:
        lines += notification_lines(facts.history, times)
    lines += timeline_lines(facts.history, times, {} if facts.ticket is None else {facts.ticket.id: "Ticket: "})
    return Explanation(outage.id, "outage", f"Why {outage.id}: {outage.name or what}", facts.zone, lines)


def reason_lines(outage: Outage, times: TimeFormat) -> Iterator[Line]:
    """Why there is the ticket of an outage."""
    yield Line("why", f"Outage {outage.id} is {_now(outage)}", outage.began_at)
    yield from _why(outage.evidence, times)


def _now(outage: Outage) -> str:
    return _NOW.get(outage.state, outage.state) + (f"; {_dark(outage)}" if outage.homes else "")


def _why(why: dict[str, Any], times: TimeFormat) -> Iterator[Line]:
    if "k" in why and "n" in why:
        yield Line("why", f"{why['k']} of {counted(why['n'], 'live home')} went dark{_window(why, times)}")
    if "how" in why:
        yield Line("why", _HOW.get(why["how"], why["how"]))
    if why.get("p_value") is not None:
        yield Line("why", f"Chance alone would do that {odds_text(why['p_value'])} (p-value {why['p_value']:.2g})")
    if why.get("p"):
        yield Line("why", f"In such a time any one home is lost {odds_text(why['p'])} (p = {why['p']:.2g})")
    if "found_by_silence" in why:
        silent = why["found_by_silence"]
        yield Line("why", f"{counted(silent, 'home')} of them by silence, without the broker's word" if silent
                   else "The broker itself said of each that its connection was lost")
    if why.get("listening") is False:
        yield Line("why", "The gateway was not connected to its broker: nobody could be heard")
    if "jumped_ms" in why:
        jumped = int(why["jumped_ms"])
        yield Line("why", f"It jumped {'forward' if jumped > 0 else 'back'} by {times.duration(abs(jumped))}")
    if "absorbed_by" in why:
        yield Line("why", f"It is part of a larger one: {why['absorbed_by']}")
    if "paged_at" in why:
        yield Line("why", "Whoever is on call was paged about the homes to ring first, last on "
                          f"{times.exact(why['paged_at'])}")
    for name, given in why.items():
        if name not in _WORDED_KEYS:
            yield Line("why", f"{name.replace('_', ' ')}: {plain(given)}")


def _window(why: dict[str, Any], times: TimeFormat) -> str:
    since, until = why.get("since"), why.get("until")
    if since is None or until is None:
        return ""
    first, last = times.exact(since), times.exact(until)
    return f" on {first}" if first == last else f" between {first} and {last}"


def _members(facts: OutageFacts) -> Iterator[Line]:
    for state, count in sorted(facts.members.items()):
        yield Line("members", f"{counted(count, 'home')} {_STATES[state]}")
    if facts.nested:
        more = facts.members.get(MemberState.NESTED, 0) - len(facts.nested)
        names = [*facts.nested, counted(more, "other")] if more > 0 else facts.nested
        yield Line("members", f"With a fault of their own: {joined_words(names)}")


def _held(facts: OutageFacts, times: TimeFormat) -> Iterator[Line]:
    """What was not done because of it."""
    before = facts.outage.evidence.get("held_back", {})
    cancelled = before.get("tickets_cancelled") if isinstance(before, dict) else None
    if cancelled:
        yield Line("waited", f"{counted(cancelled, 'ticket')} that single homes had opened before it was known "
                             f"{_are(cancelled, past=True)} cancelled")
    waiting, ended, own = facts.alarms
    if waiting:
        yield Line("waited", f"{counted(waiting, 'alarm')} of single devices {'waits' if waiting == 1 else 'wait'} for "
                             "it: nobody is sent to them meanwhile")
    if ended:
        yield Line("waited", f"{counted(ended, 'alarm')} of single devices ended with it, without a ticket")
    if own:
        yield Line("waited", f"{counted(own, 'alarm')} outlived it and got a ticket")
    if "doubt" in facts.outage.evidence:
        doubt = reason_sentence(facts.outage.evidence["doubt"], times.catalogue)
        yield Line("waited", f"It was not confirmed at once: {doubt}")


def _steps(facts: OutageFacts, times: TimeFormat) -> Iterator[Line]:
    outage = facts.outage
    for field, step in _STEPS:
        at: Instant | None = getattr(outage, field)
        if at is not None:
            yield Line("became", f"{step} on {times.exact(at)}, {times.duration(at - outage.began_at)} after it began"
                       if at >= outage.began_at else f"{step} on {times.exact(at)}", at)
    if outage.etr_at is not None and outage.restored_at is None:
        yield Line("became", f"Expected to end by {times.exact(outage.etr_at)}: an estimate, from how long others took",
                   outage.etr_at)
    if outage.ticket_id is not None:
        state = f", {facts.ticket.state.replace('_', ' ')}" if facts.ticket is not None else ""
        yield Line("became", f"One ticket for all: {outage.ticket_id}{state}")


def _next(outage: Outage, times: TimeFormat) -> str:
    """What will happen if nobody does anything; "" = nothing any more."""
    if outage.closed_at is not None:
        return ""
    if outage.key == "!deaf":
        return "It is over as soon as the gateway hears its broker; then every device gets its whole time anew"
    if outage.key == "!unheard":
        return "It is over as soon as the broker lets the gateway hear everything; it is asked again and again"
    at = f"On {times.ago(outage.next_at)}" if outage.next_at is not None else "Later"
    match outage.state:
        case OutageState.SUSPECTED:
            return (f"{at} it is confirmed if at least half of its homes, and no fewer than three, are still dark; if "
                    "not, it is dismissed. It waits as long as it may be us who hear nobody")
        case OutageState.CONFIRMED if outage.etr_at is not None:
            return (f"On {times.ago(outage.etr_at)} the estimate is over: if it still lasts, its customers are told "
                    "so, with a new one or none")
        case OutageState.CONFIRMED:
            return ("It ends by the homes' own word: each customer is told when their home is heard again. There is no "
                    "estimate: too few earlier ones are known")
        case OutageState.RESTORING:
            return (f"{at}, if nobody else has come back until then, homes that are still dark are taken for faults of "
                    "their own and get a ticket each; those dark as one smaller area wait on")
        case OutageState.RESTORED:
            return f"{at} it is closed; if homes of it go dark again before, it goes on under the same number"
    return ""


def _dark(outage: Outage) -> str:
    homes = counted(outage.homes, "home")
    if outage.state in DARK:
        return f"{outage.dark} of its {homes} {_are(outage.dark)} dark now"
    return f"{homes} {_are(outage.homes, past=True)} in it"


def _are(count: int, past: bool = False) -> str:
    return ("was" if past else "is") if count == 1 else ("were" if past else "are")
