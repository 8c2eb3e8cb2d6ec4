"""Customers, sites and people through the API: who may see and change what, and what is wrong with a number."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import event
from sqlmodel import col

from gateway.flow.people import add_person
from gateway.model import Actor, ActorKind, Contact, Person, PersonRole, Site
from gateway.tickets.households.people import GivenPerson
from tests.drivers.web_driver import WebStory, is_problem, items
from tests.fixtures.household import ARBER, move_in


@pytest.fixture
def arbers(there: WebStory, agent: httpx.Client) -> httpx.Client:
    """An agent's client; the Arbers have moved in."""
    move_in(there)
    return agent


@pytest.fixture
def reader(there: WebStory) -> Iterator[httpx.Client]:
    with there.client(there.key("read", "Rita")) as client:
        client.base_url = httpx.URL(f"{there.base}/api/v1/")
        yield client


def channels_of(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["channel"], one["address"]) for one in found["contacts"] if one["stopped_at"] is None]


def test_an_agent_sees_who_lives_where_and_how_each_is_reached(arbers: httpx.Client) -> None:
    house = arbers.get("customers/arber").json()
    assert (house["sites"], house["people"]) == (["arber-home"], ["helga", "erna", "emil", "nina"])
    assert channels_of(house) == [("email", "arber@example.com"), ("phone", "+41446681801")]
    erna = arbers.get("people/erna").json()
    assert (erna["name"], erna["role"], erna["sites"]) == ("Erna Arber", "owner", ["arber-home"])
    assert erna["needs"] == {"kinds": ["power_dependent", "emergency_button"], "consent": "2026-03-01",
                             "review": "2027-03-01"}
    assert channels_of(erna) == [("sms", "+41790000001"), ("phone", "+41446681801")]
    site = arbers.get("sites/arber-home").json()
    assert (site["access"], site["people"]) == ("the key lies under the stone", ["helga", "erna", "emil", "nina"])


def test_lists_come_in_pages_and_can_be_asked_for(arbers: httpx.Client) -> None:
    assert [row["id"] for row in items(arbers.get("customers"))] == ["alice", "arber", "bob", "charlie"]
    first = arbers.get("customers?limit=3").json()
    assert [row["id"] for row in items(arbers.get(f"customers?cursor={first['next']}"))] == ["charlie"]
    assert [row["id"] for row in items(arbers.get("sites?customer=arber"))] == ["arber-home"]
    assert [row["id"] for row in items(arbers.get("people?customer=arber&site=arber-home&left=false"))] == [
        "emil", "erna", "helga", "nina"]
    assert items(arbers.get("people?customer=alice")) == items(arbers.get("people?left=true")) == []
    assert {contact["address"] for row in items(arbers.get("people")) for contact in row["contacts"]} == {"…"}
    is_problem(arbers.get("people?role=owner"), 422)


def test_a_key_that_may_only_look_sees_no_number_no_need_and_no_way_in(arbers: httpx.Client, reader: httpx.Client
                                                                       ) -> None:
    said = "".join(reader.get(path).text for path in ("customers", "customers/arber", "people", "people/erna", "sites",
                                                      "sites/arber-home"))
    for secret in ("+41", "@example.com", "power_dependent", "under the stone"):
        assert secret not in said
    assert reader.get("people/erna").json()["needs"] is None
    for answer in (reader.patch("customers/arber", json={"name": "x"}), reader.delete("people/erna"),
                   reader.patch("people/erna", json={"name": "x"}),
                   reader.post("people/erna/leave", json={"site_id": "arber-home"}),
                   reader.post("sites/arber-home/household", json={"customer_id": None})):
        is_problem(answer, 403)


def test_whoever_sees_a_number_is_in_the_timeline_of_the_person(arbers: httpx.Client, reader: httpx.Client) -> None:
    reader.get("people/erna")
    arbers.get("people/erna")
    arbers.get("people/erna")
    [seen] = items(arbers.get("people/erna/timeline"))
    assert (seen["who"], seen["kind"]) == ("agent Dana", "number_seen")


