"""The audit log: what is written down of what people do, and that nobody can change it."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from gateway.model import DAY, ActorKind, Audit, AuditOutcome
from gateway.store.accounts import audit
from gateway.tickets.actions import MergeTickets, ResolveTicket
from tests.drivers.web_driver import WebStory


def test_who_did_what_and_how_it_was_before_and_after_without_a_word_of_theirs(there: WebStory) -> None:
    ticket = there.break_down()
    with there.client(there.key("agent", "Dana Meier")) as web:
        web.post(f"/api/v1/tickets/{ticket.id}/resolve", json={"note": "Frau Keller has reset it"})
    line = there.all(Audit)[-1]
    assert (line.actor, line.role, line.action, line.object_kind, line.object_id) == (
        ActorKind.AGENT, "agent", "resolve_ticket", "ticket", ticket.id)
    assert line.account.startswith("K-")
    assert line.address == "127.0.0.1"
    assert line.before["state"] == "offered"
    assert line.after["state"] == "resolved"
    assert "Keller" not in str(line.model_dump())


def test_what_a_role_may_not_is_written_down_too(there: WebStory) -> None:
    ticket = there.break_down()
    with there.client(there.key("agent")) as web:
        answer = web.post(f"/api/v1/tickets/{ticket.id}/merge", json={"into": "T-00000000"})
    assert answer.status_code == 403
    line = there.all(Audit)[-1]
    assert (line.action, line.outcome, line.object_id) == ("merge_ticket", AuditOutcome.DENIED, ticket.id)


def test_what_is_refused_or_fails_leaves_neither_the_act_nor_a_line(there: WebStory) -> None:
    ticket = there.break_down()
    there.act(ResolveTicket(ticket.id, "it works"), "agent")
    before = len(there.all(Audit))
    with pytest.raises(Exception, match="T-00000000"):
        there.act(MergeTickets(ticket.id, "T-00000000"), "agent")
    assert len(there.all(Audit)) == before


def test_nobody_changes_or_deletes_a_line_before_it_is_a_year_old(there: WebStory) -> None:
    there.user()
    other_ways = ("INSERT OR REPLACE INTO audit SELECT * FROM audit",) if there.gw.store.sqlite else ("TRUNCATE audit",)
    for statement in ("UPDATE audit SET account = ''", "DELETE FROM audit", *other_ways):
        with pytest.raises(DBAPIError, match=r"audit log is (never changed|kept for a year)"), \
                there.gw.store.engine.begin() as connection:
            connection.execute(text(statement))
    there.add(Audit(at=there.now - 800 * DAY, actor=ActorKind.OPERATOR, action="import_fleet"))
    count = len(there.all(Audit))
    with there.gw.store.write() as session:
        audit.forget_old(session, there.now)
    assert len(there.all(Audit)) == count - 1
