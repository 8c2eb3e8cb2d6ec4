"""Who may do what: the one table, which API, pages and console share."""

from enum import StrEnum

from gateway.model.states import Role
from gateway.tickets import actions
from gateway.tickets.actions import Act


class Right(StrEnum):
    """Something that not everybody may do, with the sentence that says what."""

    sentence: str

    def __new__(cls, value: str, sentence: str) -> "Right":
        right = str.__new__(cls, value)
        right._value_, right.sentence = value, sentence
        return right

    READ = "read", "look at tickets, outages, callbacks, households, devices, messages and promises"
    READ_PHONES = "read_phones", "see how people are reached; each look is written down"
    SEE_PICTURES = "see_pictures", "see the photos of visits, and who signed for them"
    WORK_TICKETS = "work_tickets", "resolve, hold, cancel, offer and assign a ticket, and answer for the customer"
    WORK_CALLBACKS = "work_callbacks", "claim a callback, call, and record the outcome"
    WORK_ALARMS = "work_alarms", "acknowledge an alarm, so that nobody else is paged"
    REPORT = "report", "open a ticket or a callback for what a person says"
    EDIT_HOUSEHOLDS = "edit_households", "add, change and remove people and their contacts; move a household in or out"
    PLAN_WORK = "plan_work", "announce planned work in an area, and say what an outage is about"
    MERGE = "merge", "merge two tickets, and separate them again"
    WITHDRAW_ANSWERS = "withdraw_answers", "take back an answer that others have saved for callers and pages"
    NAME_ELSEWHERE = "name_elsewhere", "say how another system calls a household, a device, a ticket and so on"
    ACT_ON_MANY = "act_on_many", "act on more tickets at once than BULK_LIMIT"
    JUDGE_PROVIDERS = "judge_providers", "leave an offer or a visit out of a provider's track record"
    GIVE_GESTURE = "give_gesture", "credit a household a small gesture, within the limits of the settings"
    APPROVE_GOODWILL = "approve_goodwill", "approve or decline goodwill above the cap"
    EXPORT_FILES = "export_files", "take credits and what customers said away as a file"
    MANAGE_PROVIDERS = (
        "manage_providers", "make and end the link of a local firm's own page, and enter its people and days off")
    PUBLISH = "publish", "put rules, texts and settings into effect"
    MANAGE_USERS = "manage_users", "add and disable users, and give them their roles"
    READ_AUDIT = "read_audit", "read who did what"
    EXPORT_AUDIT = "export_audit", "take the audit log away as a file"
    OWN_WORK = "own_work", "of a local firm: its own offers, visits and tickets"
    OWN_ACCOUNT = "own_account", "change their own password and second factor"
    ASK_BRIDGE = "ask_bridge", "ask whom the PIN of a visit connects with"


BULK_LIMIT = 20  # tickets or messages that anybody who works on tickets may act on at once
MOST_MESSAGES = 200  # at once, of whoever may act on many

_SIGNS_IN = frozenset((Right.OWN_ACCOUNT,))
_AGENT = _SIGNS_IN | {Right.READ, Right.READ_PHONES, Right.SEE_PICTURES, Right.WORK_TICKETS, Right.WORK_CALLBACKS,
                       Right.WORK_ALARMS, Right.REPORT, Right.EDIT_HOUSEHOLDS, Right.PLAN_WORK, Right.JUDGE_PROVIDERS,
                       Right.NAME_ELSEWHERE, Right.GIVE_GESTURE}
_DISPATCHER = _AGENT | {Right.MERGE, Right.WITHDRAW_ANSWERS, Right.ACT_ON_MANY, Right.MANAGE_PROVIDERS,
                        Right.APPROVE_GOODWILL}

RIGHTS: dict[Role, frozenset[Right]] = {
    Role.READ: frozenset((Right.READ,)),
    Role.AGENT: _AGENT,
    Role.DISPATCHER: _DISPATCHER,
    Role.OPERATOR: _DISPATCHER | {Right.PUBLISH, Right.MANAGE_USERS, Right.READ_AUDIT, Right.EXPORT_FILES},
    Role.AUDITOR: _SIGNS_IN | frozenset((Right.READ, Right.READ_AUDIT, Right.EXPORT_AUDIT,
                                               Right.EXPORT_FILES)),
    Role.PROVIDER: _SIGNS_IN | frozenset((Right.OWN_WORK,)),
    Role.BRIDGE: frozenset((Right.ASK_BRIDGE,)),
}
OF_USERS = (Role.AGENT, Role.DISPATCHER, Role.OPERATOR, Role.AUDITOR, Role.PROVIDER)

