"""The page of whoever is on call: how things stand, and what to do, used as people do, without a script."""

import re
from collections.abc import Iterator

import httpx
import pytest

from gateway.config.settings import OnCall
from gateway.devices.registration import DeviceRequest
from gateway.model import (
    DAY,
    HOUR,
    Callback,
    Cover,
    Customer,
    Device,
    Entry,
    HoldReason,
    Job,
    Link,
    LinkPurpose,
    Notification,
    Offer,
    OnCallPage,
    Price,
    Promise,
    SubjectKind,
    Ticket,
    Visit,
    from_iso,
)
from gateway.model.entries import LOOKS
from gateway.notifications import signed_links
from gateway.notifications.topics import TopicName
from gateway.store import Store
from gateway.store.devices import device_registry
from gateway.tickets.actions import AcceptOffer, Arrive, CancelTicket, DeclineOffer, Depart, MergeTickets
from tests.drivers.story import begin
from tests.drivers.web_driver import WebStory, read, without_ids
from tests.fixtures.on_call_team import TEAM
from tests.fixtures.web import serve

pytestmark = pytest.mark.slow


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    there = WebStory(**vars(begin(both_stores, on_call=TEAM, name="Wiesental Service", country="CH")))
    there.base = serve(there.gw, there.clock, lambda: there.health)
    return there


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def nobody_takes_it(there: WebStory) -> Ticket:
    """Kunz and Seeblick have declined; Dana and Max have been paged."""
    ticket = there.break_down()
    for why in ("no time", "too far"):
        there.act(DeclineOffer(there.one(Offer, Offer.state == "pending").id, why), "provider")
    there.wait(seconds=1)
    there.wait(minutes=5)
    return ticket


def page_of(there: WebStory, row: Ticket | Callback, person: str = "dana") -> str:
    """The path in the message to that person."""
    link = there.one(Link, Link.purpose == "dispatch", Link.subject_id == row.id, Link.person == person)
    return signed_links.url("", there.secret, LinkPurpose.DISPATCH, link.id)


def page_of_unpaged(there: WebStory, ticket: Ticket, person: str = "dana") -> str:
    """The path in a message that they had about it before."""
    there.add(Link(id="L-BEFORE", purpose=LinkPurpose.DISPATCH, subject_kind=SubjectKind.TICKET, subject_id=ticket.id,
                   person=person, created_at=there.now, expires_at=there.now + 90 * DAY))
    return signed_links.url("", there.secret, LinkPurpose.DISPATCH, "L-BEFORE")


def timeline(there: WebStory, row: Ticket | Callback) -> list[tuple[str, str]]:
    """(what, by whom) of what a person did, in order; that they have seen the number is not among it."""
    entries = sorted(there.all(Entry, Entry.subject_id == row.id), key=lambda entry: entry.id or 0)
    return [(str(entry.kind), str(entry.by)) for entry in entries
            if entry.by_kind == "agent" and entry.kind not in LOOKS]


def test_it_says_what_is_wrong_who_acts_next_who_was_asked_and_whom_to_ring(
        there: WebStory, web: httpx.Client) -> None:
    page = read(web.get(page_of(there, nobody_takes_it(there))))
    assert "Top priority Compressor fault Nobody has this job." in page
    assert "Next: you, who are on call, by" in page
    assert "No firm is left to ask. Nobody sees to it yet. We have been asking since 13:00 today." in page
    assert "Alice Keller Lindenweg 1 8001 Wiesental +41 79 123 45 67 alice@example.com" in page
    assert "Seeblick Service declined 13:00 today: too far" in page
    assert "Kunz Heating declined 13:00 today: no time · +41446681800" in page
    assert "Told Dana Weber by email: request to look at it" in page


def test_the_link_of_a_merged_ticket_leads_to_the_one_that_carries_it_on(there: WebStory, web: httpx.Client) -> None:
    merged = nobody_takes_it(there)
    with there.gw.store.write() as session:
        device_registry.add(session, DeviceRequest(id="alice-cellar", key="native:alice-cellar", profile="heat-pump",
                                                   site="alice-home", name="Cellar pump"))
    there.says("alice-cellar", flow_temp=80.0)
    other = there.one(Ticket, Ticket.device_id == "alice-cellar")
    there.act(MergeTickets(merged.id, other.id))
    page = web.get(page_of(there, merged))
    assert other.id in read(page)
    assert web.post(page_of(there, merged), data={"act": "cancel", "note": "sold"}).status_code == 303
    assert there.one(Ticket, Ticket.id == other.id).state == "cancelled"


