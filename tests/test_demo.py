"""The demonstration: its parts alone, and the whole story as a newcomer runs it."""

import io
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from gateway.demo.agenda import Agenda
from gateway.demo.browser import Browser, NoSuchForm, Page
from gateway.demo.figures import figures
from gateway.demo.office import Sight
from gateway.demo.screen import Screen
from gateway.demo.sinks import Post, web_hook
from gateway.demo.story import HOT, PRESSED, SILENT, steps
from gateway.demo.town import HERE
from gateway.fleet import read_fleet
from gateway.model import to_iso
from gateway.profiles import load_profiles

NOON = 1_795_348_800_000


def _at(seconds: float) -> str:
    return to_iso(NOON + round(seconds * 1000))


def _sight(**changed: Any) -> Sight:
    """All that the office sees once the whole story has happened."""
    visit = {"on_site_at": _at(20), "technician": "Karin Kunz"}
    rows: dict[str, Any] = {
        "alarms": [{"device_id": HOT, "rule": "overheating", "ticket_id": "T-HOT", "closed_at": _at(22)},
                   {"device_id": SILENT, "rule": "silent", "ticket_id": "T-SILENT", "closed_at": None}],
        "tickets": [{"id": "T-HOT", "visit": visit, "resolved_by": "technician", "device_id": HOT, "round": 1,
                     "opened_at": _at(10)}],
        "callbacks": [{"id": "C-1", "device_id": PRESSED, "presses": 2, "state": "done", "requested_at": _at(2)}],
        "notifications": [
            {"subject_id": "T-HOT", "recipient": "customer/alice", "topic": topic, "state": "sent", "done_at": _at(24)}
            for topic in ("fault_found", "technician_assigned", "on_the_way", "resolved")],
    }
    return Sight(**(rows | changed))


TRUTH = [{"device": PRESSED, "what": what, "press_id": press, "at": NOON + at}
         for press, at in (("p-1", 1_950), ("p-2", 3_000)) for what in ("pressed", "answered")]
READ = {"alice@example.com Alice's heat pump: fixed (T-HOT)"}


def test_the_whole_story_is_seen_when_it_happened() -> None:
    assert all(steps(_sight(), TRUTH, READ).values())


def test_nothing_is_seen_before_it_happened() -> None:
    assert not any(steps(Sight(), [], set()).values())


@pytest.mark.parametrize(("sight", "truth", "read", "missing"), [
    (_sight(callbacks=[{"id": "C-1", "device_id": PRESSED, "presses": 1, "state": "done"}] * 2), TRUTH, READ,
     "two presses ask for one callback"),
    (_sight(), TRUTH[:-1], READ, "the button shows every answer"),
    (_sight(), TRUTH, {"alice@example.com fixed (T-YESTERDAY)"}, "the customer looks at the page"),
    (_sight(alarms=[{"device_id": HOT, "rule": "overheating", "ticket_id": "T-HOT", "closed_at": _at(9)}]), TRUTH, READ,
     "a house goes silent: a ticket"),
])
def test_a_step_that_did_not_happen_is_not_claimed(sight: Sight, truth: Any, read: set[str], missing: str) -> None:
    assert [step for step, happened in steps(sight, truth, read).items() if not happened] == [missing]


def test_the_figures_measure_from_the_finger_to_the_handed_over_message() -> None:
    notifications = [
        {"subject_id": "C-1", "recipient": "customer/bob", "topic": "callback_scheduled", "state": "sent",
         "done_at": _at(2.05)},
        {"subject_id": "T-HOT", "recipient": "customer/alice", "topic": "fault_found", "state": "sent",
         "done_at": _at(60)},  # a rule's patience is not the gateway's
        {"subject_id": "T-HOT", "recipient": "provider/kunz", "topic": "offer", "state": "dropped", "done_at": None},
    ]
    told = figures(_sight(notifications=notifications), TRUTH, 216, {"a": True, "b": False})

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


def test_a_button_that_is_not_there_cannot_be_pressed() -> None:
    browser = Browser()
    with pytest.raises(NoSuchForm):
        browser.submit(Page("http://town/v/x", "", []), "depart")
    browser.close()


def test_people_do_things_in_order_and_one_mishap_ends_nobody_elses_day() -> None:
    done: list[str] = []
    over = threading.Event()
    agenda = Agenda(20, done.append)

    def mishap() -> None:
        raise ValueError("stumbled")

    agenda.after(2, lambda: done.append("second"))
    agenda.after(1, lambda: done.append("first"))
    agenda.after(3, mishap)
    agenda.after(4, over.set)
    agenda.start()

    assert over.wait(5)
    agenda.stop()
    assert done == ["first", "second", "ValueError: stumbled"]


def test_the_web_hook_takes_only_what_is_signed() -> None:
    post = Post()
    with web_hook(post, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") as url:
        answer = httpx.post(f"{url}/charlie", json={"data": {"subject": "s", "text": "t"}},
                            headers={"webhook-id": "1", "webhook-timestamp": str(int(time.time())),
                                     "webhook-signature": "v1,AAAA"})

    assert answer.status_code == 401
    assert post.letters == []


def test_on_a_pipe_each_line_is_printed_once_and_whole() -> None:
    out = io.StringIO()
    with Screen(Console(file=out, width=60), live=True) as screen:
        screen.say("✉", "a long line " * 12, NOON)

    assert out.getvalue().count("\n") == 1
    assert out.getvalue().rstrip().endswith("a long line")


def _run(data: Path, *options: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "gateway", "demo", "--headless", "--json", "--data", str(data), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


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


@pytest.mark.slow
def test_an_interrupted_demonstration_fails_and_the_next_one_goes_on_with_its_data(tmp_path: Path) -> None:
    process = _run(tmp_path / "data", "--seconds", "100")
    time.sleep(16)  # the story is in its middle: tickets and visits are open
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert json.loads(out)["ok"] is False

    again = _run(tmp_path / "data")
    out, err = again.communicate(timeout=150)
    assert json.loads(out)["story"] == dict.fromkeys(json.loads(out)["story"], True), err
    assert again.returncode == 0
