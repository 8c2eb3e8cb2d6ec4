"""The list of tickets: found, sorted, kept as views, and acted on, many at once."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from gateway.access.rights import BULK_LIMIT
from gateway.calendars.arrival_windows import written_local
from gateway.model import HOUR, MINUTE, Audit, AuditOutcome, Entry, EntryKind, Job, OnCallPage, Severity, Ticket
from gateway.tickets.actions import CancelTicket, OpenTicket
from tests.drivers.web_driver import Console, WebStory, read
from tests.fixtures.many_tickets import save_tickets

pytestmark = pytest.mark.slow
LIST = "/console/tickets"
PUMPS = ("alice-pump", "bob-pump", "charlie-pump")


def numbers(answer: httpx.Response) -> list[str]:
    """The tickets of the list, in its order."""
    assert answer.status_code == 200, answer.text
    return re.findall(r'<tr id="row-(T-\w+)"', answer.text)


def ticks(answer: httpx.Response, *wanted: str) -> list[str]:
    """What the boxes of these tickets send."""
    found = re.findall(r'name="ticket" value="(T-\w+):(\w+)"', answer.text)
    return [f"{number}:{version}" for number, version in found if number in wanted]


def hidden(answer: httpx.Response, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', answer.text[answer.text.index('id="bulk"'):])
    assert found is not None
    return unescape(found[1])


def act(browser: Console, shown: httpx.Response, what: str, *wanted: str, scope: str = "these", **fields: str
        ) -> httpx.Response:
    """The form over the list, as it was shown, with these tickets ticked."""
    return browser.post(f"{LIST}/bulk", act=what, scope=scope, ticket=ticks(shown, *wanted), **{
        name: hidden(shown, name) for name in ("filter", "as_of", "key")}, **fields)


def results(answer: httpx.Response) -> dict[str, tuple[str, str]]:
    """Ticket → (what became of it, why)."""
    assert answer.status_code == 200, answer.text
    rows = re.findall(r'<tr id="row-(T-\w+)".*?</svg>(.*?)</span></td><td>(.*?)</td>', answer.text)
    return {number: (outcome, unescape(why)) for number, outcome, why in rows}


def three(there: WebStory) -> list[Ticket]:
    """Alice's, Bob's and Charlie's pumps have broken down."""
    return [there.break_down(pump) for pump in PUMPS]


def test_a_row_says_what_is_wrong_where_who_has_to_act_by_when_and_what_is_promised(there: WebStory) -> None:
    ticket = there.break_down()
    there.wait(minutes=20)
    page = there.console().get(LIST)
    assert numbers(page) == [ticket.id]
    row = read(page)[read(page).index(ticket.id):]
    for said in ("Critical", "Compressor fault", "Heat pump", "Alice Keller", "Lindenweg 1, 8001 Wiesental", "Offered",
                 "Providers asked", "20 min", "1–1 of 1"):
        assert said in row
    assert f'href="/console/tickets/{ticket.id}"' in page.text


def test_the_address_holds_the_whole_filter_and_each_criterion_has_to_be_met(there: WebStory) -> None:
    alice, bob, charlie = three(there)
    there.act(OpenTicket("bob-home", "Kein Licht im Bad", "electrical", Severity.MINOR))
    light = there.one(Ticket, Ticket.skill == "electrical")
    there.act(CancelTicket(charlie.id, "in vain"), "agent")
    browser = there.console()
    for query, *wanted in (
            ("", alice, bob, light), ("state=over", charlie), ("state=all", alice, bob, charlie, light),
            ("severity=minor", light), ("skill=electrical", light), ("state=cancelled", charlie),
            ("text=keller", alice), ("text=bob+bad", light), ("text=lindenweg", alice, bob, light),
            ("text=100%25",), (f"text={bob.id[2:].lower()}", bob), ("area=wiesental", alice, bob, light),
            ("area=feeder-7&severity=critical", alice, bob), ("provider=nobody", alice, bob, light),
            ("state=under_way",), ("provider=kunz",)):
        assert set(numbers(browser.get(f"{LIST}?{query}"))) == {ticket.id for ticket in wanted}, query
    for wrong in ("state=lost", "severity=huge", "sort=luck", "who=me", "overdue=maybe"):
        assert browser.web.get(f"{LIST}?{wrong}").status_code == 422
    assert "No ticket matches" in read(browser.get(f"{LIST}?provider=kunz"))


