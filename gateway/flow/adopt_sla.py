"""Adopts the SLA policies that were loaded: open tickets are measured by them from now on."""

from collections.abc import Callable
from functools import partial

import structlog
from sqlmodel import Session

from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.model import Instant, Ticket, new_id
from gateway.model.plan import Draft
from gateway.store import apply
from gateway.store.contexts import sla
from gateway.tickets.sla.follow import adopt

MOST = 500  # tickets in one transaction
Find = Callable[[Session, Draft], list[sla.TicketClocks]]
log = structlog.get_logger()


def adopt_policies(gw: Gateway, now: Instant) -> int:
    """Keeps each new version, and sets the clocks of tickets that another version, or none, has measured until now.
    Returns how many tickets. Nobody is paged for what is late only by that; the log says how many there are."""
    retry_on_conflict(lambda: _keep(gw, now))
    tickets = late = 0
    if not gw.sla:
        return 0
    for find in (_of_other_versions, _without_clocks):
        last = ""
        while batch := retry_on_conflict(partial(_adopt_some, gw, partial(find, gw, last), now)):
            last = max(ticket.id for ticket, _ in batch)
            tickets, late = tickets + len(batch), late + sum(inherited for _, inherited in batch)
    if tickets:
        log.info("SLA policies have changed: open tickets are measured anew", tickets=tickets, late_only_by_that=late)
    return tickets


def _keep(gw: Gateway, now: Instant) -> None:
    with gw.store.write() as session:
        sla.keep_versions(session, gw.sla, now)


def _of_other_versions(gw: Gateway, _: str, session: Session, draft: Draft) -> list[sla.TicketClocks]:
    return sla.of_other_versions(session, draft, gw.sla, MOST)  # none of these is found a second time


def _without_clocks(gw: Gateway, last: str, session: Session, draft: Draft) -> list[sla.TicketClocks]:
    return sla.without_clocks(session, draft, last, MOST)


def _adopt_some(gw: Gateway, find: Find, now: Instant) -> list[tuple[Ticket, int]]:
    """The tickets that were found, and how many clocks of each are late by that alone."""
    with gw.store.write() as session:
        draft = Draft()
        found = find(session, draft)
        versions = sla.versions(session, {clock.policy for _, clocks, _ in found for clock in clocks.values()})
        batch = []
        for ticket, clocks, facts in found:
            policy = gw.sla.for_ticket(facts)
            before = sum(clock.inherited for clock in clocks.values())
            if policy is not None:
                draft.add(*adopt(ticket, clocks, versions, policy, new_id, now))
            batch.append((ticket, sum(clock.inherited for clock in clocks.values()) - before))
        session.expunge_all()
        apply(session, draft.plan())
    return batch
