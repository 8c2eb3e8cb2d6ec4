"""A device's own fault while its area has no power: its ticket stands beside the outage's, with a firm of its own."""

from collections.abc import Iterator

import httpx
import pytest
from sqlmodel import col

from gateway.config.fleet_file import read_fleet
from gateway.devices.profiles import compile_profile
from gateway.flow.administer import retire
from gateway.model import (
    Actor,
    ActorKind,
    Callback,
    JobTicket,
    Link,
    LinkPurpose,
    Offer,
    OfferState,
    Provider,
    Ticket,
    Visit,
    customer,
    provider,
)
from gateway.notifications import signed_links
from gateway.store import Store
from gateway.store.accounts.api_keys import create_key
from gateway.store.fleet import save_dispatcher_contacts, save_fleet
from gateway.store.views.export_rows import export
from gateway.tickets.actions import AcceptOffer, Arrive, DeclineOffer, Depart
from tests.drivers.outage_web import OutageWeb, outage_web
from tests.drivers.web_driver import items, read
from tests.fixtures.on_call_team import TEAM
from tests.fixtures.outage_fleet import LEFT, OUTAGE_FLEET

pytestmark = pytest.mark.slow
LEAK_SENSOR = """
profile: leak-sensor
name: {en: leak sensor, de: Wassermelder}
signals:
  leak: {type: bool}
silence: {link: 26h, lost: off, severity: minor, skill: electrical, cause: {en: Not heard, de: Nicht gehört}}
rules:
  leak:
    when: leak
    severity: critical
    cause: {en: Water is where it should not be, de: Wasser ist ausgetreten}
    skill: heating
"""
SENSOR = "\n  - {id: a0-leak, profile: leak-sensor, site: a0, name: Leak sensor}"
OUR_HOME = customer("a0")  # where every outage of these stories begins


@pytest.fixture
def there(both_stores: Store) -> OutageWeb:
    """The first home that will go dark has a leak sensor that runs on a battery."""
    there = outage_web(both_stores)
    there.gw.profiles["leak-sensor"] = compile_profile(LEAK_SENSOR, "leak-sensor.yaml")
    with there.gw.store.write() as session:
        save_fleet(session, read_fleet(OUTAGE_FLEET + SENSOR, "fleet.yaml"), there.now)
    return there


@pytest.fixture
def web(there: OutageWeb) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def of_outage(there: OutageWeb) -> Ticket:
    return there.one(Ticket, col(Ticket.outage_id).is_not(None))


def of_device(there: OutageWeb) -> Ticket:
    return there.one(Ticket, col(Ticket.device_id).is_not(None))


def leak(there: OutageWeb) -> Ticket:
    """The sensor is wet. Its ticket."""
    there.wait(seconds=1)
    there.says("a0-leak", leak=True)
    there.wait(seconds=1)
    return of_device(there)


def offer_for(there: OutageWeb, ticket: Ticket) -> Offer:
    return there.one(Offer, Offer.ticket_id == ticket.id, Offer.state == OfferState.PENDING)


def path(there: OutageWeb, purpose: LinkPurpose, subject_id: str, person: str = "") -> str:
    """The path that a message carries."""
    link = there.one(Link, Link.purpose == purpose, Link.subject_id == subject_id, Link.person == person)
    return signed_links.url("", there.gw.settings.secret.get_secret_value(), purpose, link.id)


def test_water_in_a_dark_home_has_a_ticket_a_firm_and_messages_of_its_own(there: OutageWeb) -> None:
    there.cut()
    outage = of_outage(there)
    assert (outage.site_id, outage.device_id, outage.outage_id) == ("a0", None, there.latest.id)
    water = leak(there)
    assert (water.site_id, water.device_id, water.cause_key) == ("a0", "a0-leak", "leak")
    assert offer_for(there, outage).provider_id == "seeblick"
    assert offer_for(there, water).provider_id == "kunz"
    assert there.told_to("a0@example.com") == [
        f"Probably a power cut in Lateral 9a ({there.latest.id})",
        f"Leak sensor: we noticed a problem and are on it ({water.id})"]
    there.act(AcceptOffer(offer_for(there, water).id, "Karin Kunz"), "provider")
    assert (of_outage(there).state, of_device(there).state) == ("offered", "assigned")
    assert there.heard(OUR_HOME) == ["outage", "fault_found"]
    there.wait(seconds=1)
    assert there.heard(OUR_HOME) == ["outage", "fault_found", "technician_assigned"], "the outage's firm is not theirs"