def test_what_is_late_or_promised_soon_or_seen_to_by_somebody_is_found(there: WebStory) -> None:
    save_tickets(there.gw.store, 41, 0, there.now)
    browser = there.console()
    assert numbers(browser.get(f"{LIST}?overdue=true")) == ["T-0A000000"]
    assert set(numbers(browser.get(f"{LIST}?risk=true"))) == {"T-0A000000", "T-0A000040"}
    assert numbers(browser.get(f"{LIST}?owner=@me")) == ["T-0A000020"]
    assert set(numbers(browser.get(f"{LIST}?owner=nobody"))) == {"T-0A000000", "T-0A000040"}
    assert "Dana Meier" in read(browser.get(f"{LIST}?owner=@me&text=000020"))
    other = there.console("agent", "Erik Lang")
    assert numbers(other.get(f"{LIST}?owner=@me")) == []


@pytest.mark.parametrize(("sort", "first"), [
    ("age", "T-0A000000"), ("-age", "T-0A000011"), ("number", "T-0A000000"), ("-number", "T-0A000011"),
    ("severity", "T-0A000011"), ("due", "T-0A000000"), ("promise", "T-0A000000"), ("state", "T-0A000010"),
    ("provider", "T-0A000002"), ("customer", "T-0A000000")])
def test_it_is_sorted_by_what_one_wants_both_ways(there: WebStory, sort: str, first: str) -> None:
    save_tickets(there.gw.store, 12, 0, there.now)
    browser = there.console()
    page = browser.get(f"{LIST}?sort={sort}")
    rows = numbers(page)
    assert len(rows) == 12
    assert rows[0] == first
    assert 'aria-sort="' in page.text
    back = sort[1:] if sort.startswith("-") else f"-{sort}"
    if sort.removeprefix("-") in ("age", "number"):
        assert numbers(browser.get(f"{LIST}?sort={back}")) == rows[::-1]


@pytest.mark.parametrize("sort", ["severity", "due", "-promise", "customer", "provider", "-age"])
def test_each_ticket_is_on_one_page_whatever_the_order(there: WebStory, sort: str) -> None:
    save_tickets(there.gw.store, 230, 5, there.now)
    browser, seen, path = there.console(), list[str](), f"{LIST}?sort={sort}"
    for said in ("1–100 of 230", "101–200 of 230", "201–230 of 230"):
        page = browser.get(path)
        seen += numbers(page)
        assert said in read(page)
        found = re.search(r'rel="next" href="([^"]+)"', page.text)
        path = unescape(found[1]) if found else ""
    assert path == ""
    assert sorted(seen) == [f"T-0A{number:06}" for number in range(230)]
    assert browser.web.get(f"{LIST}?cursor=nonsense").status_code == 422


def test_a_list_is_kept_under_a_name_for_oneself_or_for_everybody(there: WebStory) -> None:
    three(there)
    dana, erik = there.console(), there.console("agent", "Erik Lang")
    dana.post(f"{LIST}/views", name="My critical ones", filter="severity=critical&owner=@me")
    dana.post(f"{LIST}/views", name="North", filter="area=wiesental&sort=due", team="true")
    mine, his = read(dana.get(LIST)), read(erik.get(LIST))
    assert "My critical ones" in mine
    assert "My critical ones" not in his
    assert "North" in his
    assert 'href="/console/tickets?area=wiesental&amp;sort=due"' in erik.get(LIST).text
    assert "Give the view a name" in read(dana.web.post(f"{LIST}/views", data={"csrf": dana.csrf, "name": " "}), 422)
    assert dana.web.post(f"{LIST}/views", data={"csrf": dana.csrf, "name": "x", "filter": "a=b"}).status_code == 422
    auditor = there.console("auditor", "Ada Rot")
    assert "North" in read(auditor.get(LIST))
    answer = auditor.web.post(f"{LIST}/views", data={"csrf": auditor.csrf, "name": "x", "team": "true"})
    assert answer.status_code == 403
    north = re.search(r'name="view" value="([^"]+)" aria-label="Delete the view North', dana.get(LIST).text)
    assert north is not None
    refused = auditor.web.post(f"{LIST}/views/delete", data={"csrf": auditor.csrf, "view": north[1]})
    assert "may not" in read(refused, 403)
    assert "North" in read(dana.get(LIST))
    view = re.search(r'name="view" value="([^"]+)" aria-label="Delete the view My', dana.get(LIST).text)
    assert view is not None
    assert erik.web.post(f"{LIST}/views/delete", data={"csrf": erik.csrf, "view": view[1]}).status_code == 404
    dana.post(f"{LIST}/views/delete", view=view[1])
    assert "My critical ones" not in read(dana.get(LIST))