def test_max_reads_german(there: WebStory, web: httpx.Client) -> None:
    page = read(web.get(page_of(there, nobody_takes_it(there), "max")))
    assert "Kompressorstörung Niemand hat diesen Auftrag. Am Zug: Sie und die Bereitschaft" in page
    assert "Wir haben keinen Betrieb mehr, den wir fragen könnten." in page


def test_the_firms_that_could_not_be_asked_stand_there_with_the_reason(there: WebStory, web: httpx.Client) -> None:
    there.says("charlie-pump", flow_temp=80.0)  # Kunz does not go to Seedorf
    there.act(DeclineOffer(there.one(Offer).id), "provider")
    there.wait(seconds=1)
    page = read(web.get(page_of(there, there.ticket)))
    assert re.search(r"Why not the others Kunz Heating \S.*Timeline", page)


def test_a_tap_acknowledges_and_the_same_tap_twice_gets_the_same_answer(there: WebStory, web: httpx.Client) -> None:
    ticket = nobody_takes_it(there)
    path = page_of(there, ticket)
    answers = [web.post(path, data={"act": "acknowledge"}) for _ in range(3)]
    assert {(answer.status_code, answer.headers["location"]) for answer in answers} == {(303, path)}
    assert timeline(there, ticket) == [("page_acknowledged", "agent Dana Weber")]
    assert there.one(OnCallPage).next_at == there.now + 4 * HOUR
    page = read(web.get(path))
    assert "Dana Weber +41790000001 sees to it. If it is not settled by 17:05 today, we will ask again." in page
    assert "I am still on it" in page
    assert "I see to it" in read(web.get(page_of(there, ticket, "max"))).replace("Ich kümmere mich", "I see to it")


def test_nothing_is_acknowledged_any_more_once_nobody_is_paged(there: WebStory, web: httpx.Client) -> None:
    ticket = nobody_takes_it(there)
    path = page_of(there, ticket)
    web.post(path, data={"act": "ask_again"})
    assert f"Nobody is being paged about {ticket.id} now." in read(web.post(path, data={"act": "acknowledge"}), 409)


def test_firms_are_asked_again_once_however_often_it_is_tapped(there: WebStory, web: httpx.Client) -> None:
    ticket = nobody_takes_it(there)
    path = page_of(there, ticket)
    for _ in range(3):
        assert web.post(path, data={"act": "ask_again"}).status_code == 303
    assert there.one(Offer, Offer.state == "pending").round == 2
    assert len(there.all(Offer)) == 3
    assert timeline(there, ticket) == [("asked_again", "agent Dana Weber")]
    assert "Asked: Kunz Heating." in read(web.get(path))


def test_one_firm_is_asked_by_hand(there: WebStory, web: httpx.Client) -> None:
    ticket = nobody_takes_it(there)
    path = page_of(there, ticket)
    assert {re.sub(r"\s+", " ", name) for name in re.findall(r'<option value="\w+">([^<]+)', web.get(path).text)} >= {
        "Kunz Heating", "Seeblick Service"}
    for _ in range(2):
        assert web.post(path, data={"act": "ask", "firm": "kunz"}).status_code == 303
    assert [offer.provider_id for offer in there.all(Offer, Offer.state == "pending")] == ["kunz"]
    assert len(there.all(Offer)) == 3
    page = read(web.get(path))
    assert "Asked: Kunz Heating. Next: the firm, by 13:25 today" in page
    assert read(web.post(path, data={"act": "ask", "firm": "nobody"}), 409)


