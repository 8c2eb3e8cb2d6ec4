"""A firm's own page, its job sheet and the console's page of it in a real browser: for everybody, at every size."""

import httpx
import pytest

from gateway.flow.firms.own_days import enter_time_off
from gateway.model import HOUR, Actor, ActorKind, Portrait, local
from gateway.tickets.actions import AssignTo, OfferTo
from tests.drivers.axe import violations
from tests.drivers.browser import PICK_A_PHOTO, Browser
from tests.drivers.fault_finder import faults, tell, unfold, watch_policy
from tests.drivers.seat import Seat
from tests.drivers.web_driver import WebStory
from tests.stories.firms.own_page import OwnPage, tap

pytestmark = pytest.mark.slow
SIZES = ((320, 640), (1280, 720))


def a_day(there: WebStory, web: httpx.Client) -> dict[str, str]:
    """A firm with something of everything; name → path of each page."""
    kunz = OwnPage(there, web, "kunz")
    there.break_down()
    done = kunz.accepts()
    for act, more in (("depart", {"minutes": "20"}), ("arrive", {}), ("finish", {"note": "Replaced the compressor"})):
        tap(there, web, done, act=act, **more)
    there.wait(minutes=2)  # to take it back
    there.now += HOUR
    ahead = there.break_down("bob-pump", "E7")
    there.act(AssignTo(ahead.id, "kunz", "Karin Kunz", there.now + HOUR, there.now + 3 * HOUR))
    there.act(OfferTo(there.break_down("charlie-pump", "E7").id, "kunz"))
    today = local(there.now, "Europe/Zurich").date()
    with there.gw.store.write() as session:
        enter_time_off(session, "kunz", "karin", today, today, "At the dentist", Actor(ActorKind.PROVIDER), there.now)
    kunz.calendar()
    return {"firm": kunz.path, "sheet": f"{kunz.path}/sheets/{done.id}", "ended": "/p/nothing"}


def test_nobody_is_shut_out_and_nothing_sticks_out_on_a_small_phone(there: WebStory, chrome: Browser) -> None:
    with there.client() as web:
        pages = a_day(there, web)
    found: dict[str, list[str]] = {}
    seat = Seat(there, chrome)
    watch_policy(seat)
    for width, height in SIZES:
        for dark in (False, True):
            seat.look_at(width, height, dark)
            for name, path in pages.items():
                seat.open(path)
                unfold(seat)
                wider = seat.tab.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                sticks_out = [f"{wider} px wider than the window"] if wider > 0 else []
                if told := violations(seat.tab) + sticks_out:
                    found[f"{name} {width} {'dark' if dark else 'light'}"] = told
    assert not found, tell(found)


def test_headings_and_forms_come_in_an_order_that_can_be_read_out(there: WebStory, chrome: Browser) -> None:
    with there.client() as web:
        pages = a_day(there, web)
    seat = Seat(there, chrome)
    seat.open(pages["firm"])
    headings = seat.tab.run("[...document.querySelectorAll('h1, h2')].map(one => one.innerText)")
    assert headings == ["1 job waits for your answer", "Compressor fault", "Today and tomorrow", "Visits that are over",
                        "Technicians", "Days off", "Visits on one day", "Calendars", "How you do"]


def test_the_console_has_a_page_of_each_firm(there: WebStory, chrome: Browser) -> None:
    with there.client() as web:
        a_day(there, web)
    seat = Seat(there, chrome, there.console("operator"))
    watch_policy(seat)
    found = {}
    for width, height in ((1280, 720), (820, 1180)):
        for path in ("/console/firms", "/console/firms/kunz"):
            seat.look_at(width, height)
            seat.open(path)
            seat.sees("Kunz Heating")
            found[f"{path} {width}"] = faults(seat)
            seat.look_at(width, height, dark=True)
            found[f"{path} {width} dark"] = faults(seat, colours_only=True)
    assert not any(found.values()), tell(found)


def test_the_desk_sends_a_photo_of_a_technician_and_sees_it(there: WebStory, chrome: Browser) -> None:
    seat = Seat(there, chrome, there.console("dispatcher"))
    watch_policy(seat)
    seat.open("/console/firms/kunz")
    seat.tab.run("document.querySelector('#more-karin').open = true")
    seat.tab.run(PICK_A_PHOTO.replace("getElementById('photo')", "querySelector('#more-karin input[type=file]')"))
    seat.tab.run("document.querySelector('#more-karin form[enctype] button').click()")
    seat.tab.wait("(one => one && one.complete && one.naturalWidth > 0)(document.querySelector('.rows img.portrait'))")
    seat.tab.run("document.querySelector('#more-karin').open = true")
    assert faults(seat) == []
    assert len(there.all(Portrait)) == 1
