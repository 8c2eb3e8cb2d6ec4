"""Whoever goes to a fault reads what fixed the same fault at devices of the same kind, and how often that held."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    Alarm,
    Device,
    Job,
    JobTicket,
    Severity,
    Ticket,
    TicketState,
    Visit,
    VisitOutcome,
    VisitState,
)
from gateway.store import Store
from gateway.store.visits.earlier_fixes import earlier_fixes
from gateway.tickets.actions import Arrive
from tests.drivers.query_plans import scans
from tests.drivers.web_driver import WebStory, accept, read, web_story

KARIN = "technician Karin Kunz"


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def fixed_before(there: WebStory, number: int, fix: str, *parts: str, back: bool = False, days: int = 60,
                 cause: str = "fault:E7", note: str = "Key is under Mrs Meier's mat") -> None:
    """Somebody went to Bob's heat pump for it, so many days ago."""
    done, key = there.now - days * DAY - number * HOUR, f"0B{number:06}"
    there.add(Ticket(id=f"T-{key}", site_id="bob-home", customer_id="bob", device_id="bob-pump", cause_key=cause,
                     cause="Compressor fault", skill="heating", severity=Severity.MAJOR, state=TicketState.CLOSED,
                     opened_at=done - HOUR, closed_at=done),
              Job(id=f"J-{key}", site_id="bob-home", opened_at=done - HOUR, closed_at=done, state=TicketState.RESOLVED),
              JobTicket(job_id=f"J-{key}", ticket_id=f"T-{key}"),
              Visit(id=f"V-{key}", job_id=f"J-{key}", ticket_id=f"T-{key}", provider_id="seeblick",
                    state=VisitState.DONE, window_from=done, window_until=done, created_at=done - HOUR, done_at=done,
                    outcome=VisitOutcome.COMPLETE, technician="Stefan Suter", note=note, fix=fix,
                    used=list(parts), fixed_profile="heat-pump",
                    fixed_cause=cause))
    if back:
        there.add(Alarm(id=f"A-{key}", device_id="bob-pump", site_id="bob-home", rule=cause, severity=Severity.MAJOR,
                        cause="Compressor fault", skill="heating", opened_at=done + MINUTE, closed_at=done + HOUR))


def test_before_accepting_and_before_leaving_they_read_what_held(there: WebStory, web: httpx.Client) -> None:
    for number in range(3):
        fixed_before(there, number * 24 * 31, "Fan replaced", "fan", days=40)
    fixed_before(there, 1, "Reset", days=200, back=True)
    fixed_before(there, 2, "Reset", days=245, back=True)
    fixed_before(there, 5, "Other thing", cause="fault:E9")
    ticket = there.break_down()
    page = there.offer(ticket)
    asked = read(web.get(page))
    assert "What fixed this fault before Fan replaced held 3 of 3 times Parts used then: fan" in asked
    for private in ("Meier", "Suter", "bob", "Bob", "Other thing"):
        assert private not in asked
    accept(there, web, page)
    told = read(web.get(there.visit(ticket)))
    assert "Fan replaced held 3 of 3 times" in told
    assert "Meier" not in told


def test_nothing_is_shown_where_nothing_is_known(there: WebStory, web: httpx.Client) -> None:
    fixed_before(there, 1, "Fan replaced")
    ticket = there.break_down()
    assert "What fixed this fault before" not in read(web.get(there.offer(ticket)))


def test_what_fixed_it_and_with_which_parts_is_learned_from_the_page(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    visit, page = there.one(Visit), there.visit(ticket)
    there.act(Arrive(visit.id), KARIN)
    assert web.post(page, data={"act": "finish", "note": "Frau Keller was kind", "fix": " Fan  replaced ",
                                "used": "fan\r\n\r\nscrews"}).status_code == 303
    there.wait(minutes=2)  # to take it back
    done = there.again(visit)
    assert (done.fix, done.used, done.fixed_profile, done.fixed_cause) == (
        "Fan replaced", ["fan", "screws"], "heat-pump", "fault:E7")
    assert "Parts used: fan, screws" in read(web.get(page))
    fixed_before(there, 1, "fan replaced")
    there.now += 31 * DAY
    assert known(there, ticket) == [("Fan replaced", 2, 2)]


def test_a_fault_that_the_customer_says_is_still_there_counts_as_one_that_did_not_hold(
        there: WebStory, web: httpx.Client) -> None:
    for number in (1, 2):
        fixed_before(there, number, "Fan replaced")
    ticket = there.break_down()
    there.accept()
    there.act(Arrive(there.one(Visit, Visit.ticket_id == ticket.id).id), KARIN)
    web.post(there.visit(ticket), data={"act": "finish", "note": "done", "fix": "Fan replaced"})
    there.wait(minutes=2)  # to take it back
    there.receive("devices/alice-pump/fault", {"code": "E7", "active": False})
    web.post(f"{there.follow(ticket)}/change", data={"act": "not_fixed", "notice": "it hums"})
    there.wait(minutes=2)  # a minute to take it back
    assert known(there, ticket) == [("Fan replaced", 2, 3)]


def test_what_is_not_finished_teaches_nothing(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    visit = there.one(Visit)
    there.act(Arrive(visit.id), KARIN)
    web.post(there.visit(ticket), data={"act": "finish", "outcome": "more_work", "note": "half", "fix": "Fan",
                                        "used": "fan"})
    there.wait(minutes=2)  # to take it back
    assert (there.again(visit).fix, there.again(visit).used) == (None, ["fan"])


def test_the_question_reads_by_its_index(there: WebStory) -> None:
    for number in range(30):
        fixed_before(there, number, "Fan replaced")
    ticket = there.break_down()
    with there.gw.store.read() as session:
        device = session.get(Device, "alice-pump")
    assert scans(there.gw.store, lambda session: earlier_fixes(session, device, ticket, there.now),
                 ("visit", "ticket", "alarm", "job", "job_ticket"), ()) == []


def known(there: WebStory, ticket: Ticket) -> list[tuple[str, int, int]]:
    with there.gw.store.read() as session:
        return [(one.name, one.held, one.of)
                for one in earlier_fixes(session, session.get(Device, "alice-pump"), ticket, there.now)]
