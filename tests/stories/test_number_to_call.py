"""The number to call: who sees it, when, and that each look is written down; the bridge that hides it."""

import random
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.app.main import health_probe
from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    Callback,
    Contact,
    Entry,
    EntryKind,
    IncompleteReason,
    Link,
    Person,
    PersonRole,
    PersonSite,
    RecipientKind,
    Ticket,
    Visit,
    VisitOutcome,
)
from gateway.store import Store
from gateway.tickets.actions import Arrive, CancelTicket, Depart, Finish, LogCall, ReportDelay, ReportOverrun
from tests.drivers.story import begin
from tests.drivers.web_driver import WebStory, read
from tests.fixtures.web import serve
from tests.stories.test_page_dispatch import page_of_unpaged

pytestmark = pytest.mark.slow
KARIN = "technician Karin Kunz"
ALICE = "+41791234567"
BRIDGE = "tel:+41445550000,,{pin}#"


def town(store: Store, **service: Any) -> WebStory:
    there = WebStory(**vars(begin(store, name="Wiesental Service", phone="+41 44 555 11 11", **service)))
    there.base = serve(there.gw, there.clock, lambda: there.health)
    return there


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    """No bridge: technicians see numbers while they are on the way or there."""
    return town(both_stores)


@pytest.fixture
def bridged(both_stores: Store) -> WebStory:
    """Technicians ring through the bridge."""
    return town(both_stores, call_template=BRIDGE)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def coming(there: WebStory, device: str = "alice-pump") -> tuple[Ticket, Visit, str]:
    """Somebody has accepted: the ticket, the visit, and its page."""
    ticket = there.break_down(device)
    there.accept()
    visit = there.one(Visit, Visit.ticket_id == ticket.id)
    return ticket, visit, there.visit(ticket)


def looks(there: WebStory, row: Ticket | Callback, kind: EntryKind = EntryKind.NUMBER_SEEN) -> list[tuple[str, str]]:
    """(who, whose) of each look at the numbers."""
    return [(str(one.by), one.parameters["people"])
            for one in there.all(Entry, Entry.subject_id == row.id, Entry.kind == kind)]


def has_number(page: httpx.Response) -> bool:
    return "791234567" in re.sub(r"[^0-9a-zA-Z]", "", page.text)


# without a bridge


def test_a_technician_sees_the_number_only_while_the_visit_is_under_way(there: WebStory, web: httpx.Client) -> None:
    ticket, visit, page = coming(there)
    assert "once you have set out" in read(web.get(page))
    refused = web.post(page, data={"act": "show_number"})
    assert refused.status_code == 409
    assert not has_number(refused)
    for act in (Depart(visit.id, 20), Arrive(visit.id)):
        there.act(act, KARIN)
        before = web.get(page)
        assert "Show the number" in read(before)
        assert not has_number(before)
        shown = web.post(page, data={"act": "show_number"})
        assert f'href="tel:{ALICE}"' in shown.text
        assert "Alice Keller +41 79 123 45 67" in read(shown)
        assert not has_number(web.get(page))  # loaded again it is gone
        there.now += 15 * MINUTE
    assert looks(there, ticket) == [(KARIN, "Alice Keller")] * 2
    there.act(Finish(visit.id, "A valve was stuck"), KARIN)
    after = web.get(page)
    assert not has_number(after)
    assert "Show the number" not in after.text
    assert web.post(page, data={"act": "show_number"}).status_code == 409
    there.now += DAY
    assert not has_number(web.get(page))
    assert web.post(page, data={"act": "show_number"}).status_code == 404


def test_the_same_person_within_ten_minutes_looks_once(there: WebStory, web: httpx.Client) -> None:
    ticket, visit, page = coming(there)
    there.act(Depart(visit.id, 20), KARIN)
    for _ in range(3):
        web.post(page, data={"act": "show_number"})
        there.now += 4 * MINUTE
    assert looks(there, ticket) == [(KARIN, "Alice Keller")]
    web.post(page, data={"act": "show_number"})
    assert len(looks(there, ticket)) == 2


