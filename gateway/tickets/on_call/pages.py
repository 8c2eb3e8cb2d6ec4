"""Pages somebody on call about a ticket or callback: opens a page, asks the next person, takes the answer, ends it."""

from collections.abc import Mapping
from typing import Any

from gateway.callbacks.lifecycle import OPEN as OPEN_CALL
from gateway.callbacks.lifecycle import WAITING
from gateway.model import (
    Actor,
    Callback,
    CallbackState,
    EntryKind,
    Instant,
    Job,
    Notification,
    OnCallPage,
    OnCallRole,
    PageReason,
    PageState,
    Recipient,
    RecipientKind,
    Severity,
    SlaClock,
    SlaKind,
    SubjectKind,
    Ticket,
    TicketState,
)
from gateway.model.plan import Draft, Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.topics import TopicName
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.lifecycle import NOBODY_COMES, UNSETTLED
from gateway.tickets.new_rows import entry, notify, subject_of
from gateway.tickets.on_call.ladder import Rung, acknowledged_for, ladder, next_rung, patience
from gateway.tickets.on_call.lifecycle import OPEN, Action, move

_ENDED_WITHOUT_SUCCESS = NOBODY_COMES | {TicketState.ON_HOLD}
# Of a ticket with two jobs the other one may be less advanced: these hold until the visit itself moves on.
ABOUT_A_VISIT = (
    PageReason.NOBODY_ON_THE_WAY, PageReason.NOBODY_CAME, PageReason.NOBODY_CAME_SAID,
    PageReason.NO_ANSWER_ON_THE_WAY, PageReason.NO_ANSWER_ON_SITE, PageReason.STILL_NEEDED_UNKNOWN)
HOLDS: Mapping[PageReason, frozenset[TicketState] | frozenset[CallbackState]] = {
    PageReason.NOBODY_LEFT: frozenset((TicketState.NEW,)),
    **dict.fromkeys(ABOUT_A_VISIT, UNSETTLED),
    PageReason.ACCESS_CONTESTED: _ENDED_WITHOUT_SUCCESS,
    PageReason.UNSAFE_THERE: _ENDED_WITHOUT_SUCCESS,
    PageReason.CUSTOMER_SILENT: frozenset((TicketState.ON_HOLD,)),
    PageReason.HOUSEHOLD_LEFT: UNSETTLED,
    PageReason.NOT_FIXED: UNSETTLED,
    PageReason.WISH_NOT_DONE: UNSETTLED,
    PageReason.CUSTOMER_WROTE: _ENDED_WITHOUT_SUCCESS | {TicketState.RESOLVED},  # whoever comes reads it
    PageReason.SLA_FIRST_RESPONSE: _ENDED_WITHOUT_SUCCESS,
    PageReason.SLA_UPDATE: UNSETTLED,
    PageReason.SLA_SOLUTION: UNSETTLED,
    PageReason.CALL_OVERDUE: frozenset(WAITING),
    PageReason.CALL_URGENT: frozenset(WAITING),
    PageReason.RING_HOMES: frozenset(WAITING),
    PageReason.CALL_UNANSWERED: frozenset(WAITING),
    PageReason.CALL_WITHOUT_OUTCOME: frozenset((CallbackState.CONNECTED,)),
    PageReason.CALL_FOR_HELP: frozenset(OPEN_CALL),
}
"""Reason → the states of the ticket, or of the callback, in which somebody still has to look."""

OF_THE_SLA = {SlaKind.FIRST_RESPONSE: PageReason.SLA_FIRST_RESPONSE, SlaKind.UPDATE: PageReason.SLA_UPDATE,
              SlaKind.SOLUTION: PageReason.SLA_SOLUTION}
"""What an SLA counts → the reason when its time is over."""

