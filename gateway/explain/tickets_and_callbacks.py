"""Explains a ticket or a callback: its cause, the choice of provider, its promises and notifications."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.devices.profiles import Profile
from gateway.explain.alarms import evidence_lines
from gateway.explain.facts import CallbackFacts, SubjectHistory, TicketFacts
from gateway.explain.format import Explanation, Line, counted, joined_words
from gateway.explain.goodwill import goodwill_lines
from gateway.explain.notifications import notification_lines, timeline_lines
from gateway.explain.outages import reason_lines
from gateway.explain.promises import promise_lines
from gateway.explain.sla import sla_lines
from gateway.model import CallbackKind, Cover, EntryKind, Need, Offer, OfferState, PriceAnswer, Ticket, Visit
from gateway.model.entries import REPORTS
from gateway.notifications.entries import in_language
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.format_values import price
from gateway.notifications.reasons import resolution_sentence

ANSWERS = {
    OfferState.PENDING: "has not answered yet",
    OfferState.ACCEPTED: "accepted",
    OfferState.DECLINED: "declined",
    OfferState.LAPSED: "did not answer in time",
    OfferState.WITHDRAWN: "was told that it is not needed any more",
}
SOME = 5  # of those that are too far away, by name


def explain_ticket(facts: TicketFacts, profile: Profile | None, times: TimeFormat) -> Explanation:
    """Why there is this ticket, why this provider, and what was promised."""
    ticket = facts.ticket
    lines = [Line("what", f"{ticket.cause}: {_where(facts)}", ticket.opened_at),
             Line("what", f"Severity {ticket.severity}, now {ticket.state}; opened on {times.exact(ticket.opened_at)}"
                  + (f", round {ticket.round}: the fault came back" if ticket.round > 1 else ""))]
    lines += _payer(ticket, times)
    if facts.outage is not None:
        lines += reason_lines(facts.outage, times)
    lines += _reports(facts, times)
    for alarm in facts.alarms:
        lines.append(Line("why", f"Alarm {alarm.id}, rule {alarm.rule}, on {times.exact(alarm.opened_at)}",
                          alarm.opened_at))
        lines += evidence_lines(alarm, profile, times)
    for offer in facts.offers:
        lines += _provider(offer, _was_taken(offer, facts.offers), facts.history, times)
    if not facts.offers:
        lines.append(Line("provider", "No firm has been asked"))
    lines += _nobody(facts.history, times)
    lines += _visits(facts, times)
    lines += promise_lines(facts.promises, facts.history, times)
    lines += sla_lines(facts.sla, ticket.severity, times, times.now)
    if ticket.resolved_at is not None:
        lines.append(Line("became", f"Resolved by {ticket.resolved_by} on {times.exact(ticket.resolved_at)}: "
                                    f"{resolution_sentence(ticket, times.catalogue)}", ticket.resolved_at))
    lines += goodwill_lines(facts, times)
    if facts.same_trip:
        lines.append(Line("told", f"One visit is for this and {', '.join(facts.same_trip)}: what is said about it is "
                                  "said once, under one of these numbers"))
    if facts.history.notifications or not facts.same_trip:
        lines += notification_lines(facts.history, times)
    lines += [*timeline_lines(facts.history, times)]
    return Explanation(ticket.id, "ticket", f"Why {ticket.id}: {ticket.cause}", facts.zone, lines)


def _where(facts: TicketFacts) -> str:
    if facts.outage is not None:
        return f"one ticket for all of its homes, opened at {facts.site.name}, the first that went dark"
    if facts.device is None:
        return f"no device, but what needs {facts.ticket.skill}, at {facts.site.name}"
    device = f"{facts.device.name} ({facts.device.id}) "
    return f"{device}at {facts.site.name}"


def _reports(facts: TicketFacts, times: TimeFormat) -> Iterator[Line]:
    """Who has said what."""
    for entry in facts.history.entries:
        if entry.kind in REPORTS:
            note = f" ({entry.parameters['note']})" if entry.parameters["note"] else ""
            yield Line("why", f"Reported by {entry.by} on {times.exact(entry.at)}: "
                              f"{in_language(entry.parameters['cause'], times.catalogue)}{note}", entry.at)
    if facts.ticket.reported:
        yield Line("why", "It stays open until a person says that it is done: no device can")


def _payer(ticket: Ticket, times: TimeFormat) -> Iterator[Line]:
    """Who pays, and what the customer said when they were asked."""
    if ticket.outage_id is not None:
        return
    if ticket.cover is not Cover.CALL_OUT_PRICE or ticket.price is None:
        yield Line("what", {
            Cover.CONTRACT: "The customer's service contract pays", Cover.WARRANTY: "The maker's warranty pays",
        }.get(ticket.cover, "Nobody has said who pays: the offer asks to agree the price first"))
        return
    said = "" if ticket.price_answered_at is None else times.exact(ticket.price_answered_at)
    answer = {
        None: "they are not asked first, for somebody is sent at once: the profile calls it a danger",
        PriceAnswer.ASKED: "they were asked, and nobody is sent before they say yes",
        PriceAnswer.AGREED: f"they said yes on {said}", PriceAnswer.DECLINED: f"they said no on {said}: nobody comes",
    }[ticket.price_answer]
    yield Line("what", f"The customer pays {price(ticket.price, times.catalogue.locale)}; {answer}",
               ticket.price_answered_at)


def explain_callback(facts: CallbackFacts, times: TimeFormat) -> Explanation:
    """Why there is this callback, and whether the promised time was kept."""
    callback = facts.callback
    pressed = "" if facts.device is None else (
        f": {counted(callback.presses, 'press').replace('presss', 'presses')} of {facts.device.name}")
    asked = "We want to ring" if callback.kind is CallbackKind.CHECK else "Somebody wants to be called at"
    urgency = ", a call for help" if callback.emergency else ", urgent" if callback.urgent else ""
    lines = [Line("what", f"{asked} {facts.site.name}{pressed} "
                          f"({times.catalogue(f'origin.{callback.origin}')})", callback.requested_at),
             Line("what", f"Now {callback.state}{urgency}; asked for on "
                          f"{times.exact(callback.requested_at)}, promised by {times.exact(callback.promised_by)}")]
    if callback.outage_id is not None:
        lines.append(Line("why", f"Answered by outage {callback.outage_id}, which was known already"))
    if callback.overdue_told_at is not None:
        lines.append(Line("became", f"The promise was missed; the dispatcher was asked to act on "
                                    f"{times.exact(callback.overdue_told_at)}", callback.overdue_told_at))
    if callback.attempts:
        lines.append(Line("became", f"Dialled {counted(callback.attempts, 'time')}"
                          + (f", {callback.tries} of them in vain" if callback.tries else "")
                          + (f", last by {callback.agent}" if callback.agent else "")))
    if callback.outcome is not None:
        lines.append(Line("became", f"What came of it: {times.catalogue(f'call_outcome.{callback.outcome}')}"))
    if callback.closed_at is not None:
        lines.append(Line("became", f"Over since {times.exact(callback.closed_at)}"
                          + (f": {callback.note}" if callback.note else ""), callback.closed_at))
    lines += [*promise_lines(facts.promises, facts.history, times), *notification_lines(facts.history, times),
              *timeline_lines(facts.history, times)]
    return Explanation(callback.id, "callback", f"Why {callback.id}: a call is wanted", facts.zone, lines)


def _was_taken(offer: Offer, offers: list[Offer]) -> bool:
    """Whether it was taken back because another provider was faster."""
    return offer.state is OfferState.WITHDRAWN and any(
        other.state is OfferState.ACCEPTED and (other.job_id, other.closed_at) == (offer.job_id, offer.closed_at)
        for other in offers)


def _provider(offer: Offer, taken: bool, history: SubjectHistory, times: TimeFormat) -> Iterator[Line]:
    """Who was asked, why they and not another, and what they said."""
    name = history.names.get(offer.provider_id, offer.provider_id)
    answer = "was told that another firm was faster" if taken else ANSWERS.get(offer.state, offer.state)
    answer += f": {offer.answer}" if offer.answer else ""
    yield Line("provider", f"{name} was asked on {times.exact(offer.offered_at)} and {answer}", offer.offered_at)
    if offer.left_out is not None:
        yield Line("provider", f"… which does not count in their track record: {offer.left_out}")
    if "by" in offer.evidence:
        yield Line("provider", f"… because {offer.evidence['by']} chose them")
    elif not offer.wave:
        yield Line("provider", "… alone, before all others: they know it, or come there anyway")
    if offer.evidence.get("urgent_because") == Need.POWER_DEPENDENT:
        yield Line("provider", "… as urgently as for a major fault, because somebody who lives there depends on power")
    ranked = offer.evidence.get("eligible", [])
    count = offer.evidence.get("of", len(ranked))  # kept whole with the first of those that were asked together
    for one in ranked:
        if one["provider_id"] == offer.provider_id:
            place = f"first of {count}" if one["rank"] == 1 else f"number {one['rank']} of {count}"
            yield Line("provider", f"… because they were {place}: {'; '.join(one['reasons'])}")
        else:
            other = history.names.get(one["provider_id"], one["provider_id"])
            yield Line("provider", f"… after them came {other}: {'; '.join(one['reasons'])}")
    yield from _not_asked(offer.evidence, history)


def _nobody(history: SubjectHistory, times: TimeFormat) -> Iterator[Line]:
    """Each time that nobody could be asked, and why not."""
    for entry in history.entries:
        if entry.kind in (EntryKind.NOBODY_LEFT, EntryKind.WAITS_FOR_OPENING):
            opens_at = entry.evidence.get("opens_at")
            until = "" if opens_at is None else f" before {times.exact(opens_at)}"
            yield Line("provider", f"On {times.exact(entry.at)} nobody could be asked{until}", entry.at)
            yield from _not_asked(entry.evidence, history)


def _not_asked(evidence: Mapping[str, Any], history: SubjectHistory) -> Iterator[Line]:
    for refused in evidence.get("refused", []):
        other = history.names.get(refused["provider_id"], refused["provider_id"])
        yield Line("provider", f"… not {other}: {refused['reason']}")
    elsewhere = evidence.get("elsewhere") or {}
    ids = elsewhere.get("providers", [])
    if ids:
        some = joined_words([history.names.get(one, one) for one in ids[:SOME]])
        others = f" and {counted(len(ids) - SOME, 'other')}" if len(ids) > SOME else ""
        yield Line("provider", f"… not {some}{others}: {elsewhere['reason']}")


def _visits(facts: TicketFacts, times: TimeFormat) -> Iterator[Line]:
    for visit in facts.visits:
        name = facts.history.names.get(visit.provider_id, visit.provider_id)
        who = f"{visit.technician} of {name}" if visit.technician else name
        yield Line("became", f"Visit {visit.id} by {who}, promised between {times.exact(visit.window_from)} and "
                             f"{times.exact(visit.window_until)}: {_how_it_stands(visit, times)}", visit.created_at)


def _how_it_stands(visit: Visit, times: TimeFormat) -> str:
    """How it ended or where it is, and what went otherwise than promised."""
    said = (visit.outcome or visit.state).replace("_", " ")
    if visit.handed_back_at is not None:
        said = f"handed back on {times.exact(visit.handed_back_at)}"
    if visit.incomplete is not None:
        parts = f": {', '.join(visit.parts)}" if visit.parts else ""
        said += f" ({visit.incomplete.replace('_', ' ')}{parts})"
    if visit.expected_at is not None:
        said += f", expected on {times.exact(visit.expected_at)}"
    if visit.contested_at is not None:
        said += ", which the customer contests"
    if visit.asks and visit.done_at is None:
        said += f", and {visit.asks} question{'s' if visit.asks > 1 else ''} to the technician without an answer"
    return said + (f": {visit.note}" if visit.note else "")
