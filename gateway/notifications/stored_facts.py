"""The data that each kind of notification stores when it is written, in case its rows are gone when it is sent."""

from typing import Any, TypedDict

from gateway.model import Instant


class Payer(TypedDict):
    """Who pays when somebody comes for one device."""

    device: str  # its name
    cover: str  # a Cover
    price: str | None  # a Price as it is stored: what the customer pays
    agreed: bool  # they have said yes to it


class FaultFacts(TypedDict, total=False):
    """A fault and who comes for it."""

    cause: dict[str, str]  # by language
    severity: str
    device: str  # its name
    technician: str
    window_from: Instant
    window_until: Instant
    eta: Instant | None
    visit_id: str  # which visit; a ticket may have several
    note: str  # what the technician wrote
    after_outage: bool  # the neighbours have power again
    reported: bool  # the customer has said so themselves
    payers: list[Payer]  # of each device that somebody comes for
    also: list[dict[str, str]]  # other faults that the same visit shall settle, by language


class AssignmentFacts(FaultFacts, total=False):
    """A fault, and the provider who has accepted it."""

    provider: str  # its name


class OfferFacts(AssignmentFacts, total=False):
    """A job that a provider is offered, with the time to answer."""

    expires_at: Instant
    urgent: bool  # whatever its severity: whoever lives there depends on power


class SearchFacts(FaultFacts, total=False):
    """A fault for which nobody comes yet."""

    asked: int  # providers, this round
    open_offers: int  # of them have not answered
    opens_at: Instant | None  # when providers are asked again
    held_until: Instant | None  # what it waits for should be there
    word_by: Instant  # by when we said that they hear from us


class VisitFacts(AssignmentFacts, total=False):
    """A visit that does not go as we said."""

    before: str  # who was to come until now
    because: str  # why it is called off, changed or asked about: the template has a sentence for each
    why: dict[str, Any] | str  # the same in the words of whoever wrote it, or as `Reason.stored()` gives it
    hear_by: Instant  # when they hear from us again
    incomplete: str  # why the visit could not be finished
    parts: list[str]  # that are missing
    expected_at: Instant | None  # when they should be there
    keeps: bool  # without an answer the visit stays as it is
    visit_state: str  # that it was in
    photos: int  # that the customer has sent with their words


class QuestionFacts(VisitFacts, total=False):
    """A question to whoever is to go there, or is there."""

    since: Instant  # they have been there


class NoProviderLeftFacts(FaultFacts, total=False):
    """A fault that no provider can take."""

    refused: list[Any]  # providers that could not be asked, each with the reason


class PriceQuestionFacts(FaultFacts, total=False):
    """A fault that somebody comes for once the customer has agreed to the price."""

    price: str  # a Price as it is stored
    answer_by: Instant  # then somebody rings them


class SlaFacts(FaultFacts, total=False):
    """A fault, and a target of its ticket's SLA."""

    sla: str  # what it counts: a SlaKind
    due_at: Instant
    policy: str  # with its version


class PromisedCallFacts(TypedDict, total=False):
    """A call that was promised."""

    callback_by: Instant
    missed_by: Instant  # when we should have called
    ring_from: Instant  # not before: their slot, or the next try
    tries: int  # that nobody answered
    can_press: bool  # they have a button that works, as far as we know
    device: str
    site: str


class EmergencyPressFacts(PromisedCallFacts, total=False):
    """A call for help."""

    pressed_at: Instant
    presses: int  # so far
    suspicion: str  # why perhaps nobody pressed: a GhostSign
    test_asked_at: Instant  # when they were asked to test the button


class ButtonFacts(TypedDict, total=False):
    """A home's emergency button."""

    site: str  # its address
    household: str  # the customer's name
    ring: str  # the number of the home
    reader: str  # who helps there: their name …
    reader_locale: str  # … language …
    reader_zone: str  # … and time zone


class PageFacts(VisitFacts, NoProviderLeftFacts, SlaFacts, EmergencyPressFacts, total=False):
    """Why somebody on call is asked to look at a ticket or callback."""

    role: str  # OnCallRole
    reason: str  # PageReason
    turn: int  # how many times somebody has been paged, with this one; a press that is told at once has none
    others: bool  # somebody else is on call after them
    also_late: list[str]  # numbers of tickets or calls that are late too, of which they hear nothing else now
    area: str  # of an outage …
    homes: int  # … in so many homes somebody is to be rung …
    to_ring: list[dict[str, Any]]  # … these first: name, place, telephone; power: they depend on it
    reader: str  # of a person in on_call.people: their name …
    reader_locale: str  # … language …
    reader_zone: str  # … and time zone


