"""The answer to what an agent has to know for a call; nothing in it is for the household's own eyes."""

from pydantic import ConfigDict, Field

from gateway.config.phone_numbers import LineKind
from gateway.model import LinkState, NotificationState, OutageState, Severity, TicketState
from gateway.web.api.models import ApiModel, Callback, Time


class _Read(ApiModel):
    model_config = ConfigDict(extra="ignore", from_attributes=True)


class Rung(_Read):
    """A number to ring."""

    number: str = Field(description="E.164.", examples=["+41791234567"])
    shown: str = Field(description="As people read it.", examples=["+41 79 123 45 67"])
    name: str = Field(examples=["Alice Keller"])
    role: str = Field(description="Empty for the household's own number.", examples=["tenant"])
    line: LineKind
    line_words: str = Field(examples=["mobile"])
    needs: list[str] = Field(description="Of whoever answers there.", examples=[["hears badly"]])


class Resident(_Read):
    name: str = Field(examples=["Alice Keller"])
    role: str = Field(examples=["tenant"])
    needs: list[str] = Field(examples=[["depends on power"]])
    language: str = Field(examples=["de"])


class Health(_Read):
    """A device, as a person would say it."""

    id: str = Field(examples=["alice-pump"])
    name: str = Field(examples=["Heat pump"])
    link: LinkState
    last_heard: Time | None
    battery: float | None = Field(description="Per cent, where the device says it.", examples=[80])
    alarms: list[str] = Field(description="Open ones, the newest first.", examples=[["Compressor fault"]])
    words: str = Field(examples=["It reports a fault since 12:05 today: Compressor fault."])
    pressed: bool = Field(description="Whether it is the button that was pressed.")


class CallTicket(_Read):
    id: str = Field(examples=["T-4F7QK2M9"])
    state: TicketState
    severity: Severity
    what: str = Field(examples=["Compressor fault"])
    device: str = Field(examples=["Heat pump"])
    words: str = Field(description="Who comes, and when.", examples=["Karin Kunz will come. 14:00–18:00 today."])


class ToldMessage(_Read):
    at: Time
    topic: str = Field(description="A kind of message.")
    state: NotificationState
    words: str = Field(examples=["Told: fault found"])
    why: str = Field(description="Why not, or not yet; empty when it was told.")


class PastEvent(_Read):
    at: Time
    id: str = Field(examples=["C-8C2M5XQ0"])
    words: str = Field(examples=["Asked for a call – resolved on the phone"])


class OpenPromise(_Read):
    due_at: Time
    words: str = Field(examples=["Promised: our call by 14:00 today"])


class Sentence(_Read):
    """Something to say or do, and the reason by a name that stays the same in every language."""

    reason: str = Field(examples=["critical"])
    words: str = Field(examples=["Ask whether it is about this fault: Compressor fault (Heat pump)."])


class ForAnybody(_Read):
    """What may be said to whoever answers the telephone."""

    outage_id: str | None = Field(examples=["U-8C2M5XQ0"])
    state: OutageState | None
    words: list[str] = Field(description="Of an outage the same as customers read.")


class ForVerified(_Read):
    """What is said only to somebody of the household, once they have answered what `verify` asks."""

    customer: str = Field(examples=["Alice Keller"])
    address: str = Field(examples=["Lindenweg 1, 8001 Wiesental"])
    access: str = Field(description="How to get in; for whoever goes there.")
    people: list[Resident]
    devices: list[Health]
    tickets: list[CallTicket] = Field(description="Open ones, the worst first.")
    told: list[ToldMessage] = Field(description="The newest first.")
    told_last: str = Field(description="The text of the last message about something that is still open.")
    callbacks: list[PastEvent] = Field(description="Earlier ones, the newest first.")
    visits: list[PastEvent] = Field(description="The newest first.")
    promises: list[OpenPromise] = Field(description="The first to fall due first.")


class Chart(_Read):
    """The device in trouble, else the one that was pressed, around its fault."""

    signal: str = Field(examples=["flow temp"])
    svg: str = Field(description="An inline SVG without colours of its own.")
    text: str = Field(description="The same in words.")


class CallContext(_Read):
    """What an agent has to know before and during a call, in one language; times in sentences are the site's."""

    callback: Callback
    language: str = Field(description="The household's.", examples=["de"])
    timezone: str = Field(examples=["Europe/Zurich"])
    ring: list[Rung] = Field(description="The numbers to ring, in this order.")
    ring_now: Rung | None = Field(description="The one that is next.")
    next: Sentence = Field(description="What to do next.")
    ask_first: list[Sentence] = Field(description="What to say and ask, in this order.")
    verify: list[Sentence] = Field(description="How to find out whom one speaks with.")
    notice: str = Field(description="Of a call for help: that we are no rescue service, and whom to ring.")
    for_anybody: ForAnybody
    for_verified: ForVerified
    chart: Chart | None
