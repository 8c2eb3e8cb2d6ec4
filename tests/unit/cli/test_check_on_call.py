"""Who is on call is checked: each mistake with file, line, field and what to write."""

from pathlib import Path

import pytest

from gateway.app.check import check_all, settings_errors
from gateway.config.settings import Service, Settings

PERSON = '{name: Dana Weber, contacts: [{channel: email, address: dana@example.com}]}'
HEAD = f"""channels: {{email: {{host: 127.0.0.1, sender: service@example.com, security: none}}}}
service: {{callback_hours: {{mon: [["08:00", "18:00"]]}}, dispatcher: [{{channel: email, address: desk@example.com}}]}}
on_call:
  people:
    dana: {PERSON}
"""


def check(tmp_path: Path, text: str) -> tuple[list[str], list[str]]:
    """(errors, warnings) about `on_call`, without the name of the file."""
    (tmp_path / "gateway.yaml").write_text(HEAD + text)
    found = check_all(tmp_path / "gateway.yaml", None)
    return ([error.removeprefix(f"{tmp_path}/") for error in found.errors if "gateway.yaml" in error],
            [warning for warning in found.warnings if "on_call" in warning])


def test_a_ladder_of_shifts_is_fine(tmp_path: Path) -> None:
    assert check(tmp_path, """
  timezone: Europe/Zurich
  dispatcher:
    - {people: [dana], hours: {mon: [["08:00", "18:00"]]}, days_off: {country: CH}}
    - {people: [dana]}
""") == ([], [])


@pytest.mark.parametrize(("line", "wrong"), [
    ("{people: [danna]}", "8: on_call.dispatcher[0].people[0]: 'danna' — did you mean 'dana'?"),
    ("{people: [dana, dana]}", "8: on_call.dispatcher[0].people[1]: 'dana' is there twice — expected once"),
    ("{people: []}", "8: on_call.dispatcher[0].people: [] — expected at least 1 long"),
    ("{people: [dana], hours: {mun: []}}", "8: on_call.dispatcher[0].hours: 'mun' is no day — expected one of mon,"),
    ("{people: [dana], hours: {mon: []}}", "8: on_call.dispatcher[0].hours: without any hour — expected some"),
    ("{people: [dana], hours: {mon: [['08:00', '08:00']]}}",
     "8: on_call.dispatcher[0].hours: mon: 08:00–08:00 has no length — expected another end"),
    ("{people: [dana], days_off: {country: CH}}",
     "8: on_call.dispatcher[0].days_off: of a shift without hours — expected hours too"),
    ("{people: [dana], hours: {mon: [['08:00', '09:00']]}, days_off: {country: XY}}",
     "8: on_call.dispatcher[0].days_off.country: 'XY' — expected an ISO code"),
    ("{people: [dana], hours: {mon: [['08:00', '09:00']]},\n       days_off: {closed: [2026-12-24,\n      soon]}}",
     "10: on_call.dispatcher[0].days_off.closed[1]: 'soon' is no date"),
    ("{people: [dana], zone: UTC}", "8: on_call.dispatcher[0].zone: no such field — did you mean 'timezone'?"),
])
def test_a_wrong_shift_is_told_with_its_line(tmp_path: Path, line: str, wrong: str) -> None:
    errors, _ = check(tmp_path, f"  minutes: 5\n  dispatcher:\n    - {line}\n")
    assert len(errors) == 1
    assert errors[0].startswith(f"gateway.yaml:{wrong}")


def test_a_persons_contact_and_the_times_are_checked(tmp_path: Path) -> None:
    errors, _ = check(tmp_path, "  minutes: 0\n  emergency_seconds: 5\n")
    assert errors == ["gateway.yaml:6: on_call.minutes: 0 — expected 1…120",
                      "gateway.yaml:7: on_call.emergency_seconds: 5 — expected 10…600"]
    errors, _ = check(tmp_path, "    max: {name: Max, contacts: [{channel: fax, address: '1'}]}\n  dispatcher: "
                                "[{people: [dana, max]}]\n")
    assert errors == ["gateway.yaml:6: on_call.people.max.contacts: channel 'fax' — expected one of email"]


def test_hours_of_nobody_and_people_who_are_never_on_call_are_warned_of(tmp_path: Path) -> None:
    _, warnings = check(tmp_path, f"""
    max: {PERSON}
  timezone: Europe/Zurich
  dispatcher:
    - {{people: [dana], hours: {{mon: [["00:00", "24:00"]], tue: [["00:00", "20:00"]]}}}}
""")
    assert warnings == [
        "on_call.dispatcher: nobody is on call at tue 20:00 (Europe/Zurich), when everybody of this role is paged in "
        "turn — expected a shift without hours as the last",
        "on_call.people: max in no shift, so never paged — expected each in one"]


def test_days_off_of_the_desk_are_checked() -> None:
    wrong = [error for error in settings_errors(Settings(service=Service(
        callback_days_off={"country": "Schweiz", "closed": ["24.12.2026"]}))) if "days_off" in error]
    assert [error.partition(":")[0] for error in wrong] == ["service.callback_days_off.country",
                                                           "service.callback_days_off.closed[0]"]
