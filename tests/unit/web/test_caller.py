"""What a caller has to say before they hear more than anybody at their home may."""

import pytest

from gateway.callbacks.call_context.facts import CallFacts
from gateway.model import Callback, Customer, Device, DeviceState, Person, PersonRole, Site
from gateway.web.console.caller import Said, doubts
from tests.drivers.story import BUTTON, HEAT_PUMP, NOON, compiled

PROFILES = [compiled(HEAT_PUMP, "heat-pump.yaml"), compiled(BUTTON, "button.yaml")]
FACTS = CallFacts(
    Callback(id="", site_id="home", customer_id="keller", requested_at=NOON, promised_by=NOON),
    Site(id="home", customer_id="keller", name="Home", street="Mühlenstraße 12", postcode="8001", town="Dorf"),
    Customer(id="keller", name="Familie Keller"),
    [Person(id="alice", customer_id="keller", name="Alice Keller-Öztürk", role=PersonRole.OWNER),
     Person(id="hugo", customer_id="keller", name="Hugo Frei", role=PersonRole.HELPER)],
    (), [(Device(id="pump", key="native:pump", profile="heat-pump", site_id="home", name="Cellar"),
          DeviceState(device_id="pump"))])
ONE_MORE = ["Ask for one more thing: many people may know the name."]


@pytest.mark.parametrize("said", [
    Said("Keller", postcode="8001"), Said("alice keller", street="Muehlenstr. 12"), Said("ALICE", device="heat pump"),
    Said("oeztuerk", postcode="Dorf"), Said("Keller", device="Wärmepumpe"), Said("Keller", device="cellar"),
    Said("Alice", "Mühlenstrasse 12, 8001 Dorf", "8001", "Heat pump")], ids=str)
def test_a_name_and_one_thing_more(said: Said) -> None:
    assert doubts(said, FACTS, PROFILES) == []


@pytest.mark.parametrize(("said", "why"), [
    (Said("Keller"), ONE_MORE),
    (Said("", postcode="8001"), ["Ask for their name first."]),
    (Said(), ["Ask for their name first."]),
    (Said("Meier", postcode="8001"), ["The name does not match."]),
    (Said("Hugo Frei", postcode="8001"), ["The name does not match."]),
    (Said("Keller", postcode="8002"), ["The postcode does not match."]),
    (Said("Keller", street="Mühlenstraße"), ["The street does not match."]),
    (Said("Keller", street="Mühlenstraße 21", postcode="8001"), ["The street does not match."]),
    (Said("Keller", device="a washing machine"), ["The device does not match."]),
    (Said("...", postcode="8001"), ["The name does not match."]),
], ids=str)
def test_what_does_not_do(said: Said, why: list[str]) -> None:
    assert doubts(said, FACTS, PROFILES) == why
