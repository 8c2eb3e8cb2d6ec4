"""The customer moves the visit on their page: what is free, what is too late, and who was faster."""

from collections.abc import Callable, Iterator
from datetime import date

import httpx
import pytest

from gateway.calendars.arrival_windows import written_local
from gateway.flow.customers.pending_acts import ask
from gateway.flow.firms.own_days import enter_time_off
from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Actor,
    ActorKind,
    Callback,
    CustomerAct,
    Entry,
    EntryKind,
    Instant,
    Offer,
    OnCallPage,
    PageReason,
    PendingAct,
    PendingOutcome,
    Severity,
    Ticket,
    Visit,
    customer,
    provider,
)
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.store import Store
from gateway.tickets.actions import AcceptOffer, CancelTicket, Depart, OpenTicket, ProposeWindow
from tests.drivers.at_once import at_once
from tests.drivers.story import NOON
from tests.drivers.web_driver import ROUND_THE_CLOCK, WebStory, hidden_fields, read, web_story

pytestmark = pytest.mark.slow
ALICE, KUNZ, KARIN = customer("alice"), provider("kunz"), "technician Karin Kunz"
TOMORROW = NOON + DAY - 6 * HOUR  # Tuesday, 07:00 in the town
ZONE = "Europe/Zurich"


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores, callback_hours=ROUND_THE_CLOCK)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def tomorrow(there: WebStory, device: str = "alice-pump", begins: Instant = TOMORROW) -> Ticket:
    """Karin comes tomorrow within four hours."""
    ticket = there.break_down(device)
    offer = there.one(Offer, Offer.ticket_id == ticket.id, Offer.state == "pending", Offer.provider_id == "kunz")
    there.act(AcceptOffer(offer.id, "Karin Kunz", begins, begins + 4 * HOUR), "provider")
    there.wait(1)
    ticket = there.again(ticket)
    assert isinstance(ticket, Ticket)
    return ticket


def visit_of(there: WebStory, ticket: Ticket) -> Visit:
    return there.one(Visit, Visit.id == there.again(ticket).visit_id)


def choose(begins: Instant) -> dict[str, str]:
    return {"window": f"{begins}-{begins + 4 * HOUR}"}


def kept(there: WebStory) -> list[tuple[str, str | None]]:
    rows = sorted(there.all(PendingAct), key=lambda one: (one.asked_at, one.id))
    return [(one.kind, one.outcome) for one in rows]


