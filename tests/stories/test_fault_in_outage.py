"""A device's own fault while its area has no power: its ticket stands beside the outage's, with a firm of its own."""

import re
from collections.abc import Iterator

import httpx
import pytest

from gateway.config.fleet_file import read_fleet
from gateway.devices.profiles import compile_profile
from gateway.flow.administer import retire
from gateway.model import MINUTE, Actor, ActorKind, Job, Link, LinkPurpose, Offer, Ticket, Visit, customer, provider
from gateway.notifications import signed_links
from gateway.store import Store
from gateway.store.fleet import save_dispatcher_contacts, save_fleet
from gateway.store.views.export_rows import export
from gateway.tickets.actions import DeclineOffer
from tests.drivers.outage_web import OutageWeb, outage_web
from tests.drivers.web_driver import items, read
from tests.fixtures.on_call_team import TEAM
from tests.fixtures.outage_fleet import LEFT, OUTAGE_FLEET
from tests.stories.test_explain import told

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


@pytest.fixture
def there(both_stores: Store) -> OutageWeb:
    """The outage begins at a0, which has a leak sensor that runs on a battery."""
    there = outage_web(both_stores)
    there.gw.profiles["leak-sensor"] = compile_profile(LEAK_SENSOR, "leak-sensor.yaml")
    fleet = f"{OUTAGE_FLEET}\n  - {{id: a0-leak, profile: leak-sensor, site: a0, name: Leak sensor}}"
    with there.gw.store.write() as session:
        save_fleet(session, read_fleet(fleet, "fleet.yaml"), there.now)
    return there


@pytest.fixture
def web(there: OutageWeb) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def outage_ticket(there: OutageWeb) -> Ticket:
    return there.one(Ticket, Ticket.outage_id != None)  # noqa: E711


def own_ticket(there: OutageWeb) -> Ticket:
    return there.one(Ticket, Ticket.device_id != None)  # noqa: E711


def leaks(there: OutageWeb) -> Ticket:
    there.says("a0-leak", leak=True)
    there.wait(seconds=1)
    return own_ticket(there)


def test_water_in_a_dark_home_has_a_ticket_a_firm_and_messages_of_its_own(there: OutageWeb) -> None:
    there.cut()
    there.accept("Stefan Suter")
    about_all = outage_ticket(there)
    assert (about_all.site_id, about_all.device_id, about_all.outage_id) == ("a0", None, there.latest.id)
    about_water = leaks(there)
    assert (about_water.site_id, about_water.device_id, about_water.cause_key) == ("a0", "a0-leak", "leak")
    assert len(there.all(Job)) == 2
    print([(o.provider_id, o.state, o.ticket_id) for o in there.all(Offer)])
    print(there.told_to("a0@example.com"))
    print(there.heard(provider("kunz")), there.heard(provider("seeblick")))
    assert outage_ticket(there).state == "assigned", "the electrician comes all the same"
    there.back(*LEFT)
    there.live(minutes=5)
    print([(t.id, t.state, t.device_id) for t in there.tickets])
    print(there.told_to("a0@example.com"))


def test_x(there, web) -> None:
    there.gw.settings = there.gw.settings.model_copy(update={"on_call": TEAM})
    with there.gw.store.write() as session:
        save_dispatcher_contacts(session, there.gw.settings, there.now)
    there.cut()
    for line in told(there, outage_ticket(there).id):
        print(line)
    offer = there.one(Offer)
    link = there.one(Link, Link.purpose == "offer", Link.subject_id == offer.id)
    path = signed_links.url("", there.gw.settings.secret.get_secret_value(), LinkPurpose.OFFER, link.id)
    print(read(web.get(path)))
    there.act(DeclineOffer(offer.id, "no time"), "provider")
    there.wait(seconds=1)
    there.wait(minutes=5)
    for p in ("dana", "max"):
        link = there.one(Link, Link.purpose == "dispatch", Link.person == p)
        print(read(web.get(signed_links.url("", there.gw.settings.secret.get_secret_value(), LinkPurpose.DISPATCH, link.id))))
    print(there.messages[-1])
    assert 0
