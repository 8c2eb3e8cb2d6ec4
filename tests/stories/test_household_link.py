"""One link per household: all that is open at its homes, on one page, which a ticket's link alone never leads to."""

import re
from collections.abc import Iterator

import httpx
import pytest

from gateway.flow.after.goodwill import give_gesture
from gateway.model import (
    DAY,
    MINUTE,
    Audit,
    Callback,
    Customer,
    Link,
    LinkPurpose,
    Notification,
    Role,
    Severity,
    Ticket,
)
from gateway.notifications import signed_links
from gateway.store import Store
from gateway.tickets.actions import CancelTicket, LeaveSite, MoveIn, OpenCallback, OpenTicket
from tests.drivers.timelines import actor
from tests.drivers.web_driver import ROUND_THE_CLOCK, WebStory, console_story, read, web_story
from tests.fixtures.household import ARBER, move_in
from tests.stories.test_goodwill import with_rules
from tests.stories.test_photos import picture

pytestmark = pytest.mark.slow
ALICE = "/console/customers/alice"


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores, callback_hours=ROUND_THE_CLOCK)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def asked_for(there: WebStory, web: httpx.Client, ticket: Ticket, to: str = "alice@example.com") -> str:
    """The path in the message that comes when somebody asks on a ticket's page."""
    answer = web.post(f"{there.follow(ticket)}/household")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{there.follow(ticket)}?said=household")
    there.wait(seconds=5)
    message = next(one for one in reversed(there.messages) if one.to == to and "/h/" in one.text)
    found = re.search(r"(/h/\S+)", message.text)
    assert found is not None
    return found[1]


def test_a_household_sees_all_that_is_open_and_what_was_settled(there: WebStory, web: httpx.Client) -> None:
    there.act(OpenTicket("alice-home", "Dripping tap", "heating", Severity.MINOR))
    old = there.ticket
    there.act(CancelTicket(old.id, "in vain"), "agent")
    ticket = there.break_down()
    there.act(OpenCallback("alice-home", "the bill"))
    other = there.break_down("bob-pump")
    there.wait(seconds=5)
    home = asked_for(there, web, ticket)
    page = web.get(home)
    said = read(page)
    assert "2 things are open at your home" in said
    assert "Compressor fault" in said
    assert there.follow(ticket) in page.text
    assert there.follow(there.one(Callback)) in page.text
    assert "Settled lately" in said
    assert f"{old.cause} : called off" in said
    assert there.follow(other) not in page.text
    there.act(CancelTicket(ticket.id, "works again"), "agent")
    assert "One thing is open at your home" in read(web.get(home))