_TOPICS: Mapping[PageReason, TopicName] = {
    PageReason.CALL_FOR_HELP: TopicName.EMERGENCY_PRESS,
    **dict.fromkeys(OF_THE_SLA.values(), TopicName.SLA_MISSED),
    **dict.fromkeys((*ABOUT_A_VISIT, PageReason.ACCESS_CONTESTED, PageReason.UNSAFE_THERE), TopicName.VISIT_PROBLEM),
}
"""Reasons that have a message of their own; PLEASE_LOOK says all others."""

MISSED_ALONE = 3  # tickets whose time is over at once; of more, one message names them all
AGAIN = 60_000  # ms; an acknowledgement repeated sooner is the same tap twice

Paged = Ticket | Callback


def page_dispatcher(draft: Draft, policy: Policy, subject: Paged, why: PageReason, now: Instant, *,
                    urgent: bool = False, role: OnCallRole = OnCallRole.DISPATCHER,
                    facts: Mapping[str, Any] | None = None, heard_at: Instant | None = None) -> OnCallPage:
    """Somebody on call has to look at `subject`: pages the first person now, and the sweep goes on from there.

    Called again while the page is open it changes nothing, but for one more reason or when it becomes urgent: then it
    starts again from the first, whoever sees to it. `urgent`: the next person after a minute. `facts`: what the message
    can say, of stored_facts.PageFacts. The draft must hold the site's open pages: gateway/store/contexts/on_call.py.
    """
    urgent = urgent or role is OnCallRole.EMERGENCY
    page = open_page(draft, subject, role)
    if page is not None and not any(holds(reason, subject) for reason in page.why):
        move(page, Action.END, now)  # it moved on in this very transaction
        page = None
    if page is None:
        where = subject_of(subject)
        page = OnCallPage(id=policy.new_id("R"), subject_kind=where.kind, subject_id=where.id, site_id=subject.site_id,
                          role=role, reasons=[str(why)], urgent=urgent, facts={str(why): dict(facts or {})},
                          opened_at=now)
        draft.add(page)
    elif why not in page.why or (urgent and not page.urgent):
        page.reasons = [reason for reason in page.reasons if reason != why] + [str(why)]
        page.urgent, page.facts = page.urgent or urgent, page.facts | {str(why): dict(facts or {})}
        move(page, Action.RAISE, now)
    else:
        _add_facts(page, why, facts or {})
        return page
    page_next(page, subject, draft, policy, now, heard_at)
    return page


def page_next(page: OnCallPage, subject: Paged, draft: Draft, policy: Policy, now: Instant,
              heard_at: Instant | None = None) -> None:
    """Asks the next person of the ladder, who is then waited for."""
    rungs = ladder(page.role, policy.on_call, policy.service, now)
    rung = next_rung(rungs, page.paged)
    page.repeats = page.repeats + 1 if page.paged == rung.person else 0
    page.turn, page.paged = page.turn + 1, rung.person
    move(page, Action.PAGE, now, next_at=now + patience(page, policy.on_call))
    _tell(page, rung, subject, f"{page.id}/{page.turn}", draft, policy, now, heard_at, turn=page.turn,
          others=rung != rungs[-1])


def tell_again(page: OnCallPage, subject: Paged, occurrence: str, draft: Draft, policy: Policy, now: Instant,
               facts: Mapping[str, Any], heard_at: Instant | None = None) -> None:
    """It has happened again while the page is open: whoever was paged last hears it at once, also when somebody sees
    to it. `occurrence`: what makes it another message."""
    rungs = ladder(page.role, policy.on_call, policy.service, now)
    _add_facts(page, page.why[-1], facts)
    _tell(page, next((rung for rung in rungs if rung.person == page.paged), rungs[0]), subject, occurrence, draft,
          policy, now, heard_at)


