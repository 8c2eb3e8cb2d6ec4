"""One box finds everything by what a caller says, and nothing that is no longer so."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.devices.registration import DeviceChecks, DeviceRequest
from gateway.flow import administer
from gateway.model import (
    Actor,
    ActorKind,
    Audit,
    Device,
    Entry,
    EntryKind,
    Offer,
    Outage,
    OutageKind,
    OutageMember,
    OutageState,
)
from gateway.store import Store
from gateway.store.fleet.tables import insert_rows
from gateway.store.search.index import reindex
from tests.drivers.web_driver import Console, WebStory, console_story, read

pytestmark = pytest.mark.slow


@pytest.fixture
def there(both_stores: Store) -> Iterator[WebStory]:
    with console_story(both_stores) as there:
        settings = there.gw.settings
        there.gw.settings = settings.model_copy(update={
            "service": settings.service.model_copy(update={"country": "CH"})})
        yield there


@pytest.fixture
def desk(there: WebStory) -> Iterator[httpx.Client]:
    with there.client(there.key()) as desk:
        yield desk


def find(desk: httpx.Client, typed: str) -> dict[str, Any]:
    answer = desk.get("/api/v1/search", params={"q": typed})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(desk: httpx.Client, typed: str, group: str) -> list[str]:
    return [hit["id"] for hit in find(desk, typed)[group]]


def call(desk: httpx.Client, method: str, path: str, **body: Any) -> Any:
    answer = desk.request(method, f"/api/v1/{path}", json=body)
    assert answer.status_code < 300, answer.text
    return answer.json() if answer.content else None


def add_erna(desk: httpx.Client, number: str = "+41446681811") -> str:
    person: str = call(desk, "POST", "people", customer_id="bob", name="Erna Müller-Nováková", role="tenant")["id"]
    call(desk, "POST", f"people/{person}/contacts", channel="phone", address=number)
    return person


# --- numbers


def test_a_ticket_is_opened_by_its_number_alone_however_it_is_written(there: WebStory) -> None:
    ticket, dana = there.break_down(), there.console()
    for typed in (ticket.id, ticket.id.lower(), ticket.id.replace("-", ""), ticket.id[2:], f" {ticket.id} "):
        answer = dana.web.get("/console/search", params={"q": typed})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/console/tickets/{ticket.id}")


def test_a_number_beside_other_words_and_one_that_is_only_begun_are_listed(there: WebStory, desk: httpx.Client) -> None:
    ticket, call_back = there.break_down(), there.call_for_help()
    assert ids(desk, f"ticket {ticket.id} please", "tickets") == [ticket.id]
    assert ids(desk, call_back.id[:7], "callbacks") == [call_back.id]
    found = find(desk, ticket.id[:6])
    assert (found["number"], [hit["id"] for hit in found["tickets"]]) == (None, [ticket.id])
    assert "Alice Keller · Lindenweg 1, 8001 Wiesental" in found["tickets"][0]["context"]


def test_an_offers_and_a_visits_number_lead_to_their_ticket(there: WebStory, desk: httpx.Client) -> None:
    ticket = there.break_down()
    offer = there.one(Offer, Offer.ticket_id == ticket.id)
    assert find(desk, offer.id)["number"] == ticket.id
    assert find(desk, there.call_for_help().id)["number"].startswith("C-")
    assert find(desk, "T-00000000")["number"] is None


# --- names and streets


@pytest.mark.parametrize("typed", [
    "Erna", "erna müller", "Mueller", "MULLER", "muller novakova", "Nováková", "novakova erna", "mullernov",
    "erna linden", "lindenweg erna 8001", "muller wiesental 2",
])
def test_a_person_is_found_by_any_part_of_their_name_and_with_where_they_live(desk: httpx.Client, typed: str) -> None:
    erna = add_erna(desk)
    (hit,) = [one for one in find(desk, typed)["people"] if one["id"] == erna]
    assert hit["customer_id"] == "bob"
    assert "Bob Meier · Lindenweg 2, 8001 Wiesental" in hit["context"]


def test_a_household_and_its_home_are_found_by_name_and_street(desk: httpx.Client) -> None:
    assert ids(desk, "keller", "customers") == ["alice"]
    assert ids(desk, "kell lindenw", "customers") == ["alice"]
    assert ids(desk, "meier wiesental", "customers") == ["bob"]
    assert sorted(ids(desk, "lindenweg", "sites")) == ["alice-home", "bob-home"]
    assert ids(desk, "Lindenweg 2", "sites") == ["bob-home"]
    assert ids(desk, "lindenweg keller", "sites") == ["alice-home"]
    assert ids(desk, "8820", "sites") == ["charlie-home"]
    assert find(desk, "keller hofgasse")["customers"] == []


def test_the_best_comes_first(desk: httpx.Client) -> None:
    call(desk, "POST", "customers", id="k-2", name="Kellermann")
    call(desk, "POST", "customers", id="k-3", name="Anna Keller")
    assert ids(desk, "keller", "customers") == ["alice", "k-3", "k-2"]


@pytest.mark.parametrize("typed", ["%", "_", "'", '"', "*", "zz'--", "\\", "keller' OR '1'='1", "keller%", "(",
                                   "NEAR(a b)", "\x00", "-keller", "x" * 200])
def test_nothing_that_is_typed_is_syntax(there: WebStory, desk: httpx.Client, typed: str) -> None:
    found = find(desk, typed)
    assert [hit["id"] for hit in found["customers"]] == (["alice"] if typed in ("keller%", "-keller") else [])
    read(there.console().web.get("/console/search", params={"q": typed}), 422 if "\0" in typed else 200)


# --- devices


def test_a_device_is_found_by_id_name_and_key(there: WebStory, desk: httpx.Client) -> None:
    for typed in ("alice-pump", "alicepump", "pump keller", "native:alice-pump", "heat pump lindenweg 1"):
        assert ids(desk, typed, "devices") == ["alice-pump"], typed
    assert ids(desk, "waermepumpe", "devices") == ["bob-pump"]
    wanted = DeviceRequest("ab-12", "native:00:15:8D:77", "heat-pump", "bob-home")
    with there.gw.store.write() as session:
        administer.claim(session, wanted, DeviceChecks(there.gw.profiles, ("native",)))
    assert ids(desk, "00158d77", "devices") == ["ab-12"]
    with there.gw.store.write() as session:
        administer.retire(session, "ab-12", there.gw.policy, True, Actor(ActorKind.AGENT, "Dana"), there.now)
    assert ids(desk, "00158d77", "devices") == ids(desk, "ab12", "devices") == []


def test_one_of_the_thousand_devices_of_a_house_is_found(there: WebStory, desk: httpx.Client) -> None:
    with there.gw.store.write() as session:
        insert_rows(session, Device, [{"id": f"meter-{number}", "key": f"native:m{number}", "profile": "heat-pump",
                                       "site_id": "bob-home", "name": "Meter"} for number in range(1000)])
        reindex(session, sites=["bob-home"])
    assert ids(desk, "meter-987", "devices") == ["meter-987"]
    assert (len(find(desk, "meter")["devices"]), find(desk, "meter")["more"]) == (20, True)


# --- telephone numbers


@pytest.mark.parametrize("typed", ["+41 44 668 18 11", "044 668 18 11", "0041446681811", "044/668.18.11",
                                   "Müller 044 668 18 11"])
def test_who_calls_is_found_by_their_number_in_any_form(desk: httpx.Client, typed: str) -> None:
    erna = add_erna(desk)
    found = find(desk, typed)
    assert [(one["person_id"], one["number"], one["whole"]) for one in found["callers"]] == [
        (erna, "+41446681811", True)]
    assert found["certain"]


def test_the_end_of_a_number_shows_everybody_whose_number_ends_so_and_picks_nobody(there: WebStory, desk: httpx.Client
                                                                                   ) -> None:
    add_erna(desk, "+41446681811")
    call(desk, "POST", "customers", id="k-2", name="Zoë Zimmermann")
    other = call(desk, "POST", "people", customer_id="k-2", name="Zoë Zimmermann", role="owner")["id"]
    call(desk, "POST", f"people/{other}/contacts", channel="sms", address="+41791111811")
    found = find(desk, "1811")
    assert [one["name"] for one in found["callers"]] == ["Erna Müller-Nováková", "Zoë Zimmermann"]
    assert not found["certain"]
    assert find(desk, "811")["callers"] == []
    page = read(there.console().get("/console/search?q=1811"))
    assert "This may be one of these" in page
    assert "+41 44 668 18 11" in page


def test_several_households_with_one_number_are_all_shown(desk: httpx.Client) -> None:
    add_erna(desk, "+41791234567")  # Alice's household has it too
    found = find(desk, "079 123 45 67")
    assert [one["customer_id"] for one in found["callers"]] == ["alice", "bob"]
    assert not found["certain"]


def test_that_somebody_saw_a_number_is_written_down(there: WebStory, desk: httpx.Client) -> None:
    erna = add_erna(desk)
    for _ in range(2):
        assert find(desk, "1811")["callers"] != []
    assert [one.by_name for one in there.all(Entry, Entry.subject_id == erna, Entry.kind == EntryKind.NUMBER_SEEN)
            ] == ["Dana"]
    find(desk, "079 123 45 67")
    assert [(one.object_id, one.role) for one in there.all(Audit, Audit.action == "see_numbers")] == [
        (erna, "agent"), ("alice", "agent")]
    assert "+41" not in str([one.model_dump() for one in there.all(Audit)])


@pytest.mark.parametrize("role", ["read", "auditor"])
def test_who_may_not_see_numbers_does_not_find_anybody_by_them(there: WebStory, desk: httpx.Client, role: str) -> None:
    add_erna(desk)
    before = there.all(Entry, Entry.kind == EntryKind.NUMBER_SEEN)  # of whoever wrote the number down
    if role == "auditor":
        page = there.console("auditor")
        assert "A telephone number" not in read(page.get("/console/search"))
        assert "Nothing is found" in read(page.get("/console/search?q=1811"))
    with there.client(there.key(role)) as reader:
        assert find(reader, "0446681811") | {"number": None} == find(reader, "zzzz")
        assert [one["id"] for one in find(reader, "keller")["customers"]] == ["alice"]
    assert there.all(Entry, Entry.kind == EntryKind.NUMBER_SEEN) == before


# --- what is no longer so


def test_after_others_have_moved_in_the_home_is_found_by_their_name_alone(there: WebStory, desk: httpx.Client) -> None:
    erna = add_erna(desk)
    call(desk, "POST", "customers", id="new", name="Ndiaye")
    call(desk, "POST", "sites/bob-home/household", customer_id=None)
    found = find(desk, "Lindenweg 2")
    assert [(hit["id"], hit["customer_id"]) for hit in found["sites"]] == [("bob-home", None)]
    assert "Meier" not in str(found)
    assert "Erna" not in str(found)
    assert find(desk, "meier lindenweg")["sites"] == find(desk, "erna")["people"] == find(desk, "1811")["callers"] == []
    assert [hit["context"] for hit in find(desk, "meier")["customers"]] == ["no home"]
    call(desk, "POST", "sites/bob-home/household", customer_id="new")
    assert ids(desk, "ndiaye lindenweg", "sites") == ["bob-home"]
    assert erna not in ids(desk, "muller", "people")
    assert ids(desk, "meier lindenweg", "sites") == ids(desk, "flat bob", "sites") == []
    assert "Bob" not in read(there.console().get("/console/search?q=lindenweg+2"))


def test_a_changed_name_and_a_removed_number_are_found_no_more(desk: httpx.Client) -> None:
    erna = add_erna(desk)
    (contact,) = call(desk, "GET", f"people/{erna}")["contacts"]
    call(desk, "DELETE", f"people/{erna}/contacts/{contact['id']}")
    call(desk, "PATCH", f"people/{erna}", name="Erna Sorglos")
    call(desk, "PATCH", "customers/alice", name="Alice Ober")
    assert ids(desk, "muller", "people") == ids(desk, "keller", "customers") == find(desk, "1811")["callers"] == []
    assert ids(desk, "sorglos", "people") == [erna]
    assert ids(desk, "ober lindenweg", "sites") == ["alice-home"]


# --- the screen


def test_the_street_of_a_dark_home_shows_the_outage(there: WebStory, desk: httpx.Client) -> None:
    outage = Outage(id="X-00000001", key="lindenweg", area_id="lindenweg", name="Lindenweg", kind=OutageKind.FEEDER,
                    state=OutageState.CONFIRMED, homes=2, dark=2, began_at=there.now, last_at=there.now,
                    suspected_at=there.now)
    there.add(outage)
    there.add(OutageMember(id="X-00000001/bob-home", outage_id=outage.id, site_id="bob-home", customer_id="bob",
                           died_at=there.now, joined_at=there.now))
    assert ids(desk, "lindenweg 2", "outages") == [outage.id]
    assert ids(desk, "lindenweg 1", "outages") == []
    page = read(there.console().get("/console/search?q=meier+lindenweg"))
    assert "Outages 1" in page
    assert "2 of 2 homes are dark" in page


def test_the_page_says_what_can_be_typed_and_what_was_not_found(there: WebStory) -> None:
    dana: Console = there.console()
    assert "What can be typed" in read(dana.get("/console/search"))
    empty = dana.get("/console/search?q=%3Cb%3Exyzzy")
    assert "Nothing is found" in read(empty)
    assert 'value="&lt;b&gt;xyzzy"' in empty.text
    found = read(dana.get("/console/search?q=keller"))
    assert "1 open ticket" not in found
    there.break_down()
    assert "Lindenweg 1, 8001 Wiesental · 1 open ticket" in read(dana.get("/console/search?q=keller"))


def test_a_provider_of_the_console_has_no_search(there: WebStory) -> None:
    assert there.console("provider", provider="kunz").web.get("/console/search?q=keller").status_code == 403
