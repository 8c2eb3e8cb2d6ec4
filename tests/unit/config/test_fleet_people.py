"""The people of a household in the fleet file: who comes in, who leaves, and what is wrong with them."""

import pytest

from gateway.config.fleet_file import read_fleet
from gateway.model import Contact, Person, PersonSite
from gateway.store import Store
from gateway.store.fleet import Count
from tests.unit.config.test_fleet_file import KNOWN, NOW, errors, rows, save

HOUSEHOLD = """
customers:
  - id: erna
    name: Household Arber
    phone: 044 668 18 00
    people:
      - id: erna-arber
        name: Erna Arber
        role: owner
        phone: [044 668 18 00, "+41 79 000 00 01"]
        contacts: [{channel: email, address: erna@example.com}]
        needs: {kinds: [power_dependent, emergency_button], consent: 2026-03-01, review: 2027-03-01}
      - {id: nina, name: Nina Arber, role: relative, phone: "+49 30 123456", locale: de, sites: [hut]}
sites:
  - {id: home, customer: erna, country: CH}
  - {id: hut, customer: erna, country: CH}
"""


def test_the_people_of_a_household_move_in_with_their_numbers_needs_and_sites(both_stores: Store) -> None:
    counts = save(both_stores, HOUSEHOLD)
    assert (counts["people"], counts["where people are"]) == (Count(added=2), Count(added=3))
    erna, nina = rows(both_stores, Person)
    assert (erna.customer_id, erna.role, erna.needs) == ("erna", "owner", ["power_dependent", "emergency_button"])
    assert (erna.needs_consent_on, erna.needs_review_on, erna.locale) == ("2026-03-01", "2027-03-01", None)
    assert (nina.role, nina.locale, nina.position) == ("relative", "de", 1)
    assert {(row.person_id, row.site_id) for row in rows(both_stores, PersonSite) if row.left_at is None} == {
        ("erna-arber", "home"), ("erna-arber", "hut"), ("nina", "hut")}
    assert {(str(row.owner), row.channel, row.address) for row in rows(both_stores, Contact)} == {
        ("customer/erna", "phone", "+41446681800"), ("person/erna-arber", "phone", "+41446681800"),
        ("person/erna-arber", "phone", "+41790000001"), ("person/erna-arber", "email", "erna@example.com"),
        ("person/nina", "phone", "+4930123456")}
    again = save(both_stores, HOUSEHOLD, NOW + 1)
    assert all((count.added, count.changed, count.gone) == (0, 0, 0) for count in again.values())


def test_somebody_who_is_no_longer_in_the_file_has_left_and_may_come_back(both_stores: Store) -> None:
    save(both_stores, HOUSEHOLD)
    without = "\n".join(line for line in HOUSEHOLD.splitlines() if "nina" not in line)
    counts = save(both_stores, without, NOW + 1)
    assert (counts["people"].gone, counts["where people are"].gone, counts["contacts"].gone) == (1, 1, 1)
    assert {row.id: row.left_at for row in rows(both_stores, Person)} == {"erna-arber": None, "nina": NOW + 1}
    assert save(both_stores, without, NOW + 2)["people"] == Count(unchanged=1)
    back = save(both_stores, HOUSEHOLD, NOW + 3)
    assert (back["people"].changed, back["where people are"].changed, back["contacts"].added) == (1, 1, 1)
    assert {row.left_at for row in rows(both_stores, Person)} == {None}


def test_people_of_households_that_the_file_does_not_name_stay(store: Store) -> None:
    save(store, HOUSEHOLD)
    save(store, "customers: [{id: dora, name: Dora}]", NOW + 1)
    assert {row.left_at for row in rows(store, Person)} == {None}


def test_two_households_may_have_the_same_number(both_stores: Store) -> None:
    two = """
customers:
  - {id: anna, name: Anna, phone: "+41446681800", people: [{id: ann, name: Ann, role: owner, phone: "+41446681800"}]}
  - {id: bert, name: Bert, people: [{id: bob, name: Bob, role: tenant, phone: "+41446681800"}]}
"""
    assert save(both_stores, two)["contacts"] == Count(added=3)
    assert {str(row.owner) for row in rows(both_stores, Contact) if row.address == "+41446681800"} == {
        "customer/anna", "person/ann", "person/bob"}


@pytest.mark.parametrize(("was", "becomes", "words"), [
    ("country: CH}\n  - {id: hut", "country: CH}\n  - {id: hut, postcode: 8001", ""),
    ("phone: 044 668 18 00\n", "phone: 0900 123 456\n", "5: customers[0].phone: '0900 123 456' — is a premium rate"),
    ("phone: [044 668 18 00,", "phone: [044 668,", "10: customers[0].people[0].phone[0]: '044 668' — is too short"),
    ('"+49 30 123456"', "030 123456", "13: customers[0].people[1].phone: '030 123456' — is"),
    ('"+41 79 000 00 01"', "+41446681800", "10: customers[0].people[0].phone[1]: '+41446681800' — expected each"),
    ("role: owner", "role: boss", "9: customers[0].people[0].role: 'boss' — expected 'owner', 'tenant', 'relative' or"),
    ("role: relative, ", "", "13: customers[0].people[1].role is missing"),
    ("consent: 2026-03-01, ", "", "12: customers[0].people[0].needs.consent: missing — expected the day on which"),
    ("{kinds: [power_dependent, emergency_button], consent: 2026-03-01, review: 2027-03-01}", "[sight]",
     "12: customers[0].people[0].needs: ['sight'] — expected what they need and since when they agree that we keep it"),
    ("[power_dependent, e", "[sight, sight, e", "12: customers[0].people[0].needs.kinds: "),
    ("review: 2027-03-01", "review: soon", "12: customers[0].people[0].needs.review: 'soon' — expected a day"),
    ("sites: [hut]", "sites: [hat]", "13: customers[0].people[1].sites[0]: 'hat' — no site of 'erna'; expected of "
                                     "theirs: home, hut"),
    ("id: nina", "id: erna-arber", "13: customers[0].people[1]: 'erna-arber' — customers[0].people[0] has the same id"),
    ("erna@example.com", "erna", "11: customers[0].people[0].contacts[0].address: 'erna' bad"),
    ("channel: email", "channel: fax", "11: customers[0].people[0].contacts[0].channel: 'fax' — expected one of email"),
    ("channel: email, address: erna@example.com", "channel: phone, address: +41790000009", ""),
    ("nina, name", "nina, nmae", "13: customers[0].people[1].nmae: no such field — did you mean 'name'?"),
])
def test_what_is_wrong_with_people_names_the_line_the_field_and_what_to_write(was: str, becomes: str, words: str
                                                                              ) -> None:
    text = HOUSEHOLD.replace(was, becomes, 1)
    assert text != HOUSEHOLD
    if words:
        assert f"fleet.yaml:{words}" in "\n".join(errors(text))
    else:
        assert len(read_fleet(text, "fleet.yaml", KNOWN).customers[0].people) == 2


def test_a_number_without_prefix_is_one_of_the_customers_sites_or_of_the_service() -> None:
    bare = HOUSEHOLD.replace(", country: CH", "").replace("[044 668 18 00, ", "[")
    assert "has no international prefix, and the country is not known" in errors(bare)[0]
    assert read_fleet(bare, "fleet.yaml", KNOWN._replace(country="CH")).customers[0].phone == ["+41446681800"]
    assert read_fleet(HOUSEHOLD, "fleet.yaml", KNOWN._replace(country="DE")).customers[0].phone == ["+41446681800"]
