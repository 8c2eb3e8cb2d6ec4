"""No free time suits the customer: the visit is called off, the ticket goes on, and who hears what by when."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.model import (
    DAY,
    HOUR,
    Entry,
    EntryKind,
    Offer,
    OfferState,
    PendingAct,
    Severity,
    Ticket,
    TicketState,
    Visit,
    VisitState,
    customer,
    provider,
)
from gateway.store import Store
from gateway.tickets.actions import AcceptOffer, Depart
from tests.drivers.web_driver import ROUND_THE_CLOCK, WebStory, hidden_fields, read, web_story
from tests.stories import test_customer_moves as moves
from tests.stories.test_customer_moves import TOMORROW, visit_of

ALICE, KUNZ, KARIN = customer("alice"), provider("kunz"), "technician Karin Kunz"
EVENINGS = "Only after 5 pm <b>please</b>"


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores, callback_hours=ROUND_THE_CLOCK)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def tomorrow(there: WebStory, severity: Severity = Severity.MAJOR) -> Ticket:
    ticket = moves.tomorrow(there)
    there.change(ticket, severity=severity)
    return ticket


def none_suits(web: httpx.Client, page: str, suits: str = EVENINGS) -> httpx.Response:
    form = hidden_fields(web.get(f"{page}/move"))
    return web.post(f"{page}/move", data=form | {"act": "other_time", "suits": suits})


def test_the_visit_is_off_everybody_hears_it_and_the_job_is_offered_again_with_a_deadline(
        there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    page, visit = there.follow(ticket), visit_of(there, ticket)
    assert "None of these times suits me" in read(web.get(f"{page}/move"))
    assert none_suits(web, page).status_code == 303
    assert "In a minute we call it off and ask firms for a time that suits you" in read(web.get(page))
    assert visit_of(there, ticket).id == visit.id
    since = there.now
    there.wait(1)
    assert there.one(Visit, Visit.id == visit.id).state is VisitState.CANCELLED
    assert there.again(ticket).state is TicketState.OFFERED
    pending = there.all(Offer, Offer.ticket_id == ticket.id, Offer.state == OfferState.PENDING)
    assert "kunz" in [one.provider_id for one in pending]  # another time may suit them both
    assert all(one.expires_at > there.now for one in pending)
    assert "visit_called_off" in there.heard(ALICE, since)
    assert there.heard(KUNZ, since) == ["offer", "visit_called_off"]
    mail = next(one for one in there.messages if one.to == "office@kunz.example" and "does not suit" in one.text)
    assert EVENINGS in mail.text
    assert f"The customer says: {EVENINGS}" in read(web.get(there.offer(ticket)))
    assert "That visit is off, and the firm knows." in read(web.get(page))


def test_it_does_not_count_against_the_firm_which_can_come_at_another_time(
        there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    none_suits(web, there.follow(ticket))
    there.wait(1)
    assert there.all(Visit)[0].handed_back_at is None
    offer = there.one(Offer, Offer.ticket_id == ticket.id, Offer.state == OfferState.PENDING,
                      Offer.provider_id == "kunz")
    begins = TOMORROW + DAY + 10 * HOUR
    there.act(AcceptOffer(offer.id, "Karin Kunz", begins, begins + 2 * HOUR), "provider")
    assert visit_of(there, ticket).window_from == begins


def test_they_take_it_back_and_the_firm_never_hears_of_it(there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    page, since = there.follow(ticket), there.now
    none_suits(web, page)
    web.post(page, data={"act": "take_back", "pending": there.one(PendingAct).id})
    there.wait(2)
    assert visit_of(there, ticket).state is VisitState.PLANNED
    assert there.heard(KUNZ, since) == []


def test_when_it_suits_has_to_be_said_and_the_field_has_the_focus(there: WebStory, web: httpx.Client) -> None:
    page = there.follow(tomorrow(there))
    answer = none_suits(web, page, "  ")
    assert "Please write when it suits you" in read(answer, 422)
    assert 'aria-describedby="suits-error" autofocus' in answer.text
    assert there.all(PendingAct) == []


def test_shortly_before_it_and_on_the_way_it_is_a_matter_for_the_telephone(
        there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()  # from now on
    page = there.follow(ticket)
    assert "None of these times" not in read(web.get(f"{page}/move"))
    assert "a matter for the telephone" in read(none_suits(web, page), 409)


def test_nobody_coming_to_a_dangerous_fault_is_a_matter_for_the_telephone(there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there, Severity.CRITICAL)
    page = there.follow(ticket)
    assert "None of these times" not in read(web.get(f"{page}/move"))
    assert "a matter for the telephone" in read(none_suits(web, page), 409)


def test_who_sets_out_within_the_minute_is_not_turned_round(there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    page = there.follow(ticket)
    none_suits(web, page)
    there.act(Depart(visit_of(there, ticket).id, 20), KARIN)
    there.wait(1)
    assert visit_of(there, ticket).state is VisitState.EN_ROUTE
    assert "that was not possible any more a minute later" in read(web.get(page))


def test_the_same_tap_twice_calls_off_one_visit_and_the_third_in_a_week_is_for_the_telephone(
        there: WebStory, web: httpx.Client) -> None:
    ticket = tomorrow(there)
    page = there.follow(ticket)
    for number in (1, 2):
        form = hidden_fields(web.get(f"{page}/move")) | {"act": "other_time", "suits": EVENINGS}
        assert [web.post(f"{page}/move", data=form).status_code for _ in range(2)] == [303, 303]
        there.wait(1)
        kinds = [one.kind for one in there.all(Entry, Entry.subject_id == ticket.id)]
        assert kinds.count(EntryKind.CUSTOMER_CALLED_OFF) == number
        offer = there.one(Offer, Offer.ticket_id == ticket.id, Offer.state == OfferState.PENDING,
                          Offer.provider_id == "kunz")
        begins = TOMORROW + number * DAY
        there.act(AcceptOffer(offer.id, "Karin Kunz", begins, begins + 4 * HOUR), "provider")
        there.wait(1)
    assert "a matter for the telephone" in read(none_suits(web, page), 409)
