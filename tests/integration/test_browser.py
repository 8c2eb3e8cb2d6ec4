"""The customer's page in a real browser."""

import subprocess
from pathlib import Path

import pytest

from gateway.model import Link
from gateway.store import Store
from tests.drivers.web_driver import WebStory, web_story

pytestmark = pytest.mark.slow


@pytest.fixture
def there(store: Store) -> WebStory:
    return web_story(store)


class Browser:
    """A headless Chromium with a fresh profile each time."""

    def __init__(self, program: str, directory: Path) -> None:
        self._program, self._directory = program, directory
        self.console: list[str] = []

    def look(self, url: str, seconds: int, *options: str) -> str:
        """The page as it is after `seconds` of the page's own time."""
        command = [
            self._program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--enable-logging=stderr",
            f"--user-data-dir={self._directory / str(len(list(self._directory.iterdir())))}",
            f"--virtual-time-budget={seconds * 1000}", *options, "--dump-dom", url,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        self.console += [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        return done.stdout


@pytest.fixture
def browser(chromium: str, tmp_path: Path) -> Browser:
    directory = tmp_path / "profiles"
    directory.mkdir()
    return Browser(chromium, directory)


def test_the_page_changes_by_itself_when_somebody_accepts(there: WebStory, browser: Browser) -> None:
    ticket = there.break_down()
    there.on_request = lambda number: there.accept() if number == 3 else None
    page = browser.look(there.base + there.follow(ticket), 12)
    assert "Karin Kunz is coming" in page
    assert "We are asking a local firm" not in page
    assert 'class="stale" hidden=""' in page
    assert browser.console == []  # nothing that the content security policy had to stop


def test_a_page_that_cannot_reach_us_says_how_old_it_is_and_goes_on_showing_it(
        there: WebStory, browser: Browser) -> None:
    ticket = there.break_down()

    def breaks(number: int) -> None:
        if number > 1:
            raise RuntimeError("the gateway is being restarted")

    there.on_request = breaks
    page = browser.look(there.base + there.follow(ticket), 8)
    assert "We are asking a local firm" in page
    assert 'class="stale" role="status"' in page
    assert "No connection just now." in page


def test_a_page_whose_link_has_ended_turns_into_the_kind_page(there: WebStory, browser: Browser) -> None:
    ticket = there.break_down()
    page, link = there.follow(ticket), there.one(Link, Link.purpose == "follow")
    there.on_request = lambda number: there.change(link, revoked_at=there.now) if number == 2 else None
    assert "This link does not open anything" in browser.look(there.base + page, 8)


def test_the_technicians_pages_need_nothing_that_the_policy_forbids(there: WebStory, browser: Browser) -> None:
    ticket = there.break_down()
    there.measure()
    assert "Accept this job" in browser.look(there.base + there.offer(ticket), 1)
    there.accept()
    assert "I am here" in browser.look(there.base + there.visit(ticket), 1)
    assert "<polyline" in browser.look(there.base + there.visit(ticket), 1)
    assert browser.console == []
