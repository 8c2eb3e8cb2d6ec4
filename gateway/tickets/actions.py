"""The actions that people can take, as values: accept an offer, depart, resolve, cancel and so on."""

from dataclasses import dataclass

from gateway.model import HoldReason, IncompleteReason, Instant, Reason, Subject, VisitOutcome


@dataclass(frozen=True)
class AcceptOffer:
    """A provider takes the job that it was offered."""

    offer_id: str
    technician: str = ""  # name as the customer will read it; "" = the provider's name
    window_from: Instant | None = None  # arrival window; None = from now, Settings.service.arrival_hours long
    window_until: Instant | None = None
    confirmed: bool = False  # whoever named a window that is far away has been asked back, and means it


@dataclass(frozen=True)
class DeclineOffer:
    """A provider does not take the job; `why` in their own words."""

    offer_id: str
    why: str = ""


@dataclass(frozen=True)
class OfferTo:
    """A dispatcher asks one provider by hand, out of turn."""

    ticket_id: str
    provider_id: str


@dataclass(frozen=True)
class Depart:
    """A technician sets out."""

    visit_id: str
    minutes: int | None = None  # travel time the technician expects → ETA


@dataclass(frozen=True)
class Arrive:
    """A technician is at the site."""

    visit_id: str


@dataclass(frozen=True)
class Finish:
    """A technician ends the visit; `note`: what was done, or why not."""

    visit_id: str
    note: str
    outcome: VisitOutcome = VisitOutcome.COMPLETE
    reason: IncompleteReason | None = None  # of an incomplete one
    parts: tuple[str, ...] = ()  # that are missing
    expected_at: Instant | None = None  # when they should be there, or when it can go on


@dataclass(frozen=True)
class ReportDelay:
    """A technician who is not there yet still comes: there in so many minutes."""

    visit_id: str
    minutes: int


@dataclass(frozen=True)
class ReportOverrun:
    """A technician at the site works on: so many minutes."""

    visit_id: str
    minutes: int


@dataclass(frozen=True)
class ProposeWindow:
    """Whoever is to come cannot keep the arrival window, and comes within another."""

    visit_id: str
    window_from: Instant
    window_until: Instant


@dataclass(frozen=True)
class HandBack:
    """Whoever has accepted cannot come after all; `why` in their own words."""

    visit_id: str
    why: str = ""


@dataclass(frozen=True)
class LogCall:
    """A technician at the door has rung the customer, and nobody answered."""

    visit_id: str


@dataclass(frozen=True)
class KeepVisit:
    """The customer wants somebody to come although it works again."""

    ticket_id: str


@dataclass(frozen=True)
class DropVisit:
    """The customer says that nobody needs to come: it works again."""

    ticket_id: str


@dataclass(frozen=True)
class AllowEarly:
    """The customer agrees to an arrival before the window."""

    ticket_id: str


@dataclass(frozen=True)
class ReportMissed:
    """The customer says that nobody came within the window."""

    ticket_id: str


@dataclass(frozen=True)
class ContestNoAccess:
    """The customer says that somebody was there to open the door."""

    ticket_id: str


@dataclass(frozen=True)
class ResolveTicket:
    """An agent settles a ticket without a visit (or says so on the phone)."""

    ticket_id: str
    note: str


@dataclass(frozen=True)
class CancelTicket:
    """Nobody needs to come any more."""

    ticket_id: str
    why: str | Reason  # what a person wrote, or what made it needless


@dataclass(frozen=True)
class AgreeToPrice:
    """The customer wants somebody to come at the price that they were asked about."""

    ticket_id: str


@dataclass(frozen=True)
class DeclinePrice:
    """The customer wants nobody to come at that price."""

    ticket_id: str


@dataclass(frozen=True)
class MergeTickets:
    """A dispatcher sees that two tickets of one home are one problem: the first goes on under the other's number."""

    ticket_id: str
    into_id: str


@dataclass(frozen=True)
class UnmergeTicket:
    """It was another problem after all."""

    ticket_id: str


@dataclass(frozen=True)
class LeaveOutOffer:
    """How a provider answered this offer does not count in its track record; `why` in a person's words."""

    offer_id: str
    why: str


@dataclass(frozen=True)
class LeaveOutVisit:
    """How this visit went does not count in the provider's track record; `why` in a person's words."""

    visit_id: str
    why: str


@dataclass(frozen=True)
class AcknowledgeAlarm:
    """Somebody has seen a latched alarm."""

    alarm_id: str


@dataclass(frozen=True)
class AcknowledgePage:
    """Somebody on call sees to a ticket or a callback: nobody else is paged about it for some time."""

    subject: Subject


@dataclass(frozen=True)
class AskAgain:
    """Providers are ranked anew now, and asked, also those who had declined; what was on hold goes on."""

    ticket_id: str


@dataclass(frozen=True)
class AssignTo:
    """A provider has told a dispatcher that it comes."""

    ticket_id: str
    provider_id: str
    technician: str  # name as the customer will read it; "" = the provider's name
    window_from: Instant
    window_until: Instant


@dataclass(frozen=True)
class HoldTicket:
    """It waits for something, until a date; `note` in a person's words."""

    ticket_id: str
    reason: HoldReason
    until: Instant
    note: str = ""


@dataclass(frozen=True)
class AttemptCallback:
    """An agent dials now."""

    callback_id: str


@dataclass(frozen=True)
class MissCallback:
    """Nobody answered: back to the queue."""

    callback_id: str


@dataclass(frozen=True)
class ConnectCallback:
    """The customer has answered the call."""

    callback_id: str


@dataclass(frozen=True)
class FinishCallback:
    """The call is over; `note`: what came of it."""

    callback_id: str
    note: str


@dataclass(frozen=True)
class CancelCallback:
    """Nobody needs to call any more; `why` in a person's words."""

    callback_id: str
    why: str


Act = (
    AcceptOffer | DeclineOffer | OfferTo | Depart | Arrive | Finish | ReportDelay | ReportOverrun | ProposeWindow
    | HandBack | LogCall | KeepVisit | DropVisit | AllowEarly | ReportMissed | ContestNoAccess
    | ResolveTicket | CancelTicket | MergeTickets | UnmergeTicket | AgreeToPrice | DeclinePrice
    | AcknowledgeAlarm | LeaveOutOffer | LeaveOutVisit | AcknowledgePage | AskAgain | AssignTo
    | HoldTicket
    | AttemptCallback | MissCallback | ConnectCallback | FinishCallback | CancelCallback
)
