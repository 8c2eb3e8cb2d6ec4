"""Outages: those that are open, the worst first, and those that were."""

from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple
from urllib.parse import urlencode

from fastapi import HTTPException, Request
from fastapi.responses import Response, StreamingResponse

from gateway.access.rights import Right
from gateway.flow.gateway import Gateway
from gateway.model import Instant, MaintenanceWindow, Notification, Outage, OutageKind
from gateway.store.views.console.outage_page import OutageList, OutageRow, count_open, outage_list
from gateway.store.views.pagination import BadCursor
from gateway.web.console.live import follow_main
from gateway.web.console.pages import Viewer, live_page, main_of, version_of
from gateway.web.console.session import User, needs
from gateway.web.live import View
from gateway.web.routes import Routes

router = Routes()
PATH = "/console/outages"
PAGE = 30  # ended ones
KINDS = {OutageKind.FEEDER: "Power line", OutageKind.PLACE: "Place", OutageKind.NETWORK: "Data network",
         OutageKind.GATEWAY: "The gateway itself"}
_ABOUT = frozenset(str(kind.__tablename__) for kind in (Outage, Notification, MaintenanceWindow))
Reads = Annotated[User, needs(Right.READ)]


class Wanted(NamedTuple):
    """Which of them, as the address says it."""

    ended: bool = False
    kind: OutageKind | None = None
    cursor: str = ""

    @property
    def query(self) -> str:
        return self.address()[len(PATH):]

    def address(self, **changes: str) -> str:
        """The page with this filter, or with parts of another."""
        said = {"show": "ended" if self.ended else "", "kind": self.kind or "", **changes}
        written = urlencode({name: value for name, value in said.items() if value})
        return f"{PATH}?{written}" if written else PATH


class OutagesPage(NamedTuple):
    """What the screen shows."""

    wanted: Wanted
    rows: Sequence[tuple[OutageRow, str]]  # each with its name
    open_count: int
    next: str  # where those before are


@router.get(PATH)
def show_outages(request: Request, user: Reads, show: str = "", kind: str = "", cursor: str = "") -> Response:
    """`show`: "ended" for those that are over."""
    content = _content(user.gw, _wanted(show, kind, cursor))
    return live_page(request, user, "outages.html", one=content, kinds=kinds())


@router.get(f"{PATH}/stream")
async def stream_outages(request: Request, user: Annotated[User, needs(Right.READ, does_something=False)],
                         show: str = "", kind: str = "", cursor: str = "", version: str = "") -> StreamingResponse:
    """The list whenever it is another one; rendered once for all of a role."""
    clock: Callable[[], Instant] = request.app.state.now
    gw, role, wanted = user.gw, user.role, _wanted(show, kind, cursor)

    def load() -> View:
        html = _main(request, gw, Viewer(role, clock()), _content(gw, wanted))
        return View(version_of(html), html, _ABOUT)

    return await follow_main(request, user, f"outages/{role}/{wanted.address(cursor=cursor)}", load, version)


def kinds() -> list[tuple[str, str]]:
    return [("", "Every kind"), *KINDS.items()]


def name_of(outage: Outage) -> str:
    return outage.name or ("The gateway receives nothing" if outage.kind is OutageKind.GATEWAY else outage.key)


def _wanted(show: str, kind: str, cursor: str) -> Wanted:
    return Wanted(show == "ended", OutageKind(kind) if kind in tuple(OutageKind) else None, cursor)


def _content(gw: Gateway, wanted: Wanted) -> OutagesPage:
    """Raises 422 for a cursor that is not of this list."""
    with gw.store.read() as session:
        try:
            found: OutageList = outage_list(session, wanted.ended, [wanted.kind] if wanted.kind else [],
                                            wanted.cursor or None, PAGE)
        except BadCursor:
            raise HTTPException(422, "This page of the list does not exist; go to its first one") from None
        open_count = count_open(session)
    return OutagesPage(wanted, [(row, name_of(row.outage)) for row in found.rows], open_count,
                       wanted.address(cursor=found.next) if found.next else "")


def _main(request: Request, gw: Gateway, viewer: Viewer, content: OutagesPage) -> str:
    return main_of(request, gw, viewer, "outages.html", one=content, version="", kinds=kinds())
