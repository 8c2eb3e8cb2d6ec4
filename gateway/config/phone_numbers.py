"""Telephone numbers as E.164 (+41446681800): read from what people write, refused when nobody can be rung there."""

import re
from enum import StrEnum

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

PHONE = "phone"
"""The channel of numbers that people ring; nothing is ever sent over it."""
PHONE_CHANNELS = (PHONE, "sms", "voice", "whatsapp", "signal")
"""Channels whose addresses are telephone numbers."""

_COSTS_EXTRA = {PhoneNumberType.PREMIUM_RATE: "premium rate", PhoneNumberType.SHARED_COST: "shared cost"}
_NOBODY_SPEAKS = {PhoneNumberType.PAGER: "a pager", PhoneNumberType.VOICEMAIL: "a voice mailbox"}
_WRITTEN = re.compile(r"[\d\s()+./\u2010-\u2015-]+")  # digits and what people put between them
_EXAMPLE = "expected an international telephone number, e.g. +41 44 668 18 00"


class LineKind(StrEnum):
    """What is at the other end of a number, as far as the number tells."""

    LANDLINE = "landline"
    """It rings at home, in a power cut perhaps not."""
    MOBILE = "mobile"
    """It rings wherever they are."""
    EITHER = "either"
    """The country does not tell them apart, or it is neither."""


def to_e164(text: str, country: str = "", shared_cost: bool = False) -> str:
    """`044 668 18 00` in CH, or `+41 44 668 18 00` anywhere → `+41446681800`. `country`: ISO 3166, of numbers without
    an international prefix; "" = they are refused. `shared_cost`: whoever rings may pay a part, as with many a hotline.
    ValueError says what to write instead."""
    try:
        number = phonenumbers.parse(text, country or None)
    except NumberParseException:
        raise ValueError(_unreadable(text, country)) from None
    written = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if number.extension:
        raise ValueError(f"has an extension, which nobody can dial — expected the number alone: {written}")
    if not _WRITTEN.fullmatch(text):
        meant = _valid(re.sub(r"[^\d+]", "", text), country) or _valid(written)
        raise ValueError(f"has more than digits in it — expected {meant or 'e.g. +41 44 668 18 00'}")
    kind = phonenumbers.number_type(number)
    if kind in _COSTS_EXTRA and not (shared_cost and kind == PhoneNumberType.SHARED_COST):
        raise ValueError(f"is a {_COSTS_EXTRA[kind]} number, which costs extra to ring — expected a landline or mobile "
                         "number")
    if kind in _NOBODY_SPEAKS:
        raise ValueError(f"is {_NOBODY_SPEAKS[kind]} — expected a number at which a person answers")
    if kind == PhoneNumberType.UNKNOWN:
        raise ValueError(_impossible(text, number, country))
    return written


def line_kind(e164: str) -> LineKind:
    """Of a number with its international prefix; what is none may be either."""
    try:
        kind = phonenumbers.number_type(phonenumbers.parse(e164, None))
    except NumberParseException:
        return LineKind.EITHER
    if kind == PhoneNumberType.FIXED_LINE:
        return LineKind.LANDLINE
    return LineKind.MOBILE if kind == PhoneNumberType.MOBILE else LineKind.EITHER


def for_people(e164: str) -> str:
    """`+41446681800` → `+41 44 668 18 00`; what is no number stays as it is."""
    try:
        return phonenumbers.format_number(phonenumbers.parse(e164, None), PhoneNumberFormat.INTERNATIONAL)
    except NumberParseException:
        return e164


def _unreadable(text: str, country: str) -> str:
    guess = _guess(text)
    if guess:
        return f"lacks the plus sign of an international number — expected {guess}"
    if "+" in text and _WRITTEN.fullmatch(text):
        return f"begins with the prefix of no country — {_EXAMPLE}"
    if not country and re.search(r"\d{3}", re.sub(r"\D", "", text)) and _WRITTEN.fullmatch(text):
        return ("has no international prefix, and the country is not known — expected e.g. +41 44 668 18 00 for "
                "044 668 18 00 in Switzerland, or service.country")
    return f"is no telephone number — {_EXAMPLE}"


def _impossible(text: str, number: phonenumbers.PhoneNumber, country: str) -> str:
    guess = _guess(text)
    if guess:
        return f"lacks the plus sign of an international number — expected {guess}"
    if country and phonenumbers.is_emergency_number(text, country):
        return "is an emergency number — expected a number of their own"
    why = {phonenumbers.ValidationResult.TOO_SHORT: "is too short", phonenumbers.ValidationResult.TOO_LONG:
           "is too long"}.get(phonenumbers.is_possible_number_with_reason(number), "is a number that nobody can have")
    return f"{why}{f' in {country}' if country and '+' not in text else ''} — {_EXAMPLE}"


def _guess(text: str) -> str:
    """The number that is meant when it was written with 00 for the plus sign, or without either; "" when none is."""
    digits = re.sub(r"\D", "", text)
    if "+" in text or not _WRITTEN.fullmatch(text) or (digits.startswith("0") and not digits.startswith("00")):
        return ""
    return _valid(f"+{digits.removeprefix('00')}")


def _valid(text: str, country: str = "") -> str:
    """The number as E.164; "" when nobody can have it."""
    try:
        number = phonenumbers.parse(text, country or None)
    except NumberParseException:
        return ""
    return phonenumbers.format_number(number, PhoneNumberFormat.E164) if phonenumbers.is_valid_number(number) else ""
