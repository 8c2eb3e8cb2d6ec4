"""The demo's terminal output: links, a table of the homes, and events line by line."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from gateway.demo.call_centre import CallCentreView, Row
from gateway.demo.player_turns import Turn
from gateway.demo.services import RunningDemo
from gateway.model import Instant, LinkState, within_calendar
from gateway.tickets.lifecycle import OPEN, UNASSIGNED, UNDER_WAY

FEWEST_LINES = 2  # lines, whatever the height
COLOURS = {"▶": "bold", "✉": "cyan", "⚡": "red", "☎": "magenta", "✓": "green", "⚙": "yellow", "·": "white"}
STATES = {str(state): "cyan" if state in UNDER_WAY else "yellow" if state in UNASSIGNED else "green" for state in OPEN}
LINKS: dict[str, str] = {LinkState.ONLINE: "green", LinkState.LOST: "yellow"}


class Screen:
    """`say` a line at any time, `show` the town about once a second. On a pipe only lines are printed."""

    def __init__(self, console: Console, live: bool) -> None:
        self._console = console
        self._lines: deque[Text] = deque(maxlen=200)
        self._live = Live(console=console, screen=True, auto_refresh=False) if live and console.is_terminal else None
        self._shown: list[list[Segment]] = []

    def __enter__(self) -> "Screen":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._live:
            self._live.stop()
            self._console.print(*list(self._lines)[-5:], sep="\n", soft_wrap=True)  # the full screen is gone

    def say(self, sign: str, words: str, at: Instant | None = None) -> None:
        moment = datetime.fromtimestamp(within_calendar(at) / 1000) if at is not None else datetime.now()
        line = Text.assemble((f"{moment:%H:%M:%S} ", "dim"), (f"{sign} ", COLOURS.get(sign, "white")), words)
        self._lines.append(line)
        if self._live is None:
            self._console.print(line, soft_wrap=True)

    def show(self, town: RunningDemo, view: CallCentreView, story: Mapping[str, bool], links: Mapping[str, str],
             turn: Turn | None = None, missing_filters: Sequence[str] = ()) -> None:
        if self._live is not None:
            frame = self.frame(town, view, story, links, turn, missing_filters)
            lines = self._console.render_lines(frame)
            if lines != self._shown:  # else what somebody has marked with the mouse stays marked
                self._shown = lines
                self._live.update(frame, refresh=True)

    def frame(self, town: RunningDemo, view: CallCentreView, story: Mapping[str, bool], links: Mapping[str, str],
              turn: Turn | None = None, missing_filters: Sequence[str] = ()) -> Group:
        """The whole screen, as high as the terminal. 80 x 24 is enough for every link and every step."""
        width, height = self._console.size
        head = Group(*_header(town, links, turn, missing_filters))
        left = height - len(self._console.render_lines(head, self._console.options.update(width=width, height=None)))
        rows = min(max(len(story), len(town.fleet.sites) + 1) + 1, max(4, left - FEWEST_LINES))
        middle = Table.grid(expand=True, padding=(0, 1, 0, 0))
        middle.add_column(ratio=1)
        middle.add_column(width=max(map(len, story), default=0) + 2)
        middle.add_row(_town(town, view, rows), _story(story, rows))
        news = [line.copy() for line in list(self._lines)[-max(1, left - rows):]]
        for line in news:
            line.no_wrap, line.overflow = True, "ellipsis"
        return Group(head, middle, *news)


def link_lines(town: RunningDemo, links: Mapping[str, str]) -> dict[str, str]:
    """Name → what to open."""
    waiting = "(as soon as there is one)"
    return {"customer page": links.get("customer", waiting), "technician page": links.get("technician", waiting),
            "console": town.console, "API": f"{town.url}/docs", "key for it": town.key}


def _header(town: RunningDemo, links: Mapping[str, str], turn: Turn | None, missing_filters: Sequence[str]
            ) -> Iterator[RenderableType]:
    """Each link on a line without anything else behind it, and whole: it is copied with the mouse."""
    yield Rule("Wiesental, a demonstration · Ctrl-C ends it", style="cyan")
    for name, link in link_lines(town, links).items():
        style = f"bold link {link}" if link.startswith("http") else "bold"
        yield Text.assemble((f"{name:<15} ", "dim"), (link, style), overflow="fold")
    if missing_filters:
        more = f" and {len(missing_filters) - 1} more" if len(missing_filters) > 1 else ""
        yield Text(f"not heard{more}: {missing_filters[0]}", style="red", no_wrap=True, overflow="ellipsis")
    if turn is not None:
        yield Text(turn.words, style="bold reverse", no_wrap=True, overflow="ellipsis")
        if turn.link:
            yield Text(turn.link, style=f"bold link {turn.link}", overflow="fold")


def _town(town: RunningDemo, view: CallCentreView, rows: int) -> RenderableType:
    table = Table(expand=True, box=None, header_style="dim", pad_edge=False, padding=(0, 1, 0, 0))
    for name, width in (("the town", 13), ("devices", 7), ("wrong", 6), ("state", 9)):
        table.add_column(name, no_wrap=True, overflow="ellipsis", min_width=width,
                         ratio=1 if name == "wrong" else None)
    links = {device["id"]: device["link"] for device in view.devices}
    for site in town.fleet.sites[:rows - 1]:
        dots = Text()
        for device in town.fleet.devices:
            if device.site == site.id:
                dots.append("●", style=_colour(links.get(device.id, LinkState.UNHEARD), device.id, view.alarms))
        ticket = next((row for row in view.tickets if row["site_id"] == site.id and row["state"] in STATES), None)
        table.add_row(site.street, dots, *_ticket(ticket, site.id, view.callbacks))
    return table


def _colour(link: str, device: str, alarms: list[Row]) -> str:
    if any(alarm["device_id"] == device and alarm["closed_at"] is None for alarm in alarms):
        return "red"
    return LINKS.get(link, "bright_black")


def _ticket(ticket: Row | None, site: str, callbacks: list[Row]) -> tuple[Text, Text]:
    if ticket is not None:
        state = ticket["state"]
        return Text(ticket["cause"]), Text(state.replace("_", " "), style=STATES[state])
    waiting = next((row for row in callbacks if row["site_id"] == site and row["closed_at"] is None), None)
    if waiting is not None:
        return Text("wants to be called"), Text(waiting["state"], style="magenta")
    return Text("—", style="dim"), Text("")


def _story(story: Mapping[str, bool], rows: int) -> RenderableType:
    lines = [Text.assemble(("✓ ", "green") if done else ("○ ", "dim"), (step, "" if done else "dim"), no_wrap=True,
                           overflow="ellipsis") for step, done in story.items()]
    done = sum(story.values())
    hidden = max(0, len(lines) - (rows - 1))
    first = min(hidden, max(0, done - 3))
    return Group(Text(f"the story {done}/{len(story)}", style="dim"), *lines[first:first + rows - 1])