def test_a_note_to_the_ticked_ones_says_what_became_of_each(there: WebStory) -> None:
    alice, bob, charlie = three(there)
    browser = there.console()
    page = browser.get(f"{LIST}?severity=critical")
    done = act(browser, page, "note", alice.id, bob.id, note="The van is in the workshop")
    assert "Noted: 2 of 2" in read(done)
    assert {one: outcome for one, (outcome, _) in results(done).items()} == {alice.id: "Done", bob.id: "Done"}
    assert 'href="/console/tickets?severity=critical"' in done.text
    noted = there.all(Entry, Entry.kind == EntryKind.NOTED)
    assert {entry.subject_id for entry in noted} == {alice.id, bob.id}
    assert {row.object_id for row in there.all(Audit, Audit.action == "add_note")} == {alice.id, bob.id}
    assert charlie.id not in done.text


def test_a_row_that_changed_meanwhile_is_skipped_and_the_others_are_done(there: WebStory) -> None:
    alice, bob, _ = three(there)
    browser = there.console()
    page = browser.get(LIST)
    there.act(CancelTicket(bob.id, "sold"), "agent")
    done = act(browser, page, "cancel", alice.id, bob.id, why="Storm drill")
    assert "1 done 1 skipped 0 not possible" in read(done)
    assert results(done)[bob.id] == ("Skipped", "It has changed since you saw it: now cancelled.")
    assert there.again(alice).state == "cancelled"


def test_what_is_not_possible_says_why_and_stops_nobody_else(there: WebStory) -> None:
    alice, bob, _ = three(there)
    there.act(CancelTicket(bob.id, "sold"), "agent")
    browser = there.console()
    page = browser.get(f"{LIST}?state=all")
    done = act(browser, page, "hold", alice.id, bob.id, reason="part",
               until=written_local(there.now + 30 * HOUR, "UTC"))
    assert results(done)[alice.id] == ("Done", "")
    assert results(done)[bob.id][0] == "Not possible"
    assert "cancelled" in results(done)[bob.id][1]
    assert there.again(alice).state == "on_hold"


def test_nothing_ticked_is_not_all(there: WebStory) -> None:
    three(there)
    browser = there.console()
    page = browser.get(LIST)
    for scope in ("these", "", "everything"):
        answer = act(browser, page, "ask_again", scope=scope)
        assert "No ticket is ticked. Nothing was done." in read(answer, 422)
    assert there.all(Entry, Entry.kind == EntryKind.ASKED_AGAIN) == []


def test_what_was_typed_and_ticked_is_still_there_when_something_is_missing(there: WebStory) -> None:
    alice, bob, _ = three(there)
    browser = there.console()
    page = browser.get(LIST)
    for what, fields, said in (
            ("note", {"note": " "}, "Write the note."), ("cancel", {}, "Say why nobody needs to come"),
            ("hold", {"reason": "part", "until": "soon"}, "Say until when"), ("hold", {}, "Choose what they wait for"),
            ("assign", {"provider": "kunz", "window_from": "x", "window_until": "y"}, "Say when they come"),
            ("dance", {}, "Choose what to do")):
        answer = act(browser, page, what, alice.id, bob.id, **fields)
        assert said in read(answer, 422)
        assert answer.text.count(" checked>") >= 3  # both rows, and the scope
    answer = act(browser, page, "assign", alice.id, provider="kunz", technician="Karin Kunz", window_from="?")
    assert 'value="Karin Kunz"' in answer.text
    assert there.again(alice).state == "offered"


def test_a_form_that_is_sent_twice_acts_once(there: WebStory) -> None:
    alice, *_ = three(there)
    browser = there.console()
    page = browser.get(LIST)
    for _ in range(2):
        act(browser, page, "note", alice.id, note="Once")
    assert len(there.all(Entry, Entry.kind == EntryKind.NOTED)) == 1


