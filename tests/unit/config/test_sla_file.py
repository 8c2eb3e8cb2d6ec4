"""SLA policies: from a file of their own, with every error told at once, and the shipped ones without any."""

from pathlib import Path

import pytest

from gateway.calendars.days_off import edition
from gateway.calendars.opening_hours import Calendar
from gateway.config import example_files
from gateway.config.settings import Service
from gateway.config.settings_loader import load
from gateway.config.sla_file import BadSla, load_sla, read_sla
from gateway.model import HOUR, MINUTE, Severity, SlaKind, TicketState
from gateway.tickets.sla.policy import ROUND_THE_CLOCK, PolicyFacts, SlaPolicies, content, from_content

DESK = Calendar("Europe/Berlin", {"mon": (("09:00", "17:00"),)})
PREMIUM = """policies:
  premium:
    applies_to: {customers: [c-anna, 7], profiles: [heat-pump]}
    calendar:
      zone: Europe/Zurich
      hours: {mon: [["07:00", "12:00"], ["13:00", "24:00"]], sat: [["22:00", "06:00"]]}
      days_off: {country: DE, subdivision: BY, categories: [catholic], closed: [2026-12-24], open: [2026-12-26]}
    targets:
      critical: {first_response: 15m, calendar: always}
      minor: {update: 8h}
    warn_percent: 50
    freeze_on: [on_hold, on_site]
  standard:
    targets: {minor: {solution: 40h}}
"""


def read(text: str) -> SlaPolicies:
    return read_sla(text, "sla.yaml", DESK)


def errors(text: str) -> list[str]:
    with pytest.raises(BadSla) as raised:
        read(text)
    return raised.value.errors


def standard(lines: str) -> str:
    return f"policies:\n  standard:\n    targets: {{minor: {{solution: 8h}}}}\n    {lines}\n"


def test_the_shipped_policy_covers_every_ticket_at_every_severity() -> None:
    (policy,) = load_sla(None, Service(callback_hours={"mon": [("09:00", "17:00")]}, callback_timezone="Europe/Berlin"))
    assert policy.targets.keys() == set(Severity)
    assert all(SlaKind.SOLUTION in targets.working_ms for targets in policy.targets.values())
    assert policy.calendar(Severity.CRITICAL) == ROUND_THE_CLOCK
    assert policy.calendar(Severity.MINOR).zone == "Europe/Berlin"


def test_the_desk_of_an_operator_who_names_no_hours_is_always_open() -> None:
    none: list[dict[str, list[tuple[str, str]]] | None] = [None, {}, {"mon": []}]
    for hours in none:
        (policy,) = load_sla(None, Service(callback_hours=hours))
        assert policy.calendar(Severity.MINOR) == ROUND_THE_CLOCK


def test_the_first_policy_that_applies_holds() -> None:
    policies = read(PREMIUM)
    for facts, name in ((PolicyFacts("c-anna", "s-1", "heat-pump", "heating"), "premium"),
                        (PolicyFacts("7", "s-1", "heat-pump", ""), "premium"),
                        (PolicyFacts("c-anna", "s-1", "smart-plug", "heating"), "standard"),
                        (PolicyFacts("c-ben", "s-1", "heat-pump", "heating"), "standard")):
        found = policies.for_ticket(facts)
        assert found is not None
        assert found.name == name


def test_a_severity_may_have_hours_of_its_own_and_a_target_may_be_left_out() -> None:
    premium, other = read(PREMIUM)
    assert premium.calendar(Severity.CRITICAL) == ROUND_THE_CLOCK
    assert premium.calendar(Severity.MINOR).zone == "Europe/Zurich"
    assert premium.target(Severity.CRITICAL, SlaKind.FIRST_RESPONSE) == 15 * MINUTE
    assert premium.target(Severity.MINOR, SlaKind.UPDATE) == 8 * HOUR
    assert premium.target(Severity.MAJOR, SlaKind.UPDATE) == 8 * HOUR, "what is left out has what the lesser one has"
    assert premium.target(Severity.WARNING, SlaKind.UPDATE) is None
    assert (premium.warn_percent, *sorted(premium.freezes)) == (50, TicketState.ON_HOLD, TicketState.ON_SITE)
    assert other.calendar(Severity.MINOR) == DESK
    assert (other.warn_percent, *other.freezes) == (75, TicketState.ON_HOLD)


def test_a_version_is_named_by_its_content_and_can_be_read_again() -> None:
    premium, other = read(PREMIUM)
    assert from_content(content(premium)).id == premium.id
    assert content(from_content(content(premium))) == content(premium)
    same, changed = read(f"# a comment\n{PREMIUM}"), read(PREMIUM.replace("update: 8h", "update: 9h"))
    assert (same[0].id, same[1].id) == (premium.id, other.id)
    assert changed[0].id != premium.id
    assert changed[1].id == other.id
    assert changed.named(premium.name) is changed[0]


def test_another_edition_of_the_public_holidays_makes_another_version() -> None:
    premium, other = read(PREMIUM)
    assert content(premium)["targets"]["minor"]["calendar"]["days_off"]["edition"] == edition()
    assert content(other)["targets"]["minor"]["calendar"]["days_off"] == {}


def test_other_hours_of_the_desk_make_another_version() -> None:
    other = read_sla(PREMIUM, "sla.yaml", ROUND_THE_CLOCK)
    assert [one.id == two.id for one, two in zip(read(PREMIUM), other, strict=True)] == [True, False]