def test_a_firm_that_says_yes_on_the_telephone_gets_the_job_and_its_page(there: WebStory, web: httpx.Client) -> None:
    ticket = nobody_takes_it(there)
    path = page_of(there, ticket)
    form = {"act": "assign", "firm": "kunz", "technician": "Karin Kunz", "window_from": "2026-11-23T14:00",
            "until": "2026-11-23T17:00"}
    for _ in range(2):
        assert web.post(path, data=form).status_code == 303
    there.wait(seconds=1)
    visit = there.one(Visit)
    assert (visit.technician, visit.window_from) == ("Karin Kunz", from_iso("2026-11-23T14:00:00+01:00"))
    told = there.one(Notification, Notification.topic == "job_taken")
    assert (told.recipient_id, told.state) == ("kunz", "sent")
    assert there.one(Notification, Notification.topic == "technician_assigned").state == "sent"
    offers = there.all(Notification, Notification.topic == "offer", Notification.recipient_id == "kunz")
    assert {row.state for row in offers} == {"dropped"}, "they need not be asked any more"
    assert f"http://127.0.0.1:8080{there.visit(ticket)}" in next(
        message.text for message in there.messages if message.subject.startswith("Your job: Heat pump"))
    page = read(web.get(path))
    assert "Karin Kunz (Kunz Heating) will come." in page
    assert "agent Dana Weber" in page


@pytest.mark.parametrize("window", [{"window_from": "", "until": "2026-11-23T17:00"}, {"window_from": "soon"}])
def test_an_arrival_window_is_needed_for_it(there: WebStory, web: httpx.Client, window: dict[str, str]) -> None:
    answer = web.post(page_of(there, nobody_takes_it(there)), data={"act": "assign", "firm": "kunz"} | window)
    assert "Please give an arrival window" in read(answer, 422)


def test_it_can_be_put_on_hold_until_a_date_and_goes_on_then(there: WebStory, web: httpx.Client) -> None:
    ticket = nobody_takes_it(there)
    path, form = page_of(there, ticket), {"act": "hold", "reason": "part", "until": "2026-11-24T09:00", "note": "valve"}
    for _ in range(2):
        assert web.post(path, data=form).status_code == 303
    job = there.one(Job)
    assert (job.state, job.hold_reason, job.held_by) == ("on_hold", HoldReason.PART, "agent Dana Weber")
    assert timeline(there, ticket) == [("put_on_hold", "agent Dana Weber")]
    page = read(web.get(path))
    assert "It is on hold. Next: you, who are on call, by 09:00 tomorrow" in page
    assert "What it waits for A part, until 09:00 tomorrow" in page
    assert "On hold until 24 Nov 09:00, waiting for: A part. valve" in page
    there.now = job.hold_until or 0
    there.wait(seconds=1)
    assert there.one(Offer, Offer.state == "pending", Offer.job_id == job.id).round == 2


@pytest.mark.parametrize(("form", "words"), [
    ({"act": "hold", "reason": "part", "until": ""}, "Please give a date and a time."),
    ({"act": "hold", "reason": "part", "until": "soon"}, "Please give a date and a time."),
    ({"act": "hold", "reason": "rain", "until": "2026-11-24T09:00"}, "That is no longer possible."),
    ({"act": "cancel", "note": " "}, "Please say in a few words why"),
    ({"act": "resolve"}, "Please say in a few words why"),
    ({"act": "dance"}, "That is no longer possible."), ({}, "That is no longer possible."),
])
def test_a_form_that_makes_no_sense_is_asked_for_again(
        there: WebStory, web: httpx.Client, form: dict[str, str], words: str) -> None:
    ticket = nobody_takes_it(there)
    assert words in read(web.post(page_of(there, ticket), data=form), 422)
    assert (there.again(ticket).state, timeline(there, ticket)) == ("new", [])


def test_it_cannot_wait_until_yesterday(there: WebStory, web: httpx.Client) -> None:
    form = {"act": "hold", "reason": "part", "until": "2026-11-22T09:00"}
    answer = web.post(page_of(there, nobody_takes_it(there)), data=form)
    assert "It cannot wait until a time that is past." in read(answer, 409)


def test_it_can_be_settled_and_the_customer_hears_of_it(there: WebStory, web: httpx.Client) -> None:
    ticket = nobody_takes_it(there)
    for _ in range(2):
        answer = web.post(page_of(there, ticket), data={"act": "resolve", "note": "Restarted it with her"})
        assert answer.status_code == 303
    there.wait(seconds=1)
    assert there.again(ticket).state == "resolved"
    assert len(there.all(Notification, Notification.topic == "resolved")) == 1
    assert there.one(OnCallPage).state == "ended"


