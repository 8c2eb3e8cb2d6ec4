"""Templates of map tiles: what a browser could not use, or a policy could not hold, is refused with what to write."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from gateway.__main__ import app
from gateway.config.settings import Web

WHOSE = "© OpenStreetMap contributors"


@pytest.mark.parametrize(("template", "origin"), [
    ("https://tiles.example.com/{z}/{x}/{y}.png", "https://tiles.example.com"),
    ("https://tiles.example.com:8443/a/{z}/{y}/{x}?key=1-2_3", "https://tiles.example.com:8443"),
    ("https://tiles.example.com/wmts?z={z}&x={x}&y={y}", "https://tiles.example.com"),
    ("", "")])
def test_templates_that_can_be_used(template: str, origin: str) -> None:
    assert Web(map_tiles=template, map_attribution=WHOSE).map_origin == origin


@pytest.mark.parametrize(("template", "said"), [
    ("http://tiles.example.com/{z}/{x}/{y}.png", "is not https — expected e.g. https://tiles.example.com/"),
    ("tiles.example.com/{z}/{x}/{y}.png", "is not https"),
    ("https://tiles.example.com/{x}/{y}.png", "has {z} nowhere in its path"),
    ("https://tiles.example.com/{z}/{z}/{x}/{y}.png", "has {z} more than once"),
    ("https://me:word@tiles.example.com/{z}/{x}/{y}.png", "has a name or a password before the host"),
    ("https://{s}.tiles.example.com/{z}/{x}/{y}.png", "has no host that is the same for every tile"),
    ("https:///{z}/{x}/{y}.png", "has no host"),
    ("https://a.example; script-src *//{z}/{x}/{y}", "has no host"),
    ("https://tiles.example.com/{z}/{x}/{y}{r}.png", "a brace too many"),
    ("https://tiles.example.com/{z}/{x}/{y}.png' x=\"", "a quotation mark"),
])
def test_a_template_that_cannot_be_used_is_refused_with_what_to_write(template: str, said: str) -> None:
    with pytest.raises(ValidationError) as error:
        Web(map_tiles=template, map_attribution=WHOSE)
    assert said in str(error.value)


def test_a_map_without_the_words_of_its_licence_is_refused() -> None:
    with pytest.raises(ValidationError, match="map_attribution is missing"):
        Web(map_tiles="https://tiles.example.com/{z}/{x}/{y}.png", map_attribution=" ")


@pytest.mark.parametrize(("line", "said"), [
    ('map_tiles: "https://tiles.example.com/{x}/{y}.png", map_attribution: me', "{z} nowhere in its path"),
    ('map_tiles: "http://tiles.example.com/{z}/{x}/{y}.png", map_attribution: me', "is not https"),
    ('map_tiles: "https://tiles.example.com/{z}/{x}/{y}.png"', "map_attribution is missing")])
def test_gateway_check_names_the_line_and_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str,
                                                        said: str) -> None:
    for variable in [name for name in os.environ if name.startswith("GATEWAY_")]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gateway.yaml").write_text(f"web: {{{line}}}\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["check"])
    words = " ".join(result.output.split())
    assert result.exit_code == 1
    assert "gateway.yaml:1: web" in words
    assert said in words
