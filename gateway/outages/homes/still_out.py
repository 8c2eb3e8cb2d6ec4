"""A person says on the telephone that their home is still without power: it is (again) a home of the outage there, or
has a ticket of its own."""

from gateway.callbacks.presses.answers import Form, likeliest
from gateway.model import (
    MINUTE,
    Actor,
    Callback,
    EntryKind,
    Instant,
    LinkPurpose,
    MemberState,
    Outage,
    OutageMember,
    OutageState,
    Severity,
    Ticket,
    customer,
)
from gateway.notifications.topics import TopicName
from gateway.outages.homes.devices import Power, power_of
from gateway.outages.lifecycle import Action, MemberAction, move, move_member
from gateway.tickets.actions import OpenTicket
from gateway.tickets.context import Policy, SiteWork, Surroundings
from gateway.tickets.new_rows import FOLLOW_FOR, entry, link, notify
from gateway.tickets.opening import open_or_join


def plan_still_out(callback: Callback, around: Surroundings, note: str, work: SiteWork, policy: Policy, who: Actor,
                   now: Instant) -> Ticket | None:
    """Their word counts, whatever their devices say; what those say stands beside it. Returns the home's own ticket,
    where it has one of it now."""
    outage = likeliest(around.outages, around.members)
    if outage is None:
        return open_by_word(around, work, policy, who, now, note)
    callback.outage_id = outage.id
    member = around.members.get(outage.id)
    if member is not None and member.dark and member.state is MemberState.NESTED:
        member.reported_at = now
        return open_by_word(around, work, policy, who, now, note)
    work.draft.add(entry(outage, now, EntryKind.OUTAGE_HOME_REPORTED, who=who, customer=work.customer.name,
                         evidence=_evidence(around, outage.began_at, policy)))
    if member is not None and member.dark:
        member.reported_at = now
        return None
    member = _joins(member, outage, work, now)
    member.told = outage.state is not OutageState.SUSPECTED  # below, in writing: nobody need ring them again
    outage.dark += 1
    if outage.state is OutageState.RESTORED:
        move(outage, Action.REOPEN, now)
    if outage.state is OutageState.RESTORING:
        outage.next_at = now + policy.service.nested_minutes * MINUTE
    if outage.state is not OutageState.SUSPECTED:
        _tell(member, outage, around, work, policy, now)
    return None


def open_by_word(around: Surroundings, work: SiteWork, policy: Policy, who: Actor, now: Instant, note: str = ""
                 ) -> Ticket:
    """The home's own ticket: somebody there says that there is no power."""
    cause = policy.catalogues.best_for(work.customer.locale)("message.still_out.cause")
    ticket = open_or_join(OpenTicket(work.site.id, cause, policy.service.outage_skill, Severity.MAJOR, note=note), work,
                          policy, who, now)
    evidence = _evidence(around, None, policy)
    if evidence["power"] == Power.ON:
        work.draft.add(entry(ticket, now, EntryKind.POWER_DOUBTED, who=who, evidence=evidence))
    return ticket


def _evidence(around: Surroundings, since: Instant | None, policy: Policy) -> dict[str, object]:
    """What the devices say: `since`, or at all."""
    return {"power": str(power_of(around.devices, policy.profiles, since or 0)),
            "devices": {one.id: str(one.link) for one in around.devices}}


def _joins(member: OutageMember | None, outage: Outage, work: SiteWork, now: Instant) -> OutageMember:
    if member is None:
        member = OutageMember(id=f"{outage.id}/{work.site.id}", outage_id=outage.id, site_id=work.site.id, died_at=now,
                              customer_id=work.customer.id, joined_at=now, reported_at=now)
        work.draft.add(member)
        outage.homes += 1
        return member
    move_member(member, MemberAction.RELAPSE, now)
    member.died_at, member.reported_at, member.round = now, now, member.round + 1
    return member


def _tell(member: OutageMember, outage: Outage, around: Surroundings, work: SiteWork, policy: Policy, now: Instant
          ) -> None:
    """In writing what the agent has said; who was told that it is over hears that it is not, and again when it is."""
    if (outage.id, str(member.round)) in around.told:
        return
    page = link(policy, LinkPurpose.FOLLOW, outage, now, now + FOLLOW_FOR, work.site.id)
    facts = {"area": outage.name, "homes": outage.homes, "etr": outage.etr_at, "form": str(Form.REPORTED),
             "restoring": outage.state is OutageState.RESTORING, "look_by": outage.next_at}
    work.draft.add(page, notify(policy, customer(work.customer.id), TopicName.OUTAGE, outage, member.round, now,
                                facts=facts, link_id=page.id, heard_at=now))
