"""Every state and kind of a row, as enums with a sentence for each value; one story, so that none is spelt twice."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import String
from sqlalchemy.types import TypeDecorator


class Severity(StrEnum):
    """How bad a fault is, rising."""

    WARNING = "warning"
    """Somebody should know."""
    MINOR = "minor"
    """It can wait for a firm's opening hours."""
    MAJOR = "major"
    """Heating, water or power fails: somebody is sought at once."""
    CRITICAL = "critical"
    """Somebody is in danger or much is lost by the hour: no quiet hours, and offers expire sooner."""

    @property
    def rank(self) -> int:
        """0 for the least; compare severities by it."""
        return _SEVERITIES.index(self)


_SEVERITIES = tuple(Severity)


def worst(*severities: Severity) -> Severity:
    """The highest of them, at least one."""
    return max(severities, key=_SEVERITIES.index)


class TicketState(StrEnum):
    """Where a ticket stands; what may follow what is in gateway/tickets/lifecycle.py."""

    NEW = "new"
    """Nobody is asked: it has just been opened, or nobody could take it, or a visit did not settle it."""
    OFFERED = "offered"
    """A provider has been asked and has not answered."""
    ASSIGNED = "assigned"
    """A provider has accepted and will come within the arrival window."""
    EN_ROUTE = "en_route"
    """The technician has set out."""
    ON_SITE = "on_site"
    """The technician is there."""
    ON_HOLD = "on_hold"
    """It waits for something that somebody named, until a date: a part, access, the customer's yes."""
    RESOLVED = "resolved"
    """It works again, as far as anybody can tell; it may come back."""
    CLOSED = "closed"
    """It stayed away for the recurrence time: over for good."""
    CANCELLED = "cancelled"
    """A person has called it off, or it became part of something larger."""
    MERGED = "merged"
    """It is the same problem as another ticket, which carries it on; both numbers lead there."""


class HoldReason(StrEnum):
    """What a job on hold waits for."""

    PART = "part"
    """A part is missing."""
    NO_ACCESS = "no_access"
    """Nobody could let the technician in."""
    MORE_WORK = "more_work"
    """There is more to do than one visit holds."""
    UNSAFE = "unsafe"
    """It cannot be done safely yet."""
    CUSTOMER_YES = "customer_yes"
    """The customer has to agree first: to the price, or to come at all."""
    OTHER = "other"
    """What a dispatcher wrote down."""


class IncompleteReason(StrEnum):
    """Why a visit did not settle it."""

    PART_MISSING = "part_missing"
    """A part has to be ordered."""
    NO_ACCESS = "no_access"
    """Nobody could let the technician in."""
    MORE_WORK = "more_work"
    """There is more to do than one visit holds."""
    UNSAFE = "unsafe"
    """It could not be done safely."""


class Cover(StrEnum):
    """Who pays when somebody comes for a device."""

    CONTRACT = "contract"
    """A service contract."""
    WARRANTY = "warranty"
    """The maker."""
    CALL_OUT_PRICE = "call_out_price"
    """The customer, at a price that they agree to first."""
    UNKNOWN = "unknown"
    """Nobody has said; somebody comes, and the offer says so."""


class PriceAnswer(StrEnum):
    """What a customer said when asked whether somebody may come at a price."""

    ASKED = "asked"
    """Nothing yet: nobody sets out."""
    AGREED = "agreed"
    """Yes: somebody is sent."""
    DECLINED = "declined"
    """No: nobody comes for it."""


class Responsible(StrEnum):
    """Who must do something next."""

    GATEWAY = "gateway"
    """This program: it waits, and decides."""
    DISPATCHER = "dispatcher"
    """The operator's own people."""
    PROVIDER = "provider"
    """The local firm that was asked, or that comes."""
    TECHNICIAN = "technician"
    """Whoever is on the way, or there."""
    CUSTOMER = "customer"
    """Whoever has to answer a question of ours."""