def test_the_outage_ends_and_the_faults_ticket_stays_until_its_fault_is_over(there: OutageWeb) -> None:
    there.cut()
    leak(there)
    there.act(AcceptOffer(offer_for(there, of_device(there)).id, "Karin Kunz"), "provider")
    there.back(*LEFT)
    there.live(minutes=2)
    assert (there.latest.state, of_outage(there).state) == ("restored", "resolved")
    assert of_device(there).state == "assigned"
    there.live(minutes=20, step=2)
    assert (there.latest.state, of_outage(there).state, of_device(there).state) == ("closed", "closed", "assigned")
    visit = there.one(Visit)
    there.act(Depart(visit.id, 20), "technician Karin Kunz")
    there.act(Arrive(visit.id), "technician Karin Kunz")
    there.says("a0-leak", leak=False)
    assert of_device(there).state == "on_site", "somebody is there and says how it went"


def test_the_device_where_the_outage_began_is_back_first_and_reports_a_fault(there: OutageWeb) -> None:
    there.cut()
    there.live(minutes=3)
    there.back("a0")
    there.receive("devices/a0-pump/fault", {"code": "E7", "active": True})
    there.live(minutes=1)
    own = of_device(there)
    assert (own.device_id, own.cause_key, own.state) == ("a0-pump", "fault:E7", "offered")
    assert (there.latest.dark, of_outage(there).state) == (4, "offered")
    assert {offer_for(there, ticket).provider_id for ticket in (own, of_outage(there))} == {"kunz", "seeblick"}
    there.lose("a0")
    there.live(minutes=3)
    assert len(there.tickets) == 2, "that it is dark again is the outage's"
    there.back(*LEFT)
    there.live(minutes=3)
    assert (of_outage(there).state, of_device(there).state) == ("resolved", "offered")


def test_a_fault_of_the_same_trade_is_another_job_of_the_same_firm(there: OutageWeb) -> None:
    there.gw.profiles["leak-sensor"] = compile_profile(
        LEAK_SENSOR.replace("skill: heating", "skill: electrical"), "leak-sensor.yaml")
    there.cut()
    water = leak(there)
    assert {offer.provider_id for offer in there.all(Offer)} == {"seeblick"}
    assert len({one.job_id for one in there.all(JobTicket)}) == 2
    there.act(DeclineOffer(offer_for(there, of_outage(there)).id, "not our fuse"), "provider")
    assert offer_for(there, water).provider_id == "seeblick"
    assert there.heard(provider("seeblick")) == ["offer", "offer"]


def test_the_home_reads_of_its_own_fault_only(there: OutageWeb, web: httpx.Client) -> None:
    there.cut()
    water = leak(there)
    page = read(web.get(path(there, LinkPurpose.FOLLOW, water.id)))
    assert "Water is where it should not be Device Leak sensor" in page
    there.press("a0-button", "one", kind="long")
    there.wait(seconds=1)
    called = read(web.get(path(there, LinkPurpose.FOLLOW, there.one(Callback).id)))
    assert called.count("We already know about this") == 1
    assert "We already know about this Water is where it should not be" in called


def test_retiring_the_device_where_it_began_ends_its_own_ticket_only(there: OutageWeb) -> None:
    there.cut()
    there.back("a0")
    there.receive("devices/a0-pump/fault", {"code": "E7", "active": True})
    own = of_device(there)
    with there.gw.store.write() as session:
        gone = retire(session, "a0-pump", there.gw.policy, True, Actor(ActorKind.OPERATOR), there.now)
    assert gone.tickets == [own.id]
    assert (of_device(there).state, of_outage(there).state) == ("cancelled", "offered")
    there.back(*LEFT[1:])
    there.live(minutes=2)
    assert of_outage(there).state == "resolved"


