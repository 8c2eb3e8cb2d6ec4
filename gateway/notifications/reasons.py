"""Words a reason (why something ended, waits or was refused) in the reader's language."""

from collections.abc import Mapping
from typing import Any

from gateway.model import Price, Reason, ReasonKind, SubjectKind, Ticket, from_iso
from gateway.model.plan import Refused
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.format_times import moment
from gateway.notifications.format_values import price


def reason_sentence(reason: Mapping[str, Any] | str, catalogue: Catalogue) -> str:
    """A reason as it is stored; what a person wrote stays as it is.

    A parameter that is empty has a sentence of its own where the catalogue has one: `reason.smaller_area.without_area`.
    """
    if isinstance(reason, str):
        return reason
    read = Reason.read(reason)
    id_ = catalogue.variant(f"reason.{read.kind}", read.parameters)
    places = {name: _place(read.kind, name, value, catalogue) for name, value in read.parameters.items()}
    return catalogue(id_, **places)


_MOMENTS = ("until", "at", "nearest")  # RFC 3339, for programs


def refusal_sentence(refused: Refused, catalogue: Catalogue, zone: str = "") -> str:
    """Why what somebody tried is not possible now. `zone`: in which a person reads times; "": a program does."""
    given = refused.parameters
    places = dict(given)
    if "what" in given:
        places["what"] = catalogue(f"row.{given['what']}")
    if "state" in given:
        word = f"{given.get('what', SubjectKind.TICKET)}_state.{given['state']}"
        places["state"] = catalogue(word) if catalogue.has(word) else given["state"].replace("_", " ")
    if "may_credit" in given:
        places["may_credit"] = price(Price.read(given["may_credit"]), catalogue.locale)
    if "outcome" in given:
        places["outcome"] = catalogue(f"call_outcome.{given['outcome']}")
    if zone:
        places |= {name: moment(from_iso(given[name]), catalogue, zone) for name in _MOMENTS if given.get(name)}
    return catalogue(f"refused.{refused.reason}", **places)


def resolution_sentence(ticket: Ticket, catalogue: Catalogue) -> str:
    """How it was settled: in the words of whoever settled it, else that nobody had to; "" while it is not."""
    if ticket.resolution or ticket.resolved_at is None:
        return ticket.resolution or ""
    return catalogue(f"reason.{ReasonKind.POWER_BACK if ticket.outage_id else ReasonKind.BACK_TO_NORMAL}")


def _place(kind: ReasonKind, name: str, value: object, catalogue: Catalogue) -> object:
    if name == "price":
        return price(Price.read(str(value)), catalogue.locale)
    if name == "group":
        return catalogue(f"topic_group.{value}")
    group = _STATES.get(kind) if name == "state" else name if name in ("topic", "span") else None
    return catalogue(f"{group}.{value}") if group is not None else value


_STATES = {ReasonKind.TICKET_MOVED_ON: "ticket_state", ReasonKind.OUTAGE_MOVED_ON: "outage_state"}
