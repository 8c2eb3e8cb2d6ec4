"""The data that each kind of notification stores when it is written, in case its rows are gone when it is sent."""

from typing import Any, TypedDict

from gateway.model import Instant


class AboutTicket(TypedDict, total=False):
    """A fault and who comes for it."""

    cause: dict[str, str]  # by language
    severity: str
    device: str  # its name
    technician: str
    window_from: Instant
    window_until: Instant
    eta: Instant | None
    after_outage: bool  # the neighbours have power again


class AboutAssignment(AboutTicket, total=False):
    provider: str  # its name


class AboutOffer(AboutAssignment, total=False):
    expires_at: Instant


class AboutNoProviderLeft(AboutTicket, total=False):
    refused: list[Any]  # providers that could not be asked, each with the reason


class AboutCallback(TypedDict, total=False):
    """A call that was promised."""

    callback_by: Instant
    device: str
    site: str


class AboutPress(AboutCallback, total=False):
    pressed_at: Instant


class AboutOutage(TypedDict, total=False):
    """An area in which many homes are dark."""

    area: str  # its name
    homes: int
    etr: Instant | None  # estimated end


class AboutOutageAnswer(AboutOutage, total=False):
    answered: bool  # somebody pressed, and this is the answer
    site: str


class AboutMaintenance(TypedDict, total=False):
    """Planned work."""

    area: str
    window_from: Instant
    window_until: Instant
    cause: Any  # as whoever planned it put it


class AboutGatewayFault(TypedDict, total=False):
    """A fault of ours, or of a carrier."""

    what: str  # carrier | everything | deaf | unheard | clock
    area: str
    homes: int
    kind: str  # of the outage
    missing: str  # dialects that the broker does not let us hear …
    filters: str  # … with their topic filters
    seconds: int  # by which our clock jumped


class AboutBrokenRule(TypedDict, total=False):
    device: str
    why: str


class AboutUndelivered(AboutNoProviderLeft, AboutOffer, AboutPress, AboutOutageAnswer, AboutGatewayFault, total=False):
    """Another message that somebody did not get, with all that it would have said."""

    whom: str
    told_topic: str  # of the other message
    why: dict[str, Any]  # as `Reason.stored()` gives it
    unsure: bool  # it may have arrived


class AboutNothing(TypedDict, total=False):
    """It says all there is to say by itself."""


def keys_of(about: type[Any]) -> frozenset[str]:
    """What a message of that kind may keep."""
    keys: frozenset[str] = about.__optional_keys__
    return keys
