"""`gateway wording preview` shows how messages read; `gateway check` and the start read the operator's own wording."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.__main__ import app
from gateway.app.main import start
from gateway.config.settings_loader import load
from gateway.notifications.wording.overrides import BadWording

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("check")` where gateway.yaml names a folder of wording with one file, de/fault_found.short.j2."""
    for variable in [name for name in os.environ if name.startswith("GATEWAY_")]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gateway.yaml").write_text("wording: wording\nservice: {name: Wiesental Service}\n")
    write(tmp_path, "Gestört: {{ device }}, {{ number }}")

    def run(*words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(app, list(words))
        assert result.exit_code == code, result.output
        return result

    return run


def write(folder: Path, text: str) -> None:
    (folder / "wording" / "de").mkdir(parents=True, exist_ok=True)
    (folder / "wording" / "de" / "fault_found.short.j2").write_text(text)


def test_a_message_is_shown_as_it_goes_out_and_as_it_is_without_your_words(run: Run) -> None:
    theirs = run("wording", "preview", "fault_found", "--language", "de", "--form", "short").output
    assert theirs.startswith("Gestört: Heat pump, T-7F4QK2M9 ")
    ours = run("wording", "preview", "fault_found", "--language", "de", "--form", "short", "--built-in").output
    assert ours.startswith("Heat pump: ")
    whole = run("wording", "preview", "fault_found").output
    assert "short (1 SMS, " in whole
    assert "Wiesental Service" in whole


def test_the_mail_can_be_looked_at_in_a_browser(run: Run, tmp_path: Path) -> None:
    run("wording", "preview", "fault_found", "--language", "de", "--html", str(tmp_path / "mail.html"))
    html = (tmp_path / "mail.html").read_text(encoding="utf-8")
    assert "Wiesental Service" in html
    assert 'src="data:image/png;base64,' in html
    assert "cid:" not in html


def test_words_that_break_are_named_and_ours_are_shown(run: Run, tmp_path: Path) -> None:
    write(tmp_path, "{{ say(device) }}")
    shown = run("wording", "preview", "fault_found", "--language", "de", "--form", "short", code=1).output
    assert "Heat pump: " in shown
    assert "✗ de/fault_found.short: line 1: KeyError — the built-in wording goes out" in shown


def test_what_is_not_there_is_said(run: Run) -> None:
    assert "topic 'fault_fond' — did you mean 'fault_found'?" in run("wording", "preview", "fault_fond", code=1).output
    assert "language 'dd' — expected one of " in run(
        "wording", "preview", "fault_found", "--language", "dd", code=1).output


def test_check_names_the_files_and_warns_of_what_they_leave_out(run: Run) -> None:
    found = run("check").output
    assert "de/fault_found.short" in found
    assert "wording/de/fault_found.short.j2: does not say when they hear from us, or somebody comes" in found


def test_check_and_start_refuse_a_variable_that_is_not_known(run: Run, tmp_path: Path) -> None:
    write(tmp_path, "Gestört:\n{{ devcie }}")
    error = "wording/de/fault_found.short.j2:2: 'devcie' is not known — did you mean 'device'?"
    assert error in run("check", code=1).output
    with pytest.raises(BadWording, match=r"fault_found\.short\.j2:2: 'devcie' is not known"):
        start(load(tmp_path / "gateway.yaml"))