class DueKind(StrEnum):
    """What the clock looks for when a deadline of a ticket, job, visit or callback has passed."""

    ASK_AGAIN = "ask_again"
    """Nobody is asked: the next provider opens, or the dispatcher was told long ago."""
    OFFER_EXPIRES = "offer_expires"
    """A provider has not answered."""
    NEXT_WAVE = "next_wave"
    """The next providers are asked beside those that have not answered."""
    START_TRAVEL = "start_travel"
    """The technician has to set out to be there within the window."""
    WINDOW_ENDING = "window_ending"
    """Nobody is on the way, and the window is nearly over."""
    WINDOW_END = "window_end"
    """The arrival window is over."""
    ETA_OVERDUE = "eta_overdue"
    """The technician should have been there for some minutes."""
    WORK_OVERRUN = "work_overrun"
    """The work takes longer than expected."""
    REPORT_COUNTS = "report_counts"
    """Whoever was there has said how it ended, and has not taken it back: it takes effect."""
    CUSTOMER_ANSWER = "customer_answer"
    """The customer has not said whether somebody shall still come."""
    HOLD_UNTIL = "hold_until"
    """What a job waited for should be there."""
    PROOF = "proof"
    """It works again, as far as anybody can tell: it is closed, or opened again."""
    CALL_BY = "call_by"
    """Somebody should have been rung by now."""
    TEST_ASK = "test_ask"
    """A household is to be asked to test its emergency button."""
    TEST_ANSWER = "test_answer"
    """They were asked, and have not: they are reminded, and then rung."""
    CLAIM_ENDS = "claim_ends"
    """Whoever has taken a call has not said what came of it: others may take it."""


class OnCallRole(StrEnum):
    """What somebody is on call for."""

    DISPATCHER = "dispatcher"
    """Whatever the gateway cannot settle by itself."""
    EMERGENCY = "emergency"
    """Calls for help."""


class PageState(StrEnum):
    """Where a page stands: the request that somebody on call looks at a ticket or callback."""

    PAGING = "paging"
    """One person after the other is asked; nobody has said yes."""
    ACKNOWLEDGED = "acknowledged"
    """Somebody sees to it, for some time."""
    ENDED = "ended"
    """Its reasons no longer hold."""


class PageReason(StrEnum):
    """Why somebody on call has to look; the catalogues say it, in `page_reason.<reason>`."""

    NOBODY_LEFT = "nobody_left"
    """No provider is left to ask."""
    NOBODY_ON_THE_WAY = "nobody_on_the_way"
    """The arrival window is nearly over, and nobody has set out."""
    NOBODY_CAME = "nobody_came"
    """The arrival window is over, and nobody is there."""
    NOBODY_CAME_SAID = "nobody_came_said"
    """The customer says that nobody came."""
    NO_ANSWER_ON_THE_WAY = "no_answer_on_the_way"
    """The technician should be there, and does not answer."""
    NO_ANSWER_ON_SITE = "no_answer_on_site"
    """The work takes much longer than planned, and the technician does not answer."""
    ACCESS_CONTESTED = "access_contested"
    """The customer says that somebody was there to open the door."""
    STILL_NEEDED_UNKNOWN = "still_needed_unknown"
    """It works again, and the customer has not said whether somebody shall still come."""
    UNSAFE_THERE = "unsafe_there"
    """It could not be done safely."""
    CUSTOMER_SILENT = "customer_silent"
    """The customer was asked something else and has not answered: please ring them."""
    SLA_FIRST_RESPONSE = "sla_first_response"
    """Nobody has it in hand, and by now somebody should."""
    SLA_UPDATE = "sla_update"
    """The customer should have heard from us by now."""
    SLA_SOLUTION = "sla_solution"
    """It should work again by now."""
    HOUSEHOLD_LEFT = "household_left"
    """The household has moved out while it is open."""
    NOT_FIXED = "not_fixed"
    """It counted as fixed, and the customer says that it still does not work, on their page or by the survey."""
    WISH_NOT_DONE = "wish_not_done"
    """What the customer did on their page was possible, and a minute later it was not."""
    CUSTOMER_WROTE = "customer_wrote"
    """The customer has written something on their page, and nobody is on the way who reads it."""
    CALL_OVERDUE = "call_overdue"
    """A call that was promised has not happened in time."""
    CALL_URGENT = "call_urgent"
    """Somebody wants to be called soon, and nobody is at the desk."""
    RING_HOMES = "ring_homes"
    """A power cut, and in some of its homes somebody depends on power or on an emergency button: please ring them."""
    CALL_UNANSWERED = "call_unanswered"
    """Somebody has to be reached, and does not answer."""
    CALL_WITHOUT_OUTCOME = "call_without_outcome"
    """Somebody has spoken with the customer and has not written down what came of it."""
    CALL_FOR_HELP = "call_for_help"
    """Somebody called for help."""


