"""The fleet file: right ones go in whole and twice alike, wrong ones say where, and leave nothing behind."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import col, select

from gateway.config.fleet_file import BadFleet, Fleet, FleetSettings, read_fleet
from gateway.config.settings import Service, Settings
from gateway.model import (
    Area,
    Attempt,
    Contact,
    Cover,
    Customer,
    Device,
    DeviceState,
    Price,
    Provider,
    Site,
    SiteArea,
    Technician,
    Unclaimed,
    customer,
)
from gateway.store import Store
from gateway.store.fleet import Count, save_dispatcher_contacts, save_fleet
from tests.fixtures.outbox_rows import note
from tests.fixtures.sample_fleet import SAMPLE_FLEET

NOW = 1_790_000_000_000
KNOWN = FleetSettings(profiles=("heat-pump", "button"), dialects=("native", "shelly"), channels=("email", "sms"),
              check_address=lambda channel, address: None if "@" in address or "+" in address else f"{address!r} bad")


def save(store: Store, text: str, now: int = NOW) -> dict[str, Count]:
    with store.write() as session:
        return save_fleet(session, read_fleet(text, "fleet.yaml"), now)


def rows(store: Store, table: Any) -> list[Any]:
    with store.read() as session:
        return list(session.exec(select(table)).all())


def errors(text: str, known: FleetSettings = KNOWN) -> list[str]:
    with pytest.raises(BadFleet) as raised:
        read_fleet(text, "fleet.yaml", known)
    return raised.value.errors


def test_the_town_moves_in(both_stores: Store, sample_fleet: Callable[[Store], Fleet]) -> None:
    sample_fleet(both_stores)
    assert {row.id for row in rows(both_stores, Customer)} == {"alice", "bob", "charlie"}
    home = next(row for row in rows(both_stores, Site) if row.id == "alice-home")
    assert (home.postcode, home.timezone, home.lat) == ("8001", "Europe/Zurich", 47.37)
    assert {(row.site_id, row.area_id) for row in rows(both_stores, SiteArea)} >= {("alice-home", "feeder-7")}
    assert {row.key for row in rows(both_stores, Device)} >= {"native:alice-pump"}
    assert {row.device_id for row in rows(both_stores, DeviceState)} == {row.id for row in rows(both_stores, Device)}
    kunz = next(row for row in rows(both_stores, Provider) if row.id == "kunz")
    assert kunz.territory == {"postcodes": ["80*"]}
    assert kunz.hours["mon"] == [["07:00", "18:00"]]


def test_a_second_import_changes_nothing(both_stores: Store) -> None:
    save(both_stores, SAMPLE_FLEET)
    again = save(both_stores, SAMPLE_FLEET, NOW + 1)
    assert all((count.added, count.changed, count.gone) == (0, 0, 0) for count in again.values())
    assert again["devices"].unchanged == 5


def test_a_changed_line_changes_one_row(both_stores: Store) -> None:
    save(both_stores, SAMPLE_FLEET)
    counts = save(both_stores, SAMPLE_FLEET.replace("Alice Keller", "Alice Keller-Meier").replace('["80*"]',
                                                                                                  '["80*", "81*"]'))
    assert counts["customers"] == Count(added=0, changed=1, unchanged=2)
    assert counts["providers"] == Count(added=0, changed=1, unchanged=1)
    assert "Alice Keller-Meier" in {row.name for row in rows(both_stores, Customer)}


def test_devices_that_the_file_does_not_name_stay(store: Store) -> None:
    save(store, SAMPLE_FLEET)
    save(store, "customers: [{id: dora, name: Dora}]")
    assert len(rows(store, Device)) == 5
    assert len(rows(store, Customer)) == 4


def test_claiming_a_device_takes_it_off_the_unclaimed_list(store: Store) -> None:
    with store.write() as session:
        for key in ("native:alice-pump", "native:stranger"):
            session.add(Unclaimed(key=key, topic="t", first_seen_at=NOW, last_seen_at=NOW))
    save(store, SAMPLE_FLEET)
    assert [row.key for row in rows(store, Unclaimed)] == ["native:stranger"]


def test_two_devices_may_swap_their_addresses(both_stores: Store) -> None:
    two = """
customers: [{id: a, name: A}]
sites: [{id: s, customer: a}]
devices:
  - {id: left, address: "1", profile: p, site: s}
  - {id: right, address: "2", profile: p, site: s}
"""
    save(both_stores, two)
    swapped = save(both_stores, two.replace('"1"', '"x"').replace('"2"', '"1"').replace('"x"', '"2"'))
    assert swapped["devices"].changed == 2
    assert {row.id: row.key for row in rows(both_stores, Device)} == {"left": "native:2", "right": "native:1"}


def test_an_address_that_another_device_holds_is_refused_and_nothing_is_written(both_stores: Store) -> None:
    save(both_stores, SAMPLE_FLEET)
    new = """
