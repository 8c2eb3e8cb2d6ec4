"""Whoever looks at the list of tickets is sent each row of theirs that changes: at once, and rendered once for all."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

import httpx
import pytest

from gateway.flow.accounts import users
from gateway.model import Actor, ActorKind, Audit, Instant, Role, Severity, Ticket
from gateway.store import Store
from gateway.store.views.ticket_list import TicketRow
from gateway.tickets.actions import AddNote, CancelTicket, OpenTicket
from gateway.web.console import live as console_live
from gateway.web.feed import RHYTHM
from tests.drivers.web_driver import Console, WebStory, console_story
from tests.fixtures.many_tickets import save_tickets
from tests.fixtures.servers import wait_until
from tests.fixtures.web import console_live_of

pytestmark = pytest.mark.slow
LIST, SOON = "/console/tickets", 10.0


@pytest.fixture
def there(both_stores: Store) -> Iterator[WebStory]:
    with console_story(both_stores) as there:
        yield there


@dataclass
class Looker:
    """Somebody with a list open: the events they got, in order."""

    events: list[tuple[str, str]] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    words: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    hang_up: threading.Event = field(default_factory=threading.Event)

    def listen(self, browser: Console, path: str) -> None:
        name, data = "", list[str]()
        with suppress(httpx.TransportError), httpx.stream(
                "GET", str(browser.web.base_url.join(path)), cookies=browser.web.cookies, timeout=20) as answer:
            for line in answer.iter_lines():
                if line.startswith(":"):
                    self.words += 1
                elif line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("id: "):
                    self.ids.append(int(line.removeprefix("id: ")))
                elif line.startswith("data: "):
                    data.append(line.removeprefix("data: "))
                elif not line and name:
                    self.events.append((name, "\n".join(data)))
                    name, data = "", []
                if self.hang_up.is_set():
                    break
        self.over.set()

    def of(self, ticket: Ticket) -> list[str]:
        """What became of its row."""
        return [name for name, data in self.events if f'id="row-{ticket.id}"' in data]


def stream_of(browser: Console, query: str = "") -> str:
    """The address of the stream, as the page names it."""
    page = browser.get(f"{LIST}?{query}").text
    position, loaded = re.search(r'data-position="(\d+)"', page), re.search(r'data-loaded="(\d+)"', page)
    assert position is not None
    assert loaded is not None
    return f"{LIST}/stream?{query}&after={position[1]}&loaded={loaded[1]}".replace("?&", "?")


@contextmanager
def looking(browser: Console, path: str) -> Iterator[Looker]:
    looker = Looker()
    threading.Thread(target=looker.listen, args=(browser, path), daemon=True).start()
    wait_until(lambda: looker.words > 0 or looker.over.is_set(), SOON)
    yield looker
    looker.hang_up.set()


def test_a_row_that_changes_is_sent_to_whose_list_it_is_on_and_to_nobody_else(there: WebStory) -> None:
    alice = there.break_down()
    dana, erik = there.console(), there.console("dispatcher", "Erik Lang")
    with looking(dana, stream_of(dana, "severity=critical")) as hers, \
            looking(erik, stream_of(erik, "severity=minor")) as his:
        there.accept()
        wait_until(lambda: any("Assigned" in data for _, data in hers.events), SOON)
        assert hers.of(alice)[-1] == "row"
        time.sleep(0.3)
        assert set(his.of(alice)) <= {"left"}  # perhaps what was just before the page, to be sure
    assert hers.ids == sorted(hers.ids)


def test_what_is_new_comes_what_no_longer_belongs_leaves_and_the_count_follows(there: WebStory) -> None:
    alice = there.break_down()
    dana = there.console()
    with looking(dana, stream_of(dana)) as looker:
        bob = there.break_down("bob-pump")
        wait_until(lambda: ("count", "2") in looker.events, SOON)
        assert looker.of(bob)[0] == "new"
        there.act(CancelTicket(alice.id, "sold"), "agent")
        wait_until(lambda: ("count", "1") in looker.events, SOON)
        assert looker.of(alice)[-1] == "left"
        assert "csrf" not in "".join(data for _, data in looker.events)


def test_what_changed_between_the_page_and_its_stream_is_sent_first(there: WebStory) -> None:
    alice = there.break_down()
    there.wait(minutes=1)
    dana = there.console()
    path = stream_of(dana)
    there.wait(minutes=1)
    there.accept()
    bob = there.break_down("bob-pump")
    with looking(dana, path) as looker:
        wait_until(lambda: looker.of(alice) != [] and looker.of(bob) != [], SOON)
        assert looker.of(alice)[0] == "row"
        assert looker.of(bob)[0] == "new"


def test_a_row_is_rendered_once_for_all_of_one_role(there: WebStory) -> None:
    alice = there.break_down()
    rendered: list[str] = []
    tickets = console_live_of(there.gw).tickets
    render = tickets._row_html

    def counted(row: TicketRow, role: Role, now: Instant) -> str:
        rendered.append(role)
        return render(row, role, now)

    tickets._row_html = counted
    names = ("Dana Meier", "Erik Lang", "Fritz Orth")
    lookers = [there.console("agent", name) for name in names] + [there.console("auditor", "Ada Rot")]
    with ExitStack() as pages:
        open_lists = [pages.enter_context(looking(one, stream_of(one))) for one in lookers]
        time.sleep(0.3)
        rendered.clear()
        there.act(AddNote(alice.id, "Rang twice"), "agent")
        wait_until(lambda: len(rendered) >= 2, SOON)
        time.sleep(0.3)
    assert sorted(rendered) == ["agent", "auditor"]
    assert 'type="checkbox"' in open_lists[0].events[-1][1]
    assert 'type="checkbox"' not in open_lists[-1].events[-1][1]


def test_a_row_that_changes_again_and_again_is_sent_at_a_bearable_pace_and_the_last_is_shown(there: WebStory) -> None:
    dana = there.console()
    alice = there.break_down()
    with looking(dana, stream_of(dana)) as looker:
        began = time.monotonic()
        for number in range(20):
            there.act(AddNote(alice.id, f"note {number}"), "agent")
        there.act(CancelTicket(alice.id, "sold"), "agent")
        wait_until(lambda: "left" in looker.of(alice), SOON)
        assert len(looker.of(alice)) <= (time.monotonic() - began) / RHYTHM.row + 2


def test_when_much_changes_at_once_the_page_is_to_load_itself_again(there: WebStory) -> None:
    save_tickets(there.gw.store, 60, 0, there.now)
    dana = there.console("dispatcher")
    with looking(dana, stream_of(dana)) as looker:
        for number in range(60):
            there.act(AddNote(f"T-0A{number:06}", "storm"), "agent")
        wait_until(lambda: any(name == "refetch" for name, _ in looker.events) or len(looker.events) >= 60, SOON)
    with looking(dana, re.sub(r"after=\d+", "after=999999999", stream_of(dana))) as looker:
        wait_until(lambda: ("refetch", "") in looker.events, SOON)


def test_whoever_is_signed_out_gets_nothing_more(there: WebStory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_live, "CHECK_S", 0.2)
    there.break_down()
    dana = there.console()
    path = stream_of(dana)
    with looking(dana, path) as looker:
        with there.gw.store.write() as session:
            users.disable_user(session, there.one(Audit, Audit.action == "sign_in").account,
                               Actor(ActorKind.OPERATOR), there.now)
        wait_until(looker.over.is_set, SOON)
        assert looker.events[-1] == ("gone", "")


def test_looking_does_not_keep_anybody_signed_in(there: WebStory) -> None:
    dana = there.console()
    path = stream_of(dana)
    there.now += 29 * 60_000
    with looking(dana, path) as looker:
        assert looker.words > 0
    there.now += 2 * 60_000
    assert dana.web.get(LIST).status_code == 401


def test_a_person_reports_something_and_whoever_looks_at_minor_ones_sees_it(there: WebStory) -> None:
    dana = there.console()
    with looking(dana, stream_of(dana, "severity=minor")) as looker:
        there.act(OpenTicket("bob-home", "Kein Licht", "electrical", Severity.MINOR))
        wait_until(lambda: ("count", "1") in looker.events, SOON)