def test_the_number_itself_is_written_in_no_timeline(there: WebStory, web: httpx.Client) -> None:
    ticket, visit, page = coming(there)
    there.act(Depart(visit.id, 20), KARIN)
    web.post(page, data={"act": "show_number"})
    written = [f"{one.parameters} {one.evidence}" for one in there.all(Entry, Entry.subject_id == ticket.id)]
    assert not any("791234567" in one for one in written)


def test_a_customer_without_a_number_is_rung_by_the_desk(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down("charlie-pump")
    there.accept()
    page = there.visit(ticket)
    said = read(web.get(page))
    assert "Wir haben keine Telefonnummer dieses Kunden. Bitte rufen Sie bei uns an. +41 44 555 11 11" in said
    there.act(Depart(there.one(Visit).id, 20), KARIN)
    assert "Nummer zeigen" not in read(web.get(page))


def test_only_those_who_live_there_are_shown_to_a_technician(there: WebStory, web: httpx.Client) -> None:
    there.add(Person(id="nina", customer_id="alice", name="Nina Arber", role=PersonRole.HELPER),
              Person(id="otto", customer_id="alice", name="Otto Keller", role=PersonRole.TENANT))
    for key, number in (("nina", "+41791111111"), ("otto", "+41442222222")):
        there.add(PersonSite(id=f"{key}/alice-home", person_id=key, site_id="alice-home"), Contact(
            id=f"N-{key}", owner_kind=RecipientKind.PERSON, owner_id=key, channel="phone", address=number))
    ticket, visit, page = coming(there)
    there.act(Depart(visit.id, 20), KARIN)
    shown = web.post(page, data={"act": "show_number"}).text
    assert re.findall(r'href="tel:(\+[0-9]+)"', shown.partition("<main")[2]) == ["+41442222222", ALICE]
    assert looks(there, ticket) == [(KARIN, "Otto Keller, Alice Keller")]


@pytest.mark.parametrize("template", ["", BRIDGE])
def test_whatever_happens_no_page_of_a_technician_has_the_number_in_it_unasked(store: Store, template: str) -> None:
    there, dice = town(store, call_template=template), random.Random(7)
    with there.client() as web:
        ticket, visit, page = coming(there)
        steps = {"planned": [Depart, Arrive, ReportDelay], "en_route": [Arrive, ReportDelay],
                 "on_site": [LogCall, ReportOverrun]}
        for _ in range(12):
            step = dice.choice(steps[there.again(visit).state])
            there.act(step(visit.id, 30) if step in (ReportDelay, ReportOverrun) else step(visit.id), KARIN)
            for answer in (web.get(page), web.post(page, data={"act": "finish"}), web.post(page, data={"act": "?"})):
                assert not has_number(answer)
            under_way = there.again(visit).state in ("en_route", "on_site")
            shown = web.post(page, data={"act": "show_number"})
            assert has_number(shown) == (shown.status_code == 200) == (under_way and not template)
            there.now += dice.randrange(1, 12) * MINUTE
            there.wait()
        assert not has_number(web.get(there.follow(ticket)))


# with a bridge


def test_a_technician_rings_through_the_bridge_and_never_sees_the_number(bridged: WebStory) -> None:
    ticket, visit, page = coming(bridged)
    with bridged.client() as web, bridged.client(bridged.key("bridge")) as bridge:
        assert visit.call_pin is not None
        assert re.fullmatch("[0-9]{10}", visit.call_pin)
        for _ in range(2):
            shown = web.get(page)
            assert f'href="tel:+41445550000,,{visit.call_pin}%23"' in shown.text
            assert not has_number(shown)
            assert f"PIN {visit.call_pin[:4]} {visit.call_pin[4:7]} {visit.call_pin[7:]}" in read(shown)
            answer = bridge.post("/api/v1/bridge", json={"pin": visit.call_pin})
            assert answer.json() == {"number": ALICE, "name": "Alice Keller", "language": "en"}
            bridged.act(Depart(visit.id, 20), KARIN)
        assert web.post(page, data={"act": "show_number"}).status_code == 409
        assert looks(bridged, ticket, EntryKind.NUMBER_DIALLED) == [(KARIN, "Alice Keller")] * 2
        bridged.act(Finish(visit.id, "A valve was stuck"), KARIN)
        over = web.get(page)
        assert visit.call_pin not in over.text
        assert not has_number(over)
        assert bridge.post("/api/v1/bridge", json={"pin": visit.call_pin}).status_code == 404


def test_the_bridge_connects_from_an_hour_before_the_window(bridged: WebStory) -> None:
    _ticket, visit, page = coming(bridged)
    bridged.change(visit, window_from=bridged.now + 3 * HOUR, window_until=bridged.now + 5 * HOUR)
    pin = {"pin": visit.call_pin}
    with bridged.client() as web, bridged.client(bridged.key("bridge")) as bridge:
        assert "From 15:00 today, or once you have set out" in read(web.get(page))
        assert str(visit.call_pin) not in web.get(page).text
        early = bridge.post("/api/v1/bridge", json=pin)
        unknown = bridge.post("/api/v1/bridge", json={"pin": f"{(int(visit.call_pin or 0) + 1) % 10**10:010}"})
        assert early.status_code == unknown.status_code == 404
        assert early.json() == unknown.json()
        bridged.now += 2 * HOUR
        assert bridge.post("/api/v1/bridge", json=pin).json()["number"] == ALICE
        assert "Call the customer" in read(web.get(page))


def test_the_pin_dies_with_the_link(bridged: WebStory) -> None:
    ticket, visit, _ = coming(bridged)
    with bridged.client(bridged.key("bridge")) as bridge:
        link = bridged.one(Link, Link.subject_id == visit.id, Link.purpose == "visit")
        bridged.change(link, revoked_at=bridged.now)
        assert bridge.post("/api/v1/bridge", json={"pin": visit.call_pin}).status_code == 404
        bridged.change(link, revoked_at=None)
        assert bridge.post("/api/v1/bridge", json={"pin": visit.call_pin}).status_code == 200
        bridged.act(CancelTicket(ticket.id, "not needed"))
        assert bridge.post("/api/v1/bridge", json={"pin": visit.call_pin}).status_code == 404
    assert looks(bridged, ticket, EntryKind.NUMBER_DIALLED) == [(KARIN, "Alice Keller")]


def of_visit(visit: Visit, secret: int) -> dict[str, str]:
    """A PIN that begins as the visit's, which is what anybody can see who has read one over a shoulder."""
    pin = f"{(visit.call_pin or '')[:4]}{secret:06}"
    assert pin != visit.call_pin
    return {"pin": pin}


def test_guessing_a_pin_is_hopeless(bridged: WebStory) -> None:
    _, visit, _ = coming(bridged)
    right = {"pin": visit.call_pin}
    with bridged.client(bridged.key("bridge")) as bridge, bridged.client(bridged.key("bridge")) as another:
        def guess(count: int) -> list[int]:
            return [bridge.post("/api/v1/bridge", json=of_visit(visit, number)).status_code for number in range(count)]

        assert guess(7) == [404] * 5 + [429] * 2
        locked = bridge.post("/api/v1/bridge", json=right)
        assert locked.status_code == 429
        assert locked.headers["retry-after"] == "60"
        assert another.post("/api/v1/bridge", json=right).status_code == 429  # a second key is no second chance
        bridged.now += MINUTE
        assert bridge.post("/api/v1/bridge", json=right).status_code == 200
        assert guess(6) == [404] * 5 + [429]
        assert bridge.post("/api/v1/bridge", json=right).headers["retry-after"] == "120"  # twice as long


def test_a_slow_guesser_is_locked_out_too(bridged: WebStory) -> None:
    _, visit, _ = coming(bridged)
    with bridged.client(bridged.key("bridge")) as bridge:
        for number in range(20):
            bridged.now += 2 * MINUTE
            assert bridge.post("/api/v1/bridge", json=of_visit(visit, number)).status_code == 404
        assert bridge.post("/api/v1/bridge", json=of_visit(visit, 20)).status_code == 429


def test_whoever_guesses_through_the_same_bridge_locks_no_technician_out_and_the_operator_hears_of_it(
        bridged: WebStory) -> None:
    _, visit, _ = coming(bridged)
    right = {"pin": visit.call_pin}
    dice = random.Random(13)
    health = health_probe(bridged.gw, "web", lambda: bridged.now)
    with bridged.client(bridged.key("bridge")) as bridge:
        for number in range(200):
            guessed = f"{dice.randrange(10**10):010}"
            if guessed[:4] != (visit.call_pin or "")[:4]:
                assert bridge.post("/api/v1/bridge", json={"pin": guessed}).status_code in (404, 429)
            if number == 40:
                health.check()
                assert health.degraded == [], "technicians mistype too"
        assert bridge.post("/api/v1/bridge", json=right).status_code == 200
    health.check()
    assert health.degraded == ["bridge: 50 wrong PINs and more within an hour; visits with their right PIN are "
                               "connected as ever"]
    bridged.now += HOUR
    health.check()
    assert health.degraded == []
    health.close()


def test_a_key_of_the_bridge_may_do_nothing_else(bridged: WebStory) -> None:
    _, visit, _ = coming(bridged)
    with bridged.client(bridged.key("bridge")) as bridge:
        for path in ("tickets", "callbacks", "devices", "providers", "explain/x", "outages"):
            assert bridge.get(f"/api/v1/{path}").status_code == 403
        assert bridge.post("/api/v1/callbacks/x/claim").status_code == 403
        assert bridge.post("/api/v1/bridge", json={"pin": "12345"}).status_code == 422
    for role in ("read", "agent"):
        with bridged.client(bridged.key(role)) as other:
            assert other.post("/api/v1/bridge", json={"pin": visit.call_pin}).status_code == 403
    with bridged.client() as nobody:
        assert nobody.post("/api/v1/bridge", json={"pin": visit.call_pin}).status_code == 401


# who looks at the dispatcher's page


def test_a_dispatchers_look_is_written_down(there: WebStory, web: httpx.Client) -> None:
    ticket, _, _ = coming(there)
    page = page_of_unpaged(there, ticket, person="")
    for _ in range(2):
        assert has_number(web.get(page))
    assert looks(there, ticket) == [("agent", "Alice Keller")]


# the other way round


def test_no_customer_sees_the_number_of_who_comes(both_stores: Store) -> None:
    there = town(both_stores)
    office, karin = "+41446681800", "+41799999999"  # Kunz Heating's and Karin's own
    there.add(Contact(id="N-karin", owner_kind=RecipientKind.TECHNICIAN, owner_id="karin", channel="sms",
                      address=karin))
    with there.client() as web:
        pages: list[str] = []

        def look() -> None:
            there.wait(seconds=1)
            pages.extend(web.get(there.follow(ticket)).text for ticket in there.tickets)
            pages.extend(web.get(there.follow(callback)).text for callback in there.callbacks)

        there.press("alice-button", "p-1")
        ticket = there.break_down()
        look()
        there.accept()
        look()
        visit = there.one(Visit)
        for act in (ReportDelay(visit.id, 300), Depart(visit.id, 20), Arrive(visit.id), LogCall(visit.id),
                    ReportOverrun(visit.id, 60), Finish(visit.id, "The valve is stuck", VisitOutcome.INCOMPLETE,
                                                        IncompleteReason.PART_MISSING, ("valve",), there.now + DAY)):
            there.act(act, KARIN)
            look()
            there.now += 20 * MINUTE
        there.now += DAY
        look()
        there.act(CancelTicket(ticket.id, "not needed"))
        look()
    to_customers = [f"{one.subject} {one.text}" for one in there.messages
                    if one.to in ("alice@example.com", ALICE, "bob@example.com", "charlie@example.com")]
    assert len(pages) >= 12
    assert len(to_customers) >= 6
    digits = [re.sub(r"[^0-9a-zA-Z]", "", one) for one in pages + to_customers]
    for number in (office, karin):
        assert not any(number[3:] in one for one in digits)