customers: [{id: eve, name: Eve}]
sites: [{id: eve-home, customer: eve}]
devices: [{id: eve-pump, address: alice-pump, profile: p, site: eve-home}]
"""
    with pytest.raises(BadFleet, match="is already device 'alice-pump'"):
        save(both_stores, new)
    assert "eve" not in {row.id for row in rows(both_stores, Customer)}


def test_contacts_keep_the_order_of_the_file(store: Store) -> None:
    save(store, SAMPLE_FLEET)
    alice = [row for row in rows(store, Contact) if row.owner == customer("alice")]
    assert [row.channel for row in sorted(alice, key=lambda row: row.position)] == ["email", "sms"]


def test_a_contact_that_was_never_used_is_deleted_with_its_line(store: Store) -> None:
    save(store, SAMPLE_FLEET)
    counts = save(store, SAMPLE_FLEET.replace('      - {channel: sms, address: "+41791234567"}\n', ""))
    assert counts["contacts"].gone == 1
    assert not [row for row in rows(store, Contact) if row.channel == "sms"]


def test_a_contact_that_was_used_is_kept_but_stopped_and_comes_back_with_its_line(store: Store) -> None:
    save(store, SAMPLE_FLEET)
    sms = next(row for row in rows(store, Contact) if row.channel == "sms")
    with store.write() as session:
        session.add(note("N-1", "resolved", 1, NOW))
        session.flush()
        session.add(Attempt(id="A-1", notification_id="N-1", contact_id=sms.id, channel="sms", started_at=NOW))
    save(store, SAMPLE_FLEET.replace('      - {channel: sms, address: "+41791234567"}\n', ""), NOW + 5)
    stopped = next(row for row in rows(store, Contact) if row.channel == "sms")
    assert (stopped.stopped_at, stopped.stopped_why) == (NOW + 5, "removed from the fleet file")
    assert save(store, SAMPLE_FLEET)["contacts"].changed == 1
    assert next(row for row in rows(store, Contact) if row.channel == "sms").stopped_at is None


def test_a_contact_who_opted_out_stays_out_whatever_the_file_says(store: Store) -> None:
    save(store, SAMPLE_FLEET)
    with store.write() as session:
        contact = session.exec(select(Contact).where(col(Contact.channel) == "sms")).one()
        contact.stopped_at, contact.stopped_why = NOW, "opted out"
    save(store, SAMPLE_FLEET)
    assert next(row for row in rows(store, Contact) if row.channel == "sms").stopped_why == "opted out"


def test_the_dispatchers_contacts_follow_the_settings(store: Store) -> None:
    settings = Settings(service=Service(dispatcher=[{"channel": "email", "address": "desk@example.com"}]))
    with store.write() as session:
        assert save_dispatcher_contacts(session, settings, NOW) == Count(added=1)
    with store.write() as session:
        assert save_dispatcher_contacts(session, Settings(), NOW).gone == 1
    assert rows(store, Contact) == []


def test_parents_may_stand_after_their_children(both_stores: Store) -> None:
    save(both_stores, "areas: [{id: street, parent: town}, {id: town}]")
    assert {row.id: row.parent_id for row in rows(both_stores, Area)} == {"street": "town", "town": None}


def test_all_errors_are_told_at_once_each_with_file_line_field_and_value() -> None:
    text = """areas:
  - {id: a, parent: b}
  - {id: b, parent: a}
customers:
  - id: alice
    name: Alice
    timezone: Europe/Zuerich
    locale: eo
    quiet_hours: ["25:00", "07:00"]
    contacts:
      - {channel: emial, address: x@y}
      - {channel: email, address: nowhere}
sites:
  - {id: home, customer: alise, lat: 91, lon: 8}
  - {id: shed, customer: alise, lat: 1}
devices:
  - {id: pump, profile: heat-pmup, site: hmoe}
  - {id: pump2, address: pump3, profile: button, site: home, via: nobody}
  - {id: pump3, profile: button, site: shed, dialect: nativ}
  - {id: pump3, profile: button, site: shed, address: "1"}
providers:
  - id: kunz
    name: Kunz
    phone: 044 668 18 00
    capacity: 0
    hours: {mun: [["08:00", "17:00"]]}
    terittory: {}