def test_a_day_off_of_whoever_comes_is_not_free_though_the_firm_works(there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    page, wednesday = there.follow(ticket), TOMORROW + DAY
    assert f"{wednesday}-" in web.get(f"{page}/move").text
    with there.gw.store.write() as session:
        enter_time_off(session, "kunz", "karin", date(2026, 11, 25), date(2026, 11, 25), "ill",
                       Actor(ActorKind.PROVIDER, "Kunz Heating"), there.now)
    form = web.get(f"{page}/move")
    assert f"{wednesday}-" not in form.text
    web.post(f"{page}/move", data=hidden_fields(form) | choose(wednesday))
    there.wait(1)
    assert visit_of(there, ticket).window_from != wednesday


def test_the_customer_moves_it_to_a_time_that_is_free_and_everybody_hears_it(
        there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    page = there.follow(ticket)
    assert "Move the visit" in read(web.get(page))
    offered = read(web.get(f"{page}/move"))
    assert "Planned now: 07:00–11:00 tomorrow." in offered
    assert "11:00–15:00 tomorrow" in offered
    since = there.now
    answer = web.post(f"{page}/move", data=hidden_fields(web.get(f"{page}/move")) | choose(TOMORROW + 4 * HOUR))
    assert answer.headers["location"] == page
    assert "You want the visit 11:00–15:00 tomorrow instead. In a minute we tell the firm" in read(web.get(page))
    assert visit_of(there, ticket).window_from == TOMORROW
    assert there.heard(KUNZ, since) == []
    there.wait(1)
    assert visit_of(there, ticket).window_from == TOMORROW + 4 * HOUR
    assert there.heard(KUNZ, since) == there.heard(ALICE, since) == ["visit_changed"]
    to_firm, to_alice = (there.told_to(who)[-1] for who in ("office@kunz.example", "alice@example.com"))
    assert "The customer has moved your visit: 11:00–15:00 tomorrow" in to_firm
    assert "New time: Karin Kunz, 11:00–15:00 tomorrow" in to_alice
    assert "sorry" not in there.messages[-1].text
    assert "The visit is moved: 11:00–15:00 tomorrow." in read(web.get(page))
    assert kept(there) == [("move", "done")]


def test_for_a_minute_they_take_it_back_and_nobody_has_heard_of_it(there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    page, said = there.follow(ticket), there.timeline(ticket.id)
    web.post(f"{page}/move", data=choose(TOMORROW + 4 * HOUR))
    for _ in range(2):  # the same tap twice
        taken = web.post(page, data={"act": "take_back", "pending": there.one(PendingAct).id})
        assert taken.headers["location"] == page
    assert "Taken back: Another time for the visit. Nobody was told" in read(web.get(page))
    there.wait(2)
    assert there.timeline(ticket.id) == said
    assert visit_of(there, ticket).window_from == TOMORROW


def test_after_the_minute_the_page_says_why_it_is_too_late_and_what_they_can_do(
        there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    page = there.follow(ticket)
    web.post(f"{page}/move", data=choose(TOMORROW + 4 * HOUR))
    there.wait(1)
    late = web.post(page, data={"act": "take_back", "pending": there.one(PendingAct).id})
    assert "the minute is over, and it is done. You can move the visit again." in read(late, 409)
    assert visit_of(there, ticket).window_from == TOMORROW + 4 * HOUR


def test_what_is_not_theirs_they_cannot_take_back(there: WebStory, web: httpx.Client) -> None:
    web.post(f"{there.follow(tomorrow(there))}/move", data=choose(TOMORROW + 4 * HOUR))
    other = there.follow(there.break_down("bob-pump"))
    read(web.post(other, data={"act": "take_back", "pending": there.one(PendingAct).id}), 409)
    assert there.one(PendingAct).closed_at is None


@pytest.mark.parametrize(("typed", "why"), [
    (TOMORROW - 2 * DAY, "That time is past, or too soon for the firm."),
    (TOMORROW + 15 * HOUR, "Nobody can come at that time."),  # the firm is closed, and Alice sleeps
    (NOON + 30 * DAY, "Nobody can come at that time."),
])
def test_a_time_that_cannot_be_had_gets_the_nearest_that_can(
        there: WebStory, web: httpx.Client, typed: Instant, why: str) -> None:
    ticket = tomorrow(there)
    page = there.follow(ticket)
    answer = web.post(f"{page}/move", data={"window": "other", "wanted": written_local(typed, ZONE)})
    said = read(answer, 409)
    assert why in said
    assert "begins" in said
    assert written_local(typed, ZONE) in answer.text  # nothing typed is lost
    assert answer.text.count(" checked>") == 1
    assert there.all(PendingAct) == []
    near = answer.text.split(" checked>")[0].rsplit('value="', 1)[1].rstrip('"')
    assert web.post(f"{page}/move", data={"window": near}).status_code == 303


def test_a_time_that_lies_in_a_free_window_is_that_window(there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    web.post(f"{there.follow(ticket)}/move", data={
        "window": "other", "wanted": written_local(TOMORROW + 5 * HOUR, ZONE)})
    there.wait(1)
    assert visit_of(there, ticket).window_from == TOMORROW + 4 * HOUR


@pytest.mark.parametrize("form", [
    {}, {"window": "x"}, {"window": "other"}, {"window": "other", "wanted": "tomorrow <b>"},
    {"window": "9" * 40 + "-" + "9" * 41}, {"window": "-5--1"}])
def test_what_is_no_time_is_asked_back(there: WebStory, web: httpx.Client, form: dict[str, str]) -> None:
    answer = web.post(f"{there.follow(tomorrow(there))}/move", data=form)
    assert answer.status_code in (409, 422)
    assert "<b>" not in answer.text.split("datetime-local")[1][:60]
    assert there.all(PendingAct) == []


def test_of_two_homes_that_want_the_same_hours_the_second_gets_the_nearest(
        there: WebStory, web: httpx.Client) -> None:
    alice, bob = tomorrow(there), tomorrow(there, "bob-pump", TOMORROW + DAY)
    web.post(f"{there.follow(alice)}/move", data=choose(TOMORROW + 4 * HOUR))
    second = web.post(f"{there.follow(bob)}/move", data=choose(TOMORROW + 4 * HOUR))  # hers waits for its minute
    assert "Zu dieser Zeit kann niemand kommen." in read(second, 409)
    there.wait(1)
    read(web.post(f"{there.follow(bob)}/move", data=choose(TOMORROW + 4 * HOUR)), 409)
    assert visit_of(there, bob).window_from == TOMORROW + DAY


def test_of_two_homes_that_want_the_same_hours_at_the_same_moment_one_gets_them(there: WebStory) -> None:
    tickets = [tomorrow(there), tomorrow(there, "bob-pump", TOMORROW + DAY)]
    window = TOMORROW + 4 * HOUR, TOMORROW + 8 * HOUR

    def wants(ticket: Ticket) -> Callable[[], None]:
        return lambda: ask(there.gw, PendingAct(
            id="", kind=CustomerAct.MOVE, ticket_id=ticket.id, window_from=window[0], window_until=window[1],
            asked_at=0, due_at=0), "", there.now)

    came_of_it = at_once(*map(wants, tickets))
    assert came_of_it.count(None) == 1
    assert [one.reason for one in came_of_it if isinstance(one, Refused)] == [RefusedReason.WINDOW_TAKEN]
    there.wait(1)
    assert sorted(visit_of(there, one).window_from == window[0] for one in tickets) == [False, True]


def test_the_same_tap_twice_at_the_same_moment_asks_once(there: WebStory, web: httpx.Client) -> None:
    page = there.follow(tomorrow(there))
    form = hidden_fields(web.get(f"{page}/move")) | choose(TOMORROW + 4 * HOUR)
    answers = at_once(*[lambda: web.post(f"{page}/move", data=form).status_code] * 3)
    assert answers == [303] * 3
    assert len(there.all(PendingAct)) == 1


def test_a_day_on_which_the_firm_has_enough_to_do_is_not_offered(there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    with there.gw.store.write() as session:
        session.connection().exec_driver_sql("UPDATE provider SET capacity = 1, revision = revision + 1")
    bob = tomorrow(there, "bob-pump", TOMORROW + DAY)
    offered = read(web.get(f"{there.follow(ticket)}/move"))
    assert "Wed 25 Nov" not in offered
    assert "Thu 26 Nov, 07:00–11:00" in offered
    assert there.again(bob).visit_id


def test_too_soon_before_it_is_a_matter_for_the_telephone(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()  # from now on
    page = there.follow(ticket)
    shown = web.get(f"{page}/move")
    assert "Please ring us for that" in read(shown)
    assert "I need another time than 13:00–17:00 today." in read(shown)
    answer = web.post(f"{page}/change", data={"act": "call", "about": "I need another time"})
    assert answer.status_code == 303
    there.wait(1)
    assert there.one(Callback).wish == "I need another time"
    late = web.post(f"{page}/move", data=choose(TOMORROW))
    assert "Moving the visit now is a matter for the telephone" in read(late, 409)


def test_the_technician_sets_out_while_the_customer_moves_the_visit(there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    page = there.follow(ticket)
    form = hidden_fields(web.get(f"{page}/move"))
    there.act(Depart(visit_of(there, ticket).id, 20), KARIN)
    late = web.post(f"{page}/move", data=form | choose(TOMORROW + 4 * HOUR))
    said = read(late, 409)
    assert "Something has changed since you opened this page. It now says: “Karin Kunz is on the way”." in said
    assert "Please ring us for that" in said
    assert there.all(PendingAct) == []


def test_who_sets_out_within_the_minute_is_not_turned_round_and_a_person_rings_the_customer(
        there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    page = there.follow(ticket)
    web.post(f"{page}/move", data=choose(TOMORROW + 4 * HOUR))
    there.act(Depart(visit_of(there, ticket).id, 20), KARIN)
    there.wait(1)
    assert visit_of(there, ticket).window_from == TOMORROW
    assert kept(there) == [("move", "refused")]
    assert "that was not possible any more a minute later" in read(web.get(page))
    assert PageReason.WISH_NOT_DONE in there.one(OnCallPage).reasons
    assert there.told_to("desk@example.com")


def test_the_firm_moves_it_and_the_customer_at_once_the_second_reads_what_the_first_did(
        there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    page = there.follow(ticket)
    form = hidden_fields(web.get(f"{page}/move"))
    there.act(ProposeWindow(visit_of(there, ticket).id, TOMORROW + DAY, TOMORROW + DAY + 4 * HOUR), KARIN)
    late = web.post(f"{page}/move", data=form | choose(TOMORROW + 4 * HOUR))
    assert "Karin Kunz now comes Wed 25 Nov, 07:00–11:00." in read(late, 409)
    assert f'value="{TOMORROW + 4 * HOUR}-{TOMORROW + 8 * HOUR}" checked' in late.text  # what they chose stays chosen
    again = web.post(f"{page}/move", data=hidden_fields(late) | choose(TOMORROW + 4 * HOUR))
    assert again.status_code == 303


def test_two_of_one_household_the_second_reads_that_the_first_was_there(there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    page = there.follow(ticket)
    first = second = hidden_fields(web.get(f"{page}/move"))
    web.post(f"{page}/move", data=first | choose(TOMORROW + 4 * HOUR))
    late = web.post(f"{page}/move", data=second | choose(TOMORROW + DAY))
    assert "Somebody in your household has just asked us for something else" in read(late, 409)
    web.post(f"{page}/move", data=hidden_fields(late) | choose(TOMORROW + DAY))  # and means it
    there.wait(1)
    assert visit_of(there, ticket).window_from == TOMORROW + DAY
    assert sorted(outcome or "" for _, outcome in kept(there)) == [PendingOutcome.DONE, PendingOutcome.REPLACED]


def test_a_dispatcher_calls_it_off_while_the_customer_chooses(there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    page = there.follow(ticket)
    form = hidden_fields(web.get(f"{page}/move"))
    there.act(CancelTicket(ticket.id, "on the telephone"), "agent Dana")
    late = web.post(f"{page}/move", data=form | choose(TOMORROW + 4 * HOUR))
    assert late.status_code == 409
    assert there.all(PendingAct) == []


def test_a_second_tap_after_the_minute_moves_nothing(there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    page = there.follow(ticket)
    form = hidden_fields(web.get(f"{page}/move")) | choose(TOMORROW + 4 * HOUR)
    web.post(f"{page}/move", data=form)
    web.post(f"{page}/move", data=form)
    there.wait(1)
    said = there.timeline(ticket.id)
    web.post(f"{page}/move", data=form)
    there.wait(1)
    assert there.timeline(ticket.id) == said
    assert [entry.kind for entry in there.all(Entry)].count(EntryKind.WINDOW_MOVED) == 1


def test_what_a_restart_interrupts_is_done_all_the_same(there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    web.post(f"{there.follow(ticket)}/move", data=choose(TOMORROW + 4 * HOUR))
    there.now += 10 * MINUTE  # nobody was there to look
    there.wait()
    assert visit_of(there, ticket).window_from == TOMORROW + 4 * HOUR


def test_what_the_firm_has_agreed_within_the_minute_stays_and_a_person_rings_the_customer(
        there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    page = there.follow(ticket)
    web.post(f"{page}/move", data=hidden_fields(web.get(f"{page}/move")) | choose(TOMORROW + 4 * HOUR))
    there.wait(seconds=20)
    there.act(ProposeWindow(visit_of(there, ticket).id, TOMORROW + 2 * DAY, TOMORROW + 2 * DAY + 4 * HOUR), KARIN)
    there.wait(1)
    assert visit_of(there, ticket).window_from == TOMORROW + 2 * DAY
    assert kept(there) == [("move", "refused")]
    assert "that was not possible any more a minute later, because something changed" in read(web.get(page))
    assert there.one(OnCallPage).why == (PageReason.WISH_NOT_DONE,)


def test_who_moves_it_as_they_wish_within_the_minute_has_done_it(there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    web.post(f"{there.follow(ticket)}/move", data=choose(TOMORROW + 4 * HOUR))
    there.act(ProposeWindow(visit_of(there, ticket).id, TOMORROW + 4 * HOUR, TOMORROW + 8 * HOUR), KARIN)
    there.wait(1)
    assert kept(there) == [("move", "done")]
    assert there.all(OnCallPage) == []


def test_of_two_tickets_on_one_visit_the_last_word_about_its_time_counts(there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    other = on_the_same_visit(there, ticket)
    for one, begins in ((ticket, TOMORROW + 4 * HOUR), (other, TOMORROW + DAY)):
        page = there.follow(one)
        assert web.post(f"{page}/move", data=hidden_fields(web.get(f"{page}/move")) | choose(begins)).status_code == 303
    there.wait(1)
    assert visit_of(there, ticket).window_from == TOMORROW + DAY
    assert sorted(outcome or "" for _, outcome in kept(there)) == [PendingOutcome.DONE, PendingOutcome.REPLACED]
    assert visit_of(there, ticket).moves == 1
    assert there.all(OnCallPage) == []


def on_the_same_visit(there: WebStory, ticket: Ticket) -> Ticket:
    """Something else at the same home, which the firm settles on the same trip."""
    there.act(OpenTicket("alice-home", "Dripping tap", "heating", Severity.MINOR))
    other = there.one(Ticket, Ticket.id != ticket.id)
    there.act(AcceptOffer(there.one(Offer, Offer.ticket_id == other.id, Offer.provider_id == "kunz").id, "Karin Kunz"),
              "provider")
    there.wait(1)
    other = there.one(Ticket, Ticket.id == other.id)
    assert other.visit_id == there.again(ticket).visit_id
    return other


def test_what_was_in_time_when_they_asked_is_in_time_a_minute_later(there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    page = there.follow(ticket)
    there.now = TOMORROW - there.gw.settings.service.move_hours * HOUR - 20 * SECOND
    assert web.post(f"{page}/move", data=choose(TOMORROW + 4 * HOUR)).status_code == 303
    there.wait(1)
    assert kept(there) == [("move", "done")]
    assert visit_of(there, ticket).window_from == TOMORROW + 4 * HOUR
    assert there.all(OnCallPage) == []


def test_what_lay_for_hours_is_too_late_all_the_same(there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    there.now = TOMORROW - there.gw.settings.service.move_hours * HOUR - 20 * SECOND
    assert web.post(f"{there.follow(ticket)}/move", data=choose(TOMORROW + 4 * HOUR)).status_code == 303
    there.now = TOMORROW - HOUR  # nobody was there to look
    there.wait()
    assert kept(there) == [("move", "refused")]
    assert PageReason.WISH_NOT_DONE in there.one(OnCallPage).why


def test_five_times_a_day_they_move_it_and_then_it_is_a_matter_for_the_telephone(
        there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there, begins=TOMORROW + DAY)
    page, mails = there.follow(ticket), len(there.told_to("office@kunz.example"))
    answers = []
    for number in range(7):
        there.says("alice-pump", flow_temp=40.0, pressure=1.5)  # it is there
        begins = TOMORROW + DAY + (0 if number % 2 else 4 * HOUR)
        answers.append(web.post(f"{page}/move", data=hidden_fields(web.get(f"{page}/move")) | choose(begins)))
        there.wait(1)
    assert [one.status_code for one in answers] == [303] * 5 + [409] * 2
    assert "You have done that as often since yesterday as this page allows. Please ring us" in read(answers[-1], 409)
    assert visit_of(there, ticket).moves == 5
    assert len(there.told_to("office@kunz.example")) == mails + 5