class OfferState(StrEnum):
    """How a provider answered."""

    PENDING = "pending"
    """No answer yet, and there is time."""
    ACCEPTED = "accepted"
    """They come."""
    DECLINED = "declined"
    """They do not."""
    LAPSED = "lapsed"
    """No answer in time."""
    WITHDRAWN = "withdrawn"
    """Taken back: not needed any more, or given to somebody else."""


class VisitState(StrEnum):
    """Where a trip stands."""

    PLANNED = "planned"
    """An arrival window is promised; nobody has set out."""
    EN_ROUTE = "en_route"
    """The technician has set out."""
    ON_SITE = "on_site"
    """The technician is there."""
    DONE = "done"
    """The technician has left; the outcome says how it went."""
    CANCELLED = "cancelled"
    """Nobody comes any more."""


class VisitOutcome(StrEnum):
    """What came of a trip."""

    COMPLETE = "complete"
    """The technician says that it is done."""
    INCOMPLETE = "incomplete"
    """Something is left to do: see IncompleteReason."""


class ResolvedBy(StrEnum):
    """Whose word it is that a ticket is resolved."""

    TELEMETRY = "telemetry"
    """The device reports that all is normal."""
    TECHNICIAN = "technician"
    """The technician says so."""
    AGENT = "agent"
    """Somebody at the desk says so."""


class CallbackKind(StrEnum):
    """Why somebody has to be rung; of each kind a site has one open callback at most."""

    ORDINARY = "ordinary"
    """They asked for it."""
    EMERGENCY = "emergency"
    """A call for help: an emergency button, or a word such as "sos"."""
    CHECK = "check"
    """We ring of our own accord, to see whether all is well."""


class CallbackOrigin(StrEnum):
    """Where the wish for a call came from."""

    PRESS = "press"
    """Somebody pressed a button."""
    AGENT = "agent"
    """An agent wrote it down."""
    OUTAGE = "outage"
    """Their emergency button, or what they depend on, is without power."""
    TEST_MISSED = "test_missed"
    """Their emergency button was to be tested, and nobody pressed it."""
    TEST_DUE = "test_due"
    """Their emergency button is to be tested, and no message reaches them."""
    PAGE = "page"
    """Somebody asked for it on their own page."""


class CallbackState(StrEnum):
    """Where a callback stands; what may follow what is in gateway/callbacks/lifecycle.py."""

    REQUESTED = "requested"
    """Somebody waits for our call."""
    CLAIMED = "claimed"
    """An agent has taken it, for some minutes."""
    ATTEMPTING = "attempting"
    """An agent is ringing them."""
    CONNECTED = "connected"
    """They are speaking."""
    DONE = "done"
    """They have spoken, and the agent has written down what came of it."""
    EXPIRED = "expired"
    """Nobody answered, as often as we try."""
    CANCELLED = "cancelled"
    """A person has called it off."""
    ANSWERED = "answered"
    """A known outage was the answer: nobody needed to call."""


class CallOutcome(StrEnum):
    """What came of a call."""

    FIXED = "fixed"
    """It works again: resolved on the phone."""
    VISIT_NEEDED = "visit_needed"
    """Somebody has to come."""
    STILL_OUT = "still_out"
    """They still have no power."""
    INFORMED = "informed"
    """They know now what they wanted to know."""
    HELP_SENT = "help_sent"
    """Somebody is on the way to them: a helper, or the rescue service."""
    BY_MISTAKE = "by_mistake"
    """Nobody meant to call."""
    WAS_TEST = "was_test"
    """They tried the button."""


