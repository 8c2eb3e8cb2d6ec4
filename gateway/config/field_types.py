"""Validated text types for settings and fleet file: time zone, phone, postcode, URL, e-mail and others."""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, PlainValidator, SecretStr, StringConstraints, ValidationInfo

from gateway.config.error_messages import WrongParts
from gateway.config.phone_numbers import for_people, to_e164
from gateway.config.yaml_lines import Path
from gateway.model import HOUR, MINUTE, SECOND, Instant, Price

_UNITS = {"s": SECOND, "min": MINUTE, "h": HOUR}
_RATE = re.compile(r"([1-9]\d{0,5})/([1-9]\d{0,2})?(s|min|h)")
_UNREADABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]")
LOCALES = ("en", "de", "de-CH", "es", "fr", "hi")  # of gateway/notifications/catalogues, and how one is spelled where


@lru_cache(maxsize=1000)
def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ValueError("expected an IANA time zone, e.g. Europe/Zurich or UTC") from None
    return name


def one_line(text: str) -> str:
    """As people read it: nothing that ends a line, is no character, or turns the writing around it."""
    wrong = _UNREADABLE.search(text)
    if wrong:
        raise ValueError(f"has U+{ord(wrong[0]):04X} in it, which nobody sees — expected plain text on one line")
    return text


def _locale(name: str) -> str:
    if name not in LOCALES:
        raise ValueError(f"expected a language we write in: {' or '.join(LOCALES)}")
    return name


def _phone(number: str, info: ValidationInfo) -> str:
    """A number without international prefix is one of the `country` in the validation's context."""
    return to_e164(number, (info.context or {}).get("country") or "") if number else ""


def _hotline(number: str, info: ValidationInfo) -> str:
    """As people read it, with its international prefix: some of them are abroad."""
    return for_people(to_e164(number, (info.context or {}).get("country") or "", shared_cost=True)) if number else ""


def _phones(numbers: Any, info: ValidationInfo) -> list[str]:
    several = isinstance(numbers, list)
    found: list[str] = []
    wrong: list[tuple[Path, str]] = []
    for index, number in enumerate(numbers if several else [numbers]):
        text = written(number)
        try:
            if not isinstance(text, str):
                raise ValueError("expected a telephone number in quotation marks")
            found.append(_phone(text, info))
            if not found[-1] or found[-1] in found[:-1]:
                raise ValueError("expected each number once" if text else "expected a number, or the line left out")
        except ValueError as error:
            wrong.append(((index,) if several else (), f"{text!r} — {error}"))
    if wrong:
        raise WrongParts(wrong)
    return found


def _postcode(code: str) -> str:
    if code and not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9 -]{0,8}[A-Za-z0-9])?", code):
        raise ValueError("expected a postcode: 1 to 10 letters and digits, e.g. 8001 or SW1A 1AA")
    return code


def _country(code: str) -> str:
    if code and not re.fullmatch(r"[A-Z]{2}", code):
        raise ValueError("expected a country as two capital letters (ISO 3166), e.g. CH")
    return code


def _time_of_day(clock: str) -> str:
    if not re.fullmatch(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]", clock):
        raise ValueError("expected a time of day from 00:00 to 23:59, e.g. 21:00")
    return clock


def _with_length(hours: tuple[str, str]) -> tuple[str, str]:
    if hours[0] == hours[1]:
        raise ValueError("they end when they begin, so they are none — expected two different times, or none at all")
    return hours


def parse_day(day: str) -> str:
    """`2027-03-31`. ValueError says what was expected."""
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", day):
            return date.fromisoformat(day).isoformat()
    except ValueError:
        pass
    raise ValueError("expected a day as year-month-day, e.g. 2027-03-31")


def parse_price(price: Any) -> Price:
    """`95.00 EUR`, or one that is a Price already. ValueError says what was expected."""
    if isinstance(price, Price):
        return price
    found = re.fullmatch(r"([0-9]{1,7}(?:\.[0-9]{1,3})?) ([A-Z]{3})", price) if isinstance(price, str) else None
    if found is None or not float(found[1]):
        raise ValueError("expected an amount and a currency (ISO 4217), e.g. 95.00 EUR")
    return Price(found[1], found[2])


def _http_url(url: str) -> str:
    if not re.fullmatch(r"https?://[^\s/@]+(?:/\S*)?", url):
        raise ValueError("expected a web address, e.g. https://service.example.com")
    return url.rstrip("/")


