"""What a message about a ticket or a job can say: its faults, its device, and who comes when."""

from typing import Any

from gateway.model import Job, Ticket
from gateway.notifications.catalogue import FALLBACK
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.dispatch.cover import is_agreed_elsewhere, payers_of


def ticket_facts(ticket: Ticket, work: SiteWork, policy: Policy) -> dict[str, Any]:
    """A fault as things stand, and the visit that is planned for it."""
    cause, *others = _causes(ticket, work, policy)
    facts: dict[str, Any] = {"cause": cause, "severity": ticket.severity, "device": _device_name(ticket, work)}
    if others:
        facts["also"] = others
    facts["payers"] = payers_of([(facts["device"], ticket)])
    visit = None if ticket.visit_id is None else work.visits.get(ticket.visit_id)
    if visit is not None:
        facts |= {"technician": visit.technician, "window_from": visit.window_from,
                  "window_until": visit.window_until, "eta": visit.eta}
    return facts


def job_facts(job: Job, work: SiteWork, policy: Policy) -> dict[str, Any]:
    """The named ticket's facts, and under `also` what else the same trip shall settle."""
    named = work.named_ticket(job)
    facts = ticket_facts(named, work, policy)
    others = [cause for ticket in work.tickets_of(job) if ticket is not named
              for cause in _causes(ticket, work, policy)]
    mine = work.tickets_of(job)
    merged = [one for one in work.tickets.values() if is_agreed_elsewhere(one, {ticket.id for ticket in mine})]
    facts["payers"] = payers_of((_device_name(ticket, work), ticket) for ticket in [*mine, *merged])
    return facts | ({"also": [*facts.get("also", []), *others]} if others else {})


def in_their_words(words: str) -> dict[str, str]:
    """A cause as a person said it, to stand within a sentence: in one language, which everybody reads."""
    return {FALLBACK: words.strip().rstrip(".।")}


def _causes(ticket: Ticket, work: SiteWork, policy: Policy) -> list[dict[str, str]]:
    """Every fault of it that still holds, in every language, the most severe first; at least one that did."""
    if ticket.outage_id is not None:
        outage = work.outages[ticket.outage_id]
        return [{locale: policy.catalogues.best_for(locale)("message.outage.cause", area=outage.name)
                 for locale in policy.catalogues.locales}]
    held = {alarm.rule: alarm.cause_texts for alarm in work.faults_of(ticket)}
    now_wrong = [*held.values(), *map(in_their_words, work.reports_of(ticket))]
    known = work.causes.get(ticket.id, {})
    return now_wrong or [known.get(ticket.cause_key) or next(iter(known.values()), {"en": ticket.cause})]


def _device_name(ticket: Ticket, work: SiteWork) -> str:
    """Of an outage: its area; of what was reported without a device: the skill that it needs."""
    if ticket.outage_id is not None:
        return work.outages[ticket.outage_id].name
    context = work.device_of(ticket)
    return ticket.subject or "" if context is None else context.device.name
