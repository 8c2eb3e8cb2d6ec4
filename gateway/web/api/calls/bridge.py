"""API route for the voice bridge: whom a technician's PIN connects with."""

from fastapi import HTTPException
from pydantic import Field

from gateway.callbacks.numbers.visit_calls import DIGITS
from gateway.flow.telephones import Locked, connect
from gateway.web.api.models import ApiModel, Body
from gateway.web.dependencies import Bridge
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes(prefix="/bridge", tags=["bridge"])


class PinBody(Body):
    pin: str = Field(description="As the technician typed it.", pattern=rf"^[0-9]{{{DIGITS}}}$",
                     examples=["4029174553"])


class Connection(ApiModel):
    """Whom to connect the caller with."""

    number: str = Field(description="E.164.", examples=["+41791234567"])
    name: str = Field(description="Who answers there.", examples=["Alice Keller"])
    language: str = Field(description="Theirs.", examples=["de"])


@router.post("", summary="Whom a PIN connects with", responses=responses(404, 429))
def ask_bridge(by: Bridge, body: PinBody) -> Connection:
    """While the visit is under way, and from an hour before its arrival window. 404, always the same, for every other
    PIN; after five within a minute that begin with the same four digits those are locked, each time for longer, and no
    others. The caller's own number is not asked for. Each connection is written down."""
    try:
        found = connect(by.gw, by.who, body.pin, by.now)
    except Locked as locked:
        raise HTTPException(429, "Too many wrong PINs that begin like this one: it is not looked at for a while.",
                            {"Retry-After": str(locked.seconds)}) from None
    if found is None:
        raise HTTPException(404, "This PIN connects with nobody now.")
    return Connection(number=found.number, name=found.name, language=found.language)
