"""What people see: links above, the town in a table, and below what happens, line by line."""

from collections import deque
from collections.abc import Mapping
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gateway.demo.office import Row, Sight
from gateway.demo.town import Town
from gateway.model import Instant, within_calendar

COLOURS = {"✉": "cyan", "⚡": "red", "☎": "magenta", "✓": "green", "⚙": "yellow", "·": "white"}
STATES = {"new": "red", "offered": "yellow", "assigned": "cyan", "en_route": "cyan", "on_site": "blue",
          "resolved": "green", "on_hold": "yellow"}


class Screen:
    """`say` a line at any time, `show` the town about once a second. On a pipe only lines are printed."""

    def __init__(self, console: Console, live: bool) -> None:
        self._console = console
        self._lines: deque[Text] = deque(maxlen=200)
        self._live = Live(console=console, screen=True, auto_refresh=False) if live and console.is_terminal else None

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

    def show(self, town: Town, sight: Sight, story: Mapping[str, bool], links: Mapping[str, str]) -> None:
        if self._live is not None:
            self._live.update(self.frame(town, sight, story, links), refresh=True)

    def frame(self, town: Town, sight: Sight, story: Mapping[str, bool], links: Mapping[str, str]) -> Layout:
        """The whole screen, as high as the terminal."""
        height = self._console.size.height
        rows = max(6, min(max(len(story), len(town.fleet.sites) + 1) + 2, height - 15))
        layout = Layout()
        layout.split_column(Layout(self._header(town, links), size=6), Layout(name="town", size=rows),
                            Layout(name="news"))
        layout["town"].split_row(Layout(_town(town, sight), ratio=3), Layout(_story(story, rows), ratio=2))
        lines = [line.copy() for line in list(self._lines)[-max(1, height - rows - 8):]]
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        layout["news"].update(Panel(Group(*lines), title="what happens", border_style="dim"))
        return layout

    @staticmethod
    def _header(town: Town, links: Mapping[str, str]) -> RenderableType:
        lines = Table.grid(padding=(0, 1))
        for name, link in link_lines(town, links).items():
            lines.add_row(Text(name, style="dim"), Text(link, style="bold", overflow="ellipsis", no_wrap=True))
        return Panel(lines, title="Wiesental, a demonstration · Ctrl-C ends it", border_style="cyan")


def link_lines(town: Town, links: Mapping[str, str]) -> dict[str, str]:
    """Name → what to open."""
    waiting = "(as soon as there is one)"
    return {"customer page": links.get("customer", waiting), "technician page": links.get("technician", waiting),
            "API": f"{town.url}/docs   key {town.key}", "state": f"{town.url}/readyz   {town.url}/metrics"}


def _town(town: Town, sight: Sight) -> RenderableType:
    table = Table(expand=True, box=None, header_style="dim", pad_edge=False)
    for name, width in (("where", 13), ("devices", 7), ("what is wrong", 10), ("state", 10)):
        table.add_column(name, no_wrap=True, overflow="ellipsis", min_width=width,
                         ratio=1 if name == "what is wrong" else None)
    links = {device["id"]: device["link"] for device in sight.devices}
    for site in town.fleet.sites:
        dots = Text()
        for device in town.fleet.devices:
            if device.site == site.id:
                dots.append("●", style=_colour(links.get(device.id, "unheard"), device.id, sight.alarms))
        ticket = next((row for row in sight.tickets if row["site_id"] == site.id and row["state"] in STATES), None)
        table.add_row(site.street, dots, *_ticket(ticket, site.id, sight.callbacks))
    return Panel(table, title="the town", border_style="dim")


def _colour(link: str, device: str, alarms: list[Row]) -> str:
    if any(alarm["device_id"] == device and alarm["closed_at"] is None for alarm in alarms):
        return "red"
    return {"online": "green", "lost": "yellow"}.get(link, "bright_black")


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
    hidden = max(0, len(lines) - (rows - 2))
    done = sum(story.values())
    return Panel(Group(*lines[min(hidden, max(0, done - 3)):]), title=f"the story {done}/{len(story)}",
                 border_style="dim")