def _client_id(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
        raise ValueError("expected letters, digits, '-', '_' and '.'")  # some brokers hang up on anything else
    return name


@dataclass(frozen=True)
class Rate:
    """So many messages `within` a time, in ms."""

    most: int
    within: Instant

    @staticmethod
    def read(written: object) -> "Rate":
        """`30/min`, `5/15min`. Raises ValueError."""
        found = _RATE.fullmatch(str(written))
        if found is None:
            raise ValueError("expected messages and a time, e.g. 10/s, 60/min or 5/15min")
        return Rate(int(found[1]), int(found[2] or 1) * _UNITS[found[3]])

    @property
    def each(self) -> float:
        """ms until there is room for one more."""
        return self.within / self.most

    def room(self, spent_until: Instant, now: Instant) -> int:
        """How many may go now."""
        return max(0, int((self.within - max(0, spent_until - now)) / self.each))

    def spent(self, spent_until: Instant, count: int, now: Instant) -> Instant:
        """Until when it is spent once so many more have gone; critical news may overdraw it, and others wait longer."""
        return max(spent_until, now) + round(count * self.each)


def _colour(colour: Any) -> str:
    if colour is None:
        raise ValueError('expected a colour in quotation marks, e.g. "#0b6e7f": # begins a comment otherwise')
    if not isinstance(colour, str) or not re.fullmatch(r"(#[0-9A-Fa-f]{6})?", colour):
        raise ValueError('expected a colour of six hexadecimal digits in quotation marks, e.g. "#0b6e7f"')
    return colour.lower()


def _email(address: str) -> str:
    if not re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", address):
        raise ValueError("expected an e-mail address, e.g. service@example.com")
    return address


def _webhook_secret(secret: SecretStr) -> SecretStr:
    prefix, _, rest = secret.get_secret_value().partition("_")
    try:
        if prefix == "whsec" and base64.b64decode(rest, validate=True):
            return secret
    except binascii.Error:
        pass
    raise ValueError("expected a Standard Webhooks secret: whsec_ and then base64")


def _apprise_template(url: SecretStr) -> SecretStr:
    if "://" not in url.get_secret_value() or "{address}" not in url.get_secret_value():
        raise ValueError("expected an Apprise URL with {address} where the person's address goes")
    return url


def _call_template(template: str) -> str:
    example = "expected e.g. tel:+41445550000,,{pin}#"
    if not template:
        return template
    if template.count("{pin}") != 1:
        raise ValueError(f"has no {{pin}} — {example}" if "{pin}" not in template
                         else f"has {{pin}} more than once — {example}")
    if not template.startswith("tel:"):
        raise ValueError(f"is no telephone link — {example}")
    number, _, digits = template.removeprefix("tel:").partition("{pin}")
    found = re.fullmatch(r"(\+[0-9]+)([,;pw][0-9*#,;pw]*)?", number)
    if found is None or not re.fullmatch(r"[0-9*#,;pw]*", digits):
        raise ValueError(f"has more than a number, pauses (,) and digits in it — {example}")
    if to_e164(found[1]) != found[1]:
        raise ValueError(f"expected {to_e164(found[1])}")
    if found[2] is None:
        raise ValueError(f"has no pause before {{pin}}, so it would be a part of the number — {example}")
    return template


def _map_tiles(template: str) -> str:
    """The reader's browser gets it in an address and in a policy: nothing may stand in it that ends either."""
    example = "expected e.g. https://tiles.example.com/{z}/{x}/{y}.png"
    if not template:
        return template
    if not template.startswith("https://"):
        raise ValueError(f"is not https — {example}")
    host, _, path = template.removeprefix("https://").partition("/")
    if "@" in host:
        raise ValueError(f"has a name or a password before the host, which every reader would see — {example}")
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?", host):
        raise ValueError(f"has no host that is the same for every tile — {example}")
    for place in ("{z}", "{x}", "{y}"):
        if path.count(place) != 1:
            raise ValueError(f"has {place} {'more than once' if place in path else 'nowhere in its path'} — {example}")
    if not re.fullmatch(r"[A-Za-z0-9._~/?&=%:+,@!-]*", re.sub(r"\{[zxy]\}", "", path)):
        raise ValueError(f"has a space, a quotation mark or a brace too many in it — {example}")
    return template


def written(value: Any) -> Any:
    """The text of a number where text is expected: ids and postcodes may look like numbers."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(written)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), AfterValidator(one_line),
                 BeforeValidator(written)]
TimeZone = Annotated[str, AfterValidator(_zone)]
Locale = Annotated[str, AfterValidator(_locale)]
Phone = Annotated[str, AfterValidator(_phone), BeforeValidator(written)]
Hotline = Annotated[str, AfterValidator(_hotline), BeforeValidator(written)]
Phones = Annotated[list[str], PlainValidator(_phones)]
"""One number, or a list of several."""
Postcode = Annotated[str, AfterValidator(_postcode), BeforeValidator(written)]
Country = Annotated[str, AfterValidator(_country)]
Day = Annotated[str, AfterValidator(parse_day)]
GivenPrice = Annotated[Price, BeforeValidator(parse_price)]
TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]
QuietHours = Annotated[tuple[TimeOfDay, TimeOfDay], AfterValidator(_with_length)]
CallTemplate = Annotated[str, AfterValidator(_call_template)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
MapTiles = Annotated[str, AfterValidator(_map_tiles)]
def limit_of_each(limits: Iterable[str]) -> dict[str, str]:
    """Channel → the name of its limit, under which channels of one provider may share one: `sms+voice`."""
    return {name: key for key in limits for name in key.split("+")}


ClientId = Annotated[str, AfterValidator(_client_id)]
Colour = Annotated[str, PlainValidator(_colour)]
MessageRate = Annotated[Rate, BeforeValidator(Rate.read)]
Email = Annotated[str, AfterValidator(_email)]
WebhookSecret = Annotated[SecretStr, AfterValidator(_webhook_secret)]
AppriseTemplate = Annotated[SecretStr, AfterValidator(_apprise_template)]
