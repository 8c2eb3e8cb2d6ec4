"""`gateway check` and `gateway import` say who cannot be reached, and whose needs nobody asks about any more."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.__main__ import app
from tests.unit.cli.test_check_warnings import FLEET, SETTINGS

pytestmark = pytest.mark.slow
ANNA = "{id: anna, name: Anna, contacts: [{channel: email, address: anna@example.com}]}"
ERNA = "{id: erna, name: Erna, role: owner, phone: +41446681800}"
NEEDS = "needs: {kinds: [power_dependent], consent: 2026-03-01, review: 2999-03-01}"


def household(*people: str, phone: str = "", contact: bool = True) -> str:
    contacts = ", contacts: [{channel: email, address: anna@example.com}]" if contact else ""
    return f"{{id: anna, name: Anna{contacts}{phone and f', phone: {phone}'}, people: [{', '.join(people)}]}}"


@pytest.mark.parametrize(("becomes", "words"), [
    (household(ERNA), None),
    (household("{id: kid, name: Kid, role: tenant}"), None),  # reached by the household's address
    (household(ERNA[:-1] + f", {NEEDS}}}"), None),
    (household(ERNA[:-1] + ", contacts: [{channel: email, address: erna@example.com}]}", contact=False), None),
    (household(contact=False), "customers anna: no contact, so nothing can be told to them — expected one"),
    (household("{id: nina, name: Nina, role: helper, phone: +41446681800}", contact=False),
     "customers anna: no contact, so nothing can be told to them"),  # a helper is told nothing
    (household("{id: nina, name: Nina, role: helper}"), "people nina: neither phone nor contact"),
    (household(contact=False, phone="+41446681800"), "customers anna: nothing but a telephone"),
    (household(ERNA, contact=False), "customers anna: nothing but a telephone"),
    (household(ERNA[:-1] + f", {NEEDS.replace('power_dependent', 'landline_only')}}}", contact=False), None),
    (household(ERNA[:-1] + f", {NEEDS.replace(', review: 2999-03-01', '')}}}"), "people erna: needs without a review"),
    (household(ERNA[:-1] + f", {NEEDS.replace('2999', '2020')}}}"),
     "people erna: the day on which their needs were to be reviewed has passed — ask them, and write the next"),
    (household(ERNA[:-1] + f", {NEEDS.replace('2026', '2998')}}}"), "people erna: consent to keeping their needs on"),
])
def test_who_cannot_be_reached_and_what_nobody_reviews_is_said_by_check_and_by_the_import(
        becomes: str, words: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gateway.yaml").write_text(SETTINGS)
    assert ANNA in FLEET
    (tmp_path / "fleet.yaml").write_text(FLEET.replace(ANNA, becomes))
    for command in (["check"], ["import", "--config", "gateway.yaml"]):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
        said = " ".join(result.output.split())
        assert (f"! fleet.yaml: {words}" in said) if words else ("! fleet.yaml" not in said), result.output
