"""The customer reads what fixed the same fault of the same device before, while they wait: only what was proved and
held, only since they live there, and whose words it is."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    Alarm,
    Customer,
    Device,
    Job,
    JobTicket,
    Provider,
    Severity,
    Site,
    Ticket,
    TicketState,
    Visit,
    VisitOutcome,
    VisitState,
)
from gateway.store import Store
from gateway.store.visits.earlier_fixes import held_here
from gateway.tickets.actions import Arrive, Finish
from tests.drivers.query_plans import scans
from tests.drivers.web_driver import WebStory, read, web_story

KARIN = "technician Karin Kunz"
TITLE = "What helped last time"


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def fixed_before(there: WebStory, fix: str, days: int = 60, device: str = "alice-pump", cause: str = "fault:E7",
                 **ticket: object) -> str:
    """Stefan Suter of Seeblick was there so many days ago; the number of that ticket."""
    owner, done, key = device.split("-")[0], there.now - days * DAY, f"0C{days:06}"
    there.add(Ticket.model_validate({
        "id": f"T-{key}", "site_id": f"{owner}-home", "customer_id": owner, "device_id": device, "cause_key": cause,
        "cause": "Compressor fault", "skill": "heating", "severity": Severity.MAJOR, "state": TicketState.CLOSED,
        "opened_at": done - HOUR, "closed_at": done + HOUR} | ticket),
        Job(id=f"J-{key}", site_id=f"{owner}-home", opened_at=done - HOUR, closed_at=done, state=TicketState.RESOLVED),
        JobTicket(job_id=f"J-{key}", ticket_id=f"T-{key}"),
        Visit(id=f"V-{key}", job_id=f"J-{key}", ticket_id=f"T-{key}", provider_id="seeblick", state=VisitState.DONE,
              window_from=done, window_until=done, created_at=done - HOUR, done_at=done, fix=fix,
              outcome=VisitOutcome.COMPLETE, technician="Stefan Suter", note="Rang Mr Keller",
              fixed_profile="heat-pump", fixed_cause=cause))
    return f"T-{key}"


def speaks(there: WebStory, locale: str) -> None:
    there.change(there.one(Provider, Provider.id == "seeblick"), locale=locale)


def test_while_they_wait_they_read_what_held_and_whose_words_it_is(there: WebStory, web: httpx.Client) -> None:
    speaks(there, "en")
    fixed_before(there, "Sensor <b>cleaned", days=400)
    fixed_before(there, "Fan replaced")
    ticket = there.break_down()
    page = web.get(there.follow(ticket))
    assert f"{TITLE} Stefan Suter fixed the same fault on 24 Sep 2026 and wrote: Fan replaced" in read(page)
    assert '<q lang="en">Fan replaced</q>' in page.text
    assert "Sensor" not in page.text
    assert "Rang Mr Keller" not in page.text, "the note of another ticket is on that ticket's page"
    there.accept()
    visit = there.again(ticket).visit_id
    there.act(Arrive(visit), KARIN)
    there.act(Finish(visit, "Fan replaced"), KARIN)
    assert TITLE not in read(web.get(there.follow(ticket))), "it is over"


def test_words_in_another_language_say_so(there: WebStory, web: httpx.Client) -> None:
    speaks(there, "de")
    fixed_before(there, "Lüfter <ersetzt>")
    page = web.get(there.follow(there.break_down()))
    assert "and wrote, in German:" in read(page)
    assert '<q lang="de">Lüfter &lt;ersetzt&gt;</q>' in page.text
    there.change(there.one(Customer, Customer.id == "alice"), locale="de-CH")
    said = read(web.get(there.follow(there.one(Ticket, Ticket.state != TicketState.CLOSED))))
    assert "Was beim letzten Mal geholfen hat Stefan Suter hat dieselbe Störung am" in said
    assert "auf Deutsch" not in said, "they read German"


def test_a_fix_that_did_not_hold_gives_way_to_the_one_before_that_did(there: WebStory, web: httpx.Client) -> None:
    fixed_before(there, "Fan replaced", days=200)
    done = there.now - 60 * DAY
    fixed_before(there, "Reset", days=60)
    there.add(Alarm(id="A-0C000001", device_id="alice-pump", site_id="alice-home", rule="fault:E7", skill="heating",
                    severity=Severity.MAJOR, cause="Compressor fault", opened_at=done + MINUTE, closed_at=done + HOUR))
    said = read(web.get(there.follow(there.break_down())))
    assert "Fan replaced" in said
    assert "Reset" not in said


@pytest.mark.parametrize(("why", "before"), [
    ("too fresh: this very fault is how it came back", {"days": 20}),
    ("another fault", {"cause": "fault:E9"}),
    ("a neighbour's device", {"device": "bob-pump"}),
    ("never proved", {"unproven": True}),
    ("called off in the end", {"state": TicketState.CANCELLED}),
    ("too long ago to say much", {"days": 4 * 365})])
def test_nothing_is_said_where_nothing_honest_is_known(there: WebStory, web: httpx.Client, why: str,
                                                       before: dict[str, object]) -> None:
    fixed_before(there, "Fan replaced", **before)  # type: ignore[arg-type]
    assert TITLE not in read(web.get(there.follow(there.break_down()))), why


def test_nothing_of_those_who_lived_there_before(there: WebStory, web: httpx.Client) -> None:
    fixed_before(there, "Fan replaced")
    there.change(there.one(Site, Site.id == "alice-home"), household_since=there.now - 30 * DAY)
    assert TITLE not in read(web.get(there.follow(there.break_down())))


def test_nothing_where_somebody_else_of_the_town_paid_the_visit(there: WebStory, web: httpx.Client) -> None:
    fixed_before(there, "Fan replaced", customer_id="bob")
    assert TITLE not in read(web.get(there.follow(there.break_down())))


def test_the_page_reads_it_by_index(there: WebStory) -> None:
    for days in range(60, 90):
        fixed_before(there, "Fan replaced", days=days)
    ticket = there.break_down()
    with there.gw.store.read() as session:
        site = session.get_one(Site, "alice-home")
        assert session.get(Device, "alice-pump") is not None
    assert scans(there.gw.store, lambda session: held_here(session, ticket, site, there.now),
                 ("visit", "ticket", "alarm", "job", "job_ticket"), ()) == []
