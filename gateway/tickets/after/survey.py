"""Asks a customer how it went once their ticket is closed, and takes the answer: a "no" opens it again."""

from gateway.model import (
    DAY,
    Actor,
    EntryKind,
    Instant,
    LinkPurpose,
    Survey,
    Ticket,
    customer,
)
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.topics import TopicName
from gateway.tickets.actions import AnswerSurvey
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.facts import ticket_facts
from gateway.tickets.households.not_fixed import go_on
from gateway.tickets.new_rows import entry, link, notify

ANSWER_WITHIN = 14 * DAY  # then the link ends, and with it the question
ASKED_AGAIN_AFTER = 30 * DAY  # nobody is asked more often, whatever else breaks


def ask_how_it_went(ticket: Ticket, work: SiteWork, policy: Policy, now: Instant) -> None:
    """Of a ticket that has just been closed. Whoever we broke a promise to gets an apology in place of questions.
    Nobody is asked twice about one ticket, nor about an area's, nor where nobody lives any more."""
    before = work.asked_before
    if (not policy.service.survey or ticket.outage_id is not None or ticket.id in before.surveyed
            or work.site.household_left_at is not None or ticket.customer_id != work.customer.id):
        return
    facts = ticket_facts(ticket, work, policy)
    if before.broken & {ticket.id, *(job.id for job in work.jobs_of(ticket))}:
        work.draft.add(notify(policy, customer(ticket.customer_id), TopicName.APOLOGY, ticket, ticket.round, now,
                              facts=facts))
        return
    if before.last_asked is not None and now - before.last_asked < ASKED_AGAIN_AFTER:
        return
    until = now + ANSWER_WITHIN
    opens = link(policy, LinkPurpose.SURVEY, ticket, now, until)
    work.draft.add(
        opens, entry(ticket, now, EntryKind.SURVEY_ASKED),
        Survey(id=policy.new_id("Q"), ticket_id=ticket.id, customer_id=ticket.customer_id,
               visit_id=_visit_id(ticket, work), proven=is_proven(ticket, work), asked_at=now, expires_at=until),
        notify(policy, customer(ticket.customer_id), TopicName.SURVEY, ticket, ticket.round, now, facts=facts,
               link_id=opens.id))


def is_proven(ticket: Ticket, work: SiteWork) -> bool:
    """Whether its device shows that it works: then we do not ask what we know. What a person reported no device can
    judge, nor can one that has not raised the alarm."""
    return (ticket.device_id is not None and not ticket.reported and not ticket.unproven
            and bool(work.causes.get(ticket.id)))


def _visit_id(ticket: Ticket, work: SiteWork) -> str | None:
    """The last one that was done for it."""
    mine = {job.id for job in work.jobs_of(ticket)}
    done = [visit for visit in work.visits.values() if visit.job_id in mine and visit.done_at is not None]
    return max(done, key=lambda visit: visit.done_at or 0).id if done else None


def plan_answer_survey(act: AnswerSurvey, ticket: Ticket, survey: Survey, work: SiteWork, policy: Policy, who: Actor,
                       now: Instant) -> None:
    """The first answer counts; the same once more changes nothing. Raises Refused for another, and when it is too
    late."""
    words = act.words.strip()
    if survey.answered_at is not None and _said(survey) == (act.works, act.ease, act.care, words):
        return
    gone = work.site.household_left_at is not None or ticket.customer_id != work.customer.id
    if survey.answered_at is not None or now >= survey.expires_at or gone:
        raise Refused(RefusedReason.ALREADY, id=ticket.id, state=ticket.state)
    survey.answered_at = now
    survey.works, survey.ease, survey.care, survey.words = act.works, act.ease, act.care, words
    work.draft.add(entry(ticket, now, EntryKind.SURVEY_ANSWERED, who=who))
    if act.works is False:
        go_on(ticket, words, work, policy, who, now)


def _said(survey: Survey) -> tuple[object, ...]:
    return survey.works, survey.ease, survey.care, survey.words

