"""Pictures of the console, in a real browser: every screen, at every size, light and dark.

`python -m tests.drivers.console_pictures DIRECTORY`; `scripts/pictures` makes those of docs/img/console with it.
"""

import base64
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import product
from pathlib import Path

from gateway.model import User, Visit
from gateway.store import Store
from gateway.store.migrations import upgrade
from tests.drivers.browser import Tab, browser
from tests.drivers.web_driver import Console
from tests.fixtures.pictured_town import PicturedTown, pictured_town

SIZES = {"1280": (1280, 720), "1920": (1920, 1080), "820": (820, 1180)}
SCHEMES = ("light", "dark")
LIVE = "document.getElementById('line') === null || document.getElementById('line').innerText === 'Live'"


def screens(there: PicturedTown) -> dict[str, str]:
    """Name → path, as an operator sees them."""
    outage, dana = there.outage.id, there.one(User, User.name == "Dana Meier")
    return {
        "now": "/console", "desk": "/console/callbacks", "call": f"/console/callbacks/{there.waiting.id}",
        "outage-call": "/console/call?site=a0", "new-call": "/console/callbacks/new?site=b2",
        "not-told": "/console/now/not-told", "tickets": "/console/tickets",
        "ticket": f"/console/tickets/{there.overheated.id}", "outages": "/console/outages",
        "outage": f"/console/outages/{outage}", "customers": "/console/customers", "customer": "/console/customers/b2",
        "search": "/console/search?q=Bachweg", "audit": "/console/audit",
        "users": "/console/users", "user": f"/console/users/{dana.id}",
        "account": "/console/account",
    }


def show(tab: Tab, there: PicturedTown, who: Console | None, path: str, size: tuple[int, int], scheme: str) -> None:
    """Opens that screen, as somebody sees it who is signed in (None: nobody)."""
    chrome, (width, height) = tab.browser, size
    chrome.call("Network.clearBrowserCookies", tab.session)
    chrome.call("Emulation.setScrollbarsHidden", tab.session, hidden=True)
    for key, value in () if who is None else who.web.cookies.items():
        chrome.call("Network.setCookie", tab.session, name=key, value=value, url=there.base)
    chrome.call("Emulation.setEmulatedMedia", tab.session,
                features=[{"name": "prefers-color-scheme", "value": scheme}])
    chrome.call("Emulation.setDeviceMetricsOverride", tab.session, width=width, height=height, deviceScaleFactor=1,
                mobile=width < height)
    tab.open(there.base + path)
    tab.wait(LIVE)


def picture(tab: Tab, whole: bool = False) -> bytes:
    """A PNG of the window, or of the `whole` page below it too."""
    clip = {}
    if whole:
        width, height = tab.run("[document.documentElement.clientWidth, document.documentElement.scrollHeight]")
        clip = {"clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}, "captureBeyondViewport": True}
    taken = tab.browser.call("Page.captureScreenshot", tab.session, format="png", **clip)
    return base64.b64decode(taken["data"])


def seats(there: PicturedTown) -> Iterator[tuple[str, Console | None, str]]:
    """(name, who looks, path) of every picture."""
    for name, path in screens(there).items():
        yield name, there.dana, path
    yield "work", there.karin, "/console/our-work"
    visit = there.one(Visit, Visit.ticket_id == there.overheated.id)
    yield "work-visit", there.karin, f"/console/our-work/visits/{visit.id}"
    yield "sign-in", None, "/console/sign-in"


@contextmanager
def shown_town(store: Store) -> Iterator[PicturedTown]:
    """The town, with whoever else is there."""
    with pictured_town(store) as there:
        erik = there.seat("agent", "Erik Vogt")
        erik.post("/console/presence", subject=there.overheated.id)
        erik.post(f"/console/tickets/{there.overheated.id}", act="add_note", target=there.overheated.id,
                  note="She has an electric heater until then")
        erik.get("/console/audit")
        there.dana.post(f"/console/callbacks/{there.waiting.id}", act="claim")
        there.dana.post(f"/console/callbacks/{there.waiting.id}", act="attempt", person="Ruth Zbinden")
        yield there


def main(directory: Path, which: str = "") -> None:
    """`which`: `docs` all, as they are kept there; a screen's name: it alone, also in full length; empty: all so."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        sys.exit("There is no Chromium here.")
    directory.mkdir(parents=True, exist_ok=True)
    with (tempfile.TemporaryDirectory() as scratch, closing(Store(f"sqlite:///{scratch}/town.db")) as store,
          browser(program, Path(scratch) / "profile") as chrome):
        upgrade(store)
        with shown_town(store) as there:
            for name, who, path in seats(there):
                for size, scheme in product(SIZES, SCHEMES):
                    if which in ("", "docs", name):
                        _draw(chrome.tab(), there, who, path, directory / f"{name}-{size}-{scheme}", size, scheme,
                              whole=which != "docs")


def _draw(tab: Tab, there: PicturedTown, who: Console | None, path: str, file: Path, size: str, scheme: str, whole: bool
          ) -> None:
    show(tab, there, who, path, SIZES[size], scheme)
    file.with_suffix(".png").write_bytes(picture(tab))
    if whole:
        file.with_suffix(".whole.png").write_bytes(picture(tab, whole=True))
    tab.browser.call("Page.close", tab.session)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
