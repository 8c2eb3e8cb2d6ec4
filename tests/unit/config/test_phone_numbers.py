"""Telephone numbers: what people write becomes E.164, or they read what to write instead."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.phone_numbers import LineKind, for_people, line_kind, to_e164


@pytest.mark.parametrize(("written", "country", "e164"), [
    ("044 668 18 00", "CH", "+41446681800"),
    ("+41 44 668 18 00", "", "+41446681800"),
    ("+41 (0)44 668 18 00", "", "+41446681800"),
    ("0041 44 668 18 00", "CH", "+41446681800"),
    ("079/123.45-67", "CH", "+41791234567"),
    ("+49 30 123456", "CH", "+4930123456"),  # from next door, whatever the fleet's country
    ("06 1234 5678", "IT", "+390612345678"),  # Italy keeps its zero
    ("+39 06 1234 5678", "", "+390612345678"),
    ("(212) 555-1234", "US", "+12125551234"),
    ("0800 123 456", "CH", "+41800123456"),
    ("41446681800", "CH", "+41446681800"),
])
def test_what_people_write_becomes_international(written: str, country: str, e164: str) -> None:
    assert to_e164(written, country) == e164


@pytest.mark.parametrize(("written", "country", "words"), [
    ("0900 123 456", "CH", "premium rate number, which costs extra"),
    ("+1 900 555 1234", "", "premium rate"),
    ("+33 8 99 12 34 56", "", "premium rate"),
    ("+49 900 1 123456", "", "premium rate"),
    ("0848 123 456", "CH", "shared cost"),
    ("044 668 18 00", "", "has no international prefix, and the country is not known — expected e.g. +41 44 668 18 00"),
    ("0041 44 668 18 00", "", "lacks the plus sign of an international number — expected +41446681800"),
    ("41446681800", "", "lacks the plus sign of an international number — expected +41446681800"),
    ("044 668 18 00 ext. 12", "CH", "an extension, which nobody can dial — expected the number alone: +41446681800"),
    ("+41 44 668 18 00 (home)", "", "has more than digits in it — expected +41446681800"),
    ("1-800-FLOWERS", "US", "has more than digits in it — expected +18003569377"),
    ("044 668", "CH", "is too short in CH — expected an international telephone number"),
    ("+41 44 668 18 00 99 99", "", "is too long"),
    ("112", "CH", "is an emergency number — expected a number of their own"),
    ("911", "US", "is an emergency number"),
    ("call me", "CH", "is no telephone number — expected an international telephone number, e.g. +41 44"),
    ("", "CH", "is no telephone number"),
    ("+999 123 456 78", "", "begins with the prefix of no country"),
    ("+1 555 123", "", "is too short"),
])
def test_a_number_that_nobody_can_be_rung_at_is_refused_with_what_to_write(
        written: str, country: str, words: str) -> None:
    with pytest.raises(ValueError) as refused:
        to_e164(written, country)
    assert words in str(refused.value)


@pytest.mark.parametrize("country", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_the_premium_numbers_of_every_country_are_refused(country: str) -> None:
    example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.PREMIUM_RATE)
    if example is not None:
        with pytest.raises(ValueError, match="costs extra"):
            to_e164(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164))


@pytest.mark.parametrize("country", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_the_landlines_and_mobiles_of_every_country_are_read_as_written_there(country: str) -> None:
    for kind, expected in ((phonenumbers.PhoneNumberType.FIXED_LINE, LineKind.LANDLINE),
                           (phonenumbers.PhoneNumberType.MOBILE, LineKind.MOBILE)):
        example = phonenumbers.example_number_for_type(country, kind)
        if example is not None:
            e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            at_home = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL)
            assert to_e164(at_home, country) == to_e164(for_people(e164)) == to_e164(e164) == e164
            assert line_kind(e164) in (expected, LineKind.EITHER)


@given(st.text(max_size=40), st.sampled_from(["", "CH", "US", "IT", "??", "ch"]))
def test_whatever_is_written_becomes_a_number_that_reads_the_same_again_or_a_sentence(text: str, country: str) -> None:
    said = _read(text, country)
    assert "expected" in said or _read(said) == said


def _read(text: str, country: str = "") -> str:
    try:
        return to_e164(text, country)
    except ValueError as refused:
        return str(refused)


def test_a_number_is_shown_as_people_read_it() -> None:
    assert for_people("+41446681800") == "+41 44 668 18 00"
    assert for_people("alice@example.com") == "alice@example.com"
