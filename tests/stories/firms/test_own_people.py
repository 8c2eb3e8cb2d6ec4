"""A firm says whom it sends: who is new, what they are called, who has left, and how they look; customers see it."""

import re

import httpx
import pytest

from gateway.flow import administer, housekeeping
from gateway.model import Actor, ActorKind, Audit, Portrait, Technician, User
from gateway.tickets.actions import LeaveSite
from tests.drivers.web_driver import Console, WebStory, read
from tests.fixtures.sample_fleet import save_sample_fleet
from tests.stories.firms.own_page import OwnPage, tap
from tests.stories.test_photos import bomb, picture, with_place

pytestmark = pytest.mark.slow


def id_of(there: WebStory, name: str) -> str:
    return there.one(Technician, Technician.name == name).id


def people(kunz: OwnPage) -> list[str]:
    """Names of technicians on its page."""
    return re.findall(r"<b>([^<]*)</b>\n<details", kunz.get().text)


def send(kunz: OwnPage, who: str, file: bytes) -> httpx.Response:
    return kunz.web.post(f"{kunz.path}/people/{who}/photo", files={"photo": ("face.jpg", file, "image/jpeg")},
                         follow_redirects=True)


def test_somebody_new_can_be_sent_and_is_there_once_however_often_it_is_tapped(there: WebStory, kunz: OwnPage) -> None:
    for name in ("Nora  Neu ", "nora neu"):
        assert "Added. You can choose this name" in read(kunz.post("add", name=name))
    assert people(kunz).count("Nora Neu") == 1
    ticket = there.break_down()
    assert '<option value="Nora Neu">' in kunz.web.get(there.offer(ticket)).text
    done = there.all(Audit, Audit.object_id == "kunz", Audit.actor == ActorKind.PROVIDER)
    assert [one.action for one in done] == ["add_technician"]


def test_a_new_name_is_read_by_who_waits_and_stays_after_the_next_import(there: WebStory, kunz: OwnPage) -> None:
    ticket = there.break_down()
    visit = kunz.accepts()
    assert visit.technician == "Karin Kunz"
    calendar = kunz.calendar("karin")
    assert "Customers read the new name" in read(kunz.post("rename", who="karin", name="Karin <b>Kunz</b>-Frei"))
    page = kunz.web.get(there.follow(ticket))
    assert "Karin <b>Kunz</b>-Frei" in read(page)
    assert "<b>Kunz" not in page.text
    assert visit.id in kunz.web.get(calendar).text
    import_again(there)
    assert "Karin <b>Kunz</b>-Frei" in kunz.text


def test_who_has_left_is_sent_no_more_also_after_the_next_import_until_they_are_added_again(
        there: WebStory, kunz: OwnPage) -> None:
    calendar = kunz.calendar("karin")
    for _ in range(2):
        assert "Nobody is sent in this name any more" in read(kunz.post("end", who="karin"))
    import_again(there)
    assert "Karin Kunz" not in people(kunz)
    assert kunz.web.get(calendar).status_code == 404
    assert "no longer possible" in read(kunz.post("off", first="2027-01-01", who="karin"), 409)
    kunz.post("add", name="Karin Kunz")
    assert id_of(there, "Karin Kunz") == "karin"
    assert "Karin Kunz" in people(kunz)


def test_nobody_leaves_while_somebody_waits_for_them(there: WebStory, kunz: OwnPage) -> None:
    there.break_down()
    visit = kunz.accepts()
    assert "Visits are still planned in this name" in read(kunz.post("end", who="karin"), 422)
    for act, more in (("depart", {"minutes": "20"}), ("arrive", {}), ("finish", {"note": "Replaced it"})):
        tap(there, kunz.web, visit, act=act, **more)
    there.wait(minutes=2)
    assert "Nobody is sent in this name any more" in read(kunz.post("end", who="karin"))
    assert there.again(visit).technician == "Karin Kunz"


