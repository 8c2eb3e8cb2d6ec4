"""Plans who moves out of a home and who moves in: what ends for the first, and what the others hear of."""

import unicodedata

from gateway.callbacks.lifecycle import Action as CallAction
from gateway.callbacks.lifecycle import move as move_call
from gateway.callbacks.open import end_call
from gateway.model import (
    RESIDENTS,
    Actor,
    Customer,
    EntryKind,
    Instant,
    LinkPurpose,
    Notification,
    OutageState,
    PageReason,
    PendingOutcome,
    Person,
    PersonSite,
    PriceAnswer,
    Reason,
    ReasonKind,
    Subject,
    SubjectKind,
    Ticket,
    customer,
)
from gateway.model.plan import NoSuch, Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.preferences.choose import forget_choice
from gateway.notifications.topics import TopicName
from gateway.outages.context import CUSTOMER_KINDS
from gateway.tickets.actions import LeaveSite, MoveIn
from gateway.tickets.context import HomeContext, Policy, SiteWork
from gateway.tickets.facts import job_facts, ticket_facts
from gateway.tickets.households.customer_acts import end_pending
from gateway.tickets.lifecycle import UNSETTLED, VISIT_AHEAD
from gateway.tickets.new_rows import FOLLOW_FOR, entry, link, notify
from gateway.tickets.on_call.pages import end_pages, page_dispatcher
from gateway.tickets.opening import announce
from gateway.tickets.promises import cancel_promises

MOVED_OUT = "moved out"


