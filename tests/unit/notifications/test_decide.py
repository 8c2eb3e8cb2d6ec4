"""Who hears what, where and when: decisions on plain rows, without any fixture."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from gateway.config.quotas import TRIES_CRITICAL
from gateway.model import (
    DISPATCHER,
    HOUR,
    MINUTE,
    SECOND,
    Attempt,
    AttemptOutcome,
    Callback,
    CallbackState,
    Contact,
    Customer,
    Instant,
    Notification,
    Offer,
    OfferState,
    OnCallPage,
    PageState,
    Provider,
    Reason,
    ReasonKind,
    Recipient,
    RecipientKind,
    Severity,
    Subject,
    SubjectKind,
    Ticket,
    Visit,
    VisitState,
    customer,
    from_iso,
    provider,
)
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.context import NotificationContext
from gateway.notifications.decide import (
    TRIES,
    TRIES_PATIENT,
    Drop,
    Hold,
    Leave,
    Send,
    Undeliverable,
    decide,
    retry_at,
    why_obsolete,
)
from gateway.notifications.reasons import reason_sentence
from tests.fixtures.outbox_rows import note

NOON = from_iso("2026-11-23T12:00:00+01:00")  # a Monday in Zurich
NIGHT = from_iso("2026-11-23T23:30:00+01:00")
MORNING = from_iso("2026-11-24T07:00:00+01:00")

ALICE = Customer(id="alice", name="Alice Keller", timezone="Europe/Zurich", quiet_from="22:00", quiet_until="07:00")
HER = customer("alice")


def contact(key: str, channel: str, address: str, position: int) -> Contact:
    return Contact(id=key, owner_kind=RecipientKind.CUSTOMER, owner_id="alice", channel=channel, address=address,
                   position=position)


EMAIL = contact("c-email", "email", "alice@example.com", 0)
SMS = contact("c-sms", "sms", "+41791234567", 1)
OFFICE = contact("c-office", "email", "office@example.com", 2)


def ticket(state: str = "offered", **more: object) -> Ticket:
    values: dict[str, Any] = {"id": "T-1", "site_id": "s", "customer_id": "alice", "device_id": "d", "cause_key": "hot",
              "cause": "too hot", "skill": "heating", "severity": "major", "state": state, "opened_at": NOON}
    return Ticket(**(values | more))


def visit(state: str = "planned", key: str = "V-1") -> Visit:
    return Visit(id=key, job_id="J-1", ticket_id="T-1", provider_id="kunz", technician="Karin",
                 state=VisitState(state), window_from=NOON,
                 window_until=NOON + HOUR, created_at=NOON)


def offer(state: str = "pending") -> Offer:
    return Offer(id="O-1", job_id="J-1", ticket_id="T-1", provider_id="kunz", rank=1, state=OfferState(state),
                 offered_at=NOON, expires_at=NOON + 30 * MINUTE)


def callback(state: str = "requested", closed_at: Instant | None = None) -> Callback:
    return Callback(id="C-1", site_id="s", customer_id="alice", device_id="d",
                    state=CallbackState(state), requested_at=NOON,
                    promised_by=NOON + HOUR, closed_at=closed_at)


def news(topic: str = "fault_found", occurrence: str = "1", to: Recipient = HER, **more: object) -> Notification:
    kind = SubjectKind.CALLBACK if topic.startswith("callback") else SubjectKind.TICKET
    return note(f"N-{topic}-{occurrence}", topic, occurrence, NOON, to, Subject(kind, "T-1"), **more)


def tried(contact: Contact, outcome: str, times: int = 1) -> tuple[Attempt, ...]:
    return tuple(Attempt(id=f"A-{contact.id}-{outcome}-{number}", notification_id="N", contact_id=contact.id,
                         channel=contact.channel, started_at=NOON,
                         outcome=AttemptOutcome.UNKNOWN if outcome == "?" else AttemptOutcome(outcome))
                 for number in range(times))


HOME = NotificationContext(ticket=ticket(), customer=ALICE, contacts=(EMAIL, SMS))


def sent_to(decision: object) -> str | None:
    return decision.contact.id if isinstance(decision, Send) else None


# --- which contact

def test_the_first_contact_in_the_customers_order_is_tried_first() -> None:
    assert decide(news(), HOME, NOON) == Send(EMAIL, 1)


def test_a_stopped_contact_is_skipped() -> None:
    stopped = EMAIL.model_copy(update={"stopped_at": NOON})
    assert sent_to(decide(news(), replace(HOME, contacts=(stopped, SMS)), NOON)) == "c-sms"


def test_a_permanent_refusal_goes_to_the_next_contact_at_once() -> None:
    assert decide(news(), replace(HOME, attempts=tried(EMAIL, "refused")), NOON) == Send(SMS, 2)


@pytest.mark.parametrize("critical", [False, True])
def test_a_failing_contact_is_given_up_after_its_tries_and_critical_news_is_less_patient(critical: bool) -> None:
    limit = TRIES_CRITICAL if critical else TRIES
    patient = replace(HOME, attempts=tried(EMAIL, "failed", limit - 1))
    spent = replace(HOME, attempts=tried(EMAIL, "failed", limit))
    assert sent_to(decide(news(critical=critical), patient, NOON)) == "c-email"
    assert sent_to(decide(news(critical=critical), spent, NOON)) == "c-sms"


@pytest.mark.parametrize("outcome", ["unknown", "started"])
def test_an_outcome_nobody_knows_is_never_repeated_on_the_same_channel(outcome: str) -> None:
    case = replace(HOME, contacts=(EMAIL, OFFICE, SMS), attempts=tried(EMAIL, outcome))
    assert sent_to(decide(news(), case, NOON)) == "c-sms"


def test_when_only_the_unknown_channel_is_left_the_end_is_unknown_and_not_failed() -> None:
    decision = decide(news(), replace(HOME, contacts=(EMAIL,), attempts=tried(EMAIL, "unknown")), NOON)
    assert isinstance(decision, Undeliverable)
    assert decision.unsure


HOOK = contact("c-hook", "webhook", "https://alice.example", 0)
CRITICAL, ORDINARY, OF_THE_DESK = news(critical=True), news(), news("undeliverable", "N-9", to=DISPATCHER)


@pytest.mark.parametrize("outcome", ["unknown", "started"])
@pytest.mark.parametrize(("note", "contacts", "before", "then"), [
    (ORDINARY, (HOOK,), tried(HOOK, "unknown"), Send(HOOK, 2)),
    (ORDINARY, (HOOK, SMS), tried(HOOK, "unknown", TRIES - 1), Send(HOOK, TRIES)),
    (ORDINARY, (HOOK, SMS), tried(HOOK, "unknown", TRIES), Send(SMS, TRIES + 1)),
    (CRITICAL, (HOOK, SMS), tried(HOOK, "unknown", TRIES_CRITICAL), Send(SMS, TRIES_CRITICAL + 1)),
    (ORDINARY, (EMAIL,), tried(EMAIL, "unknown"), None),
    (ORDINARY, (EMAIL, OFFICE), tried(EMAIL, "unknown"), None),
    (CRITICAL, (EMAIL,), tried(EMAIL, "unknown"), Send(EMAIL, 2, may_be_second=True)),
    (CRITICAL, (EMAIL,), tried(EMAIL, "unknown", 2), None),
    (CRITICAL, (EMAIL, SMS), tried(EMAIL, "unknown"), Send(SMS, 2)),
    (CRITICAL, (EMAIL, SMS), tried(EMAIL, "unknown") + tried(SMS, "refused"), Send(EMAIL, 3, may_be_second=True)),
    (CRITICAL, (EMAIL, SMS), tried(EMAIL, "unknown") + tried(SMS, "unknown"), Send(EMAIL, 3, may_be_second=True)),
    (OF_THE_DESK, (EMAIL,), tried(EMAIL, "unknown"), Send(EMAIL, 2, may_be_second=True)),
    (OF_THE_DESK, (EMAIL,), tried(EMAIL, "unknown", 2), None),
])
def test_what_may_have_arrived_is_said_again_where_that_harms_nobody(
        outcome: str, note: Notification, contacts: tuple[Contact, ...], before: tuple[Attempt, ...],
        then: Send | None) -> None:
    """A web hook can tell a second copy; a mailbox cannot, so only critical news is repeated there, once, if all else
    fails. None: nobody knows, and somebody is asked to ring."""
    attempts = tuple(one.model_copy(update={"outcome": AttemptOutcome(outcome)})
                     if one.outcome == AttemptOutcome.UNKNOWN else one
                     for one in before)
    case = replace(HOME, contacts=contacts, attempts=attempts, knows_repeats=frozenset({"webhook"}))
    decision = decide(note, case, NOON)
    if then is None:
        assert isinstance(decision, Undeliverable)
        assert decision.unsure
    else:
        assert decision == then


def test_when_everybody_refused_the_end_is_failed() -> None:
    decision = decide(news(), replace(HOME, attempts=tried(EMAIL, "refused") + tried(SMS, "failed", TRIES)), NOON)
    assert isinstance(decision, Undeliverable)
    assert not decision.unsure


def test_a_customer_without_a_usable_contact_is_known_at_night_already() -> None:
    assert isinstance(decide(news(), replace(HOME, contacts=()), NIGHT), Undeliverable)


def test_the_dispatcher_is_tried_on_every_contact_and_then_patiently_again() -> None:
    note = news("undeliverable", "N-9", to=DISPATCHER, critical=True)
    both = replace(HOME, attempts=tried(EMAIL, "failed", TRIES_CRITICAL) + tried(SMS, "failed", TRIES_CRITICAL))
    assert sent_to(decide(note, both, NOON)) == "c-email"
    spent = replace(HOME, attempts=tried(EMAIL, "failed", TRIES_PATIENT) + tried(SMS, "failed", TRIES_PATIENT))
    assert isinstance(decide(note, spent, NOON), Undeliverable)


# --- when

def test_quiet_hours_hold_a_customers_message_until_they_end() -> None:
    assert decide(news(), HOME, NIGHT) == Hold(MORNING, Reason(ReasonKind.QUIET_HOURS))


def test_critical_news_passes_quiet_hours() -> None:
    assert isinstance(decide(news(critical=True), HOME, NIGHT), Send)


def test_a_provider_is_asked_whatever_the_customers_quiet_hours() -> None:
    case = replace(HOME, offer=offer())
    assert isinstance(decide(news("offer", "O-1", to=provider("kunz")), case, NOON), Send)
    note = news("undeliverable", to=DISPATCHER)
    assert isinstance(decide(note, replace(HOME, ticket=ticket("new")), NIGHT), Send)


def test_a_provider_hears_in_the_morning_that_another_was_faster_unless_the_work_is_urgent() -> None:
    kunz = Provider(id="kunz", name="Kunz Heating", timezone="Europe/Zurich", quiet_from="20:00", quiet_until="07:00")
    asked = news("offer", "O-1", id="N-offer", to=provider("kunz"), state="sent")
    minor = ticket("assigned")
    minor.severity = Severity.MINOR
    case = replace(HOME, ticket=minor, provider=kunz, offer=offer("withdrawn"), siblings=(asked,),
                   sent=frozenset({("N-offer", HOME.contacts[0].id)}))
    taken = news("offer_taken", "O-1", to=provider("kunz"))
    assert isinstance(decide(taken, case, NIGHT), Hold)
    assert isinstance(decide(taken, case, NOON), Send)
    assert isinstance(decide(taken, replace(case, provider=Provider(id="kunz", name="Kunz Heating")), NIGHT), Send)
    urgent = ticket("assigned")
    urgent.severity = Severity.MAJOR
    assert isinstance(decide(taken, replace(case, ticket=urgent), NIGHT), Send)


def test_a_held_message_is_looked_at_again_when_it_goes() -> None:
    held = news(state="held")
    assert isinstance(decide(held, replace(HOME, ticket=ticket("resolved")), MORNING), Drop)


def test_the_waits_of_a_normal_message_double_and_come_to_half_an_hour() -> None:
    waits = [retry_at("failed", tries, False, 0.5, 0) for tries in range(1, TRIES)]
    assert all(later == 2 * sooner for sooner, later in pairwise(waits))
    assert 29 * MINUTE < sum(waits) < 31 * MINUTE


def test_jitter_moves_a_wait_by_at_most_half() -> None:
    assert [retry_at("failed", 1, False, jitter, NOON) - NOON for jitter in (0.0, 0.5, 0.999)] == [7000, 14000, 20986]


def test_hurried_waits_are_seconds() -> None:
    assert sum(retry_at("failed", tries, True, 0.5, 0) for tries in range(1, TRIES_CRITICAL)) == 15 * SECOND


@pytest.mark.parametrize(("outcome", "tries"), [("refused", 1), ("unknown", 1), ("failed", TRIES)])
def test_the_next_contact_is_not_made_to_wait(outcome: str, tries: int) -> None:
    assert retry_at(outcome, tries, False, 0.9, NOON) == NOON


def test_the_patient_tries_are_five_minutes_apart() -> None:
    assert retry_at("failed", TRIES + 3, False, 0.5, NOON) == NOON + 5 * MINUTE


# --- still true?

VISIT = replace(HOME, ticket=ticket("assigned", visit_id="V-1"), visit=visit())
ON_ROAD = replace(HOME, ticket=ticket("en_route", visit_id="V-1"), visit=visit("en_route"))
TOLD = news("fault_found", "1", id="N-told", state="sent")
HEARD = replace(HOME, siblings=(TOLD,), sent=frozenset({("N-told", "c-sms")}))



def page(topic: str = "please_look") -> Notification:
    """One of those that are repeated until somebody acknowledges."""
    return replace_row(news(topic, "D-1/1"), facts={"role": "dispatcher", "turn": 1})


def paging(state: str = "paging") -> OnCallPage:
    return OnCallPage(id="D-1", subject_kind=SubjectKind.TICKET, subject_id="T-1", site_id="h", state=PageState(state),
                      reasons=["nobody_left"], opened_at=NOON, acknowledged_by="Dana")


def replace_row(row: Notification, **values: object) -> Notification:
    return Notification(**{**row.model_dump(), **values})


STILL_TRUE = [
    (news(), HOME),
    (news("technician_assigned", "V-1"), VISIT),
    (news("technician_assigned", "V-1"), ON_ROAD),
    (news("on_the_way", "V-1"), ON_ROAD),
    (news("resolved"), replace(HEARD, ticket=ticket("resolved"))),
    (news("resolved"), replace(HEARD, ticket=ticket("closed"))),
    (news("callback_scheduled"), replace(HOME, callback=callback())),
    (page(), replace(HOME, pages=(paging(),))),
    (news("emergency_press", "p2"), replace(HOME, callback=callback(), pages=(paging("acknowledged"),))),  # a new press
    (news("offer", "O-1"), replace(HOME, offer=offer())),
    (news("undeliverable"), HOME),
]
NO_LONGER = [
    (news(), replace(HOME, ticket=ticket("resolved")), "already fixed before anyone was told"),
    (news(), replace(HOME, ticket=ticket("cancelled")), "cancelled before anyone was told"),
    (news(), replace(HOME, ticket=ticket(round=2)), "about an earlier round of the fault"),
    (news("technician_assigned", "V-1"), replace(VISIT, visit=visit(key="V-2")),
     "the visit is no longer the current one"),
    (news("technician_assigned", "V-1"), replace(VISIT, ticket=ticket("on_site", visit_id="V-1"),
                                                 visit=visit("on_site")),
     "the ticket is on site by now"),
    (news("on_the_way", "V-1"), replace(ON_ROAD, visit=visit("on_site")), "the technician is no longer on the way"),
    (news("resolved"), HEARD, "not fixed after all"),
    (news("resolved"), replace(HOME, ticket=ticket("resolved")), "nobody hears fixed who was not told broken"),
    (news("callback_scheduled"), replace(HOME, callback=callback("done", NOON)), "the callback is over"),
    (news("callback_scheduled"), replace(HOME, callback=callback("connected")), "they are already speaking"),
    (page(), HOME, "nobody has to look any more"),
    (page(), replace(HOME, pages=(paging("acknowledged"),)), "Dana sees to it"),
    (page(), replace(HOME, pages=(paging(),), siblings=(replace_row(page(), created_at=NOON + 1),)),
     "superseded by “request to look at it”"),
    (page("emergency_press"), replace(HOME, callback=callback(), pages=(paging("acknowledged"),)), "Dana sees to it"),
    (news("offer", "O-1"), replace(HOME, offer=offer("accepted")), "the offer is no longer open"),
    (news("offer_withdrawn", "O-1"), replace(HOME, offer=offer("withdrawn")), "the offer never reached them"),
]


@pytest.mark.parametrize(("note", "case"), STILL_TRUE)
def test_what_is_true_is_said(note: Notification, case: NotificationContext) -> None:
    assert why_obsolete(note, case, NOON) is None


@pytest.mark.parametrize(("note", "case", "reason"), NO_LONGER)
def test_what_is_no_longer_true_is_dropped_with_its_reason(note: Notification, case: NotificationContext,
                                                               reason: str) -> None:
    decision = decide(note, case, NOON)
    assert isinstance(decision, Drop)
    assert reason_sentence(decision.reason.stored(), catalogue_for("en")) == reason


def test_an_offer_is_not_sent_at_the_instant_it_expires() -> None:
    note, case = news("offer", "O-1"), replace(HOME, offer=offer())
    assert isinstance(decide(note, case, NOON + 30 * MINUTE - 1), Send)
    assert decide(note, case, NOON + 30 * MINUTE) == Drop(Reason(ReasonKind.OFFER_EXPIRED))


def test_a_later_phase_makes_the_older_unsent_one_pointless() -> None:
    case = replace(ON_ROAD, siblings=(news("on_the_way", "V-1"),))
    by_departure = Drop(Reason(ReasonKind.SUPERSEDED, {"topic": "on_the_way"}))
    assert decide(news(), case, NOON) == by_departure
    assert decide(news("technician_assigned", "V-1"), case, NOON) == by_departure


def test_a_later_phase_that_is_itself_untrue_or_dropped_supersedes_nothing() -> None:
    called_off = replace(VISIT, siblings=(news("on_the_way", "V-1"),))
    dropped = replace(ON_ROAD, siblings=(news("on_the_way", "V-1", state="dropped"),))
    assert isinstance(decide(news(), called_off, NOON), Send)
    assert isinstance(decide(news(), dropped, NOON), Send)


def test_news_of_one_visit_does_not_supersede_that_of_another_visit_of_the_ticket() -> None:
    """One firm has the skill, and another the other."""
    heating, power = {"visit_id": "V-1"}, {"visit_id": "V-2"}
    moved = news("visit_changed", "W-2", facts=power, created_at=NOON + MINUTE)
    assert isinstance(decide(news("technician_assigned", "V-1"), replace(VISIT, siblings=(moved,)), NOON), Send)
    assert isinstance(decide(news("visit_changed", "W-1", facts=heating), replace(VISIT, siblings=(moved,)), NOON),
                      Send)
    again = news("visit_changed", "W-3", facts=heating, created_at=NOON + MINUTE)
    assert isinstance(decide(news("visit_changed", "W-1", facts=heating), replace(VISIT, siblings=(again,)), NOON),
                      Drop)


# --- nobody hears "fixed" who was not told "broken"

def test_fixed_goes_only_to_the_contact_that_heard_broken() -> None:
    assert sent_to(decide(news("resolved"), replace(HEARD, ticket=ticket("resolved")), NOON)) == "c-sms"


def test_fixed_goes_nowhere_else_when_that_contact_is_lost() -> None:
    case = replace(HEARD, ticket=ticket("resolved"), attempts=tried(SMS, "refused"))
    assert isinstance(decide(news("resolved"), case, NOON), Undeliverable)


def test_who_only_heard_that_a_technician_comes_also_hears_fixed() -> None:
    said = news("technician_assigned", "V-1", id="N-told", state="sent")
    case = replace(HEARD, ticket=ticket("resolved"), siblings=(said,))
    assert sent_to(decide(news("resolved"), case, NOON)) == "c-sms"


def test_what_was_told_in_an_earlier_round_does_not_count() -> None:
    again = news("fault_found", "2", created_at=NOON + HOUR, state="dropped")
    case = replace(HEARD, ticket=ticket("resolved", round=2), siblings=(TOLD, again))
    assert decide(news("resolved", "2"), case, NOON) == Drop(Reason(ReasonKind.NEVER_TOLD_BROKEN))


def test_an_unknown_outcome_does_not_count_as_told() -> None:
    case = replace(HEARD, ticket=ticket("resolved"), sent=frozenset())
    assert isinstance(decide(news("resolved"), case, NOON), Drop)


def test_a_firm_hears_that_its_visit_is_called_off_though_it_accepted_on_the_page() -> None:
    note = news("offer_withdrawn", "V-1", to=provider("kunz"))
    assert isinstance(decide(note, replace(VISIT, offer=None), NOON), Send)


def test_a_withdrawal_goes_to_the_contact_that_got_the_offer() -> None:
    asked = news("offer", "O-1", id="N-offer", to=provider("kunz"), state="sent")
    case = replace(HOME, offer=offer("withdrawn"), siblings=(asked,), sent=frozenset({("N-offer", "c-sms")}))
    assert sent_to(decide(news("offer_withdrawn", "O-1", to=provider("kunz")), case, NOON)) == "c-sms"


def went_out(contact: Contact, at: Instant = NOON) -> Attempt:
    return Attempt(id=f"S-{contact.id}", notification_id="N-1", contact_id=contact.id, channel=contact.channel,
                   started_at=at, finished_at=at, outcome=AttemptOutcome.SENT)


UNOPENED = news("fault_found", "1", critical=True, open_by=NOON)
EMILS = Contact(id="c-emil", owner_kind=RecipientKind.PERSON, owner_id="emil", channel="webhook", address="emil")


@pytest.mark.parametrize(("contacts", "had", "next_one"), [
    ((EMAIL, SMS, OFFICE), (EMAIL,), SMS),
    ((EMAIL, OFFICE), (EMAIL,), None),
    ((EMAIL, SMS.model_copy(update={"stopped_at": NOON})), (EMAIL,), None),
    ((EMAIL, SMS), (EMAIL, SMS), None),
    ((EMAIL, EMILS, SMS), (EMAIL,), SMS),
    ((EMAIL, EMILS), (EMAIL,), EMILS),
], ids=["another channel", "the same channel", "a stopped contact", "each once", "the same person first",
        "then others"])
def test_what_nobody_opened_goes_by_another_channel_and_then_somebody_rings(
        contacts: tuple[Contact, ...], had: tuple[Contact, ...], next_one: Contact | None) -> None:
    case = replace(HOME, ticket=ticket(severity="critical"), contacts=contacts,
                   attempts=tuple(went_out(one) for one in had))
    decision = decide(UNOPENED, case, NOON)
    if next_one is None:
        assert decision == Undeliverable(Reason(ReasonKind.NOBODY_OPENED), unsure=True)
    else:
        assert isinstance(decision, Send)
        assert decision.contact == next_one


def test_what_was_opened_or_is_over_stays_as_it_was_sent() -> None:
    case = replace(HOME, ticket=ticket(severity="critical"), attempts=(went_out(EMAIL),))
    assert decide(news("fault_found", "1", critical=True, opened_at=NOON), case, NOON) == Leave()
    over = replace(case, ticket=ticket("resolved"))
    assert decide(UNOPENED, over, NOON) == Leave(Reason(ReasonKind.FIXED_FIRST))


def test_while_every_other_channel_is_down_somebody_rings() -> None:
    case = replace(HOME, ticket=ticket(severity="critical"), attempts=(went_out(EMAIL),), paused={"sms": NOON + HOUR})
    assert decide(UNOPENED, case, NOON + HOUR - 1) == Undeliverable(Reason(ReasonKind.NOBODY_OPENED), unsure=True)
