"""Decides what to say and ask first on the telephone, each with its reason, and what to do next."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from gateway.callbacks.call_context.facts import A_WEEK_BACK, OFTEN, CallFacts
from gateway.callbacks.lifecycle import OPEN
from gateway.callbacks.numbers.telephones import Telephone, had_left
from gateway.callbacks.presses.answers import Form
from gateway.model import DAY, CallbackKind, CallbackState, Instant, LinkState, Need, OutageState, VisitState

MOST = 7  # sentences: nobody reads more before dialling


class Ask(StrEnum):
    """What to say or ask, in the order in which it comes."""

    HELP = "help"
    """Whether they need help at once."""
    MOVED_OUT = "moved_out"
    """Whoever lived there has left since: nobody knows who pressed."""
    GHOST = "ghost"
    """Perhaps nobody pressed: they are rung all the same."""
    TEST = "test"
    """Whether it was the test that was asked for."""
    SORRY_LATE = "sorry_late"
    """We are late: that comes before everything else."""
    SORRY_OFTEN = "sorry_often"
    """They have had to ask again and again."""
    DEPENDS_ON_POWER = "depends_on_power"
    """Somebody cannot be without power: whether they are safe."""
    OUTAGE = "outage"
    """The power cut is known: say so before they have to ask."""
    STILL_DARK = "still_dark"
    """Others have power again, and they perhaps not."""
    SUSPECTED = "suspected"
    """Perhaps a power cut: whether the neighbours have light."""
    PLANNED = "planned"
    """Power is switched off there on purpose."""
    CRITICAL = "critical"
    """A dangerous fault is open: how it is there."""
    VISIT = "visit"
    """Somebody comes: say who and when."""
    FAULT = "fault"
    """A fault is open: whether they call about it."""
    SILENT = "silent"
    """Nothing there is heard: whether it has power."""
    HEARS_BADLY = "hears_badly"
    SEES_BADLY = "sees_badly"
    WISH = "wish"
    """They have said what it is about."""
    NOTHING = "nothing"
    """Nothing is known to be wrong: what they wish."""


class Question(NamedTuple):
    """A sentence to say, and what is filled into it."""

    ask: Ask
    places: dict[str, Any]


class Next(StrEnum):
    """What whoever has the page does next."""

    RING = "ring"
    RING_AGAIN = "ring_again"
    SAY_HOW_IT_WENT = "say_how_it_went"
    WRITE_DOWN = "write_down"
    NO_NUMBER = "no_number"
    NO_NUMBER_HELP = "no_number_help"
    EMPTY = "empty"
    """Nobody lives there."""
    OVER = "over"


class NextAct(NamedTuple):
    act: Next
    telephone: Telephone | None = None
    when: Instant | None = None  # not before


def what_to_ask(facts: CallFacts, now: Instant) -> list[Question]:
    """In the order in which it is said, at most MOST."""
    found = list(_questions(facts, now))[:MOST]
    return found or [Question(Ask.NOTHING, {})]


def _questions(facts: CallFacts, now: Instant) -> Iterator[Question]:
    callback, around, worst = facts.callback, facts.around, facts.worst
    needs = {need for person in facts.people for need in person.needs}
    if callback.emergency:
        yield Question(Ask.HELP, {})
    if facts.site.household_left_at is not None or facts.site.customer_id != callback.customer_id:
        yield Question(Ask.MOVED_OUT, {})
    if facts.suspicion is not None:
        yield Question(Ask.GHOST, {"suspicion": facts.suspicion})
    if facts.test_asked_at is not None and facts.test_asked_at > now - DAY:
        yield Question(Ask.TEST, {"when": facts.test_asked_at})
    if callback.kind is CallbackKind.ORDINARY and (now > callback.promised_by or callback.overdue_told_at is not None):
        yield Question(Ask.SORRY_LATE, {"when": callback.promised_by})
    if (times := contacts_this_week(facts, now)) >= OFTEN:
        yield Question(Ask.SORRY_OFTEN, {"n": times})
    planned = around.work if around.work is not None and around.work.from_at <= now + DAY else None
    if Need.POWER_DEPENDENT in needs and (planned is not None or around.outage is not None):
        yield Question(Ask.DEPENDS_ON_POWER, {})
    if around.outage is not None:
        kind = {None: Ask.SUSPECTED, Form.STILL_DARK: Ask.STILL_DARK}.get(around.form, Ask.OUTAGE)
        if kind is not Ask.SUSPECTED or around.outage.state is OutageState.SUSPECTED:
            yield Question(kind, {"area": around.outage.name})
    elif planned is not None:
        yield Question(Ask.PLANNED, {"area": around.area, "from": planned.from_at, "until": planned.until_at})
    if worst is not None:
        device = facts.device(worst.ticket.device_id)
        fault = {"cause": worst.cause or {"en": worst.ticket.cause}, "device": device.name if device else ""}
        yield Question(Ask.CRITICAL if facts.is_critical else Ask.FAULT, fault)
        if worst.visit is not None and worst.visit.state is not VisitState.CANCELLED and worst.visit.done_at is None:
            who = worst.visit.technician or (worst.provider.name if worst.provider else "")
            yield Question(Ask.VISIT, {"who": who, "from": worst.visit.window_from, "until": worst.visit.window_until})
    elif around.outage is None and planned is None and (silent := _silent(facts)):
        yield Question(Ask.SILENT, {"device": silent})
    if Need.HEARING in needs:
        yield Question(Ask.HEARS_BADLY, {})
    if Need.SIGHT in needs:
        yield Question(Ask.SEES_BADLY, {})
    if callback.wish:
        yield Question(Ask.WISH, {"wish": callback.wish})


def contacts_this_week(facts: CallFacts, now: Instant) -> int:
    """How often they wanted to be rung: this call and the earlier ones, without those of our own accord."""
    calls = [facts.callback, *facts.callbacks]
    return sum(one.kind is CallbackKind.ORDINARY and one.requested_at > now - A_WEEK_BACK * DAY for one in calls)


def _silent(facts: CallFacts) -> str:
    """The name of a device that has gone without a word; "": of none."""
    return next((device.name for device, state in facts.devices if state.link is LinkState.LOST), "")


def next_act(facts: CallFacts, now: Instant) -> NextAct:
    """Nobody answers at the first number: the next one, then again the first."""
    callback, telephones = facts.callback, facts.telephones
    if callback.state not in OPEN:
        return NextAct(Next.OVER)
    if callback.state is CallbackState.CONNECTED:
        return NextAct(Next.WRITE_DOWN)
    if callback.state is CallbackState.ATTEMPTING:
        return NextAct(Next.SAY_HOW_IT_WENT)
    if had_left(callback, facts.site) and not callback.emergency:
        return NextAct(Next.EMPTY)
    if not telephones:
        return NextAct(Next.NO_NUMBER_HELP if callback.emergency else Next.NO_NUMBER)
    to_ring = telephones[callback.tries % len(telephones)]
    not_before = callback.ring_from if callback.ring_from is not None and callback.ring_from > now else None
    return NextAct(Next.RING_AGAIN if callback.tries else Next.RING, to_ring, not_before)


class Verify(StrEnum):
    """How to find out whom one speaks with: questions that give nothing away."""

    HELP_FIRST = "help_first"
    """A call for help: nobody is questioned first."""
    NAME = "name"
    ADDRESS = "address"
    POSTCODE = "postcode"
    DEVICES = "devices"
    NEVER = "never"
    """What is never said or asked for."""


def how_to_verify(facts: CallFacts) -> list[Verify]:
    """The questions that can be checked with what we have."""
    site = facts.site
    asked = [Verify.HELP_FIRST] if facts.callback.emergency else []
    asked.append(Verify.NAME)
    if site.street:
        asked.append(Verify.ADDRESS)
    elif site.postcode:
        asked.append(Verify.POSTCODE)
    if facts.devices:
        asked.append(Verify.DEVICES)
    return [*asked, Verify.NEVER]