@pytest.mark.parametrize(("act", "name", "said"), [
    ("add", " \n ", "Please enter the name"), ("add", "x" * 81, "at most 80"), ("rename", "", "Please enter the name"),
    ("rename", "NORA NEU", "has this name already")])
def test_a_name_that_cannot_be_is_refused_and_what_was_typed_stays(there: WebStory, kunz: OwnPage, act: str, name: str,
                                                                   said: str) -> None:
    kunz.post("add", name="Nora Neu")
    page = kunz.post(act, who="karin", name=name)
    assert said in read(page, 422)
    assert f'value="{name}"' in page.text or not name.strip()
    assert "Karin Kunz" in people(kunz)


def test_nothing_is_done_to_another_firms_people(there: WebStory, kunz: OwnPage, seeblick: OwnPage) -> None:
    send(kunz, "karin", picture())
    for act in ("rename", "end", "portrait_off"):
        assert seeblick.post(act, who="karin", name="Nobody").status_code == 409
    assert send(seeblick, "karin", picture(colour="red")).status_code == 409
    assert kunz.web.get(f"{seeblick.path}/people/karin/photo").status_code == 404
    assert kunz.web.get(f"{kunz.path}/people/karin/photo").status_code == 200
    assert "Karin Kunz" in people(kunz)


def test_the_customer_sees_the_photo_while_the_visit_is_ahead_and_not_later(there: WebStory, kunz: OwnPage) -> None:
    ticket = there.break_down()
    page = there.follow(ticket)
    assert "Saved. Whoever this technician is to visit sees the photo" in read(send(kunz, "karin", with_place()))
    assert kunz.web.get(f"{page}/technician").status_code == 404  # nobody has accepted yet
    visit = kunz.accepts()
    assert 'alt="Photo of Karin Kunz"' in kunz.web.get(page).text
    shown = kunz.web.get(f"{page}/technician")
    assert (shown.status_code, shown.headers["content-type"], shown.headers["cache-control"]) == (
        200, "image/jpeg", "no-store")
    assert b"Lindenweg" not in shown.content
    for act, more in (("depart", {"minutes": "20"}), ("arrive", {}), ("finish", {"note": "Replaced it"})):
        assert kunz.web.get(f"{page}/technician").status_code == 200
        tap(there, kunz.web, visit, act=act, **more)
    there.wait(minutes=2)  # it can be taken back no more
    assert kunz.web.get(f"{page}/technician").status_code == 404
    assert "Photo of" not in kunz.web.get(page).text


def test_the_photo_is_not_for_who_has_moved_out_nor_for_another_link(there: WebStory, kunz: OwnPage) -> None:
    ticket = there.break_down()
    send(kunz, "karin", picture())
    visit = kunz.accepts()
    page = there.follow(ticket)
    assert kunz.web.get(f"{there.link('visit', visit)}/technician").status_code == 404
    assert kunz.web.get(f"{page[:-1]}/technician").status_code == 404
    there.act(LeaveSite("alice-home"))
    assert kunz.web.get(f"{page}/technician").status_code == 404


def test_a_photo_can_be_replaced_and_removed_and_goes_with_who_leaves(there: WebStory, kunz: OwnPage) -> None:
    for colour in ("teal", "red"):
        send(kunz, "karin", picture(size=(1200, 900), colour=colour))
    row = there.one(Portrait)
    assert (row.width, row.height) == (480, 360)
    assert "The photo is gone" in read(kunz.post("portrait_off", who="karin"))
    assert there.all(Portrait) == []
    send(kunz, "karin", picture())
    kunz.post("end", who="karin")
    assert there.all(Portrait) == []


def test_the_photos_of_a_firm_that_is_asked_no_longer_are_deleted(there: WebStory, kunz: OwnPage) -> None:
    send(kunz, "karin", picture())
    with there.gw.store.write() as session:
        administer.remove_provider(session, "kunz", there.gw.policy, True, Actor(ActorKind.OPERATOR), there.now)
    housekeeping.forget(there.gw, there.now)
    assert there.all(Portrait) == []


