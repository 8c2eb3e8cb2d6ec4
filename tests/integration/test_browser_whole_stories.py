"""Whole stories, as customer and technician live them on their phones and at their desks: real pages, real taps."""

import socket
from typing import Any

import pytest

from gateway.model import MINUTE, Notification, Photo, Ticket, TicketState, Visit
from gateway.notifications.topics import TopicName
from gateway.store import Store
from gateway.web import Server, build_app
from tests.drivers.browser import PICK_A_PHOTO, Browser
from tests.drivers.fault_finder import faults, tell, watch_policy
from tests.drivers.seat import Seat
from tests.drivers.web_driver import ROUND_THE_CLOCK, WebStory, web_story

pytestmark = pytest.mark.slow
OVERHEATS, COLD = 80.0, 40.0


class Person(Seat):
    """Somebody with a page of their own, on a phone (320 px) or at a desk, whose browser runs scripts or does not."""

    def __init__(self, there: WebStory, chrome: Browser, width: int, scripts: bool, url: str) -> None:
        super().__init__(there, chrome, width=width, height=640)
        self.width, self.scripts = width, scripts
        self.wrong: dict[str, list[str]] = {}
        self.runs_scripts(scripts)
        watch_policy(self)
        self.tab.open(url)

    def reads(self, *words: str) -> None:
        """Their page says so: with scripts by itself, without when they load it again. Nobody is shut out of it, by
        day or by night."""
        if not self.scripts:
            self.again()
        self.sees(*words)
        seen = " / ".join(words)
        self.runs_scripts(True)  # what looks for faults is one; those of the page stay out
        self.wrong[seen] = faults(self)
        self.look_at(self.width, 640, dark=True)
        self.wrong[f"{seen} (dark)"] = faults(self, colours_only=True)
        self.look_at(self.width, 640)
        self.runs_scripts(self.scripts)

    def runs_scripts(self, scripts: bool) -> None:
        self.command("Emulation.setScriptExecutionDisabled", value=not scripts)

    def again(self) -> None:
        """They load the page again."""
        self.tab.open(str(self.tab.run("location.href.split('#')[0]")))

    def taps(self, name: str, inside: str = "body") -> None:
        """A button or link, and the page that it leads to."""
        self.tab.run("window.left = false; true")
        self.click(name, inside)
        self.tab.wait("window.left === undefined && document.readyState === 'complete'")

    def types(self, name: str, value: str) -> None:
        self.fill(name, value, "body")


class Mast:
    """The network of a phone: it goes in the cellar and comes back in front of the house."""

    def __init__(self, there: WebStory) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._there, self.base = there, f"http://127.0.0.1:{self._port}"
        self.comes_back()

    def comes_back(self) -> None:
        there = self._there
        self._server = Server(build_app(there.gw, there.clock, lambda: there.health), "127.0.0.1", self._port)

    def goes(self) -> None:
        self._server.stop()


def says_what_is_missing(karin: Person, kept: bool) -> None:
    """A photo, then that a part is missing; she forgets the day. `kept`: on her phone, for there is no network."""
    def sent(button: str, waiting: int) -> None:
        if kept:
            karin.click(button, "body")
            karin.tab.wait(f"document.querySelectorAll('#outbox li').length === {waiting}")
        else:
            karin.taps(button)

    karin.runs_scripts(True)  # a finger picks it; without a finger it takes a script
    karin.tab.run(PICK_A_PHOTO)
    karin.runs_scripts(karin.scripts)
    sent("Send the photos", 1)
    karin.click("A part is missing", "body")
    karin.types("Which part", "diverter valve")
    karin.types("What was done", "The valve is stuck")
    if karin.scripts:
        karin.click("Finish", "body")
        assert karin.tab.run("document.activeElement.id") == "part_day", "she is asked while she is there"
        assert karin.tab.run("document.querySelectorAll('#outbox li').length") == (1 if kept else 0)
    else:
        karin.taps("Finish")
        karin.tab.said.clear()  # the browser says that it got 422
        karin.sees("say which part is missing, and the day on which you expect it")
    karin.types("When do you expect it", "2026-11-24")
    sent("Finish", 2)


class Cast:
    """Who takes part: made when the story needs them, and looked at in the end."""

    def __init__(self, there: WebStory, chrome: Browser, width: int, scripts: bool) -> None:
        self.there, self._chrome, self._how, self._people = there, chrome, (width, scripts), list[Person]()

    def comes(self, path: str, base: str = "") -> Person:
        self._people.append(Person(self.there, self._chrome, *self._how, (base or self.there.base) + path))
        return self._people[-1]

    def goes_home(self) -> None:
        wrong = {where: found for one in self._people for where, found in one.wrong.items() if found}
        assert wrong == {}, tell(wrong)


@pytest.fixture
def there(store: Store) -> WebStory:
    return web_story(store, callback_hours=ROUND_THE_CLOCK, survey=True)


@pytest.fixture(params=[(320, True), (1280, True), (320, False), (1280, False)],
                ids=["phone", "desk", "phone without scripts", "desk without scripts"])
def cast(request: pytest.FixtureRequest, there: WebStory, chrome: Browser) -> Any:
    yield (cast := Cast(there, chrome, *request.param))
    cast.goes_home()