class OutageState(StrEnum):
    """Where an area outage stands; what may follow what is in gateway/outages/lifecycle.py."""

    SUSPECTED = "suspected"
    """Enough went dark together; nobody is told yet."""
    CONFIRMED = "confirmed"
    """It has lasted, and it is not us: customers are told."""
    RESTORING = "restoring"
    """At least half of its homes have come back."""
    RESTORED = "restored"
    """Nobody of it is dark any more; it may come back."""
    CLOSED = "closed"
    """It stayed away for the recurrence time: over for good."""
    DISMISSED = "dismissed"
    """It was no outage, or a part of another one."""


class AreaKind(StrEnum):
    """What an area is a part of."""

    PLACE = "place"
    """A place: a street, a town."""
    FEEDER = "feeder"
    """A power line."""
    NETWORK = "network"
    """A carrier of data."""


class OutageKind(StrEnum):
    """What explains that homes are dark together: the kind of the area, or ourselves."""

    PLACE = "place"
    """A place: a street, a town."""
    FEEDER = "feeder"
    """A power line."""
    NETWORK = "network"
    """A carrier of data: the homes may have power."""
    GATEWAY = "gateway"
    """Ourselves: we hear nobody."""


class MemberState(StrEnum):
    """How one home of an outage fares."""

    AFFECTED = "affected"
    """Dark with the others."""
    RESTORED = "restored"
    """Back, by its own proof."""
    NESTED = "nested"
    """Still dark when the others are back: a fault of its own, with a ticket of its own."""
    LEFT = "left"
    """It can no longer say whether it has power."""


class SuppressedBy(StrEnum):
    """What explains a fault, so that nobody is sent for it."""

    OUTAGE = "outage"
    """An area outage, or one of the carrier."""
    HUB = "hub"
    """The device that it speaks through is silent itself."""
    MAINTENANCE = "maintenance"
    """Power is switched off there on purpose."""
    RULE = "rule"
    """Another fault of the same device."""


class PromiseState(StrEnum):
    """What became of a time that was told to a customer."""

    OPEN = "open"
    """Its time has not come."""
    KEPT = "kept"
    """It happened in time."""
    CORRECTED = "corrected"
    """Another time was told before this one lapsed."""
    CANCELLED = "cancelled"
    """It was no longer needed, and called off in time."""
    BROKEN = "broken"
    """It did not happen in time."""


class PromiseKind(StrEnum):
    """What was promised."""

    CALLBACK_BY = "callback_by"
    """That we call by then."""
    ARRIVAL_WINDOW = "arrival_window"
    """That somebody is there by the end of the window."""
    ETA = "eta"
    """That the technician on the way is there by then, as they estimate."""
    ETR = "etr"
    """That the power is back by then, as we estimate."""
    NEXT_WORD = "next_word"
    """That they hear from us again by then."""


class SurveyMark(StrEnum):
    """How good something was, as a customer answers the survey."""

    GOOD = "good"
    """Easy; we cared."""
    FAIR = "fair"
    """Half and half."""
    BAD = "bad"
    """Hard; we did not."""


class GoodwillKind(StrEnum):
    """What a customer is credited something for."""

    OUTAGE = "outage"
    """Their home was without power for long."""
    PROMISE = "promise"
    """We did not keep a time that they waited for."""
    GESTURE = "gesture"
    """An agent thought it right."""


class GoodwillState(StrEnum):
    """Where a credit stands; what may follow what is in gateway/tickets/goodwill/lifecycle.py."""

    PROPOSED = "proposed"
    """A person has to approve it first."""
    GIVEN = "given"
    """It is on the list for the invoices, and they are told; it is never taken back."""
    REFUSED = "refused"
    """A person has said no."""


class GoodwillCaseState(StrEnum):
    """Whether somebody has to approve what one outage, trip or call comes to."""

    SETTLED = "settled"
    """Nobody has to."""
    WAITING = "waiting"
    """It is more than the cap: somebody is asked, and then the next."""
    APPROVED = "approved"
    """A person has said yes, for everybody affected."""
    DECLINED = "declined"
    """A person has said no, for everybody affected."""