def plan_page_due(page: OnCallPage, subject: Paged, draft: Draft, policy: Policy, now: Instant) -> None:
    """`next_at` has come: the next person is asked, or an acknowledgement lapses and all are asked again from the
    first; or it ends, when nothing of it holds any more."""
    _drop_reasons(page, subject, _met_targets(draft), now)
    if page.state is PageState.ACKNOWLEDGED:  # what is late stays late, and the ticket's own deadlines go on
        _keep(page, [reason for reason in page.why if reason not in OF_THE_SLA.values()], now)
    if page.state not in OPEN:
        return
    if page.state is PageState.ACKNOWLEDGED:
        draft.add(entry(subject, now, EntryKind.PAGE_LAPSED, person=page.acknowledged_by or ""))
        move(page, Action.LAPSE, now)
    page_next(page, subject, draft, policy, now)


def plan_acknowledge(subject: Paged, draft: Draft, who: Actor, now: Instant) -> None:
    """Somebody sees to it: nobody else is paged for some time. The same tap twice changes nothing. Raises Refused when
    nobody is being paged."""
    if not _open_pages(draft, subject):
        raise Refused(RefusedReason.NOT_PAGED, id=subject.id)
    acknowledge(subject, draft, who, now)


def acknowledge(subject: Paged, draft: Draft, who: Actor, now: Instant) -> None:
    """As `plan_acknowledge`, where somebody does something that says so by itself; nothing when nobody is paged."""
    fresh = [page for page in _open_pages(draft, subject) if not _just_acknowledged(page, who, now)]
    for page in fresh:
        move(page, Action.ACKNOWLEDGE, now, next_at=now + acknowledged_for(page))
        page.acknowledged_by = who.name
    if fresh:
        until = min(page.next_at or now for page in fresh)
        draft.add(entry(subject, now, EntryKind.PAGE_ACKNOWLEDGED, who=who, until=until))


def watch_outcome(callback: Callback, draft: Draft, policy: Policy, who: Actor, now: Instant, facts: Mapping[str, Any]
                  ) -> None:
    """Somebody speaks with the customer: without an outcome others are paged after a while."""
    reason = PageReason.CALL_WITHOUT_OUTCOME
    for page in _open_pages(draft, callback):
        page.reasons = [*page.reasons, str(reason)]
        _add_facts(page, reason, facts)
    if not _open_pages(draft, callback):
        draft.add(OnCallPage(
            id=policy.new_id("R"), subject_kind=SubjectKind.CALLBACK, subject_id=callback.id, site_id=callback.site_id,
            role=OnCallRole.EMERGENCY if callback.emergency else OnCallRole.DISPATCHER, urgent=callback.emergency,
            reasons=[str(reason)], facts={str(reason): dict(facts)}, opened_at=now))
    acknowledge(callback, draft, who, now)


def end_pages(draft: Draft, subject: Paged, now: Instant, *reasons: PageReason) -> None:
    """These reasons (all of them, when none is named) no longer hold, whatever the state of the subject says."""
    for page in _open_pages(draft, subject):
        _keep(page, [reason for reason in page.why if reasons and reason not in reasons], now)


def end_visit_pages(job: Job, work: SiteWork, now: Instant) -> None:
    """The job's visit has moved on: nobody on call has to look because of it any more."""
    for ticket in work.tickets_of(job):
        end_pages(work.draft, ticket, now, *ABOUT_A_VISIT)


def settle_pages(draft: Draft, now: Instant) -> None:
    """Ends every open page of the draft whose reasons no longer hold, as tickets, callbacks and SLA clocks of the draft
    stand: called once, when everything else is planned."""
    pages = [page for page, _ in draft.rows(OnCallPage) if page.state in OPEN]
    if pages:
        subjects: dict[str, Paged] = {row.id: row for row, _ in draft.rows(Ticket)}
        subjects |= {row.id: row for row, _ in draft.rows(Callback)}
        met = _met_targets(draft)
        for page in pages:
            if page.subject_id in subjects:
                _drop_reasons(page, subjects[page.subject_id], met, now)


