"""What the page of a ticket offers is what the API accepts: in every state that a ticket comes to, for every role."""

import re
from collections.abc import Callable, Iterator

import pytest

from gateway.access.audit import action_name
from gateway.access.rights import OF_USERS, may_act
from gateway.model import (
    HOUR,
    MINUTE,
    Actor,
    ActorKind,
    HoldReason,
    IncompleteReason,
    Offer,
    OfferState,
    Price,
    PriceAnswer,
    Role,
    Severity,
    Subject,
    SubjectKind,
    Ticket,
    Visit,
    VisitOutcome,
)
from gateway.model.plan import NoSuch, Refused
from gateway.store import Store
from gateway.store.contexts.action import action_context
from gateway.store.views import console_ticket
from gateway.tickets import actions
from gateway.tickets.actions import Act
from gateway.tickets.plan_action import plan_person_action
from gateway.web.console.ticket_forms import BY_NAME, FORMS
from tests.drivers.web_driver import WebStory, console_story

pytestmark = pytest.mark.slow
DANA = Actor(ActorKind.AGENT, "Dana")
ACTS = BY_NAME | {action_name(actions.MergeTickets): actions.MergeTickets}  # merging has a page of its own
ALWAYS = {action_name(actions.OpenCallback)}  # of the home, not of the ticket


@pytest.fixture
def there(store: Store) -> Iterator[WebStory]:
    with console_story(store) as there:
        yield there


def offered(there: WebStory) -> None:
    there.break_down()


def nobody_left(there: WebStory) -> None:
    offered(there)
    while pending := there.all(Offer, Offer.state == OfferState.PENDING):
        there.act(actions.DeclineOffer(pending[0].id, "full"), "provider")


def lapsed(there: WebStory) -> None:
    """The clock has not looked yet."""
    offered(there)
    there.now = max(one.expires_at for one in there.all(Offer)) + MINUTE


def assigned(there: WebStory) -> None:
    offered(there)
    there.accept()


def missed(there: WebStory) -> None:
    assigned(there)
    there.now = there.one(Visit).window_until + MINUTE


def en_route(there: WebStory) -> None:
    assigned(there)
    there.act(actions.Depart(there.one(Visit).id, 20))


def early(there: WebStory) -> None:
    offered(there)
    offer = there.all(Offer, Offer.state == OfferState.PENDING)[0]
    there.act(actions.AcceptOffer(offer.id, "Karin", there.now + 2 * HOUR, there.now + 4 * HOUR), "provider")
    there.act(actions.Depart(there.one(Visit).id, 20))


def on_site(there: WebStory) -> None:
    en_route(there)
    there.act(actions.Arrive(there.one(Visit).id))


def called(there: WebStory) -> None:
    on_site(there)
    there.act(actions.LogCall(there.one(Visit).id))


def on_hold(there: WebStory) -> None:
    offered(there)
    there.act(actions.HoldTicket(there.ticket.id, HoldReason.PART, there.now + HOUR))


def no_access(there: WebStory) -> None:
    called(there)
    there.now += HOUR
    there.act(actions.Finish(there.one(Visit).id, "", VisitOutcome.INCOMPLETE, IncompleteReason.NO_ACCESS))


def priced(there: WebStory) -> None:
    """The customer is asked about the price."""
    on_hold(there)
    there.change(there.ticket, price=Price("120.00", "CHF"), price_answer=PriceAnswer.ASKED)


def resolved(there: WebStory) -> None:
    offered(there)
    there.act(actions.ResolveTicket(there.ticket.id, "Reset by telephone"))


def cancelled(there: WebStory) -> None:
    offered(there)
    there.act(actions.CancelTicket(there.ticket.id, "sold"))


def beside(there: WebStory) -> None:
    """Two of one home."""
    offered(there)
    there.act(actions.OpenTicket(there.ticket.site_id, "No hot water", "heating", Severity.MINOR))


def merged_from(there: WebStory) -> None:
    """Which carries another one on."""
    beside(there)
    other, mine = (there.one(Ticket, Ticket.cause_key == key) for key in ("reported", "fault:E7"))
    there.act(actions.MergeTickets(other.id, mine.id))


def merged_into(there: WebStory) -> None:
    """Which another one carries on."""
    beside(there)
    other, mine = (there.one(Ticket, Ticket.cause_key == key) for key in ("reported", "fault:E7"))
    there.act(actions.MergeTickets(mine.id, other.id))


def still_needed(there: WebStory) -> None:
    """It works again while somebody is to come: the household is asked."""
    there.says("alice-pump", flow_temp=80.0)
    there.accept()
    there.now += MINUTE
    there.says("alice-pump", flow_temp=50.0)


def paged(there: WebStory) -> None:
    missed(there)
    there.wait(minutes=2)