class CustomerAct(StrEnum):
    """What a customer can do about their ticket on their page, and take back for a minute."""

    MOVE = "move"
    """Somebody shall come in another arrival window."""
    OTHER_TIME = "other_time"
    """The visit is off, and another time is looked for, by whoever can come then."""
    NOT_NEEDED = "not_needed"
    """Nobody needs to come any more."""
    NOT_FIXED = "not_fixed"
    """It still does not work."""
    CALL = "call"
    """They want to be rung."""
    TELL = "tell"
    """They want us to know something."""
    ACCESS = "access"
    """They say how to get in."""


OF_THE_VISIT = frozenset({CustomerAct.MOVE, CustomerAct.OTHER_TIME})  # which may settle several tickets


class PendingOutcome(StrEnum):
    """What came of an act that waited for a minute."""

    DONE = "done"
    """Nobody took it back."""
    TAKEN_BACK = "taken_back"
    """Somebody of the household did."""
    REPLACED = "replaced"
    """They said something else instead."""
    REFUSED = "refused"
    """It was not possible any more."""


class SlaKind(StrEnum):
    """What an SLA counts the working time of."""

    FIRST_RESPONSE = "first_response"
    """Until somebody has the ticket in hand."""
    UPDATE = "update"
    """Between two things that the customer hears from us."""
    SOLUTION = "solution"
    """Until it works again."""


class NotificationState(StrEnum):
    """Where one thing to tell one person stands."""

    QUEUED = "queued"
    """Due, now or at its next try."""
    SENDING = "sending"
    """A worker has it."""
    SENT = "sent"
    """Handed over."""
    HELD = "held"
    """It waits: quiet hours, or too many messages lately."""
    FAILED = "failed"
    """Nobody could be reached."""
    DROPPED = "dropped"
    """No longer true or useful when it was about to go."""
    UNKNOWN = "unknown"
    """Handed over, and whether it arrived was never learnt; not repeated on that channel."""
    SHADOW = "shadow"
    """In the shadow mode it would have gone now; nobody was told, and it is not sent later."""


class AttemptOutcome(StrEnum):
    """What came of one try on one contact."""

    STARTED = "started"
    """Under way, or its worker died before it could write down the rest."""
    SENT = "sent"
    """The channel has taken it."""
    REFUSED = "refused"
    """Never on this contact."""
    FAILED = "failed"
    """Not now; it may succeed later."""
    POSTPONED = "postponed"
    """Put off for want of something of our own."""
    UNKNOWN = "unknown"
    """It may have arrived."""
    SHADOW = "shadow"
    """It was worded, and stayed here: the gateway runs in the shadow mode."""


class CommandState(StrEnum):
    """Where one message down to a device stands."""

    QUEUED = "queued"
    """It has not left."""
    SENT = "sent"
    """Handed to the broker."""
    ACKNOWLEDGED = "acknowledged"
    """The device has confirmed it."""
    EXPIRED = "expired"
    """Its time was over first, or nobody needed it any more."""
    FAILED = "failed"
    """The device could not do it, or there is no device any more."""


class LinkState(StrEnum):
    """What is known of a device's link. Only `lost` can be a fault."""

    UNHEARD = "unheard"
    """Never heard."""
    ONLINE = "online"
    """It speaks."""
    LOST = "lost"
    """Gone without a word."""
    STOPPED = "stopped"
    """Gone, and it said so."""
    SLEEPING = "sleeping"
    """Asleep between its messages, as it should be."""
    UNKNOWN = "unknown"
    """What it speaks through is down."""
    REMOVED = "removed"
    """Renamed or deleted where it was announced."""


class BridgeWord(StrEnum):
    """What a Presence may say of the bridge that a device speaks through, beside a LinkState of its own."""

    REACHABLE = "reachable"
    """The bridge is back: the device is as it was before."""
    PROVEN = "proven"
    """The bridge works, whatever is said of it: somebody speaks through it."""