"""
    found = errors(text)
    assert [line.split(": ")[0] for line in found] == [f"fleet.yaml:{number}" for number in (
        2, 7, 8, 9, 11, 12, 14, 14, 15, 15, 17, 17, 18, 19, 20, 24, 25, 26, 27)]
    told = "\n".join(found)
    for words in ("areas[0].parent: areas lie in each other (a → b → a) — expected a tree",
                  "customers[0].timezone: 'Europe/Zuerich' — expected an IANA time zone",
                  "sites[0].lat: 91 — expected -90…90",
                  "sites[1].customer: 'alise' — no such customer in this file; did you mean 'alice'?",
                  "devices[0].profile: 'heat-pmup' — did you mean 'heat-pump'?",
                  "devices[3].id: 'pump3' — expected an id of its own; devices[2] has it already",
                  "providers[0].phone: '044 668 18 00' — has no international prefix, and the country is not known",
                  "providers[0].terittory: no such field — did you mean 'territory'?"):
        assert words in told


def covered(fields: str) -> str:
    return ("customers: [{id: a, name: A}]\nsites: [{id: s, customer: a}]\n"
            f"devices:\n  - id: pump\n    profile: heat-pump\n    site: s\n{fields}")


def test_who_pays_for_a_device_is_kept_and_a_second_import_changes_nothing(both_stores: Store) -> None:
    text = covered("    cover: warranty\n    covered_until: 2027-03-31\n    call_out_price: 95.50 EUR\n")
    save(both_stores, text)
    assert save(both_stores, text)["devices"] == Count(unchanged=1)
    pump = rows(both_stores, Device)[0]
    assert (pump.cover, pump.covered_until) == (Cover.WARRANTY, "2027-03-31")
    assert pump.call_out_price == Price("95.50", "EUR")
    save(both_stores, covered(""))
    pump = rows(both_stores, Device)[0]
    assert (pump.cover, pump.covered_until, pump.call_out_price) == (Cover.UNKNOWN, None, None)


@pytest.mark.parametrize(("fields", "line", "words"), [
    ("    cover: insurance\n", 7,
     "cover: 'insurance' — expected 'contract', 'warranty', 'call_out_price' or 'unknown'"),
    ("    cover: call_out_price\n", 4, "call_out_price: missing — expected what the customer pays, e.g. 95.00 EUR"),
    ("    cover: call_out_price\n    call_out_price: 95\n", 8,
     "call_out_price: 95 — expected an amount and a currency (ISO 4217), e.g. 95.00 EUR"),
    ("    cover: call_out_price\n    call_out_price: 0.00 EUR\n", 8, "'0.00 EUR' — expected an amount and a currency"),
    ("    cover: call_out_price\n    call_out_price: 95.00 EUX\n", 8,
     "call_out_price: '95.00 EUX' — expected a currency as in ISO 4217, e.g. EUR, CHF or GBP"),
    ("    cover: call_out_price\n    call_out_price: 95.005 EUR\n", 8, "EUR has 2 decimals; expected no more"),
    ("    cover: call_out_price\n    call_out_price: 9500.5 JPY\n", 8, "JPY has no decimals; expected no more"),
    ("    call_out_price: 95.00 EUR\n", 7,
     "call_out_price: '95.00 EUR' beside cover: unknown — expected cover: call_out_price, or no price"),
    ("    cover: contract\n    call_out_price: 95.00 EUR\n", 8,
     "call_out_price: '95.00 EUR' beside a contract without an end — expected covered_until"),
    ("    cover: contract\n    covered_until: 31.3.2027\n", 8,
     "covered_until: '31.3.2027' — expected a day as year-month-day, e.g. 2027-03-31"),
    ("    cover: contract\n    covered_until: 2027-02-30\n", 8, "covered_until: '2027-02-30' — expected a day"),
    ("    cover: call_out_price\n    call_out_price: 95.00 EUR\n    covered_until: 2027-03-31\n", 9,
     "covered_until: '2027-03-31' beside cover: call_out_price — expected a last day of a contract or warranty only"),
])
def test_what_nobody_could_charge_is_refused_with_line_field_and_what_to_write(
        fields: str, line: int, words: str) -> None:
    found = errors(covered(fields))
    assert len(found) == 1
    assert found[0].startswith(f"fleet.yaml:{line}: devices[0].")
    assert words in found[0]


def test_days_off_quiet_hours_and_a_base_move_in_with_the_firm(both_stores: Store) -> None:
    about = """days_off: {country: CH, subdivision: ZH, closed: [2026-12-24/2026-12-26], open: [2027-01-02]}
    quiet_hours: ["20:00", "06:30"]
    lat: 47.38
    lon: 8.54
    hours:"""
    karins = 'hours: {mon: [["08:00", "12:00"]]}, days_off: {closed: [2026-11-27]}, skills: [heating]}'
    save(both_stores, SAMPLE_FLEET.replace("    hours:", f"    {about}", 1).replace("skills: [heating]}", karins))
    kunz = next(row for row in rows(both_stores, Provider) if row.id == "kunz")
    assert kunz.days_off["closed"] == ["2026-12-24/2026-12-26"]
    assert (kunz.quiet_from, kunz.quiet_until, kunz.lat) == ("20:00", "06:30", 47.38)
    karin = next(row for row in rows(both_stores, Technician) if row.id == "karin")
    assert (karin.hours, karin.days_off) == ({"mon": [["08:00", "12:00"]]}, {"closed": ["2026-11-27"]})


@pytest.mark.parametrize(("about", "words"), [
    ("days_off: {country: Germany}",
     "fleet.yaml:45: providers[0].days_off.country: 'Germany' — expected an ISO code "
     "(did you mean DE?)"),
    ("days_off: {country: UK}", "(did you mean GB?)"),
    ("days_off: {country: CH, subdivision: ZZ}", "subdivision: 'ZZ' is none of CH — expected one of AG, AI"),
    ("days_off: {closed: [24.12.2026]}", "closed[0]: '24.12.2026' is no date — expected e.g. 2026-12-24"),
    ("days_off:\n      closed:\n        - 2026-12-24\n        - 24.12.2026",
     "fleet.yaml:48: providers[0].days_off.closed[1]: '24.12.2026' is no date"),
    ("days_off: {closed: [2026-12-26/2026-12-24]}", "is no date — expected e.g. 2026-12-24, or from the first"),
    ("quiet_hours: [8pm, 06:00]", "expected a time of day from 00:00 to 23:59"),
    ("lat: 47.3", "providers[0]: lat without lon, or lon without lat — expected both or neither"),
])
def test_wrong_days_off_quiet_hours_and_places_name_what_to_write(about: str, words: str) -> None:
    found = errors(SAMPLE_FLEET.replace("    hours:", f"    {about}\n    hours:", 1))
    assert len(found) == 1
    assert words in found[0]


def test_a_territory_whose_sides_cross_is_refused_with_its_line() -> None:
    crossed = SAMPLE_FLEET.replace('postcodes: ["80*"]', "polygon: [[0, 0], [1, 1], [1, 0], [0, 1]]")
    assert ["expected sides that do not cross" in line for line in errors(crossed)] == [True]


def test_two_devices_that_are_heard_under_one_name_are_refused() -> None:
    found = errors(SAMPLE_FLEET.replace("{id: bob-pump,", "{id: bob-pump, address: alice-pump,"))
    assert len(found) == 1
    assert "devices[2]: 'native:alice-pump' — devices[0] is heard under the same name" in found[0]


@pytest.mark.parametrize("text", ["", "areas:", "{}"])
def test_an_empty_file_is_an_empty_fleet(text: str) -> None:
    if text:
        assert read_fleet(text, "f") == Fleet()
    else:
        assert "expected the sections" in errors(text)[0]


@pytest.mark.parametrize(("text", "words"), [
    ("customers: {alice: {}}", "expected a list of rows"),
    ("customers: [alice]", "customers[0]: 'alice' — expected names with values under it"),
    ("custmers: []", "did you mean 'customers'?"),
    ("areas: [{id: a, id: b}]", "areas[0].id is there twice"),
    ("areas: [", "fleet.yaml:2: not YAML"),
    ("customers: [{id: a, name: A, contacts: [{channel: sms, address: +4}, {channel: sms, address: +4}]}]",
     "expected each contact once"),
])
def test_what_is_not_a_fleet_is_refused_in_words(text: str, words: str) -> None:
    assert words in "\n".join(errors(text))


def big(count: int) -> str:
    lines = ["customers:"]
    lines += [f"  - {{id: c{i}, name: Customer {i}, contacts: [{{channel: email, address: c{i}@example.com}}]}}"
              for i in range(count)]
    lines += ["sites:"]
    lines += [f"  - {{id: s{i}, customer: c{i}, postcode: 8001, lat: 47.3, lon: 8.5}}" for i in range(count)]
    lines += ["devices:", *(f"  - {{id: d{i}, profile: heat-pump, site: s{i}, name: Pump}}" for i in range(count))]
    return "\n".join(lines)


@pytest.mark.slow
def test_five_thousand_devices_are_in_within_ten_seconds(both_stores: Store) -> None:
    text = big(5000)
    began = time.process_time()  # what other programs take is not ours
    assert save(both_stores, text)["devices"].added == 5000
    assert time.process_time() - began < 10
    assert save(both_stores, text)["devices"] == Count(unchanged=5000)
