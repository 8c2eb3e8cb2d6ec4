"""Explains what a household was credited for a ticket, by which rule and which proven time, or why nothing."""

from collections.abc import Iterator

from gateway.explain.facts import TicketFacts
from gateway.explain.format import Line
from gateway.explain.promises import KINDS
from gateway.model import Goodwill, GoodwillCase, GoodwillKind, GoodwillState, Price, PromiseKind, PromiseState
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.format_values import price


def goodwill_lines(facts: TicketFacts, times: TimeFormat) -> Iterator[Line]:
    """One line for each credit; where there is none, why, if anything happened that a rule could be about."""
    cases = {case.id: case for case in facts.goodwill_cases}
    for row in facts.credits:
        yield Line("credit", credit_text(row, cases.get(row.case_id), times), row.given_at or row.created_at)
    if not facts.credits and (facts.outage is not None or _was_broken(facts)):
        yield _nothing(facts, times)


def credit_text(row: Goodwill, case: GoodwillCase | None, times: TimeFormat) -> str:
    """How much, what became of it, and why."""
    if row.kind is GoodwillKind.GESTURE:
        return (f"{_amount(row, times)} credited on {times.exact(row.given_at or row.created_at)} as a gesture by "
                f"{row.given_by or 'an agent'}")
    return f"{_amount(row, times)} {_how(row, case, times)}: {_why(row, times)}"


def _how(row: Goodwill, case: GoodwillCase | None, times: TimeFormat) -> str:
    if row.state is GoodwillState.GIVEN:
        by = f", approved by {case.decided_by}" if case is not None and case.decided_by else ""
        return f"credited on {times.exact(row.given_at or row.created_at)}{by}"
    if row.state is GoodwillState.PROPOSED:
        asked = f", asked for {case.asked} times so far" if case is not None else ""
        return f"not given yet, because all of it is above the cap and a person has to approve it{asked}"
    declined = "" if case is None or case.decided_at is None else (
        f" by {case.decided_by} on {times.exact(case.decided_at)} ({case.reason})")
    return f"not given, declined{declined}"


def _why(row: Goodwill, times: TimeFormat) -> str:
    condition, _, value = row.rule.partition(":")
    if row.kind is GoodwillKind.OUTAGE:
        longer = f"rule: out for longer than {times.duration(int(value))}" if condition == "outage" else row.rule
        return f"the home was proven to be without power for {times.duration(row.dark_ms or 0)} ({longer})"
    kinds = " or ".join(KINDS[PromiseKind(kind)] for kind in value.split("+"))
    broken = KINDS[row.promise] if row.promise is not None else "a time"
    return f"we did not keep the time that we had promised for {broken} (rule: broken promise of {kinds})"


def _nothing(facts: TicketFacts, times: TimeFormat) -> Line:
    weighed = [case for case in facts.goodwill_cases if not case.homes]
    if weighed:
        return Line("credit", f"Weighed on {times.exact(weighed[0].looked_at)}: no rule fits what was proven, so "
                              "nothing was credited", weighed[0].looked_at)
    if facts.goodwill_cases:
        return Line("credit", "Homes were credited for it, this one not: no rule fits what was proven of it")
    return Line("credit", "Nothing was credited: it was not weighed, because it is not over, or no rule of goodwill "
                          "was in force when it was")


def _was_broken(facts: TicketFacts) -> bool:
    return any(promise.state is PromiseState.BROKEN for promise in facts.promises)


def _amount(row: Goodwill, times: TimeFormat) -> str:
    return price(Price(f"{row.cents // 100}.{row.cents % 100:02}", row.currency), times.catalogue.locale)