class RulePhase(StrEnum):
    """Where a rule stands on one device; a healthy rule stands nowhere."""

    WAITING = "waiting"
    """True, outside the rule's hours."""
    PENDING = "pending"
    """True, and not yet for as long as `for` asks."""
    RIPE = "ripe"
    """True for long enough, by old data only: what follows is awaited."""
    ACTIVE = "active"
    """An alarm is raised."""


class PressKind(StrEnum):
    """What a finger did on a button."""

    SINGLE = "single"
    """Pressed once."""
    DOUBLE = "double"
    """Twice in a row."""
    TRIPLE = "triple"
    """Three times in a row."""
    MANY = "many"
    """More often than that."""
    LONG = "long"
    """Held down: urgent."""
    URGENT = "urgent"
    """A call for help."""
    TEST = "test"
    """The gesture that only tries the button: nobody wants to be called."""


class ButtonTestState(StrEnum):
    """Where a test of an emergency button stands; what may follow what is in
    gateway/callbacks/button_test_lifecycle.py."""

    PLANNED = "planned"
    """The household is asked when it is due."""
    ASKED = "asked"
    """The household has been asked for a test press."""
    PASSED = "passed"
    """The button has been heard."""
    MISSED = "missed"
    """It has not, in time: somebody rings them."""
    ENDED = "ended"
    """There is nothing to test any more."""


class GhostSign(StrEnum):
    """Why perhaps nobody pressed. It is only said: every press is answered, and a call for help pages."""

    STICKS = "sticks"
    """The button sticks."""
    JUST_BACK = "just_back"
    """The button had come back a moment before, as after a power cut."""
    BATTERY_LOW = "battery_low"
    """Its battery is nearly empty."""
    RETIRED = "retired"
    """The button was retired: it may be anywhere by now."""


class PressReply(StrEnum):
    """What a device is told of a press. Devices show any other word as "received"."""

    CALLBACK_SCHEDULED = "callback_scheduled"
    """Somebody will call, by a time."""
    CALLBACK_CLOSED = "callback_closed"
    """That press is settled: nobody calls because of it."""
    COMING = "coming"
    """Somebody has the call in hand and comes to the telephone now."""
    TEST_HEARD = "test_heard"
    """The test has reached us."""
    ANSWERED = "answered"
    """The answer is a known outage, and nobody calls."""


class LinkPurpose(StrEnum):
    """What a signed link opens."""

    OFFER = "offer"
    """An offer, for a provider to answer."""
    VISIT = "visit"
    """A visit, for the technician."""
    FOLLOW = "follow"
    """A ticket, callback or outage, for the customer to follow."""
    HOUSEHOLD = "household"
    """Everything that is open at a household's homes, for whoever belongs to it."""
    PREFERENCES = "preferences"
    """What one person is sent, when and where, for them to choose; it needs no Link row, see
    gateway/notifications/preferences/links.py."""
    SURVEY = "survey"
    """Three questions after a ticket is closed, for the customer."""
    FIRM = "firm"
    """A local firm's own work, for its people."""
    CALENDAR = "calendar"
    """The visits of a firm, or of one of its technicians, for a calendar program; it can do nothing."""
    DISPATCH = "dispatch"
    """A ticket or callback, for whoever is on call to act on."""
    WELCOME = "welcome"
    """The console, for a user who sets their password; once."""
    SIGN_IN = "sign_in"
    """The console, for a user who need not set one: of a demonstration, on the machine that it runs on."""


class Role(StrEnum):
    """What a user, or a key to the API, may do: see gateway/access/rights.py."""

    READ = "read"
    """Of keys only: to look, without telephone numbers."""
    AGENT = "agent"
    """Answers customers: to act too, and to see telephone numbers."""
    DISPATCHER = "dispatcher"
    """Sees to it that somebody comes: also to merge tickets, and to act on many at once."""
    OPERATOR = "operator"
    """Runs the gateway: also to publish rules and texts, and to give others their rights."""
    AUDITOR = "auditor"
    """To read who did what; nothing is changed, no number is seen."""
    PROVIDER = "provider"
    """Of a local firm: its own offers and visits, and nothing else."""
    BRIDGE = "bridge"
    """Of keys only: to ask whom the PIN of a visit connects with, and nothing else."""


