"""The job sheet of a visit that is over: what an invoice needs, for the firm alone, and not for ever."""

import re

from gateway.model import DAY, HOUR, Visit
from gateway.tickets.actions import LeaveSite
from tests.drivers.web_driver import WebStory, read
from tests.stories.firms.own_page import OwnPage, tap


def visited(there: WebStory, kunz: OwnPage) -> Visit:
    there.break_down()
    visit = kunz.accepts()
    tap(there, kunz.web, visit, act="depart", minutes="20")
    tap(there, kunz.web, visit, act="arrive")
    there.now += HOUR
    tap(there, kunz.web, visit, act="finish", note="Replaced the compressor\n<b>and</b> the filter")
    there.wait(minutes=2)  # to take it back
    return visit


def test_it_says_who_was_where_when_and_what_was_done(there: WebStory, kunz: OwnPage) -> None:
    visit = visited(there, kunz)
    page = kunz.web.get(sheet(there, kunz))
    said = read(page)
    for part in (f"Job {visit.ticket_id} Visit {visit.id} Firm Kunz Heating Who was there Karin Kunz",
                 "Alice Keller Lindenweg 1, 8001 Wiesental", "On site 23 Nov 2026", "Time on site 1 h",
                 "Heat pump: Compressor fault", "Fixed Replaced the compressor <b>and</b> the filter"):
        assert part in said
    assert "<b>and</b>" not in page.text
    assert "79 123 45 67" not in said
    assert "neighbour" not in said


def test_the_technician_opens_it_from_their_page_as_long_as_that_can_be_read(there: WebStory, kunz: OwnPage) -> None:
    visit = visited(there, kunz)
    page = there.link("visit", visit)
    assert f'href="{page}/sheet"' in kunz.web.get(page).text
    assert "Replaced the compressor" in read(kunz.web.get(f"{page}/sheet"))
    there.now += HOUR
    assert kunz.web.get(f"{page}/sheet").status_code == 404
    assert "Replaced the compressor" in read(kunz.web.get(sheet(there, kunz)))


def test_there_is_none_before_it_is_over_nor_for_another_firm_nor_for_ever(there: WebStory, kunz: OwnPage,
                                                                          seeblick: OwnPage) -> None:
    there.break_down()
    visit = kunz.accepts()
    for path in (f"{there.link('visit', visit)}/sheet", f"{kunz.path}/sheets/{visit.id}", f"{kunz.path}/sheets/x"):
        assert kunz.web.get(path).status_code == 404
    for act, more in (("depart", {"minutes": "20"}), ("arrive", {}), ("finish", {"note": "Replaced it"})):
        tap(there, kunz.web, visit, act=act, **more)
    assert kunz.web.get(f"{kunz.path}/sheets/{visit.id}").status_code == 404, "it can still be taken back"
    there.wait(minutes=2)
    assert kunz.web.get(f"{kunz.path}/sheets/{visit.id}").status_code == 200
    assert kunz.web.get(f"{seeblick.path}/sheets/{visit.id}").status_code == 404
    there.now += 91 * DAY
    assert kunz.web.get(f"{kunz.path}/sheets/{visit.id}").status_code == 404


def test_who_has_moved_out_is_named_no_more(there: WebStory, kunz: OwnPage) -> None:
    visited(there, kunz)
    path = sheet(there, kunz)
    there.act(LeaveSite("alice-home"))
    said = read(kunz.web.get(path))
    assert "moved out since" in said
    assert "Alice" not in said
    assert "Lindenweg" not in said


def sheet(there: WebStory, kunz: OwnPage) -> str:
    """The path of the only one that the firm's page leads to."""
    path, = re.findall(r'href="(/p/[^"]+/sheets/[^"]+)"', kunz.get().text)
    return str(path)
