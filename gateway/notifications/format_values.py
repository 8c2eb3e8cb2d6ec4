"""Formats numbers and device values for people, whatever a device has sent."""

from decimal import Decimal
from math import isfinite

from babel import Locale
from babel.numbers import (
    format_currency,
    format_decimal,
    get_currency_precision,
    get_currency_symbol,
    list_currencies,
)

from gateway.model import Price

LONGEST = 200  # characters of a value: enough for any honest text, and a page stays a page
_PLAIN_BELOW = Decimal(10) ** 15  # what is larger is written with a power of ten; Babel fails from 10^26 on
_PLAIN_ABOVE = Decimal("0.005")  # what is smaller would read 0
_STEPS = ((5, 0), (20, 5), (100, 10), (1_000, 50), (10_000, 100))  # (below, rounded to); 0: too few to say


def number(value: float, locale: str, pattern: str | None = None) -> str:
    """`1,234.5` or `1.234,5`; `3.4 × 10^38` for the very large and the very small; `∞`; `?` for what is no number.

    `pattern`: Babel's, e.g. `#,##0.##`; without it whole numbers are meant.
    """
    if isinstance(value, float) and not isfinite(value):
        return "?" if value != value else "∞" if value > 0 else "-∞"
    exact = Decimal(value)  # never through float or str: an int may have more digits than either takes
    if exact == 0:
        return "0"
    if abs(exact) >= _PLAIN_BELOW or (abs(exact) < _PLAIN_ABOVE and value != int(value)):
        digits, _, power = f"{exact:.2e}".partition("e")
        return f"{format_decimal(Decimal(digits), locale=locale)} × 10^{int(power)}"
    return str(format_decimal(exact, format=pattern, locale=locale))


def language_name(locale: str, reader: str) -> str:
    """`German`, `Deutsch`: a language by its name in the reader's language; its code when it has none."""
    return str(Locale.parse(locale, sep="-").get_language_name(reader) or locale)


def price(amount: Price, locale: str, plain: bool = False) -> str:
    """`€95.00` or `95,00 €`; `plain`: in letters that every SMS has, `EUR 95.00` or `95,00 EUR`."""
    pattern = None
    if plain or get_currency_symbol(amount.currency, locale).isalpha():  # CHF and 95 with a space between them
        before = Locale.parse(locale, sep="-").currency_formats["standard"].pattern.startswith("¤")
        pattern = "¤¤ #,##0.00" if before else "#,##0.00 ¤¤"
    return str(format_currency(Decimal(amount.amount), amount.currency, format=pattern, locale=locale))


def locale_name(locale: str, reader: str | None = None) -> str:
    """`Deutsch (Schweiz)` of `de-CH` or `de_CH`, for a list: with its country, in its own language or the reader's."""
    name = Locale.parse(locale.replace("_", "-"), sep="-").get_display_name(reader) or locale
    return name[:1].upper() + name[1:]


def price_error(amount: Price) -> str | None:
    """Why nobody can pay that, as `what — what was expected`; None: they can."""
    if amount.currency not in list_currencies("en"):
        return f"{str(amount)!r} — expected a currency as in ISO 4217, e.g. EUR, CHF or GBP"
    digits = get_currency_precision(amount.currency)
    if len(amount.amount.partition(".")[2]) > digits:
        return f"{str(amount)!r} — {amount.currency} has {digits or 'no'} decimals; expected no more"
    return None


def text(value: object, longest: int = LONGEST) -> str:
    """Anything as one line that can be printed and sent: cut where it is too long, `?` for what no alphabet has."""
    try:
        said = value if isinstance(value, str) else str(value)
    except ValueError:  # an int of more than 4,300 digits
        said = number(value, "en") if isinstance(value, int) else type(value).__name__
    if len(said) > longest:
        said = f"{said[:longest - 1]}…"
    if said.isprintable():
        return said
    return "".join(letter if letter.isprintable() else "?" if _is_half(letter) else " " for letter in said)


def _is_half(letter: str) -> bool:
    """Half of a surrogate pair: UTF-8 cannot write it."""
    return "\ud800" <= letter <= "\udfff"


def rounded_homes(homes: int) -> int:
    """How many homes, said so that nobody can be picked out: 37 → 40, 1,234 → 1,200; 0 below five."""
    step = next((step for below, step in _STEPS if homes < below), 1_000)
    return (homes + step // 2) // step * step if step else 0