def test_each_line_says_what_its_own_page_says(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    home = asked_for(there, web, ticket)
    own = re.search(r"<h1>(.*?)</h1>", web.get(there.follow(ticket)).text)
    assert own is not None
    assert own[1] in web.get(home).text


def test_nothing_open_is_said_too(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    home = asked_for(there, web, ticket)
    there.act(CancelTicket(ticket.id, "works again"), "agent")
    assert "Nothing is open at your home" in read(web.get(home))


def test_the_link_goes_to_the_household_and_never_to_whoever_asks(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = web.get(there.follow(ticket))
    assert "/h/" not in page.text
    assert "See everything open at your home" in read(page)
    home = asked_for(there, web, ticket)
    answer = web.get(f"{there.follow(ticket)}?said=household")
    assert "/h/" not in answer.text
    assert "on its way to the address" in read(answer)
    with there.client() as fresh:
        assert home not in fresh.get(there.follow(ticket)).text


def test_who_has_opened_the_households_link_finds_back_to_it(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    other = there.break_down("bob-pump")
    home = asked_for(there, web, ticket)
    opened = web.get(home)
    cookie = opened.headers["set-cookie"]
    assert {"HttpOnly", "Path=/f/", "SameSite=lax"} <= set(cookie.split("; "))
    assert "max-age" not in cookie.lower()
    assert f'href="{home}"' in web.get(there.follow(ticket)).text
    assert home not in web.get(there.follow(other)).text  # it is another household's


def test_it_is_asked_for_once_in_six_hours(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    home = asked_for(there, web, ticket)
    web.post(f"{there.follow(ticket)}/household")
    there.wait(minutes=60)
    web.post(f"{there.follow(ticket)}/household")
    assert len(there.notifications("household_link")) == 1
    there.wait(minutes=5 * 60 + 1)
    assert asked_for(there, web, ticket) == home  # one link, as long as it works
    assert len(there.notifications("household_link")) == 2


def test_the_household_ends_its_link_and_gets_a_new_one(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    home = asked_for(there, web, ticket)
    there.wait(seconds=20)
    assert "End this link, send us a new one" in read(web.get(home))
    for _ in range(2):  # the same tap twice
        assert "This link has ended" in read(web.post(home, data={"act": "renew"}))
    there.wait(seconds=5)
    said = read(web.get(home), 404)
    assert "This link has ended" in said
    assert not any(private in said for private in ("Alice", "Compressor", ticket.id, "Lindenweg"))
    message = next(one for one in reversed(there.messages) if "/h/" in one.text)
    assert message.to == "alice@example.com"
    found = re.search(r"(/h/\S+)", message.text)
    assert found is not None
    assert found[1] != home
    assert "Compressor fault" in read(web.get(found[1]))
    assert len(there.all(Link, Link.purpose == LinkPurpose.HOUSEHOLD)) == 2


def test_a_message_whose_link_was_ended_before_it_left_is_not_sent(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    web.post(f"{there.follow(ticket)}/household")
    link = there.one(Link, Link.purpose == LinkPurpose.HOUSEHOLD)
    web.post(signed_links.url("", there.secret, LinkPurpose.HOUSEHOLD, link.id), data={"act": "renew"})
    there.wait(seconds=5)
    assert {row.link_id == link.id: row.state for row in there.all(
        Notification, Notification.topic == "household_link")} == {True: "dropped", False: "sent"}


def test_it_ends_when_the_household_moves_out(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    home = asked_for(there, web, ticket)
    there.act(MoveIn("alice-home", "charlie"))
    assert "This link has ended" in read(web.get(home), 404)
    assert web.post(f"{home}", data={"act": "renew"}).status_code == 200
    there.wait(seconds=5)
    assert [one for one in there.messages if "/h/" in one.text and one.to != "alice@example.com"] == []


def test_it_ends_when_one_of_the_household_leaves(there: WebStory, web: httpx.Client) -> None:
    move_in(there, ARBER)
    ticket = there.break_down("arber-pump")
    home = asked_for(there, web, ticket, "arber@example.com")
    assert web.get(home).status_code == 200
    there.act(LeaveSite("arber-home", "emil"))
    assert web.get(home).status_code == 404
    assert web.get(there.follow(ticket)).status_code == 200  # who stays still follows the ticket


def test_neither_a_forged_nor_another_kind_of_link_opens_it(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    home = asked_for(there, web, ticket)
    follow = there.follow(ticket)
    for path in (home[:-2] + "xx", follow.replace("/f/", "/h/"), "/h/L-00000000." + "x" * 27, "/h/x"):
        assert "does not open anything" in read(web.get(path), 404)
    assert web.get(home.replace("/h/", "/f/")).status_code == 404
    assert web.post(home, data={"act": "anything"}).status_code == 404


def test_it_is_live(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    home = asked_for(there, web, ticket)
    page = web.get(home)
    version = re.search(r'data-version="(\w+)"', page.text)
    assert version is not None
    with web.stream("GET", f"{home}/stream?version={version[1]}") as stream:
        there.act(CancelTicket(ticket.id, "works again"), "agent")
        for line in stream.iter_lines():
            if "Nothing is open at your home" in line:
                break
        else:
            pytest.fail("the page was not told")


def test_the_page_speaks_the_households_language(there: WebStory, web: httpx.Client) -> None:
    there.change(there.one(Customer, Customer.id == "alice"), locale="de")
    ticket = there.break_down()
    home = asked_for(there, web, ticket)
    said = read(web.get(home))
    assert "Eine Sache ist bei Ihnen offen" in said
    assert "Kompressorstörung" in said


def test_the_desk_sends_it_and_ends_it(both_stores: Store) -> None:
    with console_story(both_stores) as there:
        there.break_down()
        there.wait(seconds=5)
        browser = there.console()
        assert "End that link" not in browser.get(ALICE).text
        browser.post(f"{ALICE}/household-link")
        assert "a moment ago" in read(browser.post(f"{ALICE}/household-link"), 409)
        there.wait(seconds=5)
        message = there.messages[-1]
        found = re.search(r"(/h/\S+)", message.text)
        assert found is not None
        assert message.to == "alice@example.com"
        assert "Compressor fault" in read(there.browser().get(found[1]))
        assert "End that link" in browser.get(ALICE).text
        browser.post(f"{ALICE}/household-link/end")
        assert there.browser().get(found[1]).status_code == 404
        assert [one.action for one in there.all(Audit, Audit.object_id == "alice")] == [
            "send_household_link", "end_household_link"]


def test_other_systems_send_it_and_end_it(there: WebStory, web: httpx.Client) -> None:
    there.break_down()
    path = "/api/v1/customers/alice/household-link"
    with there.client(there.key()) as agent:
        told = agent.post(path)
        assert (told.status_code, told.json()["topic"]) == (201, "household_link")
        assert agent.post(path).status_code == 409
        assert [agent.delete(path).status_code for _ in range(2)] == [204, 204]
        assert agent.post("/api/v1/customers/nobody/household-link").status_code == 404
        assert agent.delete("/api/v1/customers/nobody/household-link").status_code == 404
    with there.client(there.key(Role.READ)) as reader:
        assert [reader.post(path).status_code, reader.delete(path).status_code] == [403, 403]
    assert there.one(Link, Link.purpose == LinkPurpose.HOUSEHOLD).revoked_at == there.now


def test_it_opens_nothing_after_a_year(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    home = asked_for(there, web, ticket)
    there.now += 365 * DAY + MINUTE
    assert "This link has ended" in read(web.get(home), 404)


def test_a_household_sees_what_it_was_credited_and_the_photos_that_it_sent(there: WebStory, web: httpx.Client) -> None:
    ticket, other = there.break_down(), there.break_down("bob-pump")
    for one in (ticket, other):
        web.post(f"{there.follow(one)}/tell", files=[("photo", ("IMG.jpg", picture(), "image/jpeg"))])
    home = asked_for(there, web, ticket)
    assert "Credited to you" not in read(web.get(home))
    with_rules(there, gestures={"most": 20, "agent_day": 50, "household_month": 20})
    give_gesture(there.gw, "alice-home", 850, "Rang <i>four</i> times", actor("agent Dana"), there.now)
    give_gesture(there.gw, "bob-home", 990, "Rang once", actor("agent Dana"), there.now)
    page = web.get(home)
    said = read(page)
    assert "Credited to you 23 Nov 2026 €8.50 . Thank you for your patience with us." in said
    assert "four" not in page.text, "why is for us"
    assert "9.90" not in said
    shown = re.findall(r'<img src="(/f/[^"]+/photos/[^"]+)"[^>]* alt="([^"]+)"', page.text)
    assert [source.startswith(f"{there.follow(ticket)}/photos/") for source, _ in shown] == [True]
    assert web.get(shown[0][0]).headers["content-type"] == "image/jpeg"