Scene = Callable[[WebStory], None]
SCENES: dict[Scene, tuple[type[Act], ...]] = {  # a scene → some of the acts that are possible then
    offered: (actions.AddNote, actions.OfferTo, actions.AssignTo, actions.AcceptOffer, actions.DeclineOffer,
              actions.LeaveOutOffer, actions.HoldTicket, actions.ResolveTicket, actions.CancelTicket,
              actions.AcknowledgeAlarm),
    nobody_left: (actions.AskAgain, actions.OfferTo), lapsed: (actions.AssignTo,),
    assigned: (actions.HandBack, actions.ProposeWindow, actions.ReportDelay, actions.Depart, actions.LeaveOutVisit,
               actions.ReassignVisit),
    missed: (actions.AskAgain, actions.ReportMissed), en_route: (actions.Arrive, actions.Finish, actions.TakeBack),
    early: (actions.AllowEarly,), on_site: (actions.LogCall, actions.ReportOverrun), called: (actions.Finish,),
    on_hold: (actions.AskAgain,), no_access: (actions.ContestNoAccess,),
    priced: (actions.AgreeToPrice, actions.DeclinePrice), resolved: (actions.CancelTicket, actions.ReportNotFixed),
    cancelled: (actions.AddNote,), beside: (actions.MergeTickets,), merged_from: (actions.UnmergeTicket,),
    merged_into: (actions.UnmergeTicket,), still_needed: (actions.KeepVisit, actions.DropVisit),
    paged: (actions.AcknowledgePage,)}


def the_ticket(there: WebStory) -> Ticket:
    return there.one(Ticket, Ticket.cause_key != "reported")


def candidates(there: WebStory, ticket: Ticket) -> Iterator[tuple[str, str, Act]]:
    """(name, target, act): every act of the table on everything of the ticket, each as somebody would send it."""
    now, key, begins = there.now, ticket.id, there.now + HOUR
    with there.gw.store.read() as session:
        facts = console_ticket.load(session, key, now)
    assert facts is not None
    firms = [one.id for one in facts.providers.values()]
    asked = {one.provider_id for one in facts.desk.now_is.pending}
    free = next((one for one in firms if one not in asked), firms[0])
    for act in (actions.AddNote(key, "A note"), actions.AskAgain(key), actions.OfferTo(key, free),
                actions.AssignTo(key, free, "", begins, begins + HOUR), actions.ResolveTicket(key, "done"),
                actions.CancelTicket(key, "why"), actions.HoldTicket(key, HoldReason.OTHER, begins),
                actions.AgreeToPrice(key), actions.DeclinePrice(key), actions.KeepVisit(key), actions.DropVisit(key),
                actions.AllowEarly(key), actions.ReportMissed(key), actions.ContestNoAccess(key),
                actions.ReportNotFixed(key, "Cold again")):
        yield action_name(type(act)), key, act
    others = [one.id for one in there.all(Ticket) if one.id != key]
    yield action_name(actions.MergeTickets), key, actions.MergeTickets(key, others[0] if others else "T-NONE")
    for one in (key, *others):
        yield action_name(actions.UnmergeTicket), one, actions.UnmergeTicket(one)
    if any(page.closed_at is None for page in facts.desk.now_is.pages):
        yield action_name(actions.AcknowledgePage), key, actions.AcknowledgePage(Subject(SubjectKind.TICKET, key))
    for offer in facts.story.offers:
        yield action_name(actions.AcceptOffer), offer.id, actions.AcceptOffer(offer.id, "", begins, begins + HOUR)
        yield action_name(actions.DeclineOffer), offer.id, actions.DeclineOffer(offer.id)
        yield action_name(actions.LeaveOutOffer), offer.id, actions.LeaveOutOffer(offer.id, "why")
    for visit in facts.story.visits:
        for done in (actions.Depart(visit.id, 7), actions.Arrive(visit.id), actions.Finish(visit.id, "done"),
                     actions.ReportDelay(visit.id, 77), actions.ReportOverrun(visit.id, 60), actions.LogCall(visit.id),
                     actions.ProposeWindow(visit.id, begins, begins + 3 * HOUR), actions.HandBack(visit.id, "ill"),
                     actions.ReassignVisit(visit.id, "Nora Neu"),
                     actions.TakeBack(visit.id), actions.LeaveOutVisit(visit.id, "why")):
            yield action_name(type(done)), visit.id, done
    for alarm in facts.story.alarms:
        if alarm.closed_at is None:
            yield action_name(actions.AcknowledgeAlarm), alarm.id, actions.AcknowledgeAlarm(alarm.id)


def is_accepted(there: WebStory, act: Act) -> bool:
    """Whether the same planner that the API asks has something to do; nothing is written."""
    with there.gw.store.write() as session:
        try:
            plan = plan_person_action(act, action_context(session, act, DANA, there.now), there.gw.policy, DANA,
                                      there.now)
        except (Refused, NoSuch):
            return False
        finally:
            session.rollback()
    return bool(plan.add or plan.change)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_each_role_is_offered_what_the_api_accepts_and_nothing_else(there: WebStory, scene: Scene) -> None:
    scene(there)
    ticket = the_ticket(there)
    accepted = {(name, target) for name, target, act in candidates(there, ticket) if is_accepted(there, act)}
    assert {action_name(act) for act in SCENES[scene]} <= {name for name, _ in accepted}
    for number, role in enumerate(OF_USERS):
        if role is Role.PROVIDER:
            continue
        page = there.console(role, f"Role{number} Meier").web.get(f"/console/tickets/{ticket.id}").text
        shown = {(act, target) for act, target in re.findall(r'name="act" value="(\w+)"><input type="hidden" '
                                                            r'name="target" value="([^"]+)"', page)
                 if act not in ALWAYS}
        if f"/merge?ticket={ticket.id}&amp;" in page:
            shown.add((action_name(actions.MergeTickets), ticket.id))
        assert shown == {one for one in accepted if may_act(role, ACTS[one[0]])}, role


def test_each_act_is_possible_in_some_scene() -> None:
    ours = set(FORMS) - {actions.OpenCallback} | {actions.MergeTickets}
    assert {act for acts in SCENES.values() for act in acts} == ours
