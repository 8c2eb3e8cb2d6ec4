"""The API's response models: ids with names beside them, times as RFC 3339; one story: they name each other."""

from dataclasses import asdict
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints, WithJsonSchema

from gateway.model import (
    EARLIEST,
    LATEST,
    AttemptOutcome,
    ButtonTestState,
    CallbackKind,
    CallbackOrigin,
    CallbackState,
    CallOutcome,
    CommandState,
    Cover,
    IncompleteReason,
    LinkState,
    Need,
    NotificationState,
    PriceAnswer,
    ResolvedBy,
    Severity,
    SlaKind,
    TicketState,
    VisitOutcome,
    VisitState,
    from_iso,
    to_iso,
)
from gateway.tickets.dispatch import track_record

_TIME = {"type": "string", "format": "date-time", "examples": ["2026-11-22T14:25:06.000Z"]}


def _read_time(value: Any) -> Any:
    return from_iso(value) if isinstance(value, str) else value


Time = Annotated[int, PlainSerializer(to_iso, return_type=str), WithJsonSchema(_TIME)]
GivenTime = Annotated[int, BeforeValidator(_read_time), Field(ge=EARLIEST, le=LATEST), WithJsonSchema(_TIME)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$", max_length=35)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=r"^[^\x00]+$")]

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200,
                                        pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+$")]


class ApiModel(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Body(BaseModel):
    """What a program gives us: a field that we do not know is refused, for it may be a misspelt one."""

    model_config = ConfigDict(extra="forbid")


ExternalIds = Annotated[dict[str, str], Field(description="What other systems call it: system → id.",
                                               examples=[{"crm": "4711"}])]


class Visit(ApiModel):
    """One trip of a technician."""

    id: str = Field(examples=["V-8C2M5XQ0"])
    technician: str = Field(description="The name the customer reads.", examples=["Sara Keller"])
    state: VisitState
    window_from: Time = Field(description="The arrival window promised to the customer.")
    window_until: Time
    eta: Time | None = Field(description="Expected arrival, once under way.")
    en_route_at: Time | None
    on_site_at: Time | None
    done_at: Time | None
    outcome: VisitOutcome | None
    note: str | None = Field(description="What the technician wrote.")
    incomplete: IncompleteReason | None = Field(description="Why something is left to do.")
    parts: list[str] = Field(description="That are missing.", examples=[["diverter valve"]])
    expected_at: Time | None = Field(description="When the parts should be there.")
    fix: str | None = Field(description="What fixed it, in a few words that other firms may read.",
                            examples=["Diverter valve replaced"])
    used: list[str] = Field(description="Parts that went into it.", examples=[["diverter valve"]])
    reported_at: Time | None = Field(description="When the technician said how it ended and can still take it back: it "
                                                 "takes effect within two minutes. Null: they have not, or it has.")
    asks: int = Field(description="Questions to the technician without an answer since they were heard last.")
    early_ok_at: Time | None = Field(description="When the customer agreed to an arrival before the window.")
    handed_back_at: Time | None = Field(description="When the provider said that it cannot come after all.")
    contested_at: Time | None = Field(description="When the customer said that somebody was there to open the door.")


class Price(ApiModel):
    """An amount of money."""

    amount: str = Field(description="Decimal, exact.", examples=["95.00"])
    currency: str = Field(description="ISO 4217.", examples=["EUR"])


class SlaClock(ApiModel):
    """One target of a ticket's SLA. It runs while it has a `due_at`."""

    kind: SlaKind
    policy: str = Field(description="The policy's version that it goes by; `explain` reads it.",
                        examples=["standard@3f9c01de"])
    target_minutes: int = Field(description="Of working time.", examples=[480])
    used_minutes: int = Field(description="Of working time, until now.", examples=[95])
    due_at: Time | None = Field(description="Null while it stands still, and when it has ended.")
    warn_at: Time | None = Field(description="When the dispatcher will be warned.")
    warned_at: Time | None
    missed_at: Time | None
    inherited: bool = Field(description="Late only by a target that came later: nobody missed it.")
    ended_at: Time | None = Field(description="When what it counts had happened, or was no longer needed.")


class Ticket(ApiModel):
    """One problem, one number."""

    id: str = Field(description="The number people say.", examples=["T-4F7QK2M9"])
    state: TicketState
    severity: Severity
    cause: str = Field(description="What is wrong, in plain words.", examples=["The heat pump is overheating"])
    cause_key: str = Field(description="The rule that found it; `reported`: a person did.", examples=["overheating"])
    reported: list[str] = Field(description="What people have said is wrong, each in their words.",
                                examples=[["No hot water since this morning"]])
    opened_by: str | None = Field(description="The person who did; null: a device's alarm, or an outage.",
                                  examples=["agent Dana"])
    skill: str = Field(description="What the provider must be able to do.", examples=["heatpump"])
    round: int = Field(description="2 when the fault came back before the ticket was closed, and so on.", examples=[1])
    site_id: str
    site_name: str = Field(examples=["Lindenweg 4"])
    customer_id: str
    customer_name: str = Field(examples=["Alice Brunner"])
    device_id: str | None = Field(description="null: it is about an outage, or a `subject`.")
    device_name: str | None = Field(examples=["Heat pump in the cellar"])
    subject: str | None = Field(description="The skill that is needed, when a person reported it and named no device: "
                                            "the site has one open ticket for each.", examples=["heating"])
    outage_id: str | None = Field(description="The outage that it is about: one ticket for all of its homes.")
    area_name: str | None = Field(description="Where that is; the ticket's site is the first home that went dark.")
    provider_id: str | None
    provider_name: str | None = Field(examples=["Keller Heating"])
    visit: Visit | None = Field(description="The current visit.")
    sla: list[SlaClock] = Field(description="What is promised by when.")
    opened_at: Time
    resolved_at: Time | None
    resolved_by: ResolvedBy | None
    merged_into: str | None = Field(description="The number under which it goes on, when it was merged.")
    resolution: str | None = Field(description="How it was settled.")
    unproven: bool = Field(description="The technician says that it is done, and a device still reports the fault.")
    price: Price | None = Field(description="At which somebody comes, as the customer was told.")
    price_answer: PriceAnswer | None = Field(description="What they said; null: they need not be asked.")
    price_answered_at: Time | None
    closed_at: Time | None
    external_ids: ExternalIds


class ReportedTicket(Ticket):
    """The ticket that took a person's report on."""

    joined: bool = Field(description="true: it was there already.")


class Entry(ApiModel):
    """One line of a timeline."""

    id: int
    at: Time
    kind: str = Field(description="What happened, for machines.", examples=["offered"])
    parameters: dict[str, Any] = Field(description="What the kind's sentence needs; instants are ms of UTC.",
                                       examples=[{"provider": "Keller Heating"}])
    by_kind: str = Field(description="gateway | device | provider | technician | customer | agent | operator",
                         examples=["gateway"])
    by_name: str = Field(description="A device's id, else a name; empty for the gateway.")
    who: str = Field(description="Who did it, in words.", examples=["gateway"])
    what: str = Field(description="One plain sentence.", examples=["Offered to Keller Heating"])
    why: dict[str, Any] = Field(description="The facts behind it.")


class Command(ApiModel):
    """One message down to a device. It is sent once, or never."""

    id: str = Field(examples=["M-4F7QK2M9"])
    state: CommandState
    topic: str = Field(examples=["devices/hp-17/command"])
    payload: str = Field(description="As it is sent.")
    created_at: Time
    expires_at: Time = Field(description="Later it is neither sent nor waited for.")
    sent_at: Time | None
    acknowledged_at: Time | None = Field(description="When the device said that it had done it.")
    why: str | None = Field(description="Why it expired or failed.")
    reason: str | None = Field(description="The same for programs.", examples=["not_sent_in_time"])


class FirstTry(ApiModel):
    """What was tried from afar before anybody was sent."""

    command: str = Field(description="The command's name in the profile.", examples=["restart"])
    at: Time = Field(description="When it was tried; with outcome `again`, when it had been tried before.")
    try_until: Time | None = Field(description="Until then nobody is sent; null once it has been decided.")
    outcome: str | None = Field(
        description="Why somebody was sent all the same: confirmed, silent or sent (and the fault stayed), failed, "
                    "unsent, vanished; or why it was not tried: again, unreachable, no_commands.")
    sent: Command | None


class Alarm(ApiModel):
    """A rule's verdict on one device."""

    id: str = Field(examples=["A-1XW0R7TB"])
    rule: str = Field(examples=["overheating"])
    severity: Severity
    cause: str = Field(examples=["The heat pump is overheating"])
    skill: str
    why: dict[str, Any] = Field(description="The rule and the values it judged.")
    device_id: str
    device_name: str
    site_id: str
    ticket_id: str | None
    opened_at: Time = Field(description="When the condition began, by the device's time.")
    known_at: Time = Field(description="When the gateway raised it: after the rule's `for`, or late news.")
    cleared_at: Time | None = Field(description="When the condition was over; null while it holds.")
    closed_at: Time | None = Field(description="The same, or for a latched alarm when it had been acknowledged too.")
    latch: bool = Field(description="It stays open until somebody has acknowledged it.")
    danger: bool = Field(description="To life or home: nobody waits for a yes to a price.")
    flapping: bool = Field(description="It comes and goes all the time, and counts as one until it calms down.")
    monitor: bool = Field(description="Its rule is only watched: nothing followed. `why.would` says what would have: "
                                      "`ticket` or `record`.")
    held_by: str | None = Field(
        description="What explains it, so that nobody is sent: `rule:<name>`, a hub's device id, an outage.")
    acknowledged_at: Time | None
    acknowledged_by: str | None
    fixed_by: str | None = Field(description="`command`: it was put right from afar, and nobody had to drive.")
    first_try: FirstTry | None
    external_ids: ExternalIds


class Callback(ApiModel):
    """Somebody has to be rung."""

    id: str = Field(examples=["C-70H3ZD5K"])
    kind: CallbackKind = Field(description="`emergency`: a call for help, an emergency button or a word such as `sos`; "
                                           "`check`: we ring of our own accord. A site has one open one of each kind.")
    origin: CallbackOrigin
    state: CallbackState
    urgent: bool = Field(description="A long press, or a call for help.")
    emergency_number: str | None = Field(description="Whom to ring in danger, for a call for help; null: unknown.")
    notice: str | None = Field(description="What every answer to a call for help says, in English.")
    presses: int = Field(description="How often they pressed while it was open.")
    site_id: str
    site_name: str
    customer_id: str
    customer_name: str
    device_id: str | None = Field(description="The button that was pressed last.")
    wish: str = Field(description="What it is about, in a person's words.")
    requested_at: Time
    ring_from: Time | None = Field(description="Not before: their slot, or the next try.")
    promised_by: Time = Field(description="When the customer was told to expect the call at the latest.")
    attempts: int = Field(description="How often somebody dialled.")
    tries: int = Field(description="How often nobody answered.")
    agent: str | None = Field(description="Who has it, or had it last.")
    claimed_until: Time | None = Field(description="Until then nobody else may take it.")
    outcome: CallOutcome | None
    note: str | None
    ticket_id: str | None = Field(description="That it started, or joined.")
    outage_id: str | None = Field(description="That answered it, or may be the reason.")
    closed_at: Time | None
    external_ids: ExternalIds


class QueuedCallback(Callback):
    """A callback in the order of the desk."""

    needs: list[Need] = Field(description="Of those who live there.")


class Slot(ApiModel):
    """A time in which somebody can be rung."""

    ring_from: Time
    ring_until: Time


class Device(ApiModel):
    """What speaks, and what was last heard of it."""

    id: str = Field(examples=["hp-brunner"])
    key: str = Field(description="`<dialect>:<address>`, the name it is heard under.", examples=["native:hp-0017"])
    name: str
    profile: str = Field(examples=["heat-pump"])
    site_id: str
    via: str | None = Field(description="The hub it speaks through.")
    cover: Cover = Field(description="Who pays when somebody comes for it.")
    covered_until: str | None = Field(description="Last day of its contract or warranty, where that ends.",
                                      examples=["2027-03-31"])
    call_out_price: Price | None = Field(description="What the customer pays when nobody else does.")
    retired_at: Time | None
    link: LinkState
    link_at: Time | None
    seen_at: Time | None = Field(description="When anything at all was last heard (our clock).")
    data_at: Time | None = Field(description="The newest telemetry (the device's clock).")
    external_ids: ExternalIds


class ButtonTest(ApiModel):
    """That an emergency button proves itself; each has one open test."""

    id: str = Field(examples=["B-4F7QK2M9"])
    device_id: str
    site_id: str
    state: ButtonTestState
    planned_for: Time = Field(description="When the household is asked.")
    asked_at: Time | None
    answer_by: Time | None = Field(description="As they were told.")
    reminded_at: Time | None
    press_id: str | None = Field(description="The press that was the test.")
    battery: int | None = Field(description="Per cent, when the test was heard.")
    callback_id: str | None = Field(description="The call by which they are asked, or that told us of the test.")
    passed_before: Time | None = Field(description="When the button was last tested before.")
    closed_at: Time | None


class DeviceDetail(Device):
    signals: dict[str, Any] = Field(description="Last value of each signal.", examples=[{"supply_temp": 61.5}])
    rules: dict[str, dict[str, Any]] = Field(
        description="Where each rule and fault code stands that is not at rest: its phase, since when, and what for.")
    button_test: ButtonTest | None = Field(description="Of an emergency button: the open test.")


class Reading(ApiModel):
    """One telemetry message."""

    at: Time
    seq: int
    received_at: Time
    signals: dict[str, Any]


class Unclaimed(ApiModel):
    """A device that speaks and that nobody has claimed."""

    key: str = Field(examples=["tasmota:plug_07"])
    topic: str = Field(description="Where it was first heard.")
    first_seen_at: Time
    last_seen_at: Time
    messages: int


class Attempt(ApiModel):
    """One try on one contact."""

    id: str
    channel: str = Field(examples=["email"])
    contact_id: str
    started_at: Time
    finished_at: Time | None
    delivered_at: Time | None = Field(description="When the other side said that it has it: a web hook's answer.")
    outcome: AttemptOutcome
    why: str | None
    kind: str | None = Field(description="Of failure: unreachable | no secure connection | login refused | sender "
                                         "refused | server trouble | no answer | recipient refused | message refused "
                                         "| unusable", examples=["login refused"])
    text: str | None = Field(description="What was sent, without its link, which opens the recipient's page; null: "
                                         "nothing was, or this key may not see it.")


class Notification(ApiModel):
    """One thing to tell one person, and each try at telling it."""

    id: str = Field(examples=["N-2P9V6YJE"])
    subject_kind: str = Field(description="ticket | callback | outage | maintenance | gateway", examples=["ticket"])
    subject_id: str = Field(description="What it is about.", examples=["T-4F7QK2M9"])
    topic: str = Field(examples=["fault_found"])
    phase: str = Field(description="The topic, and what makes it another message than the last of it.",
                       examples=["fault_found/1"])
    recipient: str = Field(examples=["customer/alice"])
    critical: bool = Field(description="Passes quiet hours.")
    state: NotificationState
    why: str | None = Field(description="Why it was held, dropped or failed.")
    reason: dict[str, Any] | None = Field(description="The same for programs: `reason`, and what its sentence needs.",
                                          examples=[{"reason": "quiet_hours"}])
    created_at: Time
    due_at: Time | None
    done_at: Time | None
    attempts: list[Attempt]
    external_ids: ExternalIds


class DeadLetter(ApiModel):
    """A message nobody could read."""

    id: int
    received_at: Time
    dialect: str
    topic: str
    size: int = Field(description="Bytes of the whole message.")
    reason: str
    payload: str = Field(description="Its first 4 KiB; bytes that are not UTF-8 appear as \\xNN.")


class TrackRecord(ApiModel):
    """What a provider did in the last 180 days, without what was left out."""

    asked: int = Field(description="Offers that it answered or let lapse.")
    accepted: int
    arrivals: int = Field(description="Visits with an arrival window.")
    on_time: int
    visits: int = Field(description="Visits done, without those where nobody opened the door.")
    fixed: int = Field(description="Visits that settled it at once.")
    score: float = Field(description="0 to 1; small numbers are damped, see docs/dispatch.md.")

    @classmethod
    def of(cls, record: track_record.TrackRecord) -> "TrackRecord":
        return cls(**asdict(record), score=round(record.score, 3))


class Provider(ApiModel):
    """A local firm."""

    id: str = Field(examples=["keller"])
    name: str = Field(examples=["Keller Heating"])
    phone: str
    skills: list[str]
    timezone: str
    emergency: bool = Field(description="Takes critical work outside its hours.")
    capacity: int = Field(description="Visits it will take on one day.")
    open_jobs: int
    pending_offers: int
    record: TrackRecord
    external_ids: ExternalIds


class Page(BaseModel):
    """Of a list."""

    next: str | None = Field(description="Pass as `cursor` for the following page; null on the last one.")


class TicketPage(Page):
    items: list[Ticket]


class EntryPage(Page):
    items: list[Entry]


class AlarmPage(Page):
    items: list[Alarm]


class CallbackPage(Page):
    items: list[Callback]


class QueuePage(Page):
    items: list[QueuedCallback]


class SlotPage(Page):
    items: list[Slot]


class DevicePage(Page):
    items: list[Device]


class ReadingPage(Page):
    items: list[Reading]


class CommandPage(Page):
    items: list[Command]


class ButtonTestPage(Page):
    items: list[ButtonTest]


class UnclaimedPage(Page):
    items: list[Unclaimed]


class NotificationPage(Page):
    items: list[Notification]


class DeadLetterPage(Page):
    items: list[DeadLetter]


class ProviderPage(Page):
    items: list[Provider]
