"""PINs of visits, and how long the bridge is locked after wrong ones."""

import pytest
from pydantic import ValidationError

from gateway.callbacks.numbers.visit_calls import after_wrong, bridge_number, call_link, call_pin, seconds_locked
from gateway.config.settings import Service
from gateway.model import DAY, HOUR, MINUTE, SECOND, PinTries

NOON = 1_800_000_000_000


def wrong_in_a_day(every: int) -> int:
    """How many PINs can be tried in a day by whoever tries one each `every` ms."""
    tries, count = PinTries(id="4029"), 0
    for now in range(NOON, NOON + DAY, every):
        if not seconds_locked(tries, now):
            tries, count = after_wrong(tries, now), count + 1
    return count


@pytest.mark.parametrize("every", [SECOND, 13 * SECOND, MINUTE, 3 * MINUTE, 190 * SECOND, 10 * MINUTE])
def test_nobody_tries_more_than_five_hundred_pins_a_day(every: int) -> None:
    assert wrong_in_a_day(every) < 500  # of a million, and of one visit


def test_a_lock_is_twice_as_long_each_time_and_an_hour_at_most() -> None:
    tries, now, locks = PinTries(id="4029"), NOON, []
    for _ in range(9):
        for _ in range(5):
            tries = after_wrong(tries, now)
        locks.append(seconds_locked(tries, now) // 60)
        now += locks[-1] * MINUTE
    assert locks == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    now += DAY + HOUR
    for _ in range(5):
        tries = after_wrong(tries, now)
    assert seconds_locked(tries, now) == 60  # a day later it begins anew


def test_pins_have_ten_digits_and_differ() -> None:
    pins = [call_pin(f"P-{number}") for number in range(2000)]
    assert all(len(pin) == 10 and pin.isdecimal() for pin in pins)
    assert len(set(pins)) == 2000
    assert {pin[0] for pin in pins} == set("0123456789")


def test_the_link_dials_the_bridge_waits_and_types_the_pin() -> None:
    template = "tel:+41445550000,,{pin}#"
    assert call_link(template, "012345") == "tel:+41445550000,,012345%23"
    assert bridge_number(template) == "+41445550000"


@pytest.mark.parametrize("template", ["tel:+41445550000,,{pin}#", "tel:+41445550000;{pin}", "tel:+41445550000p1*{pin}#",
                                      ""])
def test_templates_that_can_be_dialled(template: str) -> None:
    assert Service(call_template=template).call_template == template


@pytest.mark.parametrize(("template", "said"), [
    ("tel:+41445550000", "has no {pin} — expected e.g. tel:+41445550000,,{pin}#"),
    ("tel:+41445550000,{pin},{pin}", "has {pin} more than once"),
    ("https://bridge.example/{pin}", "is no telephone link"),
    ("tel:+41445550000{pin}", "has no pause before {pin}"),
    ("tel:044 555 00 00,{pin}", "has more than a number, pauses (,) and digits in it"),
    ("tel:+4144555,{pin}", "expected an international telephone number"),
    ("tel:+41445550000,{pin}{name}", "has more than a number"),
])
def test_a_template_that_cannot_be_dialled_is_refused_with_what_to_write(template: str, said: str) -> None:
    with pytest.raises(ValidationError) as error:
        Service(call_template=template)
    assert said in str(error.value)