def test_all_that_match_are_those_of_the_filter_and_not_what_changed_since_it_was_shown(there: WebStory) -> None:
    save_tickets(there.gw.store, 130, 0, there.now)
    alice = there.break_down()
    browser = there.console("dispatcher")
    page = browser.get(f"{LIST}?skill=heating")
    assert "All 45 that match" in read(page)
    there.act(CancelTicket("T-0A000003", "gone"), "agent")
    bob = there.break_down("bob-pump")  # nobody has seen it in the list
    done = act(browser, page, "note", scope="all", note="Strike on Monday")
    assert "Noted: 44 of 45" in read(done)
    assert results(done)[bob.id][0] == "Skipped"
    assert results(done)[alice.id][0] == "Done"
    assert "T-0A000003" not in results(done)
    assert len(there.all(Entry, Entry.kind == EntryKind.NOTED)) == 44


def test_more_fields_than_a_form_holds_do_nothing_and_say_what_to_do_instead(there: WebStory) -> None:
    alice = there.break_down()
    browser = there.console("dispatcher")
    shown = browser.get(LIST)
    tick = next(one for one in ticks(shown, alice.id))
    refused = browser.web.post(f"{LIST}/bulk", data={
        "csrf": browser.csrf, "scope": "these", "act": "cancel", "why": "x", "ticket": [tick] * 1_001})
    assert "Nothing was done. Go back, and what you ticked and wrote is there" in read(refused, 400)
    assert "choose all that match" in read(refused, 400)
    assert there.again(alice).state == "offered"


def test_more_than_a_few_at_once_are_a_dispatchers(there: WebStory) -> None:
    save_tickets(there.gw.store, BULK_LIMIT + 1, 0, there.now)
    agent = there.console()
    page = agent.get(LIST)
    assert "that match" not in read(page)
    assert f"More than {BULK_LIMIT} at once" in read(page)
    every = [f"T-0A{number:06}" for number in range(BULK_LIMIT + 1)]
    for scope in ("these", "all"):
        assert "may not" in read(act(agent, page, "note", *every, scope=scope, note="x"), 403)
    assert [row.action for row in there.all(Audit, Audit.outcome == AuditOutcome.DENIED)] == ["note_many"] * 2
    assert f"Noted: {BULK_LIMIT} of {BULK_LIMIT}" in read(act(agent, page, "note", *every[1:], note="x"))
    other = there.console("dispatcher", "Erik Lang")
    done = act(other, other.get(LIST), "note", scope="all", note="x")
    assert f"Noted: {BULK_LIMIT + 1} of {BULK_LIMIT + 1}" in read(done)
    assert agent.web.get(str(done.url)).status_code == 404  # it is theirs