def gather_missed(draft: Draft) -> None:
    """Of many tickets or calls whose time is over at once, as after we were away, each person hears in one message:
    that about the most severe, with the numbers of the others. Each keeps its page, so they hear of it again until
    somebody sees to it."""
    told: dict[tuple[Recipient, str], list[Notification]] = {}
    for row, before in draft.rows(Notification):
        late = row.topic == TopicName.SLA_MISSED or row.facts.get("reason") == PageReason.CALL_OVERDUE
        if before is None and late and row.topic in (TopicName.SLA_MISSED, TopicName.PLEASE_LOOK):
            told.setdefault((row.recipient, row.topic), []).append(row)
    for rows in told.values():
        if len({row.subject_id for row in rows}) > MISSED_ALONE:
            first, *others = sorted(rows, key=lambda row: (
                -Severity(row.facts["severity"]).rank if "severity" in row.facts else 0,
                row.facts.get("due_at") or row.facts.get("missed_by") or 0, row.subject_id))
            first.facts = first.facts | {"also_late": sorted({row.subject_id for row in others} - {first.subject_id})}
            for other in others:
                draft.drop(other)


def _met_targets(draft: Draft) -> set[tuple[str, PageReason]]:
    """(ticket id, reason) of each SLA clock of the draft that is late no longer, or has ended."""
    return {(clock.ticket_id, OF_THE_SLA[clock.kind]) for clock, _ in draft.rows(SlaClock)
            if clock.missed_at is None or clock.ended_at is not None}


def _drop_reasons(page: OnCallPage, subject: Paged, met: set[tuple[str, PageReason]], now: Instant) -> None:
    """Without those that no longer hold; it ends when none is left."""
    _keep(page, [reason for reason in page.why if holds(reason, subject) and (subject.id, reason) not in met], now)


def holds(reason: PageReason, subject: Paged) -> bool:
    """Whether somebody still has to look for that reason."""
    return subject.state in HOLDS[reason]


def open_page(draft: Draft, subject: Paged, role: OnCallRole = OnCallRole.DISPATCHER) -> OnCallPage | None:
    """The open page of that role about `subject`, of those that the draft holds."""
    return next((page for page, _ in draft.rows(OnCallPage) if page.subject_id == subject.id and page.role is role
                 and page.state in OPEN), None)


def _open_pages(draft: Draft, subject: Paged) -> list[OnCallPage]:
    return [page for role in OnCallRole if (page := open_page(draft, subject, role)) is not None]


def _keep(page: OnCallPage, reasons: list[PageReason], now: Instant) -> None:
    if not reasons:
        move(page, Action.END, now)
    elif len(reasons) < len(page.reasons):
        page.reasons = [str(reason) for reason in reasons]
        page.facts = {reason: page.facts[reason] for reason in page.reasons}


def _add_facts(page: OnCallPage, reason: PageReason, facts: Mapping[str, Any]) -> None:
    page.facts = page.facts | {str(reason): page.facts.get(str(reason), {}) | dict(facts)}


def _just_acknowledged(page: OnCallPage, who: Actor, now: Instant) -> bool:
    return (page.state is PageState.ACKNOWLEDGED and page.acknowledged_by == who.name
            and now - (page.acknowledged_at or 0) < AGAIN)


def _tell(page: OnCallPage, rung: Rung, subject: Paged, occurrence: str, draft: Draft, policy: Policy, now: Instant,
          heard_at: Instant | None, **turn: Any) -> None:
    page.told_at = now
    reason = page.why[-1]
    topic, mine = _TOPICS.get(reason, TopicName.PLEASE_LOOK), page.facts[reason]
    for recipient in rung.recipients:
        facts = mine | {"role": str(page.role), "reason": str(reason)} | turn | _reader(recipient, policy)
        draft.add(notify(policy, recipient, topic, subject, occurrence, now, facts=facts, heard_at=heard_at))


def _reader(to: Recipient, policy: Policy) -> dict[str, Any]:
    person = policy.on_call.people.get(to.id) if to.kind is RecipientKind.ON_CALL else None
    return {} if person is None else {"reader": person.name, "reader_locale": person.locale,
                                      "reader_zone": person.timezone or policy.on_call.timezone}
