"""Decides who pays when somebody comes for a device, and checks what an operator says about that."""

from collections.abc import Container, Iterable, Iterator

from gateway.model import Cover, Device, Instant, Price, PriceAnswer, Ticket, local
from gateway.notifications.format_values import price_error
from gateway.notifications.stored_facts import Payer

_ENDS = (Cover.CONTRACT, Cover.WARRANTY)


def cover_at(device: Device, zone: str, now: Instant) -> tuple[Cover, Price | None]:
    """What covers the device now, and what its customer pays; `zone` is its site's. After the last day of a contract or
    warranty they pay the call-out price, and where there is none nobody has said who pays."""
    cover = device.cover
    if device.covered_until is not None and local(now, zone).date().isoformat() > device.covered_until:
        cover = Cover.UNKNOWN if device.call_out_price is None else Cover.CALL_OUT_PRICE
    return cover, device.call_out_price if cover is Cover.CALL_OUT_PRICE else None


def is_agreed_elsewhere(ticket: Ticket, carried_on_by: Container[str]) -> bool:
    """Whether its customer has agreed to a price, and one of these tickets (ids) carries it on: it still holds."""
    return ticket.merged_into in carried_on_by and ticket.price_answer is PriceAnswer.AGREED


def payers_of(tickets: Iterable[tuple[str, Ticket]]) -> list[Payer]:
    """Who pays, of each ticket of one trip with the name of its device. An area outage is nobody's to pay."""
    return [Payer(device=device, cover=ticket.cover, price=None if ticket.price is None else str(ticket.price),
                  agreed=ticket.price_answer is PriceAnswer.AGREED)
            for device, ticket in tickets if ticket.outage_id is None]


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
                                 "after which the price counts, or no price")
    if price is not None and (wrong := price_error(price)):
        yield "call_out_price", wrong