class AuditOutcome(StrEnum):
    """What became of something that somebody wanted to do."""

    DONE = "done"
    """It was done."""
    DENIED = "denied"
    """Their role does not allow it."""
    FAILED = "failed"
    """A sign-in that was none."""


class RecipientKind(StrEnum):
    """Who is told: the owner of contacts."""

    CUSTOMER = "customer"
    """A household."""
    PROVIDER = "provider"
    """A local firm."""
    DISPATCHER = "dispatcher"
    """The operator's own people."""
    EMERGENCY = "emergency"
    """Who is reached at any hour: a number in `service.emergency`, counted from 1."""
    TECHNICIAN = "technician"
    """One of a provider's people."""
    ON_CALL = "on_call"
    """One of the people in `on_call.people`."""
    PERSON = "person"
    """One of a household's people: an owner of contacts."""


class TopicGroup(StrEnum):
    """What a person mutes together; gateway/notifications/topics.py says which kind of message belongs to which."""

    FAULTS = "faults"
    """Faults at their home and power cuts."""
    VISITS = "visits"
    """Who comes, and when."""
    CALLBACKS = "callbacks"
    """Calls that they asked for."""
    SURVEYS = "surveys"
    """How it went, and what we credit them."""
    MAINTENANCE = "maintenance"
    """Planned work, and the test of their emergency button."""
    WELL = "well"
    """Once a year, that all is well; only for whoever asked for it."""


class Amount(StrEnum):
    """How much a person wants to be told."""

    EVERYTHING = "everything"
    """Each message when it is written."""
    NOW = "now"
    """Only what concerns them now."""
    DIGEST = "digest"
    """Once a day, all of it in one message."""


class ConsentSource(StrEnum):
    """From whom we have a contact."""

    IMPORTED = "imported"
    """From the fleet file, whose author has asked them."""
    AGENT = "agent"
    """An agent wrote it down as they said it."""
    THEMSELVES = "themselves"
    """They typed it, and the code that we sent there."""


class PersonRole(StrEnum):
    """What somebody is to a household."""

    OWNER = "owner"
    """Lives there, and it is theirs."""
    TENANT = "tenant"
    """Lives there."""
    RELATIVE = "relative"
    """Of the family: rung when nobody there answers."""
    HELPER = "helper"
    """A neighbour or friend who has agreed to help: rung after the relatives."""


RESIDENTS = frozenset({PersonRole.OWNER, PersonRole.TENANT})
"""Who is told what a household is told."""


class Need(StrEnum):
    """What has to be thought of first when something happens at a person's home."""

    POWER_DEPENDENT = "power_dependent"
    """A device that they cannot be without needs power: breathing, dialysis, a cooled medicine."""
    EMERGENCY_BUTTON = "emergency_button"
    """They rely on an emergency button."""
    LANDLINE_ONLY = "landline_only"
    """They can be told by telephone only."""
    HEARING = "hearing"
    """They hear badly or not at all."""
    SIGHT = "sight"
    """They see badly or not at all."""


class ActorKind(StrEnum):
    """Who does something."""

    GATEWAY = "gateway"
    """We."""
    DEVICE = "device"
    """A device, by what it says."""
    PROVIDER = "provider"
    """Somebody at a local firm who answers an offer."""
    TECHNICIAN = "technician"
    """Who goes there."""
    CUSTOMER = "customer"
    """A household, on its own page."""
    AGENT = "agent"
    """Somebody at the desk, by the API or the dispatcher's page."""
    OPERATOR = "operator"
    """Whoever sits at the gateway's own command line."""


