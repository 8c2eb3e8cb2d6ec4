"""Decides who pays when somebody comes for a device, and whether the customer has to agree to a price first."""

from collections.abc import Iterable, Iterator

from gateway.model import Cover, Device, Instant, Price, PriceAnswer, Ticket, local
from gateway.notifications.format_values import price_error
from gateway.notifications.stored_facts import Payer

_ENDS = (Cover.CONTRACT, Cover.WARRANTY)


def cover_at(device: Device, zone: str, now: Instant) -> Cover:
    """What covers the device now; `zone` is its site's. After the last day of a contract or warranty the customer pays
    the call-out price, and where there is none nobody has said who pays."""
    if device.covered_until is None or local(now, zone).date().isoformat() <= device.covered_until:
        return device.cover
    return Cover.UNKNOWN if device.call_out_price is None else Cover.CALL_OUT_PRICE


def price_to_ask(device: Device, danger: bool, zone: str, now: Instant) -> Price | None:
    """The price that the customer has to agree to before anybody sets out; None: nobody waits for that."""
    return None if danger or cover_at(device, zone, now) is not Cover.CALL_OUT_PRICE else device.call_out_price


def payer_of(device: Device, ticket: Ticket, zone: str, now: Instant) -> Payer:
    """Who pays when somebody comes for this ticket. What the customer has agreed to stays, whatever a fleet file says
    later."""
    agreed = ticket.price_answer is PriceAnswer.AGREED
    cover = Cover.CALL_OUT_PRICE if agreed else cover_at(device, zone, now)
    price = ticket.price if agreed else device.call_out_price if cover is Cover.CALL_OUT_PRICE else None
    return Payer(device=device.name, cover=cover, price=None if price is None else str(price), agreed=agreed)


def payers_of(work: Iterable[tuple[Device, Ticket]], zone: str, now: Instant) -> list[Payer]:
    """Of each device and ticket of one job; two tickets of one device that say the same say it once."""
    payers: list[Payer] = []
    for device, ticket in work:
        payer = payer_of(device, ticket, zone, now)
        payers += [] if payer in payers else [payer]
    return payers


def cover_errors(cover: Cover, covered_until: str | None, price: Price | None) -> Iterator[tuple[str, str]]:
    """(field, `what — what was expected`) of each thing that is wrong with what an operator says about one device."""
    if cover is Cover.CALL_OUT_PRICE and price is None:
        yield "call_out_price", "missing — expected what the customer pays, e.g. 95.00 EUR"
    if cover is Cover.UNKNOWN and price is not None:
        yield "call_out_price", f"{str(price)!r} beside cover: unknown — expected cover: call_out_price, or no price"
    if covered_until is not None and cover not in _ENDS:
        yield "covered_until", (f"{covered_until!r} beside cover: {cover} — expected a last day of a contract or "
                                "warranty only")
    if price is not None and covered_until is None and cover in _ENDS:
        yield "call_out_price", (f"{str(price)!r} beside a {cover} without an end — expected covered_until, the day "
                                 "from which the price counts, or no price")
    if price is not None and (wrong := price_error(price)):
        yield "call_out_price", wrong
