"""Who pays when somebody comes, and who has to be asked first."""

from typing import Any

import pytest

from gateway.model import Cover, Device, Price, PriceAnswer, Severity, Ticket, from_iso
from gateway.notifications.format_values import price
from gateway.tickets.dispatch.cover import cover_at, payers_of, price_to_ask

ZURICH = "Europe/Zurich"
NOON = from_iso("2027-03-31T12:00:00+02:00")
LAST_SECOND = from_iso("2027-03-31T23:59:59+02:00")
NEXT_DAY = from_iso("2027-04-01T00:00:00+02:00")
PRICE = Price("95.00", "EUR")


def pump(**about: Any) -> Device:
    return Device(id="pump", key="native:pump", profile="heat-pump", site_id="s", name="Heat pump", **about)


def ticket(**about: Any) -> Ticket:
    return Ticket(id="T-1", site_id="s", customer_id="c", device_id="pump", cause_key="r", cause="c", skill="",
                  severity=Severity.MAJOR, opened_at=NOON, **about)


@pytest.mark.parametrize(("until", "then", "now", "cover"), [
    (None, None, NEXT_DAY, Cover.CONTRACT),
    ("2027-03-31", PRICE, LAST_SECOND, Cover.CONTRACT),  # the last day counts, on the site's own calendar
    ("2027-03-31", PRICE, NEXT_DAY, Cover.CALL_OUT_PRICE),
    ("2027-03-31", None, NEXT_DAY, Cover.UNKNOWN),
])
def test_a_contract_ends_with_its_last_day_and_then_the_price_counts(
        until: str | None, then: Price | None, now: int, cover: Cover) -> None:
    assert cover_at(pump(cover=Cover.CONTRACT, covered_until=until, call_out_price=then), ZURICH, now) is cover


@pytest.mark.parametrize(("about", "danger", "asked"), [
    ({"cover": Cover.CALL_OUT_PRICE, "call_out_price": PRICE}, False, PRICE),
    ({"cover": Cover.CALL_OUT_PRICE, "call_out_price": PRICE}, True, None),
    ({"cover": Cover.WARRANTY, "covered_until": "2027-03-30", "call_out_price": PRICE}, False, PRICE),
    ({"cover": Cover.WARRANTY, "covered_until": "2027-03-30"}, False, None),
    ({"cover": Cover.CONTRACT}, False, None),
    ({}, False, None),  # unknown: somebody comes, and the offer says so
])
def test_only_who_has_to_pay_is_asked_and_never_in_danger(
        about: dict[str, Any], danger: bool, asked: Price | None) -> None:
    assert price_to_ask(pump(**about), danger, ZURICH, NOON) == asked


def test_each_device_of_one_trip_says_who_pays_for_it_and_what_was_agreed_stays() -> None:
    fridge = Device(id="fridge", key="native:fridge", profile="medicine-fridge", site_id="s", name="Fridge",
                    cover=Cover.CONTRACT)
    dearer = pump(cover=Cover.CALL_OUT_PRICE, call_out_price=Price("120.00", "EUR"))
    agreed = ticket(price=PRICE, price_answer=PriceAnswer.AGREED)
    assert payers_of([(dearer, agreed), (fridge, ticket()), (fridge, ticket())], ZURICH, NOON) == [
        {"device": "Heat pump", "cover": "call_out_price", "price": "95.00 EUR", "agreed": True},
        {"device": "Fridge", "cover": "contract", "price": None, "agreed": False}]


@pytest.mark.parametrize(("amount", "locale", "said", "in_an_sms"), [
    (PRICE, "en", "€95.00", "EUR 95.00"), (PRICE, "de", "95,00\u00a0€", "95,00 EUR"),
    (Price("1295", "CHF"), "de", "1.295,00 CHF", "1.295,00 CHF"),
    (Price("95", "CHF"), "en", "CHF 95.00", "CHF 95.00"), (Price("12000", "JPY"), "en", "¥12,000", "JPY 12,000"),
])
def test_a_price_is_written_as_its_reader_writes_it(amount: Price, locale: str, said: str, in_an_sms: str) -> None:
    assert (price(amount, locale), price(amount, locale, plain=True)) == (said, in_an_sms)