@pytest.mark.parametrize("way", [0, 30])
def test_not_today_says_the_customer_so_who_comes_is_put_off(there: WebStory, web: httpx.Client, way: int) -> None:
    """The dispatcher puts it on hold while somebody is to come, or drives: nobody is let down, and all of them hear it.
    """
    ticket = there.break_down()
    there.accept()
    visit = there.one(Visit)
    there.wait(seconds=1)
    if way:
        there.act(Depart(visit.id, way), "technician Karin Kunz")
        there.wait(seconds=1)
    path = page_of_unpaged(there, ticket)
    form = {"act": "hold", "reason": "no_access", "until": "2026-11-24T09:00", "note": "She is at work today"}
    for _ in range(2):
        assert web.post(path, data=form).status_code == 303
    there.wait(seconds=1)
    assert there.again(ticket).state == "on_hold"
    assert there.again(visit).state == "cancelled"
    told = there.notifications(TopicName.VISIT_CALLED_OFF)
    assert sorted(one.recipient_kind for one in told) == ["customer", "provider"] if way else ["customer"]
    assert len(there.notifications(TopicName.OFFER_WITHDRAWN)) == (0 if way else 1)
    promises = {(one.kind, one.state, one.due_at) for one in there.all(Promise) if one.kind == "next_word"}
    tomorrow = from_iso("2026-11-24T09:00:00+01:00")
    assert ("next_word", "open", tomorrow) in promises
    assert {one.state for one in there.all(Promise) if one.kind in ("arrival_window", "eta")} == {"cancelled"}
    assert "This visit was called off." in read(web.get(there.link("visit", visit)))
    assert "tomorrow" in read(web.get(there.follow(ticket)))
    while there.now < tomorrow:
        there.keep_saying("alice-pump", 60, flow_temp=50.0)
    there.keep_saying("alice-pump", 5, flow_temp=50.0)
    assert there.again(ticket).state == "offered"
    assert there.one(Offer, Offer.state == "pending").provider_id == visit.provider_id
    assert len(there.notifications(TopicName.NEXT_VISIT)) == 1
    assert not [one for one in there.all(Promise) if one.state == "broken"]


