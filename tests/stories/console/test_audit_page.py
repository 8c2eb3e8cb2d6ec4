"""The audit log as an auditor reads it, and takes it away."""

import csv
import io
import json

from gateway.access.sessions import STEP_UP
from gateway.model import ActorKind, Audit, AuditOutcome
from gateway.store.accounts import audit
from tests.drivers.web_driver import PASSWORD, Console, WebStory, hidden_fields, read


def resolve_as_dana(there: WebStory) -> str:
    """Dana settles a ticket, and tries to merge it, which she may not; its id."""
    ticket = there.break_down()
    with there.client(there.key("agent", "Dana Meier")) as web:
        web.post(f"/api/v1/tickets/{ticket.id}/merge", json={"into": "T-00000000"})
        web.post(f"/api/v1/tickets/{ticket.id}/resolve", json={"note": "Frau Keller has reset it"})
    return ticket.id


def auditor(there: WebStory) -> Console:
    return there.console("auditor", "Rita Frei")


def test_an_auditor_reads_who_did_what_how_it_was_before_and_what_was_denied(there: WebStory) -> None:
    ticket = resolve_as_dana(there)
    said = read(auditor(there).get("/console/audit"))
    assert "key “Dana Meier”" in said
    assert f"Resolve ticket {ticket}" in said
    assert "State offered resolved" in said
    assert f"Merge ticket {ticket}" in said
    assert "Denied" in said
    assert "Keller" not in said
    assert "Rita Frei Auditor · 127.0.0.1 Sign in" in said


def test_the_log_is_filtered_by_who_object_action_outcome_and_day(there: WebStory) -> None:
    ticket, browser = resolve_as_dana(there), auditor(there)
    by = there.one(Audit, Audit.action == "resolve_ticket").account
    for query, has, has_not in (
            (f"account={by}", ("Resolve ticket", "Merge ticket"), ("Sign in",)),
            (f"object={ticket}", ("Resolve ticket", "Merge ticket"), ("Sign in",)),
            ("action=resolve_ticket", ("key “Dana Meier”",), ("Denied",)),
            ("outcome=denied", ("Merge ticket",), ("Rita Frei Auditor · 127.0.0.1",)),
            ("since=2026-11-23&until=2026-11-23", ("Resolve ticket",), ("Nothing was done",)),
            ("until=2026-11-22", ("Nothing matches this filter",), ("Dana Meier” Agent",))):
        rows = read(browser.get(f"/console/audit?{query}")).partition("Until Show")[2]
        assert all(one in rows for one in has), (query, rows)
        assert not any(one in rows for one in has_not), (query, rows)
    assert browser.web.get("/console/audit?since=yesterday").status_code == 422
    assert browser.web.get("/console/audit?cursor=nonsense").status_code == 422


def test_a_long_log_is_read_page_by_page(there: WebStory) -> None:
    browser = auditor(there)
    with there.gw.store.write() as session:
        session.add_all([Audit(at=there.now, actor=ActorKind.OPERATOR, action="import_fleet") for _ in range(150)])
    first = browser.get("/console/audit?action=import_fleet")
    assert first.text.count("<tr id=") == 100
    older = first.text.partition('class="pager"')[2].partition('href="')[2].partition('"')[0].replace("&amp;", "&")
    assert browser.get(older).text.count("<tr id=") == 50


def test_an_export_holds_all_lines_and_is_written_down_itself(there: WebStory) -> None:
    ticket, browser = resolve_as_dana(there), auditor(there)
    answer = browser.get(f"/console/audit/export?format=csv&object={ticket}")
    assert answer.headers["content-disposition"] == 'attachment; filename="audit-2026-11-23.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["action"], row["outcome"], row["name"]) for row in rows] == [
        ("resolve_ticket", "done", "key “Dana Meier”"), ("merge_ticket", "denied", "key “Dana Meier”")]
    assert json.loads(rows[0]["after"])["state"] == "resolved"
    lines = [json.loads(line) for line in browser.get("/console/audit/export?format=jsonl").text.splitlines()]
    assert lines[0]["action"] == "export_audit"
    assert len(lines) == len(there.all(Audit))


def test_what_a_spreadsheet_would_run_is_text(there: WebStory) -> None:
    browser = auditor(there)
    with there.client(there.key("agent", "=cmd()")) as web:
        web.post("/api/v1/tickets/T-00000000/merge", json={"into": "T-00000000"})
    with there.gw.store.write() as session:
        session.add(Audit(at=there.now, actor=ActorKind.OPERATOR, action="=1+1", object_id="@x"))
    rows = list(csv.DictReader(io.StringIO(browser.get("/console/audit/export").text)))
    assert (rows[1]["action"], rows[1]["object_id"]) == ("'=1+1", "'@x")


def test_an_export_asks_who_they_are_when_that_was_long_ago(there: WebStory) -> None:
    browser = auditor(there)
    there.now += STEP_UP
    asked = browser.web.get("/console/audit/export?format=csv")
    assert "Is it you, Rita Frei?" in read(asked, 401)
    wrong = browser.web.post("/console/prove", data=hidden_fields(asked) | {"proof": "not this one, surely"})
    assert "not your password, nor a code" in read(wrong, 401)
    assert there.all(Audit, Audit.action == "prove")[-1].outcome is AuditOutcome.FAILED
    answer = browser.follow(browser.web.post("/console/prove", data=hidden_fields(wrong) | {"proof": PASSWORD}))
    assert answer.headers["content-type"].startswith("text/csv")
    assert browser.web.get("/console/audit/export?format=csv").status_code == 200


def test_whoever_may_not_take_it_away_has_no_button_and_is_refused(there: WebStory) -> None:
    boss = there.console("operator", "Olga Brand")
    assert "JSON lines" not in read(boss.get("/console/audit"))
    assert "may not take the audit log away" in read(boss.web.get("/console/audit/export"), 403)
    dana = there.console("agent", "Dana Meier")
    assert "Audit" not in read(dana.get("/console/account")).partition("Your account")[0]
    assert "may not read who did what" in read(dana.web.get("/console/audit"), 403)


def test_every_kind_of_thing_that_was_done_can_be_chosen(there: WebStory) -> None:
    resolve_as_dana(there)
    with there.gw.store.read() as session:
        assert audit.actions(session) == sorted({one.action for one in there.all(Audit)})