class RemoteFixOutcome(StrEnum):
    """What came of a safe command that was to spare a visit, and did not."""

    CONFIRMED = "confirmed"
    """The device has confirmed it, and the fault stayed."""
    SILENT = "silent"
    """The device has not confirmed it, and the fault stayed."""
    SENT = "sent"
    """Such a device confirms nothing; the fault stayed."""
    FAILED = "failed"
    """The device said that it could not do it."""
    UNSENT = "unsent"
    """It could not be sent in time."""
    VANISHED = "vanished"
    """The device has not been heard from since."""
    AGAIN = "again"
    """Not tried: the fault had come back after an earlier try."""
    UNREACHABLE = "unreachable"
    """Not tried: the device was not connected."""
    NO_COMMANDS = "no_commands"
    """Not tried: the device takes no commands."""
    SHADOW = "shadow"
    """Not tried: the gateway runs in the shadow mode."""


NOT_TRIED = frozenset({RemoteFixOutcome.AGAIN, RemoteFixOutcome.UNREACHABLE, RemoteFixOutcome.NO_COMMANDS,
                       RemoteFixOutcome.SHADOW})


class FixedBy(StrEnum):
    """What put a fault right, so that nobody had to drive."""

    COMMAND = "command"
    """A safe command to the device."""


class SearchField(StrEnum):
    """What a term that people search by says something about."""

    HOUSEHOLD = "h"
    """A customer, the people of the household, and their numbers."""
    PLACE = "p"
    """A site: its id, name and address."""
    RESIDENT = "r"
    """Who lives or helps at a site now: so `novak lindenweg` finds it."""
    DEVICE = "d"
    """A device at a site: its id, name and key."""


class SubjectKind(StrEnum):
    """What a notification, a timeline entry, a promise or a link is about."""

    TICKET = "ticket"
    """A ticket."""
    CALLBACK = "callback"
    """A callback."""
    OUTAGE = "outage"
    """An area outage, or a fault of our own."""
    ALARM = "alarm"
    """An alarm without a ticket."""
    MAINTENANCE = "maintenance"
    """A maintenance window."""
    DEVICE = "device"
    """A device."""
    USER = "user"
    """Somebody who signs in at the console."""
    NOTIFICATION = "notification"
    """Another notification, of which somebody is told."""
    GATEWAY = "gateway"
    """Ourselves, or a rule of ours."""
    OFFER = "offer"
    """An offer to a provider."""
    VISIT = "visit"
    """A visit."""
    JOB = "job"
    """What one trip can settle."""
    PERSON = "person"
    """Somebody of a household."""
    CUSTOMER = "customer"
    """A household."""
    PROVIDER = "provider"
    """A local firm."""
    TECHNICIAN = "technician"
    """One of a firm's people."""


class ExternalKind(StrEnum):
    """What other systems have ids of their own for; the name of its table, but for a user's."""

    CUSTOMER = "customer"
    """A household or firm."""
    PERSON = "person"
    """Somebody of a household."""
    SITE = "site"
    """A home."""
    DEVICE = "device"
    """A device."""
    TICKET = "ticket"
    """A ticket."""
    ALARM = "alarm"
    """An alarm."""
    CALLBACK = "callback"
    """A callback."""
    OUTAGE = "outage"
    """An area outage."""
    MAINTENANCE = "maintenance_window"
    """Planned work."""
    OFFER = "offer"
    """An offer to a provider."""
    VISIT = "visit"
    """A visit."""
    PROVIDER = "provider"
    """A local firm."""
    NOTIFICATION = "notification"
    """A message."""
    USER = "account"
    """Somebody who signs in."""


class EnumColumn(TypeDecorator[Any]):
    """Text in the database, a member of `members` in Python."""

    impl = String
    cache_ok = True
    members: ClassVar[type[StrEnum]]

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else str(value)

    def result_processor(self, dialect: Any, coltype: Any) -> Callable[[Any], StrEnum | None]:
        """A look-up and nothing around it: a page of the API reads thousands."""
        members: dict[Any, StrEnum | None] = {member.value: member for member in self.members}
        return (members | {None: None}).__getitem__


def stored(members: type[StrEnum]) -> type[EnumColumn]:
    """The column type of an enum: `state: TicketState = Field(sa_type=stored(TicketState))`."""
    return type(f"{members.__name__}Column", (EnumColumn,), {"members": members, "cache_ok": True})