def test_who_is_there_is_not_put_on_hold(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    there.act(Arrive(there.one(Visit).id), "technician Karin Kunz")
    form = {"act": "hold", "reason": "other", "until": "2026-11-24T09:00"}
    assert web.post(page_of_unpaged(there, ticket), data=form).status_code == 409
    assert there.again(ticket).state == "on_site"


def test_an_old_link_says_what_is_over_and_nothing_private(there: WebStory, web: httpx.Client) -> None:
    ticket = nobody_takes_it(there)
    path = page_of(there, ticket)
    for _ in range(2):
        assert web.post(path, data={"act": "cancel", "note": "She has sold the house"}).status_code == 303
    page = read(web.get(path))
    assert f"{ticket.id} is over It was cancelled (13:05 today). There is nothing left to do." in page
    for private in ("Alice", "Lindenweg", "+4179", "Compressor", "sold"):
        assert private not in without_ids(page)
    assert read(web.post(path, data={"act": "ask_again"}), 409) == page
    there.now += 91 * DAY
    assert "This link does not open anything" in read(web.get(path), 404)


def test_who_is_no_longer_on_call_opens_nothing(there: WebStory, web: httpx.Client) -> None:
    path = page_of(there, nobody_takes_it(there))
    people = {name: person for name, person in TEAM.people.items() if name != "dana"}
    there.gw.settings = there.gw.settings.model_copy(update={"on_call": OnCall(people=people)})
    assert read(web.get(path), 404)
    assert read(web.post(path, data={"act": "acknowledge"}), 404)


def test_looking_acts_on_nothing(there: WebStory, web: httpx.Client) -> None:
    ticket = nobody_takes_it(there)

    def everything() -> list[object]:
        rows = [row for table in (Ticket, Job, Offer, Link, Entry, OnCallPage) for row in there.all(table)]
        return [row.model_dump() for row in rows if not (isinstance(row, Entry) and row.kind in LOOKS)]

    before = everything()
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
        assert web.request(method, page_of(there, ticket), params={"act": "cancel", "note": "x"}).status_code < 500
    assert everything() == before


def test_what_somebody_else_has_ended_meanwhile_is_said_and_changes_nothing(there: WebStory, web: httpx.Client) -> None:
    ticket = nobody_takes_it(there)
    there.act(CancelTicket(ticket.id, "twice in the system"))
    page = read(web.post(page_of(there, ticket), data={"act": "ask", "firm": "kunz"}), 409)
    assert f"{ticket.id} is over" in page
    assert there.all(Offer, Offer.state == "pending") == []


def test_a_name_that_looks_like_markup_is_text(there: WebStory, web: httpx.Client) -> None:
    ticket = nobody_takes_it(there)
    there.change(there.one(Customer, Customer.id == "alice"), name="<b onclick=x>Eve</b>")
    assert "<b onclick" not in web.get(page_of(there, ticket)).text


def test_when_nobody_came_another_firm_is_asked_from_the_page(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.act(AcceptOffer(there.one(Offer, Offer.provider_id == "kunz").id, "Karin Kunz"), "provider")
    there.keep_saying("alice-pump", 248, flow_temp=50.0)
    path = page_of(there, ticket)
    page = read(web.get(path))
    assert "Karin Kunz (Kunz Heating) will come." in page
    assert "Nobody came within the arrival window." in page
    assert web.post(path, data={"act": "ask", "firm": "seeblick"}).status_code == 303
    assert [offer.provider_id for offer in there.all(Offer, Offer.state == "pending")] == ["seeblick"]
    assert there.one(OnCallPage).state == "ended"


def test_the_customer_who_has_not_answered_about_the_price_is_rung(there: WebStory, web: httpx.Client) -> None:
    there.change(there.one(Device, Device.id == "alice-pump"), cover=Cover.CALL_OUT_PRICE,
                 call_out_price=Price("95.00", "EUR"))
    ticket = there.break_down()
    there.wait(minutes=there.gw.settings.service.price_answer_minutes + 1)
    path = page_of(there, ticket)
    page = read(web.get(path))
    assert "The customer has not answered our question." in page
    assert "Ask firms again now" not in page
    assert web.post(path, data={"act": "ask_again"}).status_code == 409
    for _ in range(2):
        assert web.post(path, data={"act": "agree"}).status_code == 303
    assert there.again(ticket).state == "offered"
    assert timeline(there, ticket) == [("price_agreed", "agent Dana Weber")]
    assert there.one(OnCallPage).state == "ended"


# a callback


def test_the_page_of_a_call_that_was_promised(there: WebStory, web: httpx.Client) -> None:
    callback = there.call_for_help()
    there.wait(minutes=61)
    path = page_of(there, callback)
    page = read(web.get(path))
    assert "Please call back They are waiting for our call. Call promised by 14:16 today" in page
    assert "A promised call has not been made." in page
    assert "Call Alice Keller, +41 79 123 45 67. Alice Keller +41 79 123 45 67 mobile" in page
    assert "What to say and ask first Say sorry first: we promised to call by 14:16 today." in page
    assert "May be said to whoever answers We know of no power cut there." in page
    assert "Alice Keller Lindenweg 1 8001 Wiesental" in page
    for tap in ("attempt", "connect"):
        assert web.post(path, data={"act": tap}).status_code == 303
    assert "Dana Weber is speaking with them." in read(web.get(path))
    assert "Please say in a few words" in read(web.post(path, data={"act": "finish"}), 422)
    assert web.post(path, data={"act": "finish", "note": "All is well", "outcome": "informed"}).status_code == 303
    assert there.again(callback).state == "done"
    assert f"{callback.id} is over" in read(web.get(path))
    assert [kind for kind, _ in timeline(there, callback)] == [
        "callback_attempt", "page_acknowledged", "callback_connected", "callback_done"]  # one acknowledgement a minute


@pytest.mark.parametrize(("ticked", "told"), [({}, 1), ({"they_know": "yes"}, 0)])
def test_a_call_is_called_off_and_they_are_told_unless_they_know(there: WebStory, web: httpx.Client,
                                                                 ticked: dict[str, str], told: int) -> None:
    callback = there.call_for_help()
    there.wait(minutes=61)
    path = page_of(there, callback)
    assert "Why nobody needs to call They know: do not write to them Cancel it" in read(web.get(path))
    assert web.post(path, data={"act": "cancel", "note": "a child", **ticked}).status_code == 303
    assert (there.again(callback).state, len(there.notifications("callback_cancelled"))) == ("cancelled", told)
