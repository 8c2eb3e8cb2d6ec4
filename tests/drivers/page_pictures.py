"""Pictures for the docs of the pages that people hold in their hand, from a town that lives through one fault.

`python -m tests.drivers.page_pictures DIRECTORY`; `scripts/pictures` keeps them small, in docs/img/pages.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image, ImageDraw

from gateway.config.settings import Branding
from gateway.flow.firms.own_links import make_page_link
from gateway.model import (
    MINUTE,
    Actor,
    ActorKind,
    IncompleteReason,
    Severity,
    Survey,
    Technician,
    Ticket,
    Visit,
    VisitOutcome,
)
from gateway.store import Store
from gateway.store.migrations import upgrade
from gateway.tickets.actions import Arrive, Depart, Finish, ProposeWindow, ReassignVisit, TakeBack
from tests.drivers.browser import Browser, browser
from tests.drivers.console_pictures import picture
from tests.drivers.seat import Seat
from tests.drivers.web_driver import ROUND_THE_CLOCK, WebStory, web_story
from tests.fixtures.web import serve
from tests.stories.test_survey import is_repaired

PHONE, DESK = (390, 844), (1280, 800)
KARIN = "technician Karin Kunz"
Shot = tuple[str, str, tuple[int, int], bool]  # name, path, size, dark


def days(there: WebStory) -> Iterator[Shot]:
    """What is to be drawn, as the town stands then."""
    there.measure()
    there.says("alice-pump", flow_temp=80.0)
    there.wait()
    ticket = there.one(Ticket, Ticket.device_id == "alice-pump")
    follow = there.follow(ticket)
    yield "customer-asked", follow, PHONE, False
    yield "customer-change", f"{follow}/change", PHONE, False
    yield "offer", there.offer(ticket), PHONE, False
    there.accept()
    visit = there.one(Visit, Visit.ticket_id == ticket.id)
    there.now += 10 * MINUTE
    yield "visit-planned", there.visit(ticket), PHONE, False
    there.act(Depart(visit.id, 20), KARIN)
    there.wait()
    yield "customer-on-the-way", follow, PHONE, False
    yield "customer-on-the-way-dark", follow, PHONE, True
    yield "customer-on-the-way-desk", follow, DESK, False
    there.now += 20 * MINUTE
    there.act(Arrive(visit.id), KARIN)
    yield "visit-here-dark", there.visit(ticket), PHONE, True
    there.now += 15 * MINUTE
    there.act(Finish(visit.id, "Cleaned the filter.", fix="Cleaned the filter", used=("filter",), undoable=True), KARIN)
    yield "visit-undo", there.visit(ticket), PHONE, False
    there.act(TakeBack(visit.id), KARIN)
    there.act(Finish(visit.id, "The pump is worn out; a new one is ordered", VisitOutcome.INCOMPLETE,
                     IncompleteReason.PART_MISSING, ("circulation pump",), there.now + 2 * 24 * 60 * MINUTE), KARIN)
    there.wait(minutes=1)
    yield "customer-part-missing", follow, PHONE, False


def firm(there: WebStory) -> Iterator[Shot]:
    """Somebody new is sent, with a photo, and comes in Karin's place."""
    firm_link = make_firm_link(there)
    with there.client() as web:
        web.post(firm_link, data={"act": "add", "name": "Nora Neumann"})
        nora = there.one(Technician, Technician.name == "Nora Neumann")
        web.post(f"{firm_link}/people/{nora.id}/photo", files={"photo": ("nora.png", face(), "image/png")})
    ticket = there.break_down()
    there.change(ticket, severity=Severity.MAJOR)  # then they may ask for another time without a call
    there.accept()
    visit = there.one(Visit, Visit.ticket_id == ticket.id)
    there.act(ProposeWindow(visit.id, there.now + 24 * 60 * MINUTE, there.now + 26 * 60 * MINUTE), KARIN)
    there.wait()
    yield "customer-move", f"{there.follow(ticket)}/move", PHONE, False
    there.act(ReassignVisit(visit.id, "Nora Neumann"), "provider Kunz Heating")
    there.wait()
    yield "customer-photo", there.follow(ticket), PHONE, False
    yield "firm", firm_link, PHONE, False
    yield "firm-desk", firm_link, DESK, False


def make_firm_link(there: WebStory) -> str:
    with there.gw.store.write() as session:
        return urlsplit(make_page_link(there.gw.settings, session, "kunz", Actor(ActorKind.OPERATOR), there.now)).path


def face() -> bytes:
    """A drawn one: nobody's."""
    drawn, file = Image.new("RGB", (480, 480), "#cfe3e6"), BytesIO()
    draw = ImageDraw.Draw(drawn)
    draw.ellipse((70, 330, 410, 700), fill="#2f6f7a")
    draw.ellipse((130, 70, 350, 300), fill="#5b3a29")
    draw.ellipse((150, 110, 330, 340), fill="#e7b998")
    drawn.save(file, "PNG")
    return file.getvalue()


def surveyed(there: WebStory) -> Iterator[Shot]:
    ticket = is_repaired(there)
    assert there.all(Survey)
    yield "survey", there.link("survey", ticket), PHONE, False


def german(there: WebStory) -> Iterator[Shot]:
    ticket = there.break_down("bob-pump")
    there.accept()
    visit = there.one(Visit, Visit.ticket_id == ticket.id)
    there.act(ProposeWindow(visit.id, there.now + 24 * 60 * MINUTE, there.now + 26 * 60 * MINUTE), KARIN)
    there.wait()
    yield "customer-german-branded", there.follow(ticket), PHONE, False


def main(directory: Path) -> None:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        sys.exit("There is no Chromium here.")
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch, browser(
            program, Path(scratch) / "profile") as chrome:
        for number, (story, brand) in enumerate((
                (days, Branding()), (firm, Branding()), (surveyed, Branding()),
                (german, Branding(colour="#8a1f5c", imprint="https://wiesental.example/imprint",
                                  privacy="https://wiesental.example/privacy")))):
            with closing(Store(f"sqlite:///{scratch}/{number}.db")) as store:
                upgrade(store)
                there = web_story(store, survey=True, callback_hours=ROUND_THE_CLOCK)
                there.gw.settings = there.gw.settings.model_copy(update={"branding": brand})
                there.base = serve(there.gw, there.clock, lambda: there.health)  # noqa: B023  asked while it is there
                for shot in story(there):
                    _draw(chrome, there, shot, directory)


def _draw(chrome: Browser, there: WebStory, shot: Shot, directory: Path) -> None:
    name, path, size, dark = shot
    seat = Seat(there, chrome)
    seat.command("Emulation.setScrollbarsHidden", hidden=True)
    seat.look_at(*size, dark=dark)
    seat.open(path)
    (directory / f"{name}.png").write_bytes(picture(seat.tab, whole=True))
    chrome.call("Page.close", seat.tab.session)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
