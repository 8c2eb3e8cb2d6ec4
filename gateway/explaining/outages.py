"""Why an outage: how many of how many, how unlikely by chance, who is in it, and what was held back for it."""

from collections.abc import Iterator
from typing import Any

from gateway.explaining.facts import OutageFacts
from gateway.explaining.saying import Explanation, Line, Teller, listed, many, span
from gateway.explaining.telling import timeline, told
from gateway.model import Instant

_HOW = {
    "share": "too many of the homes there for chance",
    "burst": "losses came far faster than they usually do",
    "everything": "nearly everything fell silent at once, so the fault is more likely our own than theirs",
}
_STATES = {"affected": "still dark", "restored": "back, by their own proof",
           "nested": "still dark on their own account", "left": "can no longer say whether they have power"}
_STEPS = (("suspected_at", "suspected"), ("confirmed_at", "confirmed"), ("restoring_at", "coming back"),
          ("restored_at", "restored"), ("closed_at", "closed"))
_KNOWN = {"k", "n", "p", "p_value", "since", "until", "how", "found_by_silence", "held_back", "absorbed_by",
          "listening", "jumped_ms", "unheard"}


def explain_outage(facts: OutageFacts, teller: Teller) -> Explanation:
    outage = facts.outage
    name = outage.name or outage.area_id or "the gateway itself"
    lines = [Line("what", f"{name} ({outage.kind}) is {outage.state}; it began on {teller.when(outage.began_at)}",
                  outage.began_at),
             *_why(outage.why, teller), *_members(facts)]
    for field, step in _STEPS:
        at: Instant | None = getattr(outage, field)
        if at is not None:
            lines.append(Line("became", f"{step} on {teller.when(at)}, {span(at - outage.began_at)} after it began"
                              if at >= outage.began_at else f"{step} on {teller.when(at)}", at))
    if outage.etr_at is not None and outage.restored_at is None:
        lines.append(Line("became", f"Expected to end by {teller.when(outage.etr_at)}: an estimate, from how long "
                                    "others took", outage.etr_at))
    if outage.ticket_id is not None:
        lines.append(Line("became", f"One ticket for all: {outage.ticket_id}"))
    lines += [*told(facts.story, teller), *timeline(facts.story, teller)]
    return Explanation(outage.id, "outage", f"Why {outage.id}: {name}", facts.zone, lines)


def _why(why: dict[str, Any], teller: Teller) -> Iterator[Line]:
    if "k" in why and "n" in why:
        window = ""
        if why.get("since") is not None and why.get("until") is not None:
            window = f" between {teller.when(why['since'])} and {teller.when(why['until'])}"
        yield Line("why", f"{why['k']} of {many(why['n'], 'live home')} went dark{window}")
    if "how" in why:
        yield Line("why", f"Found because {_HOW.get(why['how'], why['how'])}")
    if why.get("p_value") is not None:
        usual = f"; one home alone would be lost in such a time with probability {why['p']:.2g}" if why.get("p") else ""
        yield Line("why", f"By chance that happens with probability {why['p_value']:.2g}{usual}")
    if why.get("found_by_silence"):
        yield Line("why", f"{many(why['found_by_silence'], 'home')} of them by silence, without the broker's word")
    if why.get("listening") is False:
        yield Line("why", "The gateway was not connected to its broker: nobody could be heard")
    if "jumped_ms" in why:
        yield Line("why", f"The gateway's own clock jumped by {span(abs(int(why['jumped_ms'])))}")
    if "absorbed_by" in why:
        yield Line("why", f"It is part of a larger one: {why['absorbed_by']}")
    for name, given in why.items():
        if name not in _KNOWN:
            yield Line("why", f"{name.replace('_', ' ')}: {given}")


def _members(facts: OutageFacts) -> Iterator[Line]:
    for state, count in sorted(facts.members.items()):
        yield Line("members", f"{many(count, 'home')} {_STATES.get(state, state)}")
    if facts.nested:
        yield Line("members", f"With a ticket of their own: {listed(facts.nested)}")
    held = facts.outage.why.get("held_back")
    if isinstance(held, dict):
        for name, count in held.items():
            yield Line("waited", f"Held back: {name.replace('_', ' ')} {count}")
    if facts.held_alarms:
        yield Line("waited", f"{many(facts.held_alarms, 'alarm')} of single devices waited for it and opened no ticket")
