"""The actions that people can take, as values: one story, because it is the list of all that anybody can do."""

from dataclasses import dataclass

from gateway.model import (
    CallbackOrigin,
    CallOutcome,
    HoldReason,
    IncompleteReason,
    Instant,
    Reason,
    Severity,
    Subject,
    SurveyMark,
    VisitOutcome,
)
from gateway.tickets.visits.signature import Signed


@dataclass(frozen=True)
class OfferAct:
    """Something that is done with an offer."""

    offer_id: str


@dataclass(frozen=True)
class VisitAct:
    """Something that is done with a visit."""

    visit_id: str


@dataclass(frozen=True)
class TicketAct:
    """Something that is done with a ticket."""

    ticket_id: str


@dataclass(frozen=True)
class SiteAct:
    """Something that is done at a site."""

    site_id: str


@dataclass(frozen=True)
class CallbackAct:
    """Something that is done with a callback."""

    callback_id: str


@dataclass(frozen=True)
class AcceptOffer(OfferAct):
    """A provider takes the job that it was offered."""

    technician: str = ""  # name as the customer will read it; "" = the provider's name
    window_from: Instant | None = None  # arrival window; None = from now, Settings.service.arrival_hours long
    window_until: Instant | None = None
    confirmed: bool = False  # whoever named a window that is far away has been asked back, and means it


@dataclass(frozen=True)
class DeclineOffer(OfferAct):
    """A provider does not take the job; `why` in their own words."""

    why: str = ""


@dataclass(frozen=True)
class OpenTicket(SiteAct):
    """A person says that something is wrong: the ticket that is open for it takes it on, else one is opened."""

    cause: str  # in their words: customer and provider read them
    skill: str  # that is needed
    severity: Severity
    device_id: str | None = None  # None: it is no device's, or nobody knows which
    note: str = ""  # for the timeline only


@dataclass(frozen=True)
class LeaveSite(SiteAct):
    """Somebody no longer lives there or helps there; without `person_id` the whole household has moved out."""

    person_id: str | None = None


@dataclass(frozen=True)
class MoveIn(SiteAct):
    """Another household lives there from now on."""

    customer_id: str


@dataclass(frozen=True)
class OfferTo(TicketAct):
    """A dispatcher asks one provider by hand, out of turn."""

    provider_id: str


@dataclass(frozen=True)
class Depart(VisitAct):
    """A technician sets out."""

    minutes: int | None = None  # travel time the technician expects → ETA


@dataclass(frozen=True)
class Arrive(VisitAct):
    """A technician is at the site."""


@dataclass(frozen=True)
class Finish(VisitAct):
    """A technician ends the visit; `note`: what was done, or why not."""

    note: str
    outcome: VisitOutcome = VisitOutcome.COMPLETE
    reason: IncompleteReason | None = None  # of an incomplete one
    parts: tuple[str, ...] = ()  # that are missing
    expected_at: Instant | None = None  # when they should be there, or when it can go on
    fix: str = ""  # of a complete one: what fixed it, in a few words that others may read
    used: tuple[str, ...] = ()  # parts that went into it
    signature: Signed | None = None  # of whoever has seen what was done
    undoable: bool = False  # it takes effect after two minutes, within which they can take it back


@dataclass(frozen=True)
class ReportDelay(VisitAct):
    """A technician who is not there yet still comes: there in so many minutes."""

    minutes: int


@dataclass(frozen=True)
class ReportOverrun(VisitAct):
    """A technician at the site works on: so many minutes."""

    minutes: int


@dataclass(frozen=True)
class ProposeWindow(VisitAct):
    """Whoever is to come cannot keep the arrival window, and comes within another."""

    window_from: Instant
    window_until: Instant


@dataclass(frozen=True)
class ReassignVisit(VisitAct):
    """Somebody else of the same firm comes, within the same arrival window."""

    technician: str  # name as the customer will read it; "" = the provider's name


@dataclass(frozen=True)
class HandBack(VisitAct):
    """Whoever has accepted cannot come after all; `why` in their own words."""

    why: str = ""


@dataclass(frozen=True)
class LogCall(VisitAct):
    """A technician at the door has rung the customer, and nobody answered."""


@dataclass(frozen=True)
class TakeBack(VisitAct):
    """A technician has tapped "on my way", "here", or how it ended, by mistake, a moment ago."""


@dataclass(frozen=True)
class KeepVisit(TicketAct):
    """The customer wants somebody to come although it works again."""


@dataclass(frozen=True)
class DropVisit(TicketAct):
    """The customer says that nobody needs to come: it works again."""


@dataclass(frozen=True)
class AllowEarly(TicketAct):
    """The customer agrees to an arrival before the window."""


@dataclass(frozen=True)
class ReportMissed(TicketAct):
    """The customer says that nobody came within the window."""


@dataclass(frozen=True)
class ContestNoAccess(TicketAct):
    """The customer says that somebody was there to open the door."""


@dataclass(frozen=True)
class ReportNotFixed(TicketAct):
    """The customer says that it still does not work though it counts as fixed; `words`: what they notice."""

    words: str = ""


