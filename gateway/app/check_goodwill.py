"""Checks goodwill: whether its currency is one, with cents."""

from gateway.config.settings import Settings
from gateway.model import Price
from gateway.notifications.format_values import price_error


def goodwill_errors(settings: Settings) -> list[str]:
    """What would make no invoice, as `setting: value — expected`."""
    currency = settings.goodwill.currency
    if price_error(Price("1.00", currency)) is None:
        return []
    return [f"goodwill.currency: {currency!r} — expected a currency as in ISO 4217 that has two decimals, "
            "e.g. EUR, CHF or GBP"]