NEEDED: dict[type[Act], Right] = {
    actions.AcceptOffer: Right.WORK_TICKETS, actions.DeclineOffer: Right.WORK_TICKETS,
    actions.LeaveOutOffer: Right.JUDGE_PROVIDERS, actions.LeaveOutVisit: Right.JUDGE_PROVIDERS,
    actions.OpenTicket: Right.REPORT, actions.OpenCallback: Right.REPORT,
    actions.NoteAccess: Right.EDIT_HOUSEHOLDS,
    actions.LeaveSite: Right.EDIT_HOUSEHOLDS, actions.MoveIn: Right.EDIT_HOUSEHOLDS,
    actions.OfferTo: Right.WORK_TICKETS, actions.AskAgain: Right.WORK_TICKETS, actions.AssignTo: Right.WORK_TICKETS,
    actions.Depart: Right.WORK_TICKETS, actions.Arrive: Right.WORK_TICKETS, actions.Finish: Right.WORK_TICKETS,
    actions.ReportDelay: Right.WORK_TICKETS, actions.ReportOverrun: Right.WORK_TICKETS,
    actions.ProposeWindow: Right.WORK_TICKETS, actions.HandBack: Right.WORK_TICKETS,
    actions.ReassignVisit: Right.WORK_TICKETS,
    actions.LogCall: Right.WORK_TICKETS, actions.TakeBack: Right.WORK_TICKETS,
    actions.KeepVisit: Right.WORK_TICKETS, actions.DropVisit: Right.WORK_TICKETS,
    actions.AllowEarly: Right.WORK_TICKETS, actions.ReportMissed: Right.WORK_TICKETS,
    actions.ContestNoAccess: Right.WORK_TICKETS, actions.ReportNotFixed: Right.WORK_TICKETS,
    actions.ResolveTicket: Right.WORK_TICKETS, actions.CancelTicket: Right.WORK_TICKETS,
    actions.AgreeToPrice: Right.WORK_TICKETS, actions.DeclinePrice: Right.WORK_TICKETS,
    actions.AnswerSurvey: Right.WORK_TICKETS, actions.NotNeeded: Right.WORK_TICKETS,
    actions.MoveVisit: Right.WORK_TICKETS, actions.TellUs: Right.WORK_TICKETS,
    actions.CallOffVisit: Right.WORK_TICKETS,
    actions.HoldTicket: Right.WORK_TICKETS, actions.AddNote: Right.WORK_TICKETS,
    actions.MergeTickets: Right.MERGE, actions.UnmergeTicket: Right.MERGE,
    actions.AcknowledgeAlarm: Right.WORK_ALARMS, actions.AcknowledgePage: Right.WORK_TICKETS,
    actions.ClaimCallback: Right.WORK_CALLBACKS, actions.ReleaseCallback: Right.WORK_CALLBACKS,
    actions.AttemptCallback: Right.WORK_CALLBACKS, actions.MissCallback: Right.WORK_CALLBACKS,
    actions.ConnectCallback: Right.WORK_CALLBACKS, actions.FinishCallback: Right.WORK_CALLBACKS,
    actions.CancelCallback: Right.WORK_CALLBACKS,
}
"""What each act takes of whoever signs in; a customer, a provider and a technician act by their signed links."""


OWN_ACTS: frozenset[type[Act]] = frozenset((
    actions.AcceptOffer, actions.DeclineOffer, actions.Depart, actions.Arrive, actions.Finish, actions.ReportDelay,
    actions.ReportOverrun, actions.ProposeWindow, actions.ReassignVisit, actions.HandBack,
    actions.LogCall, actions.TakeBack))
"""What a local firm's people do with an offer or a visit of theirs, as by its signed page."""


def may(role: Role, right: Right) -> bool:
    return right in RIGHTS[role]


def may_act(role: Role, given: type[Act], theirs: bool = False) -> bool:
    """`theirs`: it is done to an offer or a visit of their own firm."""
    return may(role, NEEDED[given]) or (theirs and given in OWN_ACTS and may(role, Right.OWN_WORK))


def may_act_on(role: Role, count: int) -> bool:
    """Whether so many tickets at once."""
    return count <= BULK_LIMIT or may(role, Right.ACT_ON_MANY)


def messages_at_once(role: Role) -> int:
    """How many that reached nobody are sent again in one go."""
    return MOST_MESSAGES if may(role, Right.ACT_ON_MANY) else BULK_LIMIT
