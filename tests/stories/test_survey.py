"""How it went: three taps once a ticket is closed, and what follows when somebody says that it does not work."""

from collections.abc import Iterator

import httpx
import pytest
from sqlmodel import col

from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    Entry,
    EntryKind,
    OnCallPage,
    PageReason,
    Severity,
    Survey,
    Ticket,
    Visit,
    customer,
)
from gateway.model.plan import NoSuch, Refused
from gateway.notifications.topics import TopicName
from gateway.store import Store
from gateway.store.contexts.providers import provider_loads
from gateway.tickets.actions import AnswerSurvey, Arrive, CancelTicket, Finish, LeaveSite, OpenTicket, ResolveTicket
from gateway.tickets.after.survey import ANSWER_WITHIN
from tests.drivers.story import Story, begin
from tests.drivers.web_driver import WebStory, read, web_story

pytestmark = pytest.mark.slow
ASKED, SORRY = TopicName.SURVEY, TopicName.APOLOGY


@pytest.fixture
def story(both_stores: Store) -> Story:
    return begin(both_stores, survey=True)


@pytest.fixture
def there(store: Store) -> WebStory:
    return web_story(store, survey=True)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def stays_well(story: Story) -> None:
    for _ in range(5):
        story.wait(minutes=4)
        story.says("alice-pump", flow_temp=40.0)


def is_repaired(story: Story) -> Ticket:
    """A fault, a technician, and quiet since then: the closed ticket."""
    story.says("alice-pump", flow_temp=80.0)
    story.wait()
    story.accept("Karin Kunz")
    story.wait()
    ticket = story.one(Ticket, col(Ticket.closed_at).is_(None))
    visit = story.one(Visit, Visit.ticket_id == ticket.id)
    story.act(Arrive(visit.id), "provider kunz")
    story.says("alice-pump", flow_temp=40.0)
    story.act(Finish(visit.id, "Pump replaced"), "provider kunz")
    stays_well(story)
    return story.one(Ticket, Ticket.id == ticket.id)


def answers(story: Story) -> list[Entry]:
    return story.all(Entry, Entry.kind == EntryKind.SURVEY_ANSWERED)


def topics(story: Story) -> list[str]:
    """What Alice has been told."""
    return story.heard(customer("alice"))


def test_a_customer_is_asked_once_when_it_is_closed(story: Story) -> None:
    ticket = is_repaired(story)
    assert ticket.state == "closed"
    assert topics(story).count(ASKED) == 1
    survey = story.one(Survey)
    assert (survey.ticket_id, survey.answered_at, survey.proven) == (ticket.id, None, True)
    assert story.told_to("alice@example.com")[-1].startswith("How did it go?")


def test_nobody_is_asked_where_the_operator_has_not_switched_it_on(both_stores: Store) -> None:
    story = begin(both_stores)
    assert is_repaired(story).state == "closed"
    assert ASKED not in topics(story)
    assert not story.all(Survey)


def test_nobody_is_asked_twice_in_thirty_days(story: Story) -> None:
    is_repaired(story)
    story.now += DAY
    is_repaired(story)
    assert len(story.tickets) == 2
    assert topics(story).count(ASKED) == 1


def test_who_says_that_it_does_not_work_has_the_same_ticket_opened_again_and_a_person_looks(story: Story) -> None:
    ticket = is_repaired(story)
    story.now += HOUR
    story.act(AnswerSurvey(ticket.id, works=False, words="It drips again"), "customer")
    again = story.one(Ticket, Ticket.id == ticket.id)
    assert (again.state, again.round, again.closed_at, again.reported) == ("offered", 2, None, ["It drips again"])
    assert len(story.tickets) == 1
    assert PageReason.NOT_FIXED in story.one(OnCallPage).why
    story.wait()
    assert topics(story).count(TopicName.FAULT_FOUND) == 2
    assert answers(story)


def test_a_ticket_that_was_opened_again_is_not_asked_about_a_second_time(story: Story) -> None:
    ticket = is_repaired(story)
    story.act(AnswerSurvey(ticket.id, works=False), "customer")
    story.act(ResolveTicket(ticket.id, "It was the valve"), "agent Anna")
    story.now += 31 * DAY
    story.says("alice-pump", flow_temp=40.0)
    stays_well(story)
    assert story.one(Ticket, Ticket.id == ticket.id).state == "closed"
    assert topics(story).count(ASKED) == 1


def test_a_no_counts_against_the_first_time_fix_of_the_visit(story: Story) -> None:
    ticket = is_repaired(story)
    assert fixed(story) == 1
    story.act(AnswerSurvey(ticket.id, works=False), "customer")
    story.act(CancelTicket(ticket.id, "They look after it themselves"), "agent Anna")
    assert fixed(story) == 0