@dataclass(frozen=True)
class NotNeeded(TicketAct):
    """The customer says that nobody needs to come any more; `why` in their words."""

    why: str = ""


@dataclass(frozen=True)
class MoveVisit(TicketAct):
    """The customer wants the visit in another arrival window, one that is free."""

    window_from: Instant
    window_until: Instant
    asked_at: Instant | None = None  # when they did; None: now


@dataclass(frozen=True)
class CallOffVisit(TicketAct):
    """The customer wants the visit at another time, by whoever can come then; `words` say when it suits them."""

    words: str


@dataclass(frozen=True)
class TellUs(TicketAct):
    """The customer wants us, and whoever comes, to know something; `words` in their own, or `photos` that came with
    them."""

    words: str
    photos: int = 0


@dataclass(frozen=True)
class NoteAccess(SiteAct):
    """The customer says how to get in, for whoever comes and nobody else; `words` in their own, "": nothing any
    more."""

    words: str


@dataclass(frozen=True)
class ResolveTicket(TicketAct):
    """An agent settles a ticket without a visit (or says so on the phone)."""

    note: str


@dataclass(frozen=True)
class CancelTicket(TicketAct):
    """Nobody needs to come any more."""

    why: str | Reason  # what a person wrote, or what made it needless


@dataclass(frozen=True)
class AnswerSurvey(TicketAct):
    """The customer says how it went, once it is closed; `words` in their own. What is left out was not answered."""

    works: bool | None = None
    ease: SurveyMark | None = None
    care: SurveyMark | None = None
    words: str = ""


@dataclass(frozen=True)
class AgreeToPrice(TicketAct):
    """The customer wants somebody to come at the price that they were asked about."""


@dataclass(frozen=True)
class DeclinePrice(TicketAct):
    """The customer wants nobody to come at that price."""


@dataclass(frozen=True)
class MergeTickets(TicketAct):
    """A dispatcher sees that two tickets of one home are one problem: the first goes on under the other's number."""

    into_id: str


@dataclass(frozen=True)
class UnmergeTicket(TicketAct):
    """It was another problem after all."""


@dataclass(frozen=True)
class AddNote(TicketAct):
    """Somebody writes down what the next one should know; `note` in their words. Also when it is over."""

    note: str


@dataclass(frozen=True)
class LeaveOutOffer(OfferAct):
    """How a provider answered this offer does not count in its track record; `why` in a person's words."""

    why: str


@dataclass(frozen=True)
class LeaveOutVisit(VisitAct):
    """How this visit went does not count in the provider's track record; `why` in a person's words."""

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
class AskAgain(TicketAct):
    """Providers are ranked anew now, and asked, also those who had declined; what was on hold goes on."""


@dataclass(frozen=True)
class AssignTo(TicketAct):
    """A provider has told a dispatcher that it comes."""

    provider_id: str
    technician: str  # name as the customer will read it; "" = the provider's name
    window_from: Instant
    window_until: Instant


@dataclass(frozen=True)
class HoldTicket(TicketAct):
    """It waits for something, until a date; `note` in a person's words."""

    reason: HoldReason
    until: Instant
    note: str = ""


@dataclass(frozen=True)
class ClaimCallback(CallbackAct):
    """An agent takes it: nobody else rings them for some minutes. Again: for some minutes more."""


@dataclass(frozen=True)
class ReleaseCallback(CallbackAct):
    """An agent lets it go: others may take it."""


@dataclass(frozen=True)
class OpenCallback(SiteAct):
    """Somebody is to be rung; `words`: what it is about. The site's open callback of that kind takes it on."""

    words: str
    urgent: bool = False
    ring_from: Instant | None = None  # the time that suits them begins; None: as soon as we can
    origin: CallbackOrigin = CallbackOrigin.AGENT


@dataclass(frozen=True)
class AttemptCallback(CallbackAct):
    """An agent dials now; `person`: whom, by name."""

    person: str = ""


@dataclass(frozen=True)
class MissCallback(CallbackAct):
    """Nobody answered: it is tried again later, as often as the settings say."""


@dataclass(frozen=True)
class ConnectCallback(CallbackAct):
    """They have answered the call."""


@dataclass(frozen=True)
class FinishCallback(CallbackAct):
    """The call is over; `note`: what was said. `ticket_id`: the open ticket that it was about; `report`: what somebody
    has to come for."""

    note: str
    outcome: CallOutcome = CallOutcome.INFORMED
    ticket_id: str | None = None
    report: OpenTicket | None = None


@dataclass(frozen=True)
class CancelCallback(CallbackAct):
    """Nobody needs to call any more; `why` in a person's words, which only we read. `they_know`: they have called it
    off themselves, or have heard it; else they are told not to wait for it."""

    why: str
    they_know: bool = False


Act = (OfferAct | VisitAct | TicketAct | OpenTicket | OpenCallback | LeaveSite | MoveIn | NoteAccess | CallbackAct
       | AcknowledgeAlarm | AcknowledgePage)