BAD_FILES = pytest.mark.parametrize(("file", "said"), [
    (b"", "Please choose a photo"), (b"<svg/>", "cannot read this file"), (bomb(), "million pixels")])


@BAD_FILES
def test_what_is_no_photo_is_refused_with_a_sentence(there: WebStory, kunz: OwnPage, file: bytes, said: str) -> None:
    assert said in read(send(kunz, "karin", file), 422)
    assert there.all(Portrait) == []


DESK, OWN = "/console/firms/kunz", "/console/our-work/firm"
FIRMS_PAGES = pytest.mark.parametrize(("role", "page"), [("dispatcher", DESK), ("provider", OWN)])


def send_at_the_console(browser: Console, page: str, who: str, file: bytes) -> httpx.Response:
    return browser.follow(browser.web.post(f"{page}/people/{who}/photo", data={"csrf": browser.csrf},
                                           files={"photo": ("face.jpg", file, "image/jpeg")}))


def signed_in(there: WebStory, role: str) -> Console:
    return there.console(role, provider="kunz" if role == "provider" else None)


@FIRMS_PAGES
def test_the_same_photo_can_be_sent_at_the_console(there: WebStory, kunz: OwnPage, role: str, page: str) -> None:
    browser = signed_in(there, role)
    assert 'alt="Photo of Karin Kunz"' in send_at_the_console(browser, page, "karin", with_place()).text
    row = there.one(Portrait)
    assert b"Lindenweg" not in row.content
    shown = browser.web.get(f"{page}/people/karin/photo")
    assert (shown.status_code, shown.content) == (200, row.content)
    assert kunz.web.get(f"{kunz.path}/people/karin/photo").content == row.content
    send_at_the_console(browser, page, "karin", with_place())
    done = [one for one in there.all(Audit, Audit.object_id == "kunz") if one.action == "set_portrait"]
    assert [(one.actor, one.account) for one in done] == [(
        ActorKind.PROVIDER if role == "provider" else ActorKind.AGENT, there.one(User).id)]
    assert "Photo of" not in browser.post(page if role == "provider" else f"{page}/days", act="portrait_off",
                                          who="karin").text
    assert browser.web.get(f"{page}/people/karin/photo").status_code == 404


@FIRMS_PAGES
@BAD_FILES
def test_what_is_no_photo_is_refused_at_the_console_too(there: WebStory, role: str, page: str, file: bytes, said: str
                                                        ) -> None:
    assert said in read(send_at_the_console(signed_in(there, role), page, "karin", file), 422)
    assert there.all(Portrait) == []


@FIRMS_PAGES
def test_too_large_a_photo_is_refused_with_a_sentence(there: WebStory, role: str, page: str) -> None:
    browser = signed_in(there, role)
    sent = send_at_the_console(browser, page, "karin", bytes(13 * 1024 * 1024))
    assert sent.status_code == 413
    assert "more than 12 MB" in sent.text


def test_who_may_not_manage_firms_sends_no_photo_nor_does_one_firm_for_another(there: WebStory) -> None:
    assert send_at_the_console(there.console("agent"), DESK, "karin", picture()).status_code == 403
    other = there.console("provider", "Sepp Blick", "seeblick")
    assert send_at_the_console(other, OWN, "karin", picture()).status_code == 409
    assert send_at_the_console(other, DESK, "karin", picture()).status_code == 403
    assert there.all(Portrait) == []


def test_a_photo_of_a_form_that_is_not_ours_is_not_taken(there: WebStory) -> None:
    browser = there.console("dispatcher")
    browser.web.post(f"{DESK}/people/karin/photo", data={"csrf": "0" * 64}, files={"photo": picture()})
    assert there.all(Portrait) == []


def import_again(there: WebStory) -> None:
    """The fleet file, as it was when the gateway was set up."""
    save_sample_fleet(there.gw.store)