def fixed(story: Story) -> int:
    with story.gw.store.read() as session:
        load = provider_loads(session, story.now + 2 * HOUR)
    return load.records["kunz"].fixed


def test_when_another_ticket_is_open_for_it_by_now_that_one_goes_on(story: Story) -> None:
    ticket = is_repaired(story)
    story.now += DAY
    story.says("alice-pump", flow_temp=80.0)
    other = story.one(Ticket, Ticket.id != ticket.id)
    story.act(AnswerSurvey(ticket.id, works=False, words="It is hot again"), "customer")
    assert story.one(Ticket, Ticket.id == ticket.id).state == "closed"
    assert story.one(Ticket, Ticket.id == other.id).reported == ["It is hot again"]


def test_the_same_answer_twice_is_one_and_another_is_refused(story: Story) -> None:
    ticket = is_repaired(story)
    said = AnswerSurvey(ticket.id, works=False)
    story.act(said, "customer")
    story.act(said, "customer")
    assert len(answers(story)) == 1
    with pytest.raises(Refused):
        story.act(AnswerSurvey(ticket.id, works=True), "customer")


def test_after_two_weeks_the_question_has_expired(story: Story) -> None:
    ticket = is_repaired(story)
    story.now += ANSWER_WITHIN
    with pytest.raises(Refused):
        story.act(AnswerSurvey(ticket.id, works=False), "customer")
    assert story.one(Ticket, Ticket.id == ticket.id).state == "closed"
    assert story.one(Survey).answered_at is None


def test_of_a_ticket_that_nobody_was_asked_about_there_is_no_answer(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    with pytest.raises(NoSuch):
        story.act(AnswerSurvey(story.ticket.id, works=False), "customer")


def test_who_was_let_down_hears_that_we_are_sorry_and_is_not_asked(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    story.wait()
    story.accept("Karin Kunz")
    story.wait()
    visit = story.one(Visit)
    story.wait(minutes=(visit.window_until - story.now) // MINUTE + 30)  # nobody comes
    story.says("alice-pump", flow_temp=40.0)
    story.act(Arrive(visit.id), "provider kunz")
    story.act(Finish(visit.id, "Pump replaced"), "provider kunz")
    stays_well(story)
    assert story.ticket.state == "closed"
    story.wait(minutes=24 * 60)
    assert topics(story).count(SORRY) == 1
    assert ASKED not in topics(story)
    assert not story.all(Survey)


def test_in_the_night_nobody_is_asked(story: Story) -> None:
    story.now += 9 * HOUR  # 22:00 in the town
    story.act(OpenTicket("alice-home", "It drips", "heating", Severity.MINOR), "agent Anna")
    story.act(ResolveTicket(story.ticket.id, "It was rain"), "agent Anna")
    story.wait(minutes=30)
    assert story.ticket.state == "closed"
    assert ASKED not in topics(story)


def test_who_has_moved_out_is_not_asked_any_more(story: Story) -> None:
    ticket = is_repaired(story)
    story.act(LeaveSite("alice-home"), "agent Anna")
    with pytest.raises(Refused):
        story.act(AnswerSurvey(ticket.id, works=False), "customer")


def test_the_page_says_what_we_know_and_takes_a_no(there: WebStory, web: httpx.Client) -> None:
    ticket = is_repaired(there)
    page = there.link("survey", ticket)
    told = read(web.get(page))
    assert "How did it go? Heat pump Our data shows that it works. No, it does not work" in told
    assert "Does it work?" not in told
    assert "Please choose an answer" in read(web.post(page, data={"words": " "}), 422)
    assert web.post(page, data={"works": "no", "ease": "bad", "words": "<b>cold</b>"}).status_code == 303
    told = read(web.get(page))
    assert "We are sorry We are seeing to it again" in told
    assert there.again(ticket).reported == ["<b>cold</b>"]
    assert web.post(page, data={"works": "no", "ease": "bad", "words": "<b>cold</b>"}).status_code == 303
    assert "<b>cold</b>" not in web.get(there.follow(ticket)).text


def test_who_likes_it_is_thanked(there: WebStory, web: httpx.Client) -> None:
    ticket = is_repaired(there)
    page = there.link("survey", ticket)
    assert web.post(page, data={"ease": "good", "care": "fair"}).status_code == 303
    assert "Thank you Your answer has reached us." in read(web.get(page))
    survey = there.one(Survey)
    assert (survey.works, survey.ease, survey.care) == (True, "good", "fair")
    assert there.again(ticket).state == "closed"


def test_when_it_has_expired_the_link_leads_nowhere_and_says_whom_to_call(there: WebStory, web: httpx.Client) -> None:
    page = there.link("survey", is_repaired(there))
    there.now += ANSWER_WITHIN
    assert "Call us" in read(web.get(page), 404)