@pytest.mark.parametrize(("text", "said"), [
    ("", "sla.yaml:1: nothing in it — expected policies with targets"),
    ("policies: {}", "sla.yaml:1: policies: {} — expected at least 1 long"),
    (standard("warn_percent: 100"), "sla.yaml:4: policies.standard.warn_percent: 100 — expected 1…99"),
    (standard("freeze_on: [resolved]"), "sla.yaml:4: policies.standard.freeze_on[0]: 'resolved' — expected some of"),
    (standard("calendar: nine to five"), "sla.yaml:4: policies.standard.calendar: 'nine to five' — expected one of "
                                         "always, desk, or zone, hours and days_off"),
    (standard("calendar: dsk"), "sla.yaml:4: policies.standard.calendar: 'dsk' — did you mean 'desk'?"),
    (standard("calendar: 9"), "sla.yaml:4: policies.standard.calendar: 9 — expected desk, always, or zone"),
    (standard("calendar: {zone: Berlin, hours: {mon: [['09:00', '17:00']]}}"),
     "sla.yaml:4: policies.standard.calendar.zone: 'Berlin' — expected an IANA time zone"),
    (standard("calendar: {hours: {mon: [['09:00', '17:00']]}}"),
     "sla.yaml:4: policies.standard.calendar.zone is missing — expected a value"),
    (standard("calendar:\n      zone: UTC\n      hours: {mon: []}"),
     "sla.yaml:6: policies.standard.calendar.hours: no hour at all, so no time would ever count — expected some"),
    (standard("calendar:\n      zone: UTC\n      hours:\n        mon: [['09:00', '23:59']]"),
     'sla.yaml:7: policies.standard.calendar.hours.mon: ends "23:59", which leaves out the day\'s last minute'),
    (standard("calendar:\n      zone: UTC\n      hours: {mon: [['09:00', '17:00']]}\n"
              "      days_off:\n        country: GERMANY"),
     "sla.yaml:8: policies.standard.calendar.days_off.country: 'GERMANY' — expected an ISO code"),
    (standard("calendar:\n      zone: UTC\n      hours: {mon: [['09:00', '17:00']]}\n"
              "      days_off: {country: DE, subdivision: XY}"),
     "sla.yaml:7: policies.standard.calendar.days_off.subdivision: 'XY' is none of DE — expected one of BB"),
    (standard("calendar:\n      zone: UTC\n      hours: {mon: [['09:00', '17:00']]}\n"
              "      days_off:\n        open:\n          - 2026-12-24\n          - soon"),
     "sla.yaml:10: policies.standard.calendar.days_off.open[1]: 'soon' is no date — expected e.g. 2026-12-24"),
    ("policies:\n  standard:\n    targets:\n      minor:\n        solution: 0h",
     "sla.yaml:5: policies.standard.targets.minor.solution: '0h' — expected one minute or more; leave the line out"),
    ("policies:\n  standard:\n    targets:\n      minor: {solution: 2d}",
     "sla.yaml:4: policies.standard.targets.minor.solution: '2d' — expected working time in minutes or hours"),
    ("policies:\n  standard:\n    targets:\n      urgent: {solution: 2h}",
     "sla.yaml:4: policies.standard.targets.urgent: 'urgent' — expected one of warning, minor"),
    ("policies:\n  standard:\n    targets:\n      minor: {solutions: 2h}",
     "sla.yaml:4: policies.standard.targets.minor.solutions: no such field — did you mean 'solution'?"),
    ("policies:\n  gold:\n    applies_to: {customer: [c-1]}\n    targets: {minor: {solution: 2h}}",
     "sla.yaml:3: policies.gold.applies_to.customer: no such field — did you mean 'customers'?"),
    ("policies:\n  gold:\n    applies_to: {customers: [c-1]}\n    targets: {minor: {solution: 2h}}",
     "sla.yaml:2: policies.gold: no policy is left for a ticket that none of these applies to"),
    ("policies:\n  standard:\n    targets: {minor: {solution: 2h}}\n  gold:\n    applies_to: {customers: [c-1]}\n"
     "    targets: {minor: {solution: 2h}}",
     "sla.yaml:4: policies.gold is never reached: standard above applies to every ticket — expected it before"),
    ("policies:\n  Gold Card:\n    targets: {minor: {solution: 2h}}",
     "sla.yaml:2: policies.Gold Card — expected small letters, digits and hyphens"),
])
def test_an_error_names_file_line_field_and_what_to_write(text: str, said: str) -> None:
    assert any(error.startswith(said) for error in errors(text)), errors(text)


def test_all_errors_are_told_at_once_in_the_order_of_the_file() -> None:
    found = errors("policies:\n  a:\n    targets: {minor: {solution: 0h}}\n    warn_percent: 0\n    x: 1\n")
    assert [error.split(":")[1] for error in found] == ["3", "4", "5"]


def test_a_file_that_cannot_be_read_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(BadSla, match=r"none\.yaml: cannot be read"):
        load_sla(tmp_path / "none.yaml", Service())


def test_the_file_beside_the_settings_is_found_and_another_can_be_named(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text("readings_days: 3")
    assert load(config, {}).sla is None
    (tmp_path / "sla.yaml").write_text(PREMIUM)
    assert load(config, {}).sla == tmp_path / "sla.yaml"
    config.write_text("sla: ours.yaml")
    assert load(config, {}).sla == tmp_path / "ours.yaml"


def test_gateway_init_writes_the_policies_that_hold_without_any() -> None:
    assert example_files.starter()[Path("sla.yaml")] == example_files.sla()