def test_the_api_and_the_export_name_the_outage_instead_of_a_device(there: OutageWeb, web: httpx.Client) -> None:
    there.cut()
    water = leak(there)
    with there.gw.store.write() as session:
        web.headers["Authorization"] = f"Bearer {create_key(session, 'Dana', 'agent', there.now)}"
    outage = web.get(f"/api/v1/tickets/{of_outage(there).id}").json()
    assert (outage["device_id"], outage["device_name"], outage["outage_id"], outage["area_name"]) == (
        None, None, there.latest.id, "Lateral 9a")
    own = web.get(f"/api/v1/tickets/{water.id}").json()
    assert (own["device_id"], own["device_name"], own["outage_id"], own["area_name"]) == (
        "a0-leak", "Leak sensor", None, None)
    assert {row["id"] for row in items(web.get("/api/v1/tickets?site=a0"))} == {outage["id"], water.id}
    assert items(web.get("/api/v1/tickets?device=a0-pump")) == []
    assert [row["id"] for row in items(web.get("/api/v1/tickets?device=a0-leak"))] == [water.id]
    with there.gw.store.read() as session:
        rows = {row["id"]: row for row in export(session, there.now) if row.get("what") == "ticket"}
    assert (rows[outage["id"]]["device"], rows[outage["id"]]["rule"]) == (None, f"outage:{there.latest.id}")


def test_the_outages_ticket_is_explained_by_its_outage(there: OutageWeb) -> None:
    there.cut()
    ticket, outage = of_outage(there).id, there.latest.id
    assert there.explained(ticket, "what") == [
        "Probably a power cut in Lateral 9a: one ticket for all of its homes, opened at House a0, the first that went "
        "dark",
        "Severity major, now offered; opened on Mon 23 Nov 12:00:04"]
    why = there.explained(ticket, "why")
    assert why[:3] == [f"Outage {outage} is confirmed; 5 of its 5 homes are dark now",
                       "5 of 5 live homes went dark on Mon 23 Nov 12:00:00",
                       "That is too large a share of the homes there for chance"]
    there.back("a0", "a1", "a2")
    there.wait(seconds=1)
    assert there.explained(ticket, "why")[0] == (
        f"Outage {outage} is ending: at least half of its homes have come back; 2 of its 5 homes are dark now")
    assert there.explained(leak(there).id, "what")[0] == (
        "Water is where it should not be: Leak sensor (a0-leak) at House a0")


def test_its_dispatchers_page_names_area_and_outage_and_no_home(there: OutageWeb, web: httpx.Client) -> None:
    there.gw.settings = there.gw.settings.model_copy(update={"on_call": TEAM})
    with there.gw.store.write() as session:
        save_dispatcher_contacts(session, there.gw.settings, there.now)
    there.with_history()
    there.cut()
    ticket = there.one(Ticket, Ticket.outage_id == there.latest.id)
    there.act(DeclineOffer(offer_for(there, ticket).id, "no time"), "provider")
    there.live(minutes=6)
    page = read(web.get(path(there, LinkPurpose.DISPATCH, ticket.id, "dana")))
    assert "High priority Probably a power cut in Lateral 9a Nobody has this job." in page
    assert f"Area Lateral 9a Power cut {there.latest.id} Affected 5 homes, 5 still dark Estimated end" in page
    german = read(web.get(path(there, LinkPurpose.DISPATCH, ticket.id, "max")))
    assert "Hohe Priorität Vermutlich Stromausfall in Lateral 9a Niemand hat diesen Auftrag." in german
    assert f"Gebiet Lateral 9a Stromausfall {there.latest.id} Betroffen 5 Haushalte, davon 5 noch ohne Strom" in german
    asked = [message.text for message in there.messages
             if message.to in ("dana@example.com", "max@example.com") and ticket.id in message.text]
    assert len(asked) == 2
    for said in (page, german, *asked):
        assert not [name for name in ("Family", "Heat pump", "House a") if name in said]


def test_its_firm_reads_area_and_address_and_not_whose_home_that_is(there: OutageWeb, web: httpx.Client) -> None:
    there.change(Provider, "seeblick", locale="de")
    there.cut()
    ticket = of_outage(there)
    offer = offer_for(there, ticket)
    asked = read(web.get(path(there, LinkPurpose.OFFER, offer.id)))
    assert "Hohe Priorität Vermutlich Stromausfall in Lateral 9a 8001" in asked
    there.act(AcceptOffer(offer.id, "Stefan Suter"), "provider")
    page = read(web.get(path(there, LinkPurpose.VISIT, there.one(Visit).id)))
    assert "Hier fing es an: Dieses Haus war in Lateral 9a als Erstes ohne Strom." in page
    mails = [message.text for message in there.messages if message.to == "office@seeblick.example"]
    assert "Was: Lateral 9a, Vermutlich Stromausfall in Lateral 9a" in mails[0]
    for said in (asked, page, *mails):
        assert not [name for name in ("Family", "Heat pump", "House a", "Messwerte") if name in said]