def test_a_person_is_added_changed_and_removed(there: WebStory, arbers: httpx.Client) -> None:
    answer = arbers.post("people", json={
        "customer_id": "arber", "name": "Otto Arber", "role": "tenant", "locale": "de",
        "needs": {"kinds": ["hearing"], "consent": "2026-11-01", "review": "2027-11-01"},
        "contacts": [{"channel": "phone", "address": "044 668 18 05"},
                     {"channel": "email", "address": "otto@example.com"}]})
    otto = answer.json()
    assert (answer.status_code, otto["sites"], otto["needs"]["kinds"]) == (201, ["arber-home"], ["hearing"])
    assert channels_of(otto) == [("phone", "+41446681805"), ("email", "otto@example.com")]
    path = f"people/{otto['id']}"
    changed = arbers.patch(path, json={"name": "Otto H. Arber", "needs": None}).json()
    assert (changed["name"], changed["role"], changed["locale"], changed["needs"]) == (
        "Otto H. Arber", "tenant", "de", None)
    assert arbers.get("customers/arber").json()["people"][-1] == otto["id"]
    gone = arbers.delete(path).json()
    assert (gone["sites"], channels_of(gone), gone["left_at"] is not None) == ([], [], True)
    refused = is_problem(arbers.patch(path, json={"name": "x"}), 409)
    assert refused["detail"] == f"Person {otto['id']} has left the household."
    kinds = [entry["kind"] for entry in items(arbers.get(f"{path}/timeline"))]
    assert kinds == ["person_added", "contact_added", "contact_added", "number_seen", "person_changed", "person_left"]
    move_in(there)  # a person of the API is not in the file, and stays as they are
    assert there.one(Person, Person.id == otto["id"]).left_at is not None


def test_what_is_named_twice_counts_once(there: WebStory, arbers: httpx.Client) -> None:
    answer = arbers.post("people", json={
        "customer_id": "arber", "name": "Otto", "role": "tenant", "sites": ["arber-home", "arber-home"], "contacts": [
            {"channel": "phone", "address": "+41 79 000 00 09"}, {"channel": "phone", "address": "079 000 00 09"}]})
    assert answer.status_code == 201
    otto = answer.json()
    assert (otto["sites"], channels_of(otto)) == (["arber-home"], [("phone", "+41790000009")])


def test_a_person_is_written_with_all_their_contacts_at_once(there: WebStory, arbers: httpx.Client) -> None:
    """Where the database goes away in between, whoever hears nothing tries again."""
    commits: list[object] = []
    event.listen(there.gw.store.engine, "commit", commits.append)
    add_person(there.gw, "arber", GivenPerson("Otto", PersonRole.TENANT), None,
               [("phone", "+41790000009"), ("phone", "+41790000008")], Actor(ActorKind.AGENT), there.now)
    assert len(commits) == 1
    [otto] = [one for one in items(arbers.get("people?customer=arber")) if one["name"] == "Otto"]
    assert len(otto["contacts"]) == 2


def test_the_import_leaves_alone_whom_an_agent_has_added(there: WebStory, arbers: httpx.Client) -> None:
    added = arbers.post("people", json={"customer_id": "arber", "name": "Otto", "role": "helper", "contacts": [
        {"channel": "phone", "address": "+41446681805"}]}).json()
    move_in(there, ARBER.replace("Erna Arber", "Erna M. Arber"))
    found = arbers.get(f"people/{added['id']}").json()
    assert (found["left_at"], channels_of(found)) == (None, [("phone", "+41446681805")])


def test_a_contact_is_added_once_removed_and_used_again(arbers: httpx.Client) -> None:
    new = {"channel": "sms", "address": "+41 79 000 00 09"}
    for _ in range(2):
        found = arbers.post("people/emil/contacts", json=new).json()
    assert channels_of(found) == [("email", "emil@example.com"), ("sms", "+41790000009")]
    key = found["contacts"][1]["id"]
    assert channels_of(arbers.delete(f"people/emil/contacts/{key}").json()) == [("email", "emil@example.com")]
    assert len(channels_of(arbers.post("people/emil/contacts", json=new).json())) == 2


def test_nobody_touches_the_contact_of_somebody_else(there: WebStory, arbers: httpx.Client) -> None:
    key = arbers.get("people/erna").json()["contacts"][0]["id"]
    is_problem(arbers.delete(f"people/emil/contacts/{key}"), 404)
    household = arbers.get("customers/arber").json()["contacts"][0]["id"]
    is_problem(arbers.delete(f"people/erna/contacts/{household}"), 404)
    is_problem(arbers.delete("people/nobody/contacts/C-1"), 404)
    assert there.all(Contact, col(Contact.stopped_at).is_not(None)) == []


CONTACTS = "people/emil/contacts"