def test_for_what_there_was_no_time_one_goes_on(there: WebStory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.web.console.tickets_bulk.BUDGET_S", -1.0)
    save_tickets(there.gw.store, 45, 0, there.now)
    browser = there.console("dispatcher")
    done = act(browser, browser.get(LIST), "note", scope="all", note="Strike")
    for left, count in ((25, 20), (5, 20), (0, 5)):
        assert len(results(done)) == count
        assert ("are left" in read(done)) is (left > 0)
        if left:
            assert f"{left} are left" in read(done)
            done = browser.post(f"{urlsplit(str(done.url)).path}/go-on")
    assert len(there.all(Entry, Entry.kind == EntryKind.NOTED)) == 45


def test_whoever_is_paged_sees_to_several_and_assigns_them(there: WebStory) -> None:
    save_tickets(there.gw.store, 41, 0, there.now)
    alice = there.break_down()
    browser = there.console()
    done = act(browser, browser.get(f"{LIST}?owner=nobody"), "see_to", "T-0A000000", "T-0A000040")
    assert "Seen to: 2 of 2" in read(done)
    assert {page.acknowledged_by for page in there.all(OnCallPage)} == {"Dana Meier"}
    window = {"window_from": written_local(there.now + HOUR, "UTC"),
              "window_until": written_local(there.now + 3 * HOUR, "UTC")}
    done = act(browser, browser.get(f"{LIST}?severity=critical&text=alice"), "assign", alice.id, provider="kunz",
               technician="Karin Kunz", **window)
    assert "Assigned: 1 of 1" in read(done)
    assert there.again(alice).provider_id == "kunz"


def two_of_one_home(there: WebStory) -> tuple[Ticket, Ticket]:
    pump = there.break_down()
    there.act(OpenTicket("alice-home", "Cold radiators", "heating", Severity.MINOR))
    return pump, there.one(Ticket, Ticket.cause_key == "reported")


def test_two_tickets_become_one_under_the_number_that_is_chosen(there: WebStory) -> None:
    pump, cold = two_of_one_home(there)
    browser = there.console("dispatcher")
    preview = act(browser, browser.get(LIST), "merge", pump.id, cold.id)
    assert urlsplit(str(preview.url)).path == f"{LIST}/merge"
    assert sorted(parse_qs(urlsplit(str(preview.url)).query)["ticket"]) == sorted([pump.id, cold.id])
    for said in (f"Merge into {pump.id}", f"Merge into {cold.id}", "Cold radiators", "Compressor fault",
                 "it can be undone"):
        assert said in read(preview)
    answer = browser.web.post(f"{LIST}/merge", data={"csrf": browser.csrf, "ticket_id": cold.id, "into_id": pump.id})
    assert answer.headers["location"] == f"{LIST}/{pump.id}"
    assert there.again(cold).merged_into == pump.id
    again = browser.web.post(f"{LIST}/merge", data={"csrf": browser.csrf, "ticket_id": pump.id, "into_id": cold.id})
    assert f"{cold.id} is resolved or closed already" in read(again, 409)


def test_what_cannot_be_one_problem_is_not_merged(there: WebStory) -> None:
    alice, bob, _ = three(there)
    dispatcher, agent = there.console("dispatcher"), there.console("agent", "Erik Lang")
    page = dispatcher.get(LIST)
    assert "They are of two homes" in read(act(dispatcher, page, "merge", alice.id, bob.id))
    assert "Tick the two tickets" in read(act(dispatcher, page, "merge", alice.id), 422)
    assert dispatcher.web.get(f"{LIST}/merge?ticket={alice.id}&ticket={alice.id}").status_code == 404
    assert 'value="merge"' not in agent.get(LIST).text
    assert agent.web.get(f"{LIST}/merge?ticket={alice.id}&ticket={bob.id}").status_code == 403


def test_a_providers_people_and_who_only_reads_see_what_is_theirs(there: WebStory) -> None:
    three(there)
    firm = there.console("provider", "Karin Kunz", provider="kunz")
    assert firm.web.get(LIST).status_code == 403
    assert firm.web.get(f"{LIST}/stream").status_code == 403
    auditor = there.console("auditor", "Ada Rot")
    page = auditor.get(LIST)
    assert len(numbers(page)) == 3
    assert 'name="ticket"' not in page.text
    assert 'id="bulk"' not in page.text
    assert auditor.web.post(f"{LIST}/bulk", data={"csrf": auditor.csrf}).status_code == 403


def test_a_draft_is_kept_for_whoever_typed_it_until_it_is_sent_or_a_day_is_over(there: WebStory) -> None:
    dana, erik = there.console(), there.console("agent", "Erik Lang")
    key = "ticket/T-1/note"

    def kept(browser: Console) -> object:
        return browser.web.get("/console/drafts", params={"key": key}).json()

    assert kept(dana) is None
    saved = dana.web.post("/console/drafts", data={"csrf": dana.csrf, "key": key, "fields": '{"note": "He said"}'})
    assert saved.status_code == 204
    assert kept(dana) == {"fields": {"note": "He said"}, "at": there.now}
    assert kept(erik) is None
    dana.web.post("/console/drafts", data={"csrf": dana.csrf, "key": key, "fields": '{"note": "He said so"}'})
    there.now += 20 * MINUTE
    assert kept(dana) == {"fields": {"note": "He said so"}, "at": there.now - 20 * MINUTE}
    dana.web.post("/console/drafts", data={"csrf": dana.csrf, "key": key})
    assert kept(dana) is None
    dana.web.post("/console/drafts", data={"csrf": dana.csrf, "key": key, "fields": '{"note": "Again"}'})
    there.now += 25 * HOUR
    dana.sign_in("dana@example.com")
    assert kept(dana) is None
    for wrong in ("[1]", "nonsense", '{"a": "\\u0000"}', str({f'"{n}"': 1 for n in range(50)})):
        answer = dana.web.post("/console/drafts", data={"csrf": dana.csrf, "key": key, "fields": wrong})
        assert answer.status_code == 422
    assert dana.web.post("/console/drafts", data={"key": key, "fields": "{}"}).status_code == 403


def test_jobs_follow_what_was_done_to_many(there: WebStory) -> None:
    three(there)
    browser = there.console()
    page = browser.get(LIST)
    done = act(browser, page, "hold", scope="all", reason="part", note="All wait for valves",
               until=written_local(there.now + 30 * HOUR, "UTC"))
    assert "Put on hold: 3 of 3" in read(done)
    assert {job.hold_reason for job in there.all(Job)} == {"part"}
