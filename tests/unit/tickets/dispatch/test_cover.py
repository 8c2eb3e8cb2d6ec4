"""Who pays when somebody comes: on which day, for which device, and how both sides read it."""

from typing import Any

import pytest

from gateway.model import Cover, Device, Price, PriceAnswer, RecipientKind, Severity, Ticket, from_iso
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.format_values import price
from gateway.notifications.template_values import payer_sentences
from gateway.tickets.dispatch.cover import cover_at, payers_of

ZURICH = "Europe/Zurich"
NOON = from_iso("2027-03-31T12:00:00+02:00")
LAST_SECOND = from_iso("2027-03-31T23:59:59+02:00")
NEXT_DAY = from_iso("2027-04-01T00:00:00+02:00")
PRICE = Price("95.00", "EUR")
UNTIL_MARCH = {"cover": Cover.CONTRACT, "covered_until": "2027-03-31"}


def pump(**about: Any) -> Device:
    return Device(id="pump", key="native:pump", profile="heat-pump", site_id="s", name="Heat pump", **about)


def ticket(**about: Any) -> Ticket:
    return Ticket(id="T-1", site_id="s", customer_id="c", device_id="pump", cause_key="r", cause="c", skill="",
                  severity=Severity.MAJOR, opened_at=NOON, **about)


@pytest.mark.parametrize(("about", "now", "cover", "pays"), [
    ({"cover": Cover.CONTRACT}, NEXT_DAY, Cover.CONTRACT, None),
    ({"cover": Cover.CALL_OUT_PRICE, "call_out_price": PRICE}, NOON, Cover.CALL_OUT_PRICE, PRICE),
    ({}, NOON, Cover.UNKNOWN, None),
    (UNTIL_MARCH, LAST_SECOND, Cover.CONTRACT, None),  # the last day counts, on the site's own calendar
    (UNTIL_MARCH | {"call_out_price": PRICE}, LAST_SECOND, Cover.CONTRACT, None),
    (UNTIL_MARCH | {"call_out_price": PRICE}, NEXT_DAY, Cover.CALL_OUT_PRICE, PRICE),
    (UNTIL_MARCH, NEXT_DAY, Cover.UNKNOWN, None),
])
def test_a_contract_ends_with_its_last_day_and_then_the_price_counts(
        about: dict[str, Any], now: int, cover: Cover, pays: Price | None) -> None:
    assert cover_at(pump(**about), ZURICH, now) == (cover, pays)


def test_each_ticket_of_one_trip_says_who_pays_for_it_and_an_outage_is_nobodys_to_pay() -> None:
    agreed = ticket(cover=Cover.CALL_OUT_PRICE, price=PRICE, price_answer=PriceAnswer.AGREED)
    fridge, street = ticket(cover=Cover.CONTRACT), ticket(outage_id="X-1")
    assert payers_of([("Heat pump", agreed), ("Fridge", fridge), ("Lindenweg", street)]) == [
        {"device": "Heat pump", "cover": "call_out_price", "price": "95.00 EUR", "agreed": True},
        {"device": "Fridge", "cover": "contract", "price": None, "agreed": False}]


@pytest.mark.parametrize(("payers", "provider", "customer"), [
    ([ticket(cover=Cover.CONTRACT)], "Who pays: the service contract covers it", "Your service contract covers the "
     "visit."),
    ([ticket(cover=Cover.WARRANTY)], "Who pays: the maker's warranty covers it", "The maker's warranty covers the "
     "visit."),
    ([ticket()], "Cover unknown: agree the price with the customer before you begin", ""),
    ([ticket(cover=Cover.CALL_OUT_PRICE, price=PRICE)],
     "Who pays: the customer, €95.00; not asked yet, because it may be dangerous: tell them before you begin",
     "The call-out price is €95.00. We have not waited for your answer, because this may be dangerous."),
    ([ticket(cover=Cover.CALL_OUT_PRICE, price=PRICE, price_answer=PriceAnswer.AGREED), ticket(cover=Cover.CONTRACT)],
     "Pump: Who pays: the customer, €95.00; they have agreed to it\nPump: Who pays: the service contract covers it",
     "Pump: You pay a call-out price of €95.00, as agreed.\nPump: Your service contract covers the visit."),
])
def test_both_sides_read_who_pays(payers: list[Ticket], provider: str, customer: str) -> None:
    facts, english = payers_of([("Pump", one) for one in payers]), catalogue_for("en")
    assert payer_sentences(facts, RecipientKind.PROVIDER, english) == provider
    assert payer_sentences(facts, RecipientKind.CUSTOMER, english) == customer


@pytest.mark.parametrize(("amount", "locale", "said", "in_an_sms"), [
    (PRICE, "en", "€95.00", "EUR 95.00"), (PRICE, "de", "95,00\u00a0€", "95,00 EUR"),
    (Price("1295", "CHF"), "de", "1.295,00 CHF", "1.295,00 CHF"),
    (Price("95", "CHF"), "en", "CHF 95.00", "CHF 95.00"), (Price("12000", "JPY"), "en", "¥12,000", "JPY 12,000"),
])
def test_a_price_is_written_as_its_reader_writes_it(amount: Price, locale: str, said: str, in_an_sms: str) -> None:
    assert (price(amount, locale), price(amount, locale, plain=True)) == (said, in_an_sms)