@pytest.mark.parametrize(("path", "body", "field", "words"), [
    (CONTACTS, {"channel": "phone", "address": "0900 123 456"}, "body.address", "is a premium rate number"),
    (CONTACTS, {"channel": "phone", "address": "12"}, "body.address", "is too short in CH"),
    (CONTACTS, {"channel": "sms", "address": "call me"}, "body.address", "is no telephone number"),
    (CONTACTS, {"channel": "email", "address": "emil"}, "body.address", "expected like anna@example.com"),
    (CONTACTS, {"channel": "fax", "address": "1"}, "body.channel", "'fax' — expected one of email, phone"),
    ("people", {"customer_id": "arber", "name": "O", "role": "boss"}, "body.role", "'owner', 'tenant', 'relative' or"),
    ("people", {"customer_id": "arber", "name": "O", "role": "tenant", "sites": ["bob-home"]}, "body.sites.0",
     "'bob-home' — expected of the customer's: arber-home"),
    ("people", {"customer_id": "arber", "name": "O", "role": "tenant", "needs": {"kinds": ["sight"]}},
     "body.needs.consent", "Field required"),
    ("people", {"customer_id": "arber", "name": "O", "role": "tenant",
                "needs": {"kinds": ["sight"], "consent": "2027-01-01"}}, "body.needs.consent", "has not come"),
    ("people", {"customer_id": "arber", "name": "O", "role": "tenant",
                "needs": {"kinds": ["sight"], "consent": "2026-01-01", "review": "2026-02-01"}}, "body.needs.review",
     "has passed"),
    ("people", {"customer_id": "arber", "name": "O", "role": "tenant",
                "contacts": [{"channel": "phone", "address": "044"}]}, "body.contacts.0.address", "044"),
])
def test_what_is_wrong_names_the_field_and_what_to_write(arbers: httpx.Client, path: str, body: dict[str, Any],
                                                         field: str, words: str) -> None:
    problem = is_problem(arbers.post(path, json=body), 422)
    said = {one["field"]: one["detail"] for one in problem["errors"]}
    assert words in said[field], said


def test_a_customer_and_a_site_are_changed(there: WebStory, arbers: httpx.Client) -> None:
    changed = arbers.patch("customers/arber", json={"locale": "de", "quiet_hours": ["22:00", "07:00"]}).json()
    assert (changed["name"], changed["locale"], changed["quiet_hours"]) == ("Household Arber", "de", ["22:00", "07:00"])
    assert arbers.patch("customers/arber", json={"quiet_hours": None}).json()["quiet_hours"] is None
    assert arbers.patch("sites/arber-home", json={"access": "ring twice"}).json()["access"] == "ring twice"
    assert there.one(Site, Site.id == "arber-home").access == "ring twice"
    is_problem(arbers.patch("sites/nowhere", json={"access": ""}), 404)
    is_problem(arbers.patch("customers/arber", json={"quiet_hours": ["25:00", "07:00"]}), 422)


def test_people_move_out_and_another_household_in(there: WebStory, arbers: httpx.Client) -> None:
    there.break_down("arber-pump")
    is_problem(arbers.post("people/erna/leave", json={"site_id": "bob-home"}), 404)
    for one in ("erna", "emil"):
        assert arbers.post(f"people/{one}/leave", json={"site_id": "arber-home"}).json()["sites"] == []
    site = arbers.get("sites/arber-home").json()
    assert (site["access"], site["people"], site["household_left_at"] is not None) == ("", [], True)
    site = arbers.post("sites/arber-home/household", json={"customer_id": "bob"}).json()
    assert (site["customer_id"], site["household_left_at"], site["household_since"] is not None) == ("bob", None, True)
    refused = is_problem(arbers.post("sites/arber-home/household", json={"customer_id": "bob"}), 409)
    assert refused["detail"] == "Customer bob lives at site arber-home already."
    [ticket] = items(arbers.get("tickets"))
    assert ticket["customer_id"] == "bob"


def test_a_household_that_is_new_here_moves_in(arbers: httpx.Client) -> None:
    body = {"id": "meier", "name": "Household Meier", "locale": "de", "timezone": "Europe/Zurich"}
    made = arbers.post("customers", json=body)
    assert (made.status_code, made.json()["sites"], made.json()["locale"]) == (201, [], "de")
    assert arbers.post("customers", json=body).json() == made.json()
    taken = is_problem(arbers.post("customers", json=body | {"name": "Others"}), 409)
    assert taken["detail"] == "There is another customer meier already."
    assert arbers.post("sites/arber-home/household", json={"customer_id": None}).status_code == 200
    assert arbers.post("sites/arber-home/household", json={"customer_id": "meier"}).json()["customer_id"] == "meier"