def plan_leave(act: LeaveSite, home: HomeContext, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """A person is no longer at this site; with the last who lived there the household leaves it. Without a person the
    whole household leaves. Raises NoSuch for somebody who is not there, Refused when nobody lives there any more."""
    if act.person_id is None:
        if work.site.household_left_at is not None:
            raise Refused(RefusedReason.NOBODY_LIVES_THERE, id=act.site_id)
        _household_leaves(home, work, policy, who, now)
        return
    person = home.people.get(act.person_id)
    if person is None:
        raise NoSuch(f"there is no person {act.person_id} at site {act.site_id}")
    _leaves(person, home, work, who, now)
    for one in home.links:
        if one.purpose is LinkPurpose.HOUSEHOLD:  # they know it; whoever stays gets a new one for the asking
            one.revoked_at = now
    lived_there = person.role in RESIDENTS
    if lived_there and not any(one.role in RESIDENTS for one in home.people.values()):
        _household_leaves(home, work, policy, who, now)


def plan_move_in(act: MoveIn, home: HomeContext, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """Another household lives here from now on: it sees nothing from before, and hears of what is open as for the first
    time. Who lived here until now has left. Raises Refused when it is theirs already."""
    household = home.newcomer
    if household is None:
        raise NoSuch(f"there is no customer {act.customer_id}")
    if household.id == work.site.customer_id and work.site.household_left_at is None:
        raise Refused(RefusedReason.LIVES_THERE, id=act.site_id, customer=household.id)
    if work.site.household_left_at is None:
        _household_leaves(home, work, policy, who, now, paged=False)
    site = work.draft.copy(work.site)
    site.customer_id, site.household_since, site.household_left_at = household.id, now, None
    work.site, work.customer = site, household
    for person_id, before in home.arriving.items():
        if before is None:
            work.draft.add(PersonSite(id=f"{person_id}/{site.id}", person_id=person_id, site_id=site.id))
        else:
            before.left_at = None
    for ticket in [one for one in work.tickets.values() if one.closed_at is None]:
        _hand_over(ticket, household, home, work, policy, who, now)
    _tell_of_outages(home, household, work, policy, now)


def _leaves(person: Person, home: HomeContext, work: SiteWork, who: Actor, now: Instant) -> None:
    """With the last home of theirs, all that we know of their needs goes, and how they are reached is used no more."""
    home.stays[person.id].left_at = now
    work.draft.add(entry(Subject(SubjectKind.PERSON, person.id), now, EntryKind.PERSON_LEFT, who=who,
                         site=work.site.id))
    del home.people[person.id]
    if person.id in home.elsewhere:
        return
    person.left_at, person.listed = now, False
    person.needs, person.needs_consent_on, person.needs_review_on = [], None, None
    if person.id in home.choices:
        forget_choice(home.choices[person.id])
    for contact in home.contacts.get(person.id, ()):
        if contact.stopped_at is None:
            contact.stopped_at, contact.stopped_why = now, MOVED_OUT


def _household_leaves(home: HomeContext, work: SiteWork, policy: Policy, who: Actor, now: Instant, *,
                      paged: bool = True) -> None:
    """Nothing of the home is theirs any more: links, promises, calls, how to get in. The faults stay, and with them the
    visits; without anybody who moves in, a person has to see who opens the door (`paged`)."""
    residents = list(home.people.values())
    for person in residents:
        _leaves(person, home, work, who, now)
    site = work.draft.copy(work.site)
    site.household_left_at, site.access = now, ""
    for pending in home.pending:  # what waits is done for nobody any more, and nobody rings whoever comes next about it
        pending.words = ""
        if pending.closed_at is None:
            end_pending(pending, PendingOutcome.REFUSED, now)
    if _words(site.name) & _words(" ".join((work.customer.name, *(one.name for one in residents)))):
        site.name = site.address or site.id  # it was named after them
    work.site = site
    for one in home.links:
        other = home.also_in.get(one.subject_id)
        if other is not None:  # a household has one page of an outage, whatever homes of theirs are in it
            one.site_id = other
            continue
        one.revoked_at = now
        if one.subject_id in work.follow:
            del work.follow[one.subject_id]
    tickets = [one for one in work.tickets.values() if one.outage_id is None]  # an outage's is its neighbours' too
    subjects = {one.id for one in tickets} | {one.id for one in work.callbacks.values()} | {
        job.id for one in tickets for job in work.jobs_of(one)}
    cancel_promises([one for subject in subjects for one in work.promises.get(subject, ())], now)
    for callback in list(work.callbacks.values()):
        work.draft.add(entry(callback, now, EntryKind.HOUSEHOLD_LEFT, who=who))
        if not callback.emergency:  # a call for help is ended by whoever has seen to it
            move_call(callback, CallAction.CANCEL, now)
            callback.note = MOVED_OUT
            work.draft.add(entry(callback, now, EntryKind.CANCELLED, who=who, reason=Reason(ReasonKind.MOVED_OUT)))
            end_call(callback, work, now)
    for ticket in tickets:
        if ticket.closed_at is None:
            work.draft.add(entry(ticket, now, EntryKind.HOUSEHOLD_LEFT, who=who))
        if ticket.state in UNSETTLED and paged:
            page_dispatcher(work.draft, policy, ticket, PageReason.HOUSEHOLD_LEFT, now,
                            facts=ticket_facts(ticket, work, policy))


def _words(text: str) -> set[str]:
    letters = (one if one.isalnum() or unicodedata.category(one)[0] == "M" else " " for one in text.casefold())
    return {word for word in "".join(letters).split() if len(word) > 2}  # \w takes the vowel signs of मीरा for gaps


def _hand_over(ticket: Ticket, household: Customer, home: HomeContext, work: SiteWork, policy: Policy, who: Actor,
               now: Instant) -> None:
    """What is open is theirs now; that somebody before them said yes to a price is nothing that they have to pay. For
    the messages it is a new round: they may have lived there before."""
    ticket.customer_id = household.id
    ticket.round += 1
    work.draft.add(entry(ticket, now, EntryKind.HOUSEHOLD_MOVED_IN, who=who))
    end_pages(work.draft, ticket, now, PageReason.HOUSEHOLD_LEFT)
    if ticket.outage_id is not None or ticket.state not in UNSETTLED:
        return
    if ticket.price_answer is PriceAnswer.AGREED:
        page_dispatcher(work.draft, policy, ticket, PageReason.HOUSEHOLD_LEFT, now,
                        facts=ticket_facts(ticket, work, policy))
    announce(ticket, work, policy, now)
    for job in work.jobs_of(ticket):
        visit = work.visit_of(job)
        if visit is not None and visit.state in VISIT_AHEAD and work.named_ticket(job) is ticket:
            _tell_once(home, work, notify(
                policy, customer(household.id), TopicName.TECHNICIAN_ASSIGNED, ticket, visit.id, now,
                facts=job_facts(job, work, policy) | {"provider": work.provider_name(visit.provider_id)},
                link_id=work.follow_id(ticket.id)))


def _tell_once(home: HomeContext, work: SiteWork, row: Notification) -> None:
    """Who has lived there before may have been told."""
    if (row.subject_id, row.topic, row.occurrence) not in home.told:
        work.draft.add(row)


def _tell_of_outages(home: HomeContext, household: Customer, work: SiteWork, policy: Policy, now: Instant) -> None:
    """The home has been dark with its neighbours since before they came."""
    for member in home.dark:
        outage = home.outages[member.outage_id]
        member.customer_id = household.id
        if outage.kind not in CUSTOMER_KINDS or outage.state is OutageState.SUSPECTED:
            continue
        page = link(policy, LinkPurpose.FOLLOW, Subject(SubjectKind.OUTAGE, outage.id), now, now + FOLLOW_FOR,
                    member.site_id)
        work.draft.add(page)
        _tell_once(home, work, notify(
            policy, customer(household.id), TopicName.OUTAGE, outage, member.round, now, link_id=page.id, heard_at=now,
            facts={"area": outage.name, "etr": outage.etr_at, "homes": outage.homes}))