class ButtonTestFacts(TypedDict, total=False):
    """The test of an emergency button."""

    number: str  # of the test
    device: str
    answer_by: Instant
    again: bool  # they were asked before
    gesture: dict[str, str]  # how it is done, by language
    has_gesture: bool  # without words of its own: the one that our firmware knows
    battery: int | None  # per cent
    next_at: Instant | None  # when they are asked again


class AreaFacts(TypedDict, total=False):
    """An area."""

    area: str  # its name


class AreaOutageFacts(AreaFacts, total=False):
    """An area in which many homes are dark."""

    homes: int
    etr: Instant | None  # estimated end
    near: bool  # no home of theirs is known to be in it
    seen: bool  # a device there shows that it has power
    can_press: bool  # they have a button that works, as far as we know
    emergency_button_dead: bool  # their emergency button does not, as far as we know …
    we_ring: bool  # … or they depend on power: the desk rings them first


class OutageAnswerFacts(AreaOutageFacts, total=False):
    """An outage, as the answer to a button press."""

    answered: bool  # somebody pressed, and this is the answer …
    promised: bool  # … in place of the call that they were promised
    form: str  # what it means to their home: a Form of gateway/callbacks/presses/answers.py
    restoring: bool  # others have power again
    look_by: Instant | None  # when we look whether theirs has a fault of its own
    site: str


class MaintenanceFacts(TypedDict, total=False):
    """Planned work."""

    area: str
    window_from: Instant
    window_until: Instant
    answered: bool  # somebody pressed, and this is the answer
    cause: Any  # as whoever planned it put it


class GatewayFaultFacts(TypedDict, total=False):
    """A fault of ours, or of a carrier."""

    what: str  # carrier | everything | deaf | unheard | clock
    area: str
    homes: int
    kind: str  # of the outage
    missing: str  # dialects that the broker does not let us hear …
    filters: str  # … with their topic filters
    seconds: int  # by which our clock jumped


class BrokenRuleFacts(TypedDict, total=False):
    """A rule that cannot be evaluated: on which device, and the error."""

    device: str
    why: str


class BrokenWordingFacts(TypedDict, total=False):
    """A template of the operator's that could not be used: for which topic, and the error."""

    told_topic: str
    why: str


class GoodwillFacts(AreaFacts, total=False):
    """What a household is credited."""

    credited_for: str  # a GoodwillKind
    price: str  # a Price as it is stored
    dark_for: int  # ms: for how long their home was without power
    site: str
    number: str  # that they know it by


class GoodwillWaitsFacts(GoodwillFacts, total=False):
    """What several homes come to together, which somebody has to approve."""

    homes: int
    answer_by: Instant  # then the next one is asked
    turn: int  # how many times somebody has been asked, with this one
    reader: str  # of a person in on_call.people: their name …
    reader_locale: str  # … language …
    reader_zone: str  # … and time zone


class DailyFacts(TypedDict, total=False):
    """All that there was to say on a day: what it lists names it in `list_id`."""

    owner: str  # whose contacts it goes to, as in Preference.id


class ContactFacts(DailyFacts, total=False):
    """A contact that does not work any more, or (for the dispatcher) all those of an hour."""

    contact_id: str
    check_id: str  # of the code that is sent there
    channel: str
    reached_at: str  # its address, masked
    since: Instant  # of the hour …
    until: Instant  # … and its end


class WellFacts(DailyFacts, total=False):
    """That all is well at the homes of one who asked for it."""

    watched: list[str]  # the names of the devices that are heard
    acted: int  # faults that were settled within a year
    device: str  # that was silent for the longest …
    since: Instant  # … and when it was heard last
    battery: int | None  # per cent, the weakest that is known


class UndeliveredFacts(ButtonFacts, PageFacts, SearchFacts, OfferFacts, QuestionFacts, PriceQuestionFacts,
                       OutageAnswerFacts, GatewayFaultFacts, ButtonTestFacts, GoodwillWaitsFacts, ContactFacts,
                       WellFacts,
                       total=False):
    """Another message that somebody did not get, with all that it would have said."""

    whom: str
    told_topic: str  # of the other message
    unsure: bool  # it may have arrived


class NoFacts(TypedDict, total=False):
    """It says all there is to say by itself."""


def keys_of(facts: type[Any]) -> frozenset[str]:
    """What a message of that kind may keep."""
    keys: frozenset[str] = facts.__optional_keys__
    return keys