def overheating(there: WebStory) -> Ticket:
    """The pump has said so; somebody is asked."""
    there.says("alice-pump", flow_temp=OVERHEATS)
    there.wait(seconds=1)
    return there.ticket


def agreed(cast: Cast, ticket: Ticket) -> tuple[Person, Person]:
    """The firm accepts on its page. Karin with hers, Alice with hers."""
    firm = cast.comes(cast.there.offer(ticket))
    firm.reads("The heat pump is overheating", "Answer by")
    firm.types("Who goes", "Karin Kunz")
    firm.taps("Accept")
    cast.there.wait(seconds=1)
    karin = cast.comes(cast.there.visit(ticket))
    alice = cast.comes(cast.there.follow(ticket))
    alice.reads("Karin Kunz", "Kunz Heating", "Arrives")
    return karin, alice


def passes(there: WebStory, minutes: int, heat: float = OVERHEATS) -> None:
    there.keep_saying("alice-pump", minutes, flow_temp=heat)


def test_a_no_show_is_corrected_before_anybody_has_to_ask(there: WebStory, cast: Cast) -> None:
    ticket = overheating(there)
    karin, alice = agreed(cast, ticket)
    visit = there.one(Visit)
    passes(there, (visit.window_until - there.now) // MINUTE - 20)
    alice.reads("may come later than we told you", "hear from us by")
    karin.again()
    karin.reads("I will set out later and be there in about")
    karin.taps("60 min")
    there.wait(seconds=1)
    assert there.again(visit).eta is not None
    alice.reads("We are later than we promised")
    karin.taps("30 min")
    there.wait(seconds=1)
    alice.reads("On the way")
    passes(there, 25)
    karin.again()
    karin.taps("I am here")
    there.wait(seconds=1)
    alice.reads("Karin Kunz is with you")
    karin.types("What was done", "Filter cleaned")
    karin.taps("Finish")
    karin.reads("Filter cleaned", "Nobody has heard this yet")
    karin.taps("Undo")
    alice.reads("Karin Kunz is with you")
    karin.types("What was done", "Filter cleaned")
    karin.taps("Finish")
    there.wait(minutes=2)
    there.says("alice-pump", flow_temp=COLD)
    there.wait(minutes=1)
    assert there.again(ticket).state is TicketState.RESOLVED
    alice.reads("It is fixed")
    told = [row.topic for row in there.all(Notification, Notification.recipient_id == "alice")]
    assert told.index(TopicName.VISIT_LATE) < told.index(TopicName.ON_THE_WAY), "they heard it from us first"


def fixed(there: WebStory, cast: Cast, ticket: Ticket) -> tuple[Person, Person]:
    """Karin has been there, and the device agrees. Her page and Alice's."""
    karin, alice = agreed(cast, ticket)
    karin.taps("20 min")
    passes(there, 15)
    karin.taps("I am here")
    karin.types("What was done", "Filter cleaned")
    karin.taps("Finish")
    there.wait(minutes=2)
    there.says("alice-pump", flow_temp=COLD)
    there.wait(minutes=1)
    assert there.again(ticket).state is TicketState.RESOLVED
    return karin, alice


def test_it_is_not_fixed_and_the_same_ticket_goes_on_until_it_is(there: WebStory, cast: Cast) -> None:
    ticket = overheating(there)
    _, alice = fixed(there, cast, ticket)
    alice.reads("It is fixed", "Filter cleaned")
    alice.taps("Still not working?")
    alice.reads("It still does not work")
    alice.types("What do you notice", "The radiators are cold <b>again</b>")
    alice.taps("It still does not work")
    alice.reads("We are sorry that it still does not work", "Take it back")
    there.wait(minutes=1)
    again = there.again(ticket)
    assert (again.state, again.round) == (TicketState.OFFERED, ticket.round + 1)
    firm = cast.comes(there.offer(ticket))
    firm.reads("The radiators are cold <b>again</b>")
    firm.taps("Accept")
    there.wait(seconds=1)
    alice.reads("is coming", "Filter cleaned")
    assert len(there.tickets) == 1


def test_a_part_is_missing_in_the_cellar_and_the_next_visit_brings_it(there: WebStory, cast: Cast) -> None:
    ticket = overheating(there)
    _, alice = agreed(cast, ticket)
    mast = Mast(there)
    karin = cast.comes(there.visit(ticket), mast.base)
    if karin.scripts:
        karin.tab.wait("caches.match(location.href).then(page => !!page)")
    karin.taps("20 min")
    passes(there, 15)
    karin.taps("I am here")
    there.wait(seconds=1)
    visit = there.one(Visit)
    if karin.scripts:  # without them it waits until she is outside, like any form
        mast.goes()
        says_what_is_missing(karin, kept=True)
        karin.again()
        karin.sees("On this phone")
        assert there.again(visit).done_at is None
        mast.comes_back()
        karin.taps("Try now")
        karin.tab.said.clear()  # the browser says that there was no network
    else:
        says_what_is_missing(karin, kept=False)
    karin.reads("diverter valve", "The valve is stuck")
    mast.goes()
    there.wait(minutes=2)
    assert (there.again(visit).incomplete, there.again(visit).parts) == ("part_missing", ["diverter valve"])
    assert len(there.all(Photo)) == 1
    alice.reads("A part is missing", "diverter valve", "The valve is stuck")
    passes(there, 24 * 60)
    alice.reads("Karin Kunz", "diverter valve")
